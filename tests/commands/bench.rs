//! `bench` at a small size: every scenario comes to its end and prints its conditions. Nothing is said about time.

use serde_json::Value;

use crate::binary::{answer, command};

fn run(arguments: &[&str]) -> Value {
    let variable = |name| {
        std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/run, or eval \"$(dev/up)\" first"))
    };
    let (bootstrap, registry) = (variable("BOOKFLOW_KAFKA_BOOTSTRAP"), variable("BOOKFLOW_REGISTRY_URL"));
    let variables = [
        ("BOOKFLOW_KAFKA__BOOTSTRAP", bootstrap.as_str()),
        ("BOOKFLOW_REGISTRY__URL", registry.as_str()),
        ("BOOKFLOW_KAFKA__TIME_LIMITS", "short"),
        ("BOOKFLOW_KAFKA__NAMESPACE", "measured"),
    ];
    let folder = tempfile::tempdir().expect("a folder can be made");
    let all = [&["bench"], arguments, &["--partitions", "2", "--json"]].concat();
    let ended = answer(command(folder.path(), &variables, &all));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!ended.err.contains("may still be there"), "{}", ended.err);
    ended.object()
}

#[test]
fn every_scenario_of_jobs_tells_its_time_its_steps_its_memory_and_its_conditions() {
    for (scenario, contracts, flows) in [("batch-65k", 300, 1_000), ("batch-160k", 260, 1_000), ("lots-6k5", 1, 5_000)]
    {
        let size = contracts.to_string();
        let told = run(&[scenario, "--rounds", "1", "--contracts", &size]);
        assert_eq!(told["scenario"], scenario);
        assert_eq!(told["conditions"]["contracts"], contracts, "{told:#}");
        assert!(told["conditions"]["flows"].as_u64() > Some(flows), "{told:#}");
        for figure in ["seconds", "peak_rss_mb"] {
            assert!(told[figure].as_f64() > Some(0.0), "{figure}: {told:#}");
        }
        let steps = ["first_reading", "parse", "encode_chunks", "decode_chunks", "compute", "encode_flows"];
        assert!(steps.iter().all(|step| told["seconds_by_stage"][step].is_number()), "{told:#}");
    }
}

#[test]
fn small_requests_are_measured_alone_and_beside_a_large_job() {
    let told = run(&["jobs-latency", "--contracts", "300", "--requests", "3", "--rounds", "2"]);
    assert_eq!(told["alone"]["count"], 6, "{told:#}");
    assert!(told["beside"]["count"].as_u64() > Some(0), "{told:#}");
    assert!(told["moved_p99_ms"].is_number(), "{told:#}");
    for step in ["to_result", "to_outcome", "to_reader"] {
        assert_eq!(told["alone"]["steps"][step]["count"], 6, "{told:#}");
    }
}

#[test]
fn worker_and_loop_go_first_in_turn_and_conditions_name_the_cluster() {
    let told = run(&["capture", "--trades", "2000", "--rounds", "2"]);
    assert_eq!((&told["rounds"][0]["first"], &told["rounds"][1]["first"]), (&"worker".into(), &"loop".into()));
    assert!(told["ratio"].is_number(), "{told:#}");
    let conditions = &told["conditions"];
    assert!(conditions["nodes"].as_u64() > Some(0) && conditions["replicas"].as_u64() > Some(0), "{told:#}");
    assert!(conditions["optimised"].is_boolean() && conditions["load_1m"].is_number(), "{told:#}");
}

#[test]
fn latency_is_told_beside_that_of_the_loop() {
    let told = run(&["latency", "--rates", "50", "--seconds", "2"]);
    let round = &told["rounds"][0];
    assert_eq!((&round["ours"]["count"], &round["limit"]["count"]), (&100.into(), &100.into()), "{told:#}");
    assert!(round["ratio_p50"].is_number() && told["aim_ratio"].is_number(), "{told:#}");
}

#[test]
fn a_hot_key_is_measured_with_what_others_notice_of_it() {
    let told = run(&["hot-key", "--trades", "2000", "--flood", "200", "--others", "50", "--seconds", "2"]);
    assert_eq!(
        (&told["others_beside"]["count"], &told["limit_beside"]["count"]),
        (&100.into(), &100.into()),
        "{told:#}"
    );
    assert!(told["rate"].is_number() && told["aim_rate"].is_number() && told["moved_p99_ms"].is_number(), "{told:#}");
}

#[test]
fn a_restore_is_told_beside_its_aim() {
    let told = run(&["restore", "--lots", "2000", "--rounds", "2"]);
    assert!(told["ratio"].is_number() && told["aim_ratio"].is_number(), "{told:#}");
    assert_eq!((&told["rounds"][0]["first"], &told["rounds"][1]["first"]), (&"consumer".into(), &"worker".into()));
}

#[test]
fn more_workers_are_told_with_what_they_cost() {
    let told = run(&["scale", "--trades", "2000", "--workers", "1,2"]);
    assert!(told["rounds"][1]["cost_ratio"].is_number() && told["aim_cost_ratio"].is_number(), "{told:#}");
    assert!(told["rounds"][1]["limit_cost_ratio"].is_number(), "{told:#}");
}
