//! deploy/k8s against the code: a worker set for each stage, its settings, port, probes, state and scaling.

use std::path::Path;

use bookflow::cli::config::Config;
use bookflow::engine::topology::StageSpec;
use serde_json::Value;

use crate::code;
use crate::files::Files;
use crate::image;

/// The Secret that the operator brings, and what is in it.
const SECRET: &str = "bookflow-kafka";
const SECRET_KEYS: [&str; 3] = ["username", "password", "ca.crt"];

/// Where the files and the code disagree.
pub fn contradictions(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    let stages = code::stages();
    for kind in ["StatefulSet", "PodDisruptionBudget", "ScaledObject"] {
        let names: Vec<_> = files.of_kind(kind).map(|object| text(&object["metadata"]["name"])).collect();
        let strangers = names.iter().filter(|name| !stages.iter().any(|stage| code::plain(stage) == **name));
        found.extend(strangers.map(|name| format!("{kind} {name}: no stage of this name")));
    }
    let mut shared = None;
    for stage in &stages {
        let name = code::plain(stage);
        match files.named("StatefulSet", &name) {
            Some(set) => shared = workers(files, stage, set, &mut found).or(shared),
            None => found.push(format!("stage {} has no StatefulSet", stage.name)),
        }
        match files.named("PodDisruptionBudget", &name) {
            Some(budget) => selects(&budget["spec"]["selector"]["matchLabels"], &name, &mut found),
            None => found.push(format!("stage {} has no PodDisruptionBudget", stage.name)),
        }
        match files.named("ScaledObject", &name) {
            Some(scaled) => scaling(files, stage, &scaled["spec"], shared.as_ref(), &mut found),
            None => found.push(format!("stage {} has no ScaledObject", stage.name)),
        }
    }
    for job in files.of_kind("Job") {
        let pod = &job["spec"]["template"]["spec"];
        for part in ["initContainers", "containers"] {
            list(&pod[part]).iter().for_each(|container| {
                guarded(pod, container, &mut found);
                settings(files, pod, container, &mut found);
            });
        }
    }
    network(files, shared.as_ref(), &mut found);
    found
}

/// The workers of a stage; answers with the settings that they read.
fn workers(files: &Files, stage: &StageSpec, set: &Value, found: &mut Vec<String>) -> Option<Config> {
    let (name, spec) = (code::plain(stage), &set["spec"]);
    let pod = &spec["template"]["spec"];
    let container = &pod["containers"][0];
    selects(&spec["selector"]["matchLabels"], &name, found);
    if spec["template"]["metadata"]["labels"] != spec["selector"]["matchLabels"] {
        found.push(format!("{name}: the pods are not those that are selected"));
    }
    if files.named("Service", text(&spec["serviceName"])).is_none() {
        found.push(format!("{name}: no Service {}", spec["serviceName"]));
    }
    if container["args"] != serde_json::json!(["worker", "--stages", stage.name]) {
        found.push(format!("{name}: args {} do not run stage {}", container["args"], stage.name));
    }
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or_default();
    if grace <= code::session().as_secs() {
        found.push(format!("{name}: terminationGracePeriodSeconds {grace} is within the session time-out"));
    }
    guarded(pod, container, found);
    let config = settings(files, pod, container, found)?;
    let port = &container["ports"][0];
    if port["name"] != "admin" || port["containerPort"].as_u64() != admin_port(&config) {
        found.push(format!("{name}: port {port} is not admin.bind {:?}", config.admin.bind));
    }
    for (probe, path) in [("startupProbe", "/startupz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")] {
        let asked = &container[probe]["httpGet"];
        if asked["path"] != path || !code::answers(path) || asked["port"] != port["name"] {
            found.push(format!("{name}: {probe} asks {asked}, the worker answers {path}"));
        }
    }
    let claims: Vec<_> = list(&spec["volumeClaimTemplates"]).iter().map(|claim| &claim["metadata"]["name"]).collect();
    let mounts = list(&container["volumeMounts"]).iter();
    let writable: Vec<_> = mounts.filter(|mount| mount["readOnly"] != true).collect();
    let kept = config.worker.state_folder.as_deref();
    match (stage.state.is_empty(), kept, &claims[..], &writable[..]) {
        (true, None, [], []) => {}
        (false, Some(folder), [claim], [mount])
            if mount["name"] == **claim && Path::new(text(&mount["mountPath"])) == folder => {}
        _ => found.push(format!(
            "{name}: state {:?}, worker.state_folder {kept:?}, claims {claims:?} and mounts {writable:?} do not go together",
            stage.state
        )),
    }
    Some(config)
}

