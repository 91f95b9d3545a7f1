//! From an empty cluster to an outcome, as an operator would go: plan, apply, register, work, submit, watch.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::binary::{Answer, answer, command};

const PATIENCE: Duration = Duration::from_secs(60);

/// An installation of its own on the shared cluster.
pub struct Installation {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

/// Of what was stated: how much of it was sent, corrects what was known, is known already, and is refused.
pub fn counts(answer: &Answer) -> [u64; 4] {
    let object = answer.object();
    ["sent", "corrected", "unchanged", "rejected"].map(|name| object[name].as_u64().expect("a number"))
}

/// Of `flows --totals`, everything together, as control totals have it. What stands before it must come to the same.
pub fn sums(answer: &Answer) -> Value {
    let mut blocks = answer.lines();
    let all = blocks.pop().unwrap_or_else(|| panic!("no totals: {}", answer.err));
    assert_eq!(all["level"], "all", "{all:#}");
    let add = |blocks: &[Value], of: &str| {
        let mut sums = BTreeMap::<[String; 3], (u64, i128)>::new();
        for sum in blocks.iter().flat_map(|block| block[of].as_array().expect("sums")) {
            let key = ["currency", "kind", "status"].map(|name| sum[name].as_str().unwrap_or_default().to_owned());
            let (flows, minor) = sums.entry(key).or_default();
            *flows += sum["flows"].as_u64().expect("a number");
            *minor += sum["minor"].as_str().and_then(|minor| minor.parse::<i128>().ok()).expect("minor units");
        }
        sums
    };
    for of in ["sums", "totals"].into_iter().filter(|_| !blocks.is_empty()) {
        assert_eq!(add(&blocks, of), add(std::slice::from_ref(&all), of));
    }
    let control = |sum: &Value| json!({"currency": sum["currency"], "kind": sum["kind"], "status": sum["status"], "minor": sum["minor"]});
    all["sums"].as_array().expect("sums").iter().map(control).collect()
}

impl Installation {
    pub fn new(word: &str) -> Installation {
        let variable = |name| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run tests/run, or eval \"$(dev/up)\" first"))
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let state = folder.path().join("state").display().to_string();
        let variables = vec![
            ("BOOKFLOW_KAFKA__BOOTSTRAP", variable("BOOKFLOW_KAFKA_BOOTSTRAP")),
            ("BOOKFLOW_REGISTRY__URL", variable("BOOKFLOW_REGISTRY_URL")),
            ("BOOKFLOW_KAFKA__NAMESPACE", format!("{word}-{}", now.as_millis())),
            ("BOOKFLOW_KAFKA__TIME_LIMITS", "short".into()),
            ("BOOKFLOW_ADMIN__BIND", "127.0.0.1:0".into()),
            ("BOOKFLOW_WORKER__STATE_FOLDER", state),
            ("BOOKFLOW_WORKER__COPY_EVERY", "1s".into()),
        ];
        let installation = Installation { folder, variables };
        let small = ["topics", "plan", "--replication", "1", "--partitions", "2", "--out", "plan.json"];
        assert_eq!(installation.run(&small).code, 10);
        let applied = installation.run(&["topics", "apply", "--replication", "1", "--partitions", "2", "plan.json"]);
        assert_eq!(applied.code, 0, "{}", applied.err);
        let small = ["topics", "plan", "--replication", "1", "--partitions", "2"];
        assert_eq!(installation.run(&small).code, 0, "a plan that was carried out leaves nothing to do");
        assert_eq!(installation.run(&["topics", "plan", "--replication", "1", "--partitions", "4"]).code, 3);
        installation
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        answer(command(self.folder.path(), &self.variables(), arguments))
    }

    pub fn worker(&self, arguments: &[&str]) -> Worker {
        let mut command =
            command(self.folder.path(), &self.variables(), &[&["worker", "--log", "json"], arguments].concat());
        let log = fs::File::create(self.path("worker.log")).expect("can be written");
        Worker {
            child: command.stderr(log).stdout(Stdio::piped()).spawn().expect("starts"),
            log: self.path("worker.log"),
        }
    }
}

pub struct Worker {
    child: Child,
    log: PathBuf,
}

impl Worker {
    /// Where its admin port listens, from its log.
    fn admin(&self) -> String {
        wait_for("the admin port", || {
            let log = fs::File::open(&self.log).expect("is there");
            let lines = BufReader::new(log).lines().map_while(Result::ok);
            let lines = lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
            let mut addresses = lines.filter_map(|line| Some(line["address"].as_str()?.to_string()));
            addresses.next()
        })
    }

