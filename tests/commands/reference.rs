//! What is known of accounts and securities fills in what trades leave out, and says when they settle.

use std::fs;

use serde_json::json;

use crate::flow::{Installation, counts, wait_for};

const CONTRACT: &str = r#"{"contractId": "SWAP-1", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2025-03-03",
    "terminationDate": "2025-06-30", "calendars": {"exchange": "XNYS", "payment": "USNY"},
    "financing": {"long": {"rate": {"kind": "FIXED", "rate": "0.05"}, "dayCount": "ACT/360"}}}"#;

#[test]
fn accounts_give_trades_their_dates_and_securities_their_settlement() {
    let installation = Installation::new("reference");
    let file = |name: &str, content: &str| fs::write(installation.path(name), content).expect("can be written");
    let ask = |arguments: &[&str]| installation.run(&[arguments, &["--json"]].concat());
    let reasons = |name: &str| fs::read_to_string(installation.path(name)).expect("was written");

    let accounts =
        |cut_off: &str| json!({"accounts": {"NY": {"zone": "America/New_York", "cutOff": cut_off}}}).to_string();
    let bad = json!({
        "securities": {"ACME": {"market": "XNYS", "currency": "USD"}, "X1": {"market": "XNYS", "settlementDays": 61},
            "X2": {"market": "USNY"}, "X3": {"market": "XNYS", "currency": "dollars"}},
        "accounts": {"NY": {"zone": "America/New_York", "cutOff": "17:00"}, "X4": {"zone": "Mars/Olympus", "cutOff": "17:00"},
            "X5": {"zone": "UTC", "cutOff": "24:01"}, "X6": {"zone": "UTC"}, "X7": {"zone": "UTC", "cutOff": "24:00", "open": "08:00"}}});
    file("reference.json", &bad.to_string());
    let sent = ask(&["submit", "reference-data", "reference.json", "--business-date", "2025-03-14"]);
    assert_eq!((sent.code, counts(&sent)), (7, [3, 0, 0, 7]), "{}{}", sent.out, sent.err);
    let rejected = reasons("reference.json.rejected");
    for path in ["X1.settlementDays", "X2.market", "X3.currency", "X4.zone", "X5.cutOff", "X6.cutOff", "X7.open"] {
        assert!(rejected.contains(path), "{path}: {rejected}");
    }

    file("contract.json", CONTRACT);
    assert_eq!(ask(&["submit", "contracts", "contract.json"]).code, 0);
    file("prices.csv", "kind,name,detail,date,version,value\nPRICE,ACME,,2025-03-14,,53\n");
    assert_eq!(ask(&["submit", "market-data", "prices.csv"]).code, 0);
    // 16:59 and 17:00 in New York on a Tuesday, by the clocks of summer since Sunday.
    let header =
        "account,book,security,source,trade_id,version,event,contract_id,side,quantity,price,exec_time,source_seq\n";
    let row =
        |account: &str, id: &str, time: &str| format!("{account},B,ACME,OMS,{id},1,NEW,SWAP-1,BUY,100,50,{time},0\n");
    let (early, late) = (row("NY", "T1", "2025-03-11T20:59:00Z"), row("NY", "T2", "2025-03-11T21:00:00Z"));
    file("trades.csv", &format!("{header}{early}{late}{}", row("LONDON", "T3", "2025-03-11T12:00:00Z")));
    let submitted = ask(&["submit", "trades", "trades.csv"]);
    assert_eq!((submitted.code, &submitted.object()["trades"]), (7, &2.into()), "{}", submitted.err);
    assert!(reasons("trades.csv.rejected").contains("account LONDON are not known"));

    let worker = installation.worker(&["--first-start", "--stages", "book"]);
    let flows = || -> Vec<String> {
        let told = ask(&["flows", "--position", "NY_B_ACME"]);
        let shown = |flow: serde_json::Value| {
            format!("{} {}", flow["of"].as_str().unwrap_or("-"), flow["amount"].as_str().unwrap_or("-"))
        };
        let interest = |flow: &serde_json::Value| flow["kind"] == "INTEREST";
        let mut flows: Vec<_> = told.lines().into_iter().filter(interest).map(shown).collect();
        flows.sort();
        flows
    };
    // 5,000 at 5 % from the 12th and from the 13th on: two nights and one.
    wait_for("both dates", || (flows() == ["OMS|T1 -1.39", "OMS|T2 -0.69"]).then_some(()));

    file("accounts.json", &accounts("18:00"));
    let dry = ask(&["submit", "reference-data", "accounts.json", "--dry-run"]).object();
    assert_eq!((&dry["corrected"], &dry["positions"]), (&1.into(), &0.into()), "dates are assigned once");
    assert_eq!(counts(&ask(&["submit", "reference-data", "accounts.json"])), [1, 1, 0, 0]);
    assert_eq!(counts(&ask(&["submit", "reference-data", "accounts.json"])), [0, 0, 1, 0]);
    file("security.json", r#"{"securities": {"ACME": {"market": "XNYS", "currency": "USD", "settlementDays": 0}}}"#);
    assert_eq!(ask(&["submit", "reference-data", "security.json", "--dry-run"]).object()["positions"], 1);
    assert_eq!(counts(&ask(&["submit", "reference-data", "security.json"])), [1, 1, 0, 0]);
    wait_for("the settlement", || (flows() == ["OMS|T1 -2.08", "OMS|T2 -1.39"]).then_some(()));

    // The same rows again: the first says the same, the second has another date now and changes nothing.
    file("trades.csv", &format!("{header}{early}{late}"));
    assert_eq!(ask(&["submit", "trades", "trades.csv"]).code, 0);
    let letters = wait_for("the conflict", || {
        let listed = ask(&["dlq", "list"]).object();
        (listed["dead_letters"] != 0).then(|| listed["groups"].clone())
    });
    assert_eq!((&letters[0]["count"], &letters[0]["reason"]), (&1.into(), &"conflict".into()), "{letters}");
    assert_eq!(flows(), ["OMS|T1 -2.08", "OMS|T2 -1.39"]);
    worker.signal("-TERM");
    assert_eq!(worker.end().code, 0);
    let verified = ask(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
}