/// Nobody's user, no privileges, memory that is there, a processor that is not throttled.
fn guarded(pod: &Value, container: &Value, found: &mut Vec<String>) {
    let name = &container["name"];
    let (user, group) = (&pod["securityContext"]["runAsUser"], &pod["securityContext"]["runAsGroup"]);
    let given = format!("{user}:{group}");
    if given != image::USER {
        found.push(format!("{name}: runs as {given}, the image as {}", image::USER));
    }
    if container["image"] != code::IMAGE {
        found.push(format!("{name}: image {} is not {}", container["image"], code::IMAGE));
    }
    let context = &container["securityContext"];
    let closed = pod["securityContext"]["runAsNonRoot"] == true
        && pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        && pod["automountServiceAccountToken"] == false
        && context["readOnlyRootFilesystem"] == true
        && context["allowPrivilegeEscalation"] == false
        && context["capabilities"]["drop"] == serde_json::json!(["ALL"]);
    if !closed {
        found.push(format!("{name}: has more rights than it needs: {context}"));
    }
    let resources = &container["resources"];
    if resources["requests"]["memory"] != resources["limits"]["memory"] || !resources["limits"]["cpu"].is_null() {
        found.push(format!("{name}: memory is not reserved, or the processor is limited: {resources}"));
    }
    if let Err(error) = code::understands(&list(&container["args"]).iter().map(text).collect::<Vec<_>>()) {
        found.push(error);
    }
}

/// The settings as the worker would read them in this container.
fn settings(files: &Files, pod: &Value, container: &Value, found: &mut Vec<String>) -> Option<Config> {
    let name = &container["name"];
    let secrets = tempfile::tempdir().expect("a folder can be made");
    for key in SECRET_KEYS {
        std::fs::write(secrets.path().join(key), "given").expect("a file can be written");
    }
    let mut file = String::new();
    for mount in list(&container["volumeMounts"]) {
        let Some(volume) = list(&pod["volumes"]).iter().find(|volume| volume["name"] == mount["name"]) else {
            continue;
        };
        let path = text(&mount["mountPath"]);
        if volume["secret"]["secretName"] == SECRET {
            file = file.replace(path, secrets.path().to_str().expect("a path of ASCII"));
        }
        if let Some(map) = files.named("ConfigMap", text(&volume["configMap"]["name"])) {
            // The second of the places where a worker looks for a file.
            let key = Path::new("/etc/bookflow/bookflow.toml").strip_prefix(path).ok().and_then(Path::to_str);
            file = key.map_or("", |key| text(&map["data"][key])).to_string();
        }
    }
    let mut environment = Vec::new();
    for variable in list(&container["env"]) {
        let secret = &variable["valueFrom"]["secretKeyRef"];
        let known = secret.is_null() || secret["name"] == SECRET && SECRET_KEYS.contains(&text(&secret["key"]));
        if !known {
            found.push(format!("{name}: {secret} is not in the Secret"));
        }
        environment.push((text(&variable["name"]).into(), variable["value"].as_str().unwrap_or("given").into()));
    }
    match code::settings(&file, environment) {
        Ok(config) if config.kafka.properties.contains_key("sasl.password") => {
            let authority = config.kafka.properties["ssl.ca.location"].reveal();
            if !Path::new(authority).exists() {
                found.push(format!("{name}: kafka.ca_file {authority} is not in the Secret"));
            }
            Some(config)
        }
        Ok(_) => {
            found.push(format!("{name}: no password for Kafka, or no settings at /etc/bookflow/bookflow.toml"));
            None
        }
        Err(error) => {
            found.push(format!("{name}: {error}"));
            None
        }
    }
}