    pub fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    pub fn end(mut self) -> Answer {
        let mut out = String::new();
        self.child.stdout.take().expect("is piped").read_to_string(&mut out).expect("text");
        let code = self.child.wait().expect("ends").code().unwrap_or(-1);
        Answer { code, out, err: fs::read_to_string(&self.log).expect("is there") }
    }
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the admin port is open");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("can be asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers");
    text
}

fn request(folder: &Path, price: &str) {
    let request = format!(
        r#"{{"requestId":"JOB-1","calculationDate":"2024-01-15","calculationType":"REAL_TIME_PROCESSING",
        "contractPositions":[{{"contractId":"C-1","underlying":"AAPL","startDate":"2024-01-01","endDate":"2024-12-31",
          "totalNotionalAmount":15000,"currency":"USD","type":"EQUITY_SWAP","status":"ACTIVE","positions":[
          {{"positionId":"P-1","contractId":"C-1","type":"EQUITY_LEG","product":"EQUITY_SWAP","underlying":"AAPL",
            "notionalAmount":15000,"currency":"USD","startDate":"2024-01-01","endDate":"2024-12-31","status":"ACTIVE",
            "lots":[{{"lotId":"L-1","contractId":"C-1","positionId":"P-1","costDate":"2024-01-10","costPrice":150,
              "quantity":100,"lotType":"NEW_LOT","unwindingMethod":"FIFO","status":"ACTIVE",
              "settlementDate":"2024-01-12"}}]}}]}}],
        "marketData":{{"data":{{"securities":[{{"symbol":"AAPL","basePrice":{price},"baseDate":"2024-01-15","changes":[]}}]}}}}}}"#
    );
    fs::write(folder.join("request.json"), request).expect("can be written");
}

#[test]
fn an_operator_goes_from_an_empty_cluster_to_trades_and_an_outcome() {
    let installation = Installation::new("flow");
    let never_started = installation.run(&["worker", "--until-idle"]);
    assert_eq!(never_started.code, 3, "{}", never_started.err);
    assert!(never_started.err.contains("--first-start"), "{}", never_started.err);

    let worker = installation.worker(&["--first-start"]);
    let admin = worker.admin();
    wait_for("readiness", || ask(&admin, "/readyz").starts_with("HTTP/1.1 200").then_some(()));
    wait_for("health", || ask(&admin, "/healthz").starts_with("HTTP/1.1 200").then_some(()));

    let rows = ["T1,1,NEW,BUY,100,10.5", "T2,1,NEW,SELL,40,11", "T2,1,NEW,SELL,40,11", "T3,1,NEW,BUY,oops,1"];
    let rows: Vec<_> =
        rows.iter().map(|row| format!("A,B,S,OMS,{row},USD,2024-01-31,2024-01-31T09:30:00Z,0\n")).collect();
    let header = "account,book,security,source,trade_id,version,event,side,quantity,price,currency,trade_date,exec_time,source_seq\n";
    fs::write(installation.path("trades.csv"), format!("{header}{}", rows.concat())).expect("can be written");
    let submitted = installation.run(&["submit", "trades", "trades.csv", "--json"]);
    assert_eq!(submitted.code, 7, "{}", submitted.err);
    assert_eq!((&submitted.object()["submitted"], &submitted.object()["rejected"]), (&3.into(), &1.into()));

    let blotter = installation.run(&["watch", "blotter", "--follow", "--max", "3", "--json"]);
    let verdicts: Vec<_> = blotter.lines().iter().map(|line| line["value"]["verdict"].clone()).collect();
    assert_eq!(verdicts, ["ACCEPTED", "ACCEPTED", "DUPLICATE"]);
    let positions = installation.run(&["watch", "positions", "--json"]).lines();
    assert_eq!(positions.last().expect("there is one")["value"]["quantity"], "60");
    assert_eq!(installation.run(&["dlq", "list", "--json"]).object()["dead_letters"], 0);

    request(installation.folder.path(), "155.25");
    let outcome = installation.run(&["submit", "job", "request.json", "--wait", "--json"]);
    let first = outcome.object();
    assert_eq!(first["totals"]["sums"][0]["minor"], "52500", "100 * (155.25 - 150.00): {first}");
    let again = installation.run(&["submit", "job", "request.json", "--json"]);
    assert_eq!(again.object(), first, "the same request again is answered, not run again");
    let chunks = installation.run(&["watch", "calculation-chunks.realtime", "--json"]).lines();
    assert_eq!(chunks.len(), 1, "one chunk, once");
    request(installation.folder.path(), "156");
    let other = installation.run(&["submit", "job", "request.json"]);
    assert_eq!(other.code, 3, "another request under the same name is refused: {}", other.err);
    let named = installation.run(&["submit", "job", "request.json", "--idempotency-key", "JOB-2", "--wait", "--json"]);
    assert_eq!(named.object()["totals"]["sums"][0]["minor"], "60000");

    assert!(ask(&admin, "/metrics").contains("bookflow_txn_total"));
    worker.signal("-TERM");
    let ended = worker.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("drained"), "{}", ended.out);
    assert!(!ended.err.contains("\"ERROR\""), "{}", ended.err);

    let again = installation.run(&["worker", "--until-idle", "--json", "--log", "json"]);
    assert_eq!((again.code, &again.object()["records"]), (0, &0.into()), "nothing is left to do: {}", again.err);
    assert!(again.err.contains("local copy read"), "state comes from the disk: {}", again.err);
}

