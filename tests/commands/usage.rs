//! Arguments, settings, exit codes and forms of answers, without a cluster.

use std::fs;
use std::process::Stdio;

use crate::binary::{answer, command, run};

/// Nothing listens there.
const NOWHERE: &str = "kafka.bootstrap=127.0.0.1:1";

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_0() {
    assert_eq!(run(&[]).code, 2);
    assert_eq!(run(&["no-such-command"]).code, 2);
    assert_eq!(run(&["watch", "trades", "extra"]).code, 2);
    assert_eq!(run(&["flows", "--status", "no-such-status"]).code, 2);
    assert_eq!(run(&["flows", "--kind", "no-such-kind"]).code, 2);
    assert_eq!(run(&["flows", "--totals", "no-such-level"]).code, 2);
    assert_eq!(run(&["submit", "job", "-", "--timeout", "5s"]).code, 2, "only --wait has a time limit");
    assert_eq!(run(&["submit", "reference-data", "--business-date", "+262142-12-31", "-X", NOWHERE]).code, 2);
    assert_eq!(run(&["worker", "--stages", "no-such-stage", "-X", NOWHERE]).code, 2);
    assert_eq!(run(&["--help"]).code, 0);
    assert!(run(&["--help"]).out.contains("Exit codes: 0 ok"));
}

#[test]
fn every_command_has_help_and_takes_json() {
    for command in [
        &["worker"][..],
        &["submit", "trades"],
        &["submit", "contracts"],
        &["submit", "market-data"],
        &["submit", "reference-data"],
        &["submit", "snapshot"],
        &["submit", "job"],
        &["flows"],
        &["watch"],
        &["jobs", "list"],
        &["jobs", "describe"],
        &["jobs", "cancel"],
        &["jobs", "retry"],
        &["flows"],
        &["calculate"],
        &["dlq", "list"],
        &["dlq", "show"],
        &["cache", "clear"],
        &["topics", "validate"],
        &["topics", "plan"],
        &["topics", "apply"],
        &["schemas", "check"],
        &["schemas", "register"],
        &["config", "show"],
    ] {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!(help.code, 0, "{command:?}");
        assert!(help.out.contains("--json"), "{command:?}");
    }
}

#[test]
fn a_mistyped_setting_is_named_with_the_right_one_and_where_it_came_from() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let wrong = answer(command(folder.path(), &[("BOOKFLOW_WORKER__THREDS", "2")], &["config", "show"]));
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("BOOKFLOW_WORKER__THREDS") && wrong.err.contains("worker.threads"), "{}", wrong.err);
    fs::write(folder.path().join("bookflow.toml"), "[worker]\nthreads = 3\n").expect("can be written");
    let shown = answer(command(folder.path(), &[], &["config", "show", "--json"])).object();
    assert_eq!(shown["schema_version"], 1);
    assert_eq!(shown["settings"]["worker.threads"]["value"], 3);
    assert_eq!(shown["settings"]["worker.threads"]["origin"], "file bookflow.toml");
}

#[test]
fn a_secret_is_nowhere_to_be_seen() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let variables = [
        ("BOOKFLOW_KAFKA__PASSWORD", "canary-7c1e"),
        ("BOOKFLOW_KAFKA__USERNAME", "me"),
        ("BOOKFLOW_KAFKA__SECURITY_PROTOCOL", "sasl_plaintext"),
        ("BOOKFLOW_KAFKA__BOOTSTRAP", "127.0.0.1:1"),
    ];
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["worker", "-vv"]] {
        let shown = answer(command(folder.path(), &variables, arguments));
        assert!(!shown.out.contains("canary") && !shown.err.contains("canary"), "{}{}", shown.out, shown.err);
    }
    assert_eq!(run(&["config", "show", "--set", "kafka.password=x"]).code, 2);
}

#[test]
fn a_cluster_that_is_not_there_is_exit_code_6_with_address_and_reason() {
    let failed = run(&["topics", "plan", "-X", NOWHERE, "--json"]);
    assert_eq!(failed.code, 6);
    assert!(failed.out.is_empty());
    let error: serde_json::Value = serde_json::from_str(&failed.err).expect("one object");
    let text = error["error"].to_string();
    assert!(text.contains("refused") && text.contains("kafka.bootstrap is 127.0.0.1:1"), "{text}");
}

#[test]
fn a_redis_that_is_not_there_is_not_taken_for_kafka() {
    let failed = run(&["cache", "clear", "-X", "redis.url=redis://127.0.0.1:1"]);
    assert_eq!(failed.code, 6, "{}", failed.err);
    assert!(failed.err.contains("redis.url") && !failed.err.contains("kafka.bootstrap"), "{}", failed.err);
}

#[test]
fn logs_that_nobody_reads_any_more_end_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut worker = command(folder.path(), &[], &["worker", "-vv", "-X", NOWHERE, "-X", "admin.bind="]);
    let mut worker = worker.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary can be run");
    drop(worker.stderr.take());
    let ended = worker.wait().expect("it can be waited for");
    assert_eq!(ended.code(), Some(6), "unreachable, and no panic");
}

