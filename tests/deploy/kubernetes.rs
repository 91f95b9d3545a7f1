//! Objects against Kubernetes' own types: read into the type of the kind and written again, an object must be what it was. A
//! field that the type does not know is lost on the way, one that it demands appears.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::files::Files;
use crate::keda;

/// Words that the types take as any text, from the reference of Kubernetes 1.33.
const WORDS: &[(&str, &[&str])] = &[
    ("accessModes", &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]),
    ("podManagementPolicy", &["OrderedReady", "Parallel"]),
    ("policyTypes", &["Ingress", "Egress"]),
    ("protocol", &["TCP", "UDP", "SCTP"]),
    ("restartPolicy", &["Always", "OnFailure", "Never"]),
    ("unhealthyPodEvictionPolicy", &["IfHealthyBudget", "AlwaysAllow"]),
    ("whenDeleted", &["Retain", "Delete"]),
    ("whenScaled", &["Retain", "Delete"]),
    ("whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
];

/// What is wrong with an object, each with its place; nothing if it is valid.
pub fn misfits(object: &Value) -> Vec<String> {
    let read = match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some("v1"), Some("ConfigMap")) => again::<ConfigMap>(object),
        (Some("v1"), Some("Service")) => again::<Service>(object),
        (Some("apps/v1"), Some("StatefulSet")) => again::<StatefulSet>(object),
        (Some("batch/v1"), Some("Job")) => again::<Job>(object),
        (Some("networking.k8s.io/v1"), Some("NetworkPolicy")) => again::<NetworkPolicy>(object),
        (Some("policy/v1"), Some("PodDisruptionBudget")) => again::<PodDisruptionBudget>(object),
        (Some("keda.sh/v1alpha1"), Some("ScaledObject")) => again::<keda::ScaledObject>(object),
        (Some("keda.sh/v1alpha1"), Some("TriggerAuthentication")) => again::<keda::TriggerAuthentication>(object),
        (version, kind) => Err(format!("{kind:?} of {version:?} is no kind that is checked")),
    };
    let mut found = Vec::new();
    match read {
        Ok(written) => differences(object, &written, "", &mut found),
        Err(error) => found.push(error),
    }
    words(object, "", &mut found);
    found
}

fn again<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    Ok(serde_json::to_value(read).expect("what was read can be written"))
}

fn differences(given: &Value, written: &Value, path: &str, found: &mut Vec<String>) {
    match (given, written) {
        (Value::Object(given), Value::Object(written)) => {
            for (name, member) in given {
                let other = written.get(name).unwrap_or(&Value::Null);
                differences(member, other, &format!("{path}.{name}"), found);
            }
            let missing = written.keys().filter(|name| !given.contains_key(*name));
            found.extend(missing.map(|name| format!("{path}.{name} is missing")));
        }
        (Value::Array(given), Value::Array(written)) if given.len() == written.len() => {
            for (index, (given, written)) in given.iter().zip(written).enumerate() {
                differences(given, written, &format!("{path}[{index}]"), found);
            }
        }
        (given, written) if given == written => {}
        (_, Value::Null) => found.push(format!("{path} is unknown")),
        (given, written) => found.push(format!("{path} is {given}, read as {written}")),
    }
}

/// Texts that must be one of a few words, or an amount.
fn words(value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let texts = member.as_array().map_or(std::slice::from_ref(member), Vec::as_slice);
        if let Some((_, known)) = WORDS.iter().find(|(field, _)| field == name) {
            let wrong = texts.iter().filter(|text| !text.as_str().is_some_and(|text| known.contains(&text)));
            found.extend(wrong.map(|text| format!("{path} is {text}, none of {}", known.join(", "))));
        }
        if matches!(name.as_str(), "limits" | "requests") {
            let wrong = member.as_object().into_iter().flatten().filter(|(_, amount)| !quantity(amount));
            found.extend(wrong.map(|(name, amount)| format!("{path}.{name} is {amount}, no amount")));
        }
        texts.iter().for_each(|member| words(member, &path, found));
    }
}

/// Digits and one of the units that we use.
fn quantity(amount: &Value) -> bool {
    let text = amount.as_str().unwrap_or_default();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.len() > unit.len() && ["", "m", "Ki", "Mi", "Gi"].contains(&unit)
}

#[test]
fn every_object_is_what_its_kind_allows() {
    let files = Files::read();
    for (path, object) in &files.objects {
        let found = misfits(object);
        assert!(found.is_empty(), "{}: {}", path.display(), found.join("\n"));
    }
    assert!(files.objects.len() > 15, "the objects of four stages and what they share");
}
