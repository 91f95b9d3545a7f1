//! Each check finds what it is for: one slip at a time, in an otherwise valid file.

use serde_json::{Value, json};

use crate::files::Files;
use crate::{cluster, image, kubernetes, machine};

/// Everything that is wrong, by whichever check.
fn problems(files: &Files) -> Vec<String> {
    let misfits = files.objects.iter().flat_map(|(_, object)| kubernetes::misfits(object));
    misfits
        .chain(cluster::contradictions(files))
        .chain(machine::contradictions(files))
        .chain(image::contradictions(files))
        .collect()
}

fn noticed(slip: &str, files: &Files, says: &str) {
    let problems = problems(files);
    assert!(problems.iter().any(|problem| problem.contains(says)), "{slip}: nobody says {says:?}: {problems:#?}");
}

/// Sets what stands at the path, or adds it.
fn put(document: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').expect("a path begins with a slash");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there")) {
        Value::Array(list) => list[name.parse::<usize>().expect("a place in a list")] = value,
        parent => parent[name] = value,
    }
}

const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";
const TRIGGER: &str = "/spec/triggers/0/metadata";

#[test]
fn a_slip_in_an_object_is_noticed() {
    let container = |rest: &str| format!("{CONTAINER}{rest}");
    let pod = |rest: &str| format!("{POD}{rest}");
    let trigger = |rest: &str| format!("{TRIGGER}{rest}");
    let slips = [
        // Kubernetes' and KEDA's own forms.
        (
            "StatefulSet",
            "book",
            pod("/terminationGracePeriodSecond"),
            json!(60),
            "terminationGracePeriodSecond is unknown",
        ),
        ("StatefulSet", "book", container("/livenessProbe/httpGet/pth"), json!("/livez"), "pth is unknown"),
        ("StatefulSet", "book", "/spec/minReadySeconds".into(), json!("10"), "invalid type: string"),
        (
            "StatefulSet",
            "book",
            "/spec/podManagementPolicy".into(),
            json!("Paralel"),
            "podManagementPolicy is \"Paralel\"",
        ),
        ("StatefulSet", "book", container("/resources/limits/memory"), json!("4Gib"), "memory is \"4Gib\""),
        ("StatefulSet", "book", "/apiVersion".into(), json!("apps/v1beta1"), "is no kind that is checked"),
        ("PodDisruptionBudget", "collect", "/spec/maxUnavailabel".into(), json!(1), "maxUnavailabel is unknown"),
        ("ScaledObject", "book", "/spec/maxReplicas".into(), json!(24), "unknown field `maxReplicas`"),
        ("ScaledObject", "book", "/spec/maxReplicaCount".into(), json!("24"), "invalid type: string"),
        ("ScaledObject", "book", "/spec/triggers/0/authentication".into(), json!({}), "authentication is unknown"),
        ("ScaledObject", "book", trigger("/lagTreshold"), json!("5"), "unknown field `lagTreshold`"),
        ("ScaledObject", "book", trigger("/lagThreshold"), json!(5), "invalid type: integer"),
        (
            "ScaledObject",
            "book",
            "/spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown/stabilisationWindowSeconds".into(),
            json!(300),
            "stabilisationWindowSeconds is unknown",
        ),
        // The code's names and numbers.
        ("StatefulSet", "book", "/metadata/name".into(), json!("books"), "no stage of this name"),
        ("StatefulSet", "book", container("/args/2"), json!("booking"), "do not run stage book"),
        ("StatefulSet", "book", container("/args/1"), json!("--stage"), "unexpected argument"),
        ("StatefulSet", "book", container("/ports/0/containerPort"), json!(8080), "is not admin.bind"),
        (
            "StatefulSet",
            "book",
            container("/readinessProbe/httpGet/path"),
            json!("/ready"),
            "the worker answers /readyz",
        ),
        (
            "StatefulSet",
            "book",
            container("/env/1/name"),
            json!("BOOKFLOW_WORKER__STATE_FOLDR"),
            "did you mean worker.state_folder?",
        ),
        ("StatefulSet", "book", container("/env/1/value"), json!("/var/lib/else"), "do not go together"),
        ("StatefulSet", "collect", "/spec/volumeClaimTemplates".into(), json!([]), "do not go together"),
        ("StatefulSet", "book", container("/env/0/valueFrom/secretKeyRef/key"), json!("user"), "is not in the Secret"),
        (
            "StatefulSet",
            "book",
            container("/volumeMounts/0/mountPath"),
            json!("/etc/bokflow"),
            "no settings at /etc/bookflow",
        ),
        ("StatefulSet", "book", container("/image"), json!("bookflow:latest"), "image \"bookflow:latest\" is not"),
        ("StatefulSet", "book", pod("/securityContext/runAsUser"), json!(0), "runs as 0:65532"),
        ("StatefulSet", "book", container("/securityContext/readOnlyRootFilesystem"), json!(false), "more rights"),
        ("StatefulSet", "book", container("/resources/requests/memory"), json!("1Gi"), "memory is not reserved"),
        ("StatefulSet", "book", pod("/terminationGracePeriodSeconds"), json!(30), "is within the session time-out"),
        ("StatefulSet", "book", "/spec/serviceName".into(), json!("book"), "no Service"),
        ("ScaledObject", "book", trigger("/consumerGroup"), json!("bookflow.books"), "is not the group bookflow.book"),
        (
            "ScaledObject",
            "book",
            trigger("/topic"),
            json!("trade"),
            "the stage reads [\"trades\", \"calculation-requests\"]",
        ),
        ("ScaledObject", "book", "/spec/maxReplicaCount".into(), json!(49), "49 workers for 48 partitions"),
        ("ScaledObject", "collect", "/spec/maxReplicaCount".into(), json!(24), "24 workers for 12 partitions"),
        ("ScaledObject", "book", "/spec/maxReplicaCount".into(), json!(20), "do not divide evenly over 20 workers"),
        ("ScaledObject", "calculate-batch", trigger("/lagThreshold"), json!("10"), "would be taken for work"),
        ("ScaledObject", "book", "/spec/scaleTargetRef/name".into(), json!("collect"), "scales"),
        ("ScaledObject", "book", trigger("/bootstrapServers"), json!("other:9093"), "another cluster"),
        (
            "PodDisruptionBudget",
            "book",
            "/spec/selector/matchLabels/app.kubernetes.io~1component".into(),
            json!("x"),
            "selects",
        ),
        ("Service", "bookflow", "/spec/ports/0/port".into(), json!(8080), "is not the admin port"),
        ("Job", "bookflow-first-start", container("/args/1"), json!("--frist-start"), "unexpected argument"),
        (
            "ConfigMap",
            "bookflow",
            "/data/bookflow.toml".into(),
            json!("[kafka]\nbootstrap = \"kafka-bootstrap:9093\"\n\n[admin]\nbnd = \"0.0.0.0:8081\"\n"),
            "did you mean admin.bind?",
        ),
    ];
    for (kind, name, path, value, says) in slips {
        let mut files = Files::read();
        let wanted = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
        let (_, object) = files.objects.iter_mut().find(|(_, object)| wanted(object)).expect("is deployed");
        put(object, &path, value);
        noticed(&format!("{kind} {name} {path}"), &files, says);
    }
}

