//! docker-compose.yml and the settings of Prometheus, strictly: the fields of the Compose specification that we use, and no others.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::files::Files;

/// Fragments that services are made of begin with `x-`; they are checked where they are used.
#[derive(Deserialize)]
pub struct Compose {
    pub name: String,
    pub services: BTreeMap<String, Service>,
    pub volumes: BTreeMap<String, Option<Nothing>>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub image: String,
    pub build: Option<String>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub ports: Vec<String>,
    #[serde(default)]
    pub volumes: Vec<String>,
    #[serde(default)]
    pub depends_on: BTreeMap<String, Dependency>,
    pub healthcheck: Option<HealthCheck>,
    pub restart: Option<Restart>,
    pub stop_grace_period: Option<String>,
    pub cpu_shares: Option<u32>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub cap_drop: Vec<String>,
    #[serde(default)]
    pub security_opt: Vec<String>,
    #[expect(dead_code, reason = "named to be refused when it is misspelled")]
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    pub condition: Condition,
}

#[derive(Deserialize, PartialEq, Eq)]
pub enum Condition {
    #[serde(rename = "service_started")]
    Started,
    #[serde(rename = "service_healthy")]
    Healthy,
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "named to be refused when they are misspelled")]
pub struct HealthCheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    retries: u32,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    OnFailure,
    UnlessStopped,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "named to be refused when they are misspelled")]
pub struct Prometheus {
    global: BTreeMap<Global, String>,
    pub scrape_configs: Vec<Scrape>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Global {
    ScrapeInterval,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "named to be refused when they are misspelled")]
pub struct Scrape {
    job_name: String,
    pub dns_sd_configs: Vec<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "named to be refused when they are misspelled")]
pub struct Names {
    pub names: Vec<String>,
    r#type: Address,
    pub port: u16,
    refresh_interval: String,
}

#[derive(Deserialize)]
enum Address {
    A,
}

pub fn read(compose: &Value) -> Result<Compose, String> {
    let read: Compose = serde_json::from_value(compose.clone()).map_err(|error| error.to_string())?;
    if let Some(unknown) = read.others.keys().find(|name| !name.starts_with("x-")) {
        return Err(format!("unknown field `{unknown}`"));
    }
    for (name, service) in &read.services {
        if let Some(unknown) = service.depends_on.keys().find(|other| !read.services.contains_key(*other)) {
            return Err(format!("{name} depends on {unknown}, which is no service"));
        }
        let waits_for = |(other, wanted): (&String, &Dependency)| {
            wanted.condition == Condition::Healthy && read.services[other].healthcheck.is_none()
        };
        if service.depends_on.iter().any(waits_for) {
            return Err(format!("{name} waits for the health of a service that has no check of it"));
        }
        for volume in &service.volumes {
            let source = volume.split(':').next().unwrap_or_default();
            if !source.starts_with("./") && !read.volumes.contains_key(source) {
                return Err(format!("{name} mounts {source}, which is no volume"));
            }
        }
    }
    Ok(read)
}

pub fn read_prometheus(settings: &Value) -> Result<Prometheus, String> {
    serde_json::from_value(settings.clone()).map_err(|error| error.to_string())
}

#[test]
fn every_service_is_what_compose_allows() {
    let files = Files::read();
    assert_eq!(read(&files.compose).expect("is valid").name, "bookflow");
    read_prometheus(&files.prometheus).expect("is valid");
}