fn scaling(files: &Files, stage: &StageSpec, spec: &Value, shared: Option<&Config>, found: &mut Vec<String>) {
    let (name, partitions) = (code::plain(stage), code::partitions(stage));
    let target = &spec["scaleTargetRef"];
    if target["name"] != *name || target["kind"] != "StatefulSet" || target["apiVersion"] != "apps/v1" {
        found.push(format!("{name}: scales {target}"));
    }
    let (least, most) = (number(&spec["minReplicaCount"]), number(&spec["maxReplicaCount"]));
    if !(1..=most).contains(&least) || most > partitions {
        found.push(format!("{name}: {least} to {most} workers for {partitions} partitions"));
    }
    if !partitions.is_multiple_of(most) {
        found.push(format!("{name}: {partitions} partitions do not divide evenly over {most} workers"));
    }
    let topics: Vec<_> = list(&spec["triggers"]).iter().map(|trigger| text(&trigger["metadata"]["topic"])).collect();
    if topics != code::inputs(stage) {
        found.push(format!("{name}: asks for the lag on {topics:?}, the stage reads {:?}", code::inputs(stage)));
    }
    for trigger in list(&spec["triggers"]) {
        let asked = &trigger["metadata"];
        if asked["consumerGroup"] != stage.group() {
            found.push(format!("{name}: {} is not the group {}", asked["consumerGroup"], stage.group()));
        }
        if shared.is_none_or(|config| asked["bootstrapServers"] != config.kafka.bootstrap) {
            found.push(format!("{name}: asks {}, the workers another cluster", asked["bootstrapServers"]));
        }
        let threshold = text(&asked["lagThreshold"]).parse().unwrap_or(0);
        if partitions > threshold * least {
            found.push(format!("{name}: lagThreshold {threshold}: {partitions} markers would be taken for work"));
        }
        if files.named("TriggerAuthentication", text(&trigger["authenticationRef"]["name"])).is_none() {
            found.push(format!("{name}: no TriggerAuthentication {}", trigger["authenticationRef"]));
        }
    }
}

fn network(files: &Files, shared: Option<&Config>, found: &mut Vec<String>) {
    for secret in files.of_kind("TriggerAuthentication").flat_map(|asked| list(&asked["spec"]["secretTargetRef"])) {
        if secret["name"] != SECRET || !SECRET_KEYS.contains(&text(&secret["key"])) {
            found.push(format!("{secret} is not in the Secret"));
        }
    }
    for service in files.of_kind("Service") {
        let port = &service["spec"]["ports"][0];
        if shared.and_then(admin_port) != port["port"].as_u64()
            || port["targetPort"] != "admin"
            || service["spec"]["clusterIP"] != "None"
        {
            found.push(format!("Service: {port} is not the admin port of each worker"));
        }
    }
    for policy in files.of_kind("NetworkPolicy") {
        if policy["spec"]["ingress"][0]["ports"][0]["port"] != "admin" {
            found.push("NetworkPolicy: does not let the scraper in".into());
        }
    }
}

fn selects(labels: &Value, name: &str, found: &mut Vec<String>) {
    let wanted = serde_json::json!({ "app.kubernetes.io/name": "bookflow", "app.kubernetes.io/component": name });
    if *labels != wanted {
        found.push(format!("{name}: selects {labels}"));
    }
}

fn admin_port(config: &Config) -> Option<u64> {
    config.admin.bind.map(|bind| bind.port().into())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[test]
fn the_cluster_runs_what_the_code_is() {
    let found = contradictions(&Files::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