#[test]
fn a_slip_in_the_compose_file_is_noticed() {
    let slips = [
        ("/services/book/ulimts", json!({}), "unknown field `ulimts`"),
        ("/servces", json!({}), "unknown field `servces`"),
        ("/services/book/restart", json!("always-ish"), "unknown variant"),
        ("/services/book/command/2", json!("books"), "does not run it"),
        ("/services/book/command/1", json!("--stage"), "unexpected argument"),
        (
            "/services/book/environment/BOOKFLOW_KAFKA__BOOTSTRAPS",
            json!("kafka:19092"),
            "did you mean kafka.bootstrap?",
        ),
        ("/services/book/environment/BOOKFLOW_KAFKA__BOOTSTRAP", json!("kafka:9999"), "does not advertise"),
        ("/services/book/environment/BOOKFLOW_REGISTRY__URL", json!("http://registri:8080"), "no service at"),
        ("/services/book/environment/BOOKFLOW_ADMIN__BIND", json!("0.0.0.0:8082"), "are not the workers"),
        ("/services/book/stop_grace_period", json!("10s"), "within the session time-out"),
        ("/services/book/cpu_shares", json!(102), "gives way in a process and not"),
        ("/services/calculate-batch/cpu_shares", Value::Null, "gives way in a process and not"),
        ("/services/book/depends_on", json!({ "kafk": { "condition": "service_started" } }), "which is no service"),
        ("/services/kafka/image", json!("apache/kafka:4.0.0"), "is not the tested"),
        ("/services/kafka/ports/0", json!("9092:9092"), "open to others"),
        ("/services/kafka/healthcheck", Value::Null, "has no check of it"),
        ("/services/kafka/volumes/0", json!("kfka:/var/lib/kafka/data"), "is no volume"),
    ];
    for (path, value, says) in slips {
        let mut files = Files::read();
        put(&mut files.compose, path, value);
        noticed(path, &files, says);
    }
}

#[test]
fn a_slip_in_the_settings_of_prometheus_is_noticed() {
    let names = "/scrape_configs/0/dns_sd_configs/0";
    let slips = [
        (format!("{names}/names"), json!(["book"]), "are not the workers"),
        (format!("{names}/port"), json!(8080), "are not the workers"),
        (format!("{names}/nmes"), json!([]), "unknown field `nmes`"),
    ];
    for (path, value, says) in slips {
        let mut files = Files::read();
        put(&mut files.prometheus, &path, value);
        noticed(&path, &files, says);
    }
}

#[test]
fn a_slip_in_the_image_is_noticed() {
    let slips = [
        ("USER 65532:65532", "USER root", "USER 65532:65532 is missing"),
        ("EXPOSE 8081", "EXPOSE 8080", "EXPOSE 8081 is missing"),
        ("FROM rust:1.95", "FROM rust:1.80", "rust:1.95-slim- is missing"),
        ("debian:trixie", "debian:bookworm", "built on one Debian"),
    ];
    for (right, wrong, says) in slips {
        let mut files = Files::read();
        files.dockerfile = files.dockerfile.replace(right, wrong);
        noticed(wrong, &files, says);
    }
    let mut files = Files::read();
    files.dockerignore = files.dockerignore.replace("!schemas\n", "");
    noticed(".dockerignore", &files, "the build reads schemas");
}
