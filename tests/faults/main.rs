//! Faults on real Kafka: three workers under a steady load while something breaks; each run proves that its fault hit, prints
//! its figures and ends with the auditor. Without a switch the short ones run; `tests/chaos` runs all of them on three brokers.

#[path = "../cluster/mod.rs"]
#[allow(dead_code)]
mod cluster; // the broker that dev/up has started
#[path = "../processes/program.rs"]
#[allow(dead_code)]
mod program; // commands and workers of one installation
#[path = "../proxy/mod.rs"]
mod proxy; // between one worker and the brokers
#[path = "../peers/judge.rs"]
mod judge; // another's opinion, in Java
mod scene; // a load, three workers, and what is said in the end
mod feed; // the load
mod poison; // records that nobody can process
mod letters; // what became of them
mod latency; // how long answers took
mod mend; // what is broken is put right
mod brokers; // brokers as processes, and who leads what
mod deaths; // F01-F06, F22, F42: workers die, pause, come, go and are replaced
mod outages; // F08-F14, F17: brokers die, pause, come and go
mod network; // F15-F22: between a worker and the brokers
mod logs; // F23, F24: records that are gone
mod inputs; // F26-F28, F30, F33-F39: disks, state, the registry and what is on the topic
mod limits; // F29-F31: memory, CPU, clocks
mod jobs; // F32, F40, F41: jobs while things break
mod soak; // any of them, one after the other, for as long as is asked