/// 5 % fixed, ACT/360; the second contract pays SOFR, the third one cannot be read.
const CONTRACTS: &str = r#"{"contracts": [
    {"contractId": "SWAP-1", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2025-03-03", "terminationDate": "2025-06-30",
     "calendars": {"exchange": "XNYS", "payment": "USNY"},
     "financing": {"long": {"rate": {"kind": "FIXED", "rate": "0.05"}, "dayCount": "ACT/360"}}},
    {"contractId": "SWAP-2", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2025-03-03", "terminationDate": "2025-06-30",
     "calendars": {"exchange": "XNYS", "payment": "HOME"},
     "financing": {"long": {"rate": {"kind": "RFR_COMPOUND", "index": "SOFR"}, "dayCount": "ACT/360"}}},
    {"contractId": "SWAP-3", "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2025-03-03", "trades": []},
    {"contractId": "SWAP-4", "product": "EQUITY_SWOP", "priceCurrency": "USD", "effectiveDate": "2025-03-03"}]}"#;

const REFERENCE: &str = r#"{"calendars": {"HOME": {"from": "2025-01-01", "to": "2025-12-31", "holidays": ["2025-03-05"]}},
    "indices": {"SOFR": {"calendar": "HOME"}}, "securities": {"ACME": {"market": "XNYS"}, "OTHER": {"market": "NOWHERE"}}}"#;

