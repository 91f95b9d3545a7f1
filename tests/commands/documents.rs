//! A document as a job: what comes out is what `calculate` says of the same file, to the last digit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::binary::Answer;
use crate::flow::{Installation, sums, wait_for};

/// A flow as both commands say it; its lot has two names.
fn said(flow: &Value, lot: &str) -> Value {
    let names = [
        lot,
        "contract",
        "kind",
        "status",
        "closed_by",
        "detail",
        "start",
        "end",
        "payment_date",
        "currency",
        "amount",
        "unrounded",
        "provisional",
    ];
    names.map(|name| flow[name].clone()).into_iter().collect()
}

/// The example of an equity swap so many times, some of them without a price.
fn document(contracts: usize) -> Value {
    let path = format!("{}/docs/calculate/equity-swap.json", env!("CARGO_MANIFEST_DIR"));
    let mut document: Value = serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON");
    let contract = document["contracts"][0].clone();
    let many = (0..contracts).map(|number| {
        let mut contract = contract.clone();
        contract["contractId"] = format!("ES-{number}").into();
        contract["trades"][0]["price"] = format!("{}.25", 90 + number % 20).into();
        if number % 50 == 7 {
            contract["underlier"] = "NOBODY".into();
        }
        contract
    });
    document["contracts"] = many.collect();
    document
}

/// By id.
fn by_id(flows: &[Value], id: &str, lot: &str) -> BTreeMap<String, Value> {
    let flows = flows.iter().map(|flow| (flow[id].as_str().expect("an id").to_owned(), said(flow, lot)));
    flows.collect()
}

#[test]
fn a_document_comes_to_the_same_as_a_job_and_in_one_go() {
    let installation = Installation::new("documents");
    let worker = installation.worker(&["--first-start"]);
    let ask = |arguments: &[&str]| -> Answer { installation.run(&[arguments, &["--json"]].concat()) };
    let write = |name: &str, content: &str| fs::write(installation.path(name), content).expect("can be written");
    write("document.json", &document(1_300).to_string());

    let submit = ["submit", "job", "document.json", "--idempotency-key", "EOD", "--wait", "--timeout", "60s"];
    let submitted = ask(&submit);
    assert_eq!(submitted.code, 7, "some have no price: {}{}", submitted.out, submitted.err);
    let outcome = submitted.object();
    assert_eq!(outcome["ending"], "COMPLETED_WITH_ERRORS");
    assert_eq!(outcome["totals"]["counts"], json!({"contracts": 1_300, "positions": 1_300, "lots": 5_200}));
    assert!(submitted.err.contains("in the batch lane"), "{}", submitted.err);

    let whole = ask(&["calculate", "document.json"]);
    assert_eq!(whole.code, 7, "{}", whole.err);
    let whole = whole.object();
    let expected = whole["flows"].as_array().expect("a list");
    assert!(expected.len() > 5_000);
    let flows = ask(&["flows", "--job", "EOD"]).lines();
    assert_eq!(flows.len(), expected.len());
    assert_eq!(by_id(&flows, "flow", "of"), by_id(expected, "id", "lot"));
    let one = ask(&["flows", "--job", "EOD", "--contract", "ES-7", "--status", "blocked"]).lines();
    assert!(!one.is_empty() && one.iter().all(|flow| flow["blocked"]["reason"].is_string()));
    for level in ["contract", "position", "lot"] {
        let totals = ask(&["flows", "--job", "EOD", "--totals", level]);
        assert_eq!(sums(&totals), outcome["totals"]["sums"]);
        let blocks = totals.lines();
        let (all, blocks) = blocks.split_last().expect("everything stands last");
        let blocked = flows.iter().filter(|flow| !flow["blocked"].is_null()).count();
        let told = |block: &Value| block["blocked"].as_u64().expect("a number");
        assert_eq!((told(all), blocks.iter().map(told).sum()), (blocked as u64, blocked as u64));
        assert_eq!(all["flows"], outcome["totals"]["flows"]);
        let lots: BTreeSet<_> = flows.iter().map(|flow| [&flow["contract"], &flow["of"]].map(Value::as_str)).collect();
        assert_eq!(blocks.len(), if level == "lot" { lots.len() } else { 1_300 }, "{level}");
    }

    let id =
        flows.iter().find(|flow| flow["amount"].is_string()).and_then(|flow| flow["flow"].as_str()).expect("an id");
    let explained = ask(&["explain", id, "--job", "EOD"]);
    assert_eq!(explained.code, 0, "{}{}", explained.out, explained.err);
    let explained = explained.object();
    assert_eq!((&explained["job"], &explained["same_bytes"]), (&"EOD".into(), &true.into()));
    assert!(explained["steps"].as_array().is_some_and(|steps| steps.len() > 3), "{explained:#}");

    let verified = ask(&["verify", "--job", "EOD"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
    let verified = wait_for("all offsets", || {
        let verified = ask(&["verify"]);
        (verified.code == 0).then_some(verified)
    });
    assert_eq!(verified.object()["jobs"], 1);

    let again = ask(&submit);
    assert_eq!(again.object(), outcome, "it is answered, not run again");
    write("document.json", &document(2).to_string());
    let other = ask(&submit);
    assert_eq!(other.code, 3, "{}", other.err);
    let named = ask(&["submit", "job", "document.json", "--wait", "--timeout", "60s"]);
    assert_eq!(named.code, 0, "{}{}", named.out, named.err);
    let name = named.object()["job"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("document-"), "{name}");
    let retried = ask(&["jobs", "retry", "EOD", "--wait", "--timeout", "60s"]).object();
    assert_eq!(retried["totals"], outcome["totals"], "the same chunks under another name");

    for (content, said) in [
        ("{\"valuationDate\": \"2025-05-01\", \"contracts\": [", "not JSON"),
        ("{\"valuationDate\": \"2025-05-01\", \"contracts\": [], \"marketDate\": {}}", "marketDate: is not known here"),
        ("{\"valuationDate\": \"2025-05-01\", \"contracts\": [], \"marketData\": []}", "marketData"),
    ] {
        write("bad.json", content);
        let refused = ask(&["submit", "job", "bad.json", "--idempotency-key", "BAD"]);
        assert_eq!(refused.code, 7, "{content}");
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    worker.signal("-TERM");
    assert_eq!(worker.end().code, 0);
}