#[test]
fn topic_files_and_schemas_are_checked_without_a_cluster() {
    let valid = run(&["topics", "validate", "--json"]);
    assert_eq!(valid.code, 0, "{}", valid.err);
    assert!(valid.object()["topics"].as_array().is_some_and(|topics| topics.len() > 10));
    assert_eq!(run(&["schemas", "check"]).code, 0);
    assert_eq!(run(&["schemas", "register"]).code, 2, "there is no registry to register with");
    let nowhere = run(&["topics", "validate", "--topics-dir", "no-such-folder"]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("next:"), "{}", nowhere.err);
}

#[test]
fn a_file_is_checked_row_by_row_and_bad_rows_go_beside_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let rows = "account,book,security,source,trade_id,version,event\nA,B,S,OMS,T1,1,FORCE\nA,B,S,OMS,T2,x,FORCE\n";
    fs::write(folder.path().join("trades.csv"), rows).expect("can be written");
    let checked = answer(command(folder.path(), &[], &["submit", "trades", "trades.csv", "--dry-run", "--json"]));
    assert_eq!(checked.code, 7, "{}", checked.err);
    assert_eq!((&checked.object()["trades"], &checked.object()["rejected"]), (&1.into(), &1.into()));
    let rejected = fs::read_to_string(folder.path().join("trades.csv.rejected")).expect("was written");
    let row: serde_json::Value = serde_json::from_str(rejected.trim()).expect("one object");
    assert_eq!(row["line"], 3);
    assert!(row["reason"].as_str().is_some_and(|reason| reason.starts_with("version: ")), "{row}");
    assert_eq!(row["row"], "A,B,S,OMS,T2,x,FORCE");
    assert_eq!(run(&["submit", "trades", "no-such-file"]).code, 1);
}

#[test]
fn a_file_that_is_no_job_is_named_with_what_is_wrong_and_where_its_form_stands() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let selection = br#"{"requestId":"J","type":"FULL","selection":"SOME"}"#;
    for (content, problem) in [
        (&b""[..], "expected `{` at byte 0"),
        (b"[]", "expected `{` at byte 0"),
        (b"{", "expected a value at byte 1"),
        (b"{}", "requestId: missing"),
        (b"\xff\xfe", "expected `{` at byte 0"),
        (selection, "selection is \"ALL\", or an object"),
        (br#"{"requestId":"J","type":"FULL","selection":{"accounts":[]}}"#, "selection.accounts names nothing"),
        (
            br#"{"requestId":"J","type":"FULL","selection":{"products":["BOND"]}}"#,
            "selection.products: BOND is none of",
        ),
        (br#"{"type":"FULL","selection":"ALL"}"#, "requestId is missing; it or --idempotency-key names the job"),
    ] {
        fs::write(folder.path().join("job.json"), content).expect("can be written");
        let refused = answer(command(folder.path(), &[], &["submit", "job", "job.json", "-X", NOWHERE]));
        assert_eq!(refused.code, 7, "{}", refused.err);
        assert!(refused.err.contains("job.json: ") && refused.err.contains(problem), "{}", refused.err);
        assert!(refused.err.contains("next: docs/"), "{}", refused.err);
    }
    let absent = answer(command(folder.path(), &[], &["submit", "job", ".", "-X", NOWHERE]));
    assert!(absent.err.contains(".: Is a directory"), "{}", absent.err);
}

#[test]
fn a_name_that_is_none_is_wrong_usage_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for content in [
        r#"{"requestId":"J","type":"FULL","selection":"ALL"}"#,
        r#"{"valuationDate":"2025-05-01","contracts":[]}"#,
        "{}",
    ] {
        fs::write(folder.path().join("job.json"), content).expect("can be written");
        for key in ["", "line\nfeed", &"x".repeat(101)] {
            let key = format!("--idempotency-key={key}");
            let refused = answer(command(folder.path(), &[], &["submit", "job", "job.json", &key, "-X", NOWHERE]));
            assert_eq!(refused.code, 2, "{}", refused.err);
            assert!(
                refused.err.contains("error: --idempotency-key: name ") && refused.err.contains("next: "),
                "{}",
                refused.err
            );
        }
    }
    for arguments in
        [&["jobs", "cancel", ""][..], &["jobs", "retry", ""], &["jobs", "describe", ""], &["flows", "--job", ""]]
    {
        let refused = run(&[arguments, &["-X", NOWHERE]].concat());
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("a job's name is empty") && refused.err.contains("jobs list"), "{}", refused.err);
    }
    let reason = run(&["jobs", "cancel", "J", "--reason", "\x1b[2J", "-X", NOWHERE]);
    assert_eq!(reason.code, 2, "{}", reason.err);
}

#[test]
fn lots_are_checked_as_trades_are() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let lot = r#"{"account":"A","book":"B","security":"S","lot_id":"L1","quantity":100,"price":50,"currency":"USD","trade_date":"2024-01-31","from":"2025-01-02"}"#;
    let rows = format!("{lot}\n{}\n", lot.replace("100", "\"none\""));
    fs::write(folder.path().join("lots.ndjson"), rows).expect("can be written");
    let checked = answer(command(folder.path(), &[], &["submit", "lots", "lots.ndjson", "--dry-run", "--json"]));
    assert_eq!(checked.code, 7, "{}", checked.err);
    assert_eq!((&checked.object()["lots"], &checked.object()["rejected"]), (&1.into(), &1.into()));
    let rejected = fs::read_to_string(folder.path().join("lots.ndjson.rejected")).expect("was written");
    assert!(rejected.contains("quantity: "), "{rejected}");
}