#[test]
fn contracts_and_data_go_in_flows_come_out_and_a_correction_changes_what_depends_on_it() {
    let installation = Installation::new("data");
    let file = |name: &str, content: &str| fs::write(installation.path(name), content).expect("can be written");
    let ask = |arguments: &[&str]| installation.run(&[arguments, &["--json"]].concat());
    let reasons = |name: &str| fs::read_to_string(installation.path(name)).expect("was written");

    file("contracts.json", CONTRACTS);
    let early = ask(&["submit", "contracts", "contracts.json"]);
    assert_eq!(counts(&early), [1, 0, 0, 3], "the calendar HOME is not known yet: {}", early.err);
    file("reference.json", REFERENCE);
    let reference = ask(&["submit", "reference-data", "reference.json", "--business-date", "2025-03-10"]);
    assert_eq!((reference.code, counts(&reference)), (7, [4, 0, 0, 1]), "{}", reference.err);
    assert!(reasons("reference.json.rejected").contains("securities.OTHER.market"));
    let contracts = ask(&["submit", "contracts", "contracts.json"]);
    assert_eq!((contracts.code, counts(&contracts)), (7, [1, 0, 1, 2]), "{}", contracts.err);
    let rejected = reasons("contracts.json.rejected");
    assert!(rejected.contains("contracts[2].trades") && rejected.contains("bookflow submit trades"), "{rejected}");
    assert!(rejected.contains("contracts[3].product"), "{rejected}");

    let prices = "kind,name,detail,date,version,value\nPRICE,ACME,,2025-03-10,,53\n";
    file("prices.csv", prices);
    assert_eq!(counts(&ask(&["submit", "market-data", "prices.csv"])), [1, 0, 0, 0]);
    let fixings = "DATE,SOFR\n2025-03-04,4.32\n2025-03-05,.\n2025-03-06,4.34\n2025-03-07,4.33\n";
    file("sofr.csv", fixings);
    assert_eq!(counts(&ask(&["submit", "market-data", "sofr.csv"])), [3, 0, 0, 0]);
    assert_eq!(counts(&ask(&["submit", "market-data", "sofr.csv"])), [0, 0, 3, 0], "nothing is sent twice");

    file(
        "odd.csv",
        "kind,name,detail,date,version,value\nPRICE,OLD,,2025-03-10,2147483648,53\nPRICE,OLD,,2025-03-10,,54\n",
    );
    let odd = ask(&["submit", "market-data", "odd.csv"]);
    assert_eq!((odd.code, counts(&odd)), (7, [1, 0, 0, 1]), "{}", odd.err);
    assert!(reasons("odd.csv.rejected").contains("version 2147483648 is too high"));
    file("nan.json", r#"{"prices": {"OLD": {"2025-03-10": NaN}}}"#);
    let nan = ask(&["submit", "market-data", "nan.json"]);
    assert!(nan.code == 7 && nan.err.contains("nothing was sent"), "{}", nan.err);

    let header = "account,book,security,source,trade_id,version,event,contract_id,side,quantity,price,currency,trade_date,exec_time,source_seq\n";
    let trade = |book: &str, contract: &str| {
        format!("A,{book},ACME,OMS,T1,1,NEW,{contract},BUY,100,50,USD,2025-03-03,2025-03-03T15:00:00Z,0\n")
    };
    file("trades.csv", &format!("{header}{}{}", trade("B1", "SWAP-1"), trade("B2", "SWAP-2")));
    assert_eq!(ask(&["submit", "trades", "trades.csv"]).code, 0);
    let worker = installation.worker(&["--first-start", "--stages", "book"]);
    let amounts = |arguments: &[&str]| -> Vec<String> {
        let flows = ask(&[&["flows"], arguments].concat());
        assert_eq!(flows.code, 0, "{}", flows.err);
        let shown = |flow: serde_json::Value| {
            format!("{} {}", flow["kind"].as_str().unwrap_or("-"), flow["amount"].as_str().unwrap_or("-"))
        };
        let mut amounts: Vec<_> = flows.lines().into_iter().map(shown).collect();
        amounts.sort();
        amounts
    };
    let first = ["EQUITY_PERFORMANCE 300.00", "INTEREST -4.17"];
    wait_for("flows", || (amounts(&["--contract", "SWAP-1"]) == first).then_some(()));
    wait_for("flows of the other one", || (amounts(&["--position", "A_B2_ACME"]).len() == 2).then_some(()));
    let second = amounts(&["--contract", "SWAP-2"]);
    assert!(amounts(&["--status", "blocked"]).is_empty());

    for (calendar, positions) in [("OTHER", 0), ("HOME", 1), ("XNYS", 2)] {
        let days = serde_json::json!({"from": "2025-01-01", "to": "2025-12-31", "holidays": ["2025-03-06"]});
        file("days.json", &serde_json::json!({"calendars": {calendar: days}}).to_string());
        let dry = ask(&["submit", "reference-data", "days.json", "--dry-run"]);
        assert_eq!(dry.object()["positions"], positions, "{calendar}: {}", dry.out);
    }
    file("sofr.csv", &fixings.replace("4.34", "5.34"));
    let dry = ask(&["submit", "market-data", "sofr.csv", "--dry-run"]);
    assert_eq!(counts(&dry), [1, 1, 2, 0]);
    let (positions, contracts) = (dry.object()["positions"].clone(), dry.object()["contracts"].clone());
    assert_eq!((positions, contracts), (1.into(), serde_json::json!([{ "contract": "SWAP-2", "positions": 1 }])));
    assert_eq!(counts(&ask(&["submit", "market-data", "sofr.csv"])), [1, 1, 2, 0], "the dry run has sent nothing");
    wait_for("the correction", || (amounts(&["--contract", "SWAP-2"]) != second).then_some(()));
    assert_eq!(amounts(&["--contract", "SWAP-1"]), first, "what does not depend on it stays");

    file("prices.csv", &prices.replace(",53", ",54"));
    assert_eq!(ask(&["submit", "market-data", "prices.csv", "--dry-run"]).object()["positions"], 2);
    assert_eq!(counts(&ask(&["submit", "market-data", "prices.csv"])), [1, 1, 0, 0]);
    wait_for("the price", || {
        amounts(&["--contract", "SWAP-1"]).contains(&"EQUITY_PERFORMANCE 400.00".into()).then_some(())
    });

    let day = |date: &str| ask(&["submit", "reference-data", "--business-date", date]);
    assert_eq!(counts(&day("2025-03-10")), [0, 0, 1, 0]);
    assert_eq!(counts(&day("2025-03-11")), [1, 0, 0, 0]);
    wait_for("a day without a price", || (amounts(&["--status", "blocked"]).len() >= 2).then_some(()));
    assert_eq!(counts(&day("2025-03-10"))[0], 1, "going back is said again");
    wait_for("the day before", || amounts(&["--status", "blocked"]).is_empty().then_some(()));

    // The lots go on under another name, and are still measured from what ACME was worth.
    let renamed = r#"{"corporateActions": {"ACME": [
        {"actionId": "A1", "kind": "SYMBOL_CHANGE", "newSecurity": "NEW", "exDate": "2025-03-10"}]}}"#;
    file("renamed.json", renamed);
    assert_eq!(counts(&ask(&["submit", "reference-data", "renamed.json"])), [1, 0, 0, 0]);
    file("new.csv", "kind,name,detail,date,version,value\nPRICE,NEW,,2025-03-10,,56\n");
    assert_eq!(counts(&ask(&["submit", "market-data", "new.csv"])), [1, 0, 0, 0]);
    let arrived = |position: &str| amounts(&["--position", position]).contains(&"EQUITY_PERFORMANCE 600.00".into());
    wait_for("the new name", || (arrived("A_B1_NEW") && arrived("A_B2_NEW")).then_some(()));
    let reached = |prices: &str| ask(&["submit", "market-data", prices, "--dry-run"]).object()["positions"].clone();
    file("prices.csv", &prices.replace(",53", ",55"));
    assert_eq!(reached("prices.csv"), 4, "the old positions, and the new ones for what their lots were");
    file("new.csv", "kind,name,detail,date,version,value\nPRICE,NEW,,2025-03-10,,57\n");
    assert_eq!(reached("new.csv"), 2);
    file("back.json", &renamed.replace("\"A1\"", "\"A1\", \"version\": 2, \"status\": \"CANCELLED\""));
    let back = ask(&["submit", "reference-data", "back.json", "--dry-run"]).object();
    assert_eq!(
        (&back["corrected"], &back["positions"]),
        (&1.into(), &4.into()),
        "where the lots were and where they went"
    );
    let elsewhere = ask(&["submit", "market-data", "back.json"]);
    assert_eq!(counts(&elsewhere), [0; 4]);
    assert!(elsewhere.err.contains("submit reference-data"), "{}", elsewhere.err);

    let taken = ask(&["submit", "snapshot", "EOD"]).object();
    assert_eq!((&taken["day"], &taken["new"]), (&"2025-03-10".into(), &true.into()));
    let again = ask(&["submit", "snapshot", "EOD"]).object();
    assert_eq!((&again["market_data"], &again["new"]), (&taken["market_data"], &false.into()));

    worker.signal("-TERM");
    assert_eq!(worker.end().code, 0);
    let nowhere = ask(&["verify", "-X", "kafka.namespace=nobodys"]);
    assert_eq!(nowhere.code, 3, "{}", nowhere.out);
    assert!(nowhere.err.contains("trades does not exist"), "{}", nowhere.err);
    let verified = ask(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
}

/// Two signals that wait for a stopped process may be taken by two threads at the same moment; then neither is the second, and the worker
/// drains. That is rare, so a few tries show whether a second signal ends it.
#[test]
fn a_second_signal_ends_at_once() {
    let installation = Installation::new("signals");
    let twice = || {
        let worker = installation.worker(&["--first-start"]);
        let admin = worker.admin();
        wait_for("readiness", || ask(&admin, "/readyz").starts_with("HTTP/1.1 200").then_some(()));
        for signal in ["-STOP", "-TERM", "-INT", "-CONT"] {
            worker.signal(signal);
        }
        worker.end().code
    };
    let mut codes = Vec::new();
    while codes.len() < 4 && codes.last().is_none_or(|code| *code == 0) {
        codes.push(twice());
    }
    assert!(codes.last().is_some_and(|code| [128 + 15, 128 + 2].contains(code)), "{codes:?}");
}
