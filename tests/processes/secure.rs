//! A cluster that asks who comes: TLS and SCRAM on the broker's own listener for them.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::variable;
use crate::program::{Ended, Installation};

const DENIED: i32 = 5;

fn installation(word: &str) -> Installation {
    let mut installation = Installation::bare(word);
    installation.set("kafka.bootstrap", &variable("BOOKFLOW_KAFKA_SECURE_BOOTSTRAP"));
    installation.set("kafka.security_protocol", "sasl_ssl");
    installation.set("kafka.ca_file", &variable("BOOKFLOW_KAFKA_SECURE_CA"));
    installation.set("kafka.username", "bookflow");
    installation.set("kafka.password", &variable("BOOKFLOW_KAFKA_SECURE_PASSWORD"));
    installation
}

fn refused(installation: &Installation) -> Ended {
    let ended = installation.run(&["topics", "plan", "--json"]);
    assert_eq!(ended.status.code(), Some(DENIED), "{ended:?}");
    ended
}

#[test]
fn trades_are_captured_over_tls_with_scram() {
    let installation = installation("secure");
    installation.found(2);
    let mut worker = installation.worker("w", &["--first-start"]);
    installation.trades(2_000, 11);
    installation.consumed(Duration::from_secs(60));
    worker.drain();
    let report: Value = installation.verified();
    assert!(report["accepted"].as_u64().is_some_and(|accepted| accepted > 1_000), "{report:#}");
}

#[test]
fn a_wrong_password_is_told_as_such_and_is_not_shown() {
    let mut installation = installation("password");
    installation.set("kafka.password", "not-the-one");
    let ended = refused(&installation);
    assert!(ended.err.contains("invalid credentials") && ended.err.contains("kafka.password"), "{ended:?}");
    assert!(!ended.err.contains("not-the-one") && !ended.out.contains("not-the-one"), "{ended:?}");
}

#[test]
fn a_certificate_that_nobody_we_trust_has_signed_is_refused() {
    let mut installation = installation("certificate");
    installation.set("kafka.ca_file", "");
    let ended = refused(&installation);
    assert!(ended.err.contains("certificate verify failed") && ended.err.contains("kafka.ca_file"), "{ended:?}");
}
