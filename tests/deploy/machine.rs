//! docker-compose.yml against the code: a service for each stage, settings that are read, a Prometheus that finds them all.

use std::collections::BTreeSet;

use bookflow::cli::config::Config;
use bookflow::engine::topology::StageSpec;

use crate::code;
use crate::compose::{self, Compose, Condition, Restart, Service};
use crate::files::{Files, root};

pub fn contradictions(files: &Files) -> Vec<String> {
    let (compose, prometheus) = match (compose::read(&files.compose), compose::read_prometheus(&files.prometheus)) {
        (Ok(compose), Ok(prometheus)) => (compose, prometheus),
        (Err(error), _) => return vec![format!("docker-compose.yml: {error}")],
        (_, Err(error)) => return vec![format!("prometheus.yml: {error}")],
    };
    let mut found = Vec::new();
    let mut ports = BTreeSet::new();
    for (name, service) in &compose.services {
        let open = service.ports.iter().filter(|port| !port.starts_with("127.0.0.1:"));
        found.extend(open.map(|port| format!("{name}: port {port} is open to others, and nobody asks for a password")));
    }
    for (name, service) in compose.services.iter().filter(|(_, service)| service.build.is_some()) {
        match code::settings("", service.environment.clone().into_iter().collect()) {
            Ok(config) => {
                neighbours(&compose, name, &config, &mut found);
                ports.extend(config.admin.bind.map(|bind| bind.port()));
            }
            Err(error) => found.push(format!("{name}: {error}")),
        }
        let closed =
            service.read_only && service.cap_drop == ["ALL"] && service.security_opt == ["no-new-privileges:true"];
        if service.image != code::IMAGE || service.build.as_deref() != Some(".") || !closed {
            found.push(format!("{name}: is not the image {} without rights", code::IMAGE));
        }
        if let Err(error) = code::understands(&service.command.iter().map(String::as_str).collect::<Vec<_>>()) {
            found.push(format!("{name}: {error}"));
        }
    }
    let workers: BTreeSet<_> = code::stages().iter().map(code::plain).collect();
    for stage in code::stages() {
        match compose.services.get(&code::plain(&stage)) {
            Some(service) => worker(&stage, service, &mut found),
            None => found.push(format!("stage {} has no service", stage.name)),
        }
    }
    for scrape in prometheus.scrape_configs.iter().flat_map(|scrape| &scrape.dns_sd_configs) {
        if scrape.names.iter().cloned().collect::<BTreeSet<_>>() != workers || ports != BTreeSet::from([scrape.port]) {
            found.push(format!("prometheus.yml: {:?} at {} are not the workers", scrape.names, scrape.port));
        }
    }
    versions(&compose, &mut found);
    found
}

fn worker(stage: &StageSpec, service: &Service, found: &mut Vec<String>) {
    let (stage, gives_way) = (stage.name, stage.gives_way);
    if service.command != ["worker", "--stages", stage] {
        found.push(format!("{stage}: {:?} does not run it", service.command));
    }
    let seconds = service.stop_grace_period.as_deref().and_then(|text| text.strip_suffix('s')?.parse().ok());
    if seconds.unwrap_or(0) <= code::session().as_secs() || service.restart != Some(Restart::UnlessStopped) {
        found.push(format!("{stage}: is killed within the session time-out, or not started again"));
    }
    if service.cpu_shares.is_some() != gives_way {
        found.push(format!("{stage}: gives way in a process and not in a container, or the other way round"));
    }
    let first = service.depends_on.get("first-start").map(|dependency| &dependency.condition);
    if first != Some(&Condition::Completed) {
        found.push(format!("{stage}: does not wait for its first start"));
    }
}

/// The addresses in the settings are those of other services.
fn neighbours(compose: &Compose, name: &str, config: &Config, found: &mut Vec<String>) {
    let kafka = compose.services.get("kafka").map(|kafka| &kafka.environment["KAFKA_ADVERTISED_LISTENERS"]);
    if !kafka.is_some_and(|listeners| {
        listeners.split(',').any(|told| told.ends_with(&format!("//{}", config.kafka.bootstrap)))
    }) {
        found.push(format!("{name}: Kafka does not advertise {}", config.kafka.bootstrap));
    }
    let registry = config.registry.as_deref().and_then(|url| url.strip_prefix("http://")?.split([':', '/']).next());
    if !registry.is_some_and(|host| compose.services.contains_key(host)) {
        found.push(format!("{name}: no service at {:?}", config.registry));
    }
}

/// The same Kafka and registry as the tests run on.
fn versions(compose: &Compose, found: &mut Vec<String>) {
    let dev = std::fs::read_to_string(root().join("dev/up")).expect("is there");
    for (service, variable) in [("kafka", "kafka_version="), ("registry", "registry_version=")] {
        let line = dev.lines().find_map(|line| line.strip_prefix(variable)).expect("dev/up pins it");
        let tested = line.split_whitespace().next().expect("a version");
        let image = compose.services.get(service).map_or("", |service| &service.image);
        if !image.ends_with(&format!(":{tested}")) {
            found.push(format!("{service}: {image} is not the tested {tested}"));
        }
    }
}

#[test]
fn the_machine_runs_what_the_code_is() {
    let found = contradictions(&Files::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
