//! The files that deploy the product: well formed, of known kinds, and in agreement with the code. Nothing here needs a network.
//! In reading order:

mod files; // what is deployed, read
mod kubernetes; // objects against Kubernetes' own types
mod keda; // KEDA's objects, strictly
mod compose; // docker-compose.yml and what it mounts, strictly
mod code; // what the code says: stages, settings, commands, probes
mod cluster; // deploy/k8s against the code
mod machine; // docker-compose.yml against the code
mod image; // Dockerfile against the code
mod slips; // each check finds what it is for
