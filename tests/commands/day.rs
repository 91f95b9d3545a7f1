//! A business day from the first trade to the historical run: whatever comes, the books balance at every step, and the batch comes to what the stream has told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::binary::Answer;
use crate::flow::{Installation, Worker, sums, wait_for};

struct Day {
    installation: Installation,
    worker: Worker,
    /// What survives, by trade.
    trades: BTreeMap<String, Trade>,
    /// The close of the day by security.
    closes: BTreeMap<&'static str, Decimal>,
    jobs: u32,
}

struct Trade {
    position: String,
    /// Bought or sold, in units of today.
    held: Decimal,
    /// What was received for it.
    cash: Decimal,
    date: NaiveDate,
}

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2025, 3, 10).expect("a Monday");
const SECURITIES: [(&str, i64); 2] = [("ACME", 50), ("BOLT", 20)];
const HEADER: &str = "account,book,security,source,trade_id,version,event,contract_id,side,quantity,price,currency,trade_date,exec_time,source_seq,settle_date\n";

/// Days before today on which there is a price.
fn weekdays(days: u64) -> impl Iterator<Item = NaiveDate> {
    let weekend = |day: &NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    (0..=days).rev().map(|ago| TODAY - Days::new(ago)).filter(move |day| !weekend(day))
}

fn contract(id: &str, rate: Value) -> Value {
    json!({
        "contractId": id, "product": "EQUITY_SWAP", "priceCurrency": "USD", "effectiveDate": "2025-01-02",
        "terminationDate": "2025-12-31", "calendars": {"exchange": "HOME", "payment": "HOME"},
        "financing": {"long": {"rate": rate, "dayCount": "ACT/360"}}, "dividends": {"payoutRatioLong": "0.85"},
    })
}

impl Day {
    fn begin() -> Day {
        let installation = Installation::new("day");
        let calendar = json!({"from": "2024-12-01", "to": "2026-01-31", "holidays": []});
        let securities = json!({"ACME": {"market": "XNYS"}, "BOLT": {"market": "XNYS"}});
        let reference = json!({
            "calendars": {"HOME": calendar}, "indices": {"SOFR": {"calendar": "HOME"}}, "securities": securities,
        });
        let contracts = json!([
            contract("FIX", json!({"kind": "FIXED", "rate": "0.05"})),
            contract("FLOAT", json!({"kind": "RFR_AVERAGE", "index": "SOFR"})),
        ]);
        fs::write(installation.path("reference.json"), reference.to_string()).expect("can be written");
        let registers = ["submit", "reference-data", "reference.json", "--business-date", "2025-03-10"];
        assert_eq!(installation.run(&registers).code, 0, "the first to come registers the schemas, alone");
        let worker = installation.worker(&["--first-start"]);
        let mut day = Day { installation, worker, trades: BTreeMap::new(), closes: BTreeMap::new(), jobs: 0 };
        day.send("contracts", "contracts.json", &json!({ "contracts": contracts }).to_string(), &[]);
        let mut prices = String::from("kind,name,detail,date,version,value\n");
        let mut fixings = String::from("DATE,SOFR\n");
        for (date, number) in weekdays(75).zip(0..) {
            fixings += &format!("{date},4.3{}\n", number % 5);
            for (security, level) in SECURITIES {
                let close = Decimal::from(level) + Decimal::new(number % 7 * 25, 2);
                prices += &format!("PRICE,{security},,{date},,{close}\n");
                day.closes.insert(security, close);
            }
        }
        day.send("market-data", "sofr.csv", &fixings, &[]);
        day.send("market-data", "prices.csv", &prices, &[]);
        day
    }

    fn ask(&self, arguments: &[&str]) -> Answer {
        self.installation.run(&[arguments, &["--json"]].concat())
    }

    fn send(&self, what: &str, file: &str, content: &str, more: &[&str]) {
        fs::write(self.installation.path(file), content).expect("can be written");
        let sent = self.ask(&[&["submit", what, file], more].concat());
        assert_eq!(sent.code, 0, "{what}: {}{}", sent.out, sent.err);
    }

    /// Sends trades: id, account, security, signed quantity, price, trade date.
    fn trade(&mut self, file: &str, trades: &[(String, u32, &'static str, i64, Decimal, NaiveDate)]) {
        let mut csv = HEADER.to_owned();
        for (id, account, security, quantity, price, date) in trades {
            let (side, contract) =
                (if *quantity > 0 { "BUY" } else { "SELL" }, if account % 2 == 0 { "FIX" } else { "FLOAT" });
            let (units, settles) = (quantity.abs(), *date + Days::new(1));
            csv += &format!(
                "A{account},B,{security},OMS,{id},1,NEW,{contract},{side},{units},{price},USD,{date},{date}T15:00:00Z,0,{settles}\n"
            );
            let (position, held) = (format!("A{account}_B_{security}"), Decimal::from(*quantity));
            self.trades.insert(id.clone(), Trade { position, held, cash: -held * price, date: *date });
        }
        self.send("trades", file, &csv, &[]);
    }

    /// Runs a job by reference to its end.
    fn job(&mut self, kind: &str, more: Value) -> Value {
        self.jobs += 1;
        let name = format!("{kind}-{}", self.jobs);
        let mut document = json!({"requestId": name, "type": kind, "selection": "ALL"});
        document.as_object_mut().expect("an object").extend(more.as_object().expect("members").clone());
        fs::write(self.installation.path("job.json"), document.to_string()).expect("can be written");
        let outcome = self.ask(&["submit", "job", "job.json", "--wait", "--timeout", "60s"]);
        assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.err);
        outcome.object()
    }

    fn flows(&self) -> Vec<Value> {
        self.ask(&["flows"]).lines()
    }

    /// Sums over what a topic says last of each key.
    fn last(&self, topic: &str, of: impl Fn(&Value) -> Decimal) -> BTreeMap<String, Decimal> {
        let mut last = BTreeMap::new();
        for record in self.ask(&["watch", topic]).lines() {
            last.insert(record["key"].to_string(), record["value"].clone());
        }
        let mut sums = BTreeMap::new();
        for value in last.values().filter(|value| !value.is_null()) {
            let position = value["account_book_security"].as_str().expect("a key").to_owned();
            *sums.entry(position).or_default() += of(value);
        }
        sums
    }

    /// What must hold whatever has happened.
    fn balances(&mut self, step: &str) -> Value {
        let mut books: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
        for trade in self.trades.values() {
            let (cash, held) = books.entry(trade.position.clone()).or_default();
            (*cash, *held) = (*cash + trade.cash, *held + trade.held);
        }
        // Realised and unrealised performance is what was paid and received, and what is held is worth now.
        wait_for(step, || {
            let mut performance: BTreeMap<String, Decimal> = BTreeMap::new();
            for flow in self.flows().iter().filter(|flow| flow["kind"] == "EQUITY_PERFORMANCE") {
                let amount: Decimal = flow["amount"].as_str()?.parse().expect("an amount");
                *performance.entry(flow["position"].as_str()?.to_owned()).or_default() += amount;
            }
            let right = books.iter().all(|(position, (cash, held))| {
                let security = position.rsplit('_').next().expect("three parts");
                performance.get(position).copied().unwrap_or_default() == cash + held * self.closes[security]
            });
            right.then_some(())
        });
        // Open lots, the position and the trades that survive are as many units.
        let quantity = |field: &'static str| move |value: &Value| value[field].as_str().map(decimal).expect("a number");
        let held: BTreeMap<_, _> = books.iter().map(|(position, (_, held))| (position.clone(), *held)).collect();
        assert_eq!(self.last("positions", quantity("quantity")), held, "{step}");
        let open = held.into_iter().filter(|(_, held)| !held.is_zero()).collect::<BTreeMap<_, _>>();
        assert_eq!(self.last("lots", quantity("remaining")), open, "{step}");
        // What was told of each change adds up to what counts now.
        let mut told = Decimal::ZERO;
        for record in self.ask(&["watch", "cash-flows"]).lines() {
            for change in record["value"]["changes"].as_array().into_iter().flatten() {
                let minor = |when: &str| Decimal::new(change[when].as_i64().unwrap_or_default(), 2);
                told += minor("after") - minor("before");
            }
        }
        assert_eq!(told, self.flows().iter().map(amount).sum::<Decimal>(), "{step}");
        let full = self.job("FULL", json!({}));
        assert_eq!(full["totals"]["changed"], 0, "{step}: the batch is what the stream has told");
        assert_eq!(full["totals"]["counts"]["positions"], books.len(), "{step}");
        let name = full["job"].as_str().expect("a name");
        for level in ["contract", "position", "lot"] {
            assert_eq!(sums(&self.ask(&["flows", "--totals", level])), full["totals"]["sums"], "{step}");
        }
        assert_eq!(sums(&self.ask(&["flows", "--job", name, "--totals"])), full["totals"]["sums"], "{step}");
        let verified = self.ask(&["verify", "--job", name]);
        assert_eq!(verified.code, 0, "{step}: {}{}", verified.out, verified.err);
        let verified = self.ask(&["verify"]);
        assert_eq!(verified.code, 0, "{step}: {}", verified.out);
        full
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn amount(flow: &Value) -> Decimal {
    flow["amount"].as_str().map(decimal).unwrap_or_default()
}

#[test]
fn the_books_balance_at_every_step_of_a_business_day() {
    let mut day = Day::begin();
    let price = |number: i64| Decimal::new(5_000 + number % 40 * 5, 2);
    let mut opening = Vec::new();
    for (date, number) in weekdays(60).step_by(3).zip(0i64..) {
        for account in 0..4 {
            let quantity = if number % 4 == 3 { -120 } else { 100 };
            opening.push((
                format!("O{number}-{account}"),
                account,
                SECURITIES[number as usize % 2].0,
                quantity,
                price(number),
                date,
            ));
        }
    }
    day.trade("opening.csv", &opening);
    day.balances("the book as it was in the morning");

    for hour in 0i64..3 {
        let trades: Vec<_> = (0i64..40)
            .map(|number| {
                let quantity = if number % 3 == 0 { -70 } else { 50 };
                let security = SECURITIES[(number + hour) as usize % 2].0;
                (format!("D{hour}-{number}"), (number % 4) as u32, security, quantity, price(number), TODAY)
            })
            .collect();
        day.trade("trades.csv", &trades);
    }
    let traded = day.balances("trades all day");

    let late =
        |id: &str, account, quantity, ago| (id.to_owned(), account, "ACME", quantity, price(7), TODAY - Days::new(ago));
    day.trade("late.csv", &[late("L1", 0, 300, 10), late("L2", 1, -450, 20)]);
    let since = day.balances("late trades");
    assert_ne!(since["totals"]["hash"], traded["totals"]["hash"]);

    day.send("market-data", "corrected.csv", "DATE,SOFR\n2025-03-06,9.99\n", &[]);
    let earlier = since["job"].clone();
    let corrected = wait_for("the corrected fixing", || {
        let incremental = day.job("INCREMENTAL", json!({ "since": earlier }));
        (incremental["totals"]["hash"] != since["totals"]["hash"]).then_some(incremental)
    });
    assert_eq!(corrected["totals"]["calculated"], 4, "two accounts under FLOAT with two securities each");
    let full = day.balances("a corrected fixing");
    assert_eq!(full["totals"]["hash"], corrected["totals"]["hash"], "what was left out counts as it stands");

    let split = json!({"corporateActions": {"BOLT": [
        {"actionId": "BOLT-2025", "kind": "SPLIT", "newUnits": 3, "oldUnits": 1, "exDate": TODAY.to_string()}]}});
    day.send("reference-data", "split.json", &split.to_string(), &[]);
    for trade in day.trades.values_mut().filter(|trade| trade.position.ends_with("BOLT") && trade.date < TODAY) {
        trade.held *= Decimal::from(3);
    }
    let close = (day.closes["BOLT"] / Decimal::from(3)).round_dp(2);
    day.closes.insert("BOLT", close);
    day.send(
        "market-data",
        "close.csv",
        &format!("kind,name,detail,date,version,value\nPRICE,BOLT,,{TODAY},,{close}\n"),
        &[],
    );
    day.balances("a split");

    let dividend = json!({"marketData": {"dividends": {"ACME": [
        {"dividendId": "D1", "gross": "0.40", "currency": "USD", "exDate": "2025-03-05", "payDate": "2025-03-20"}]}}});
    day.send("market-data", "dividend.json", &dividend.to_string(), &[]);
    let paid = |day: &Day| day.flows().iter().filter(|flow| flow["kind"] == "DIVIDEND").count();
    wait_for("the dividend", || (paid(&day) > 0).then_some(()));
    day.balances("a dividend");
    let ex = TODAY - Days::new(5);
    let mut entitled: BTreeMap<&str, Decimal> = BTreeMap::new();
    for trade in day.trades.values().filter(|trade| trade.position.ends_with("ACME") && trade.date < ex) {
        *entitled.entry(&trade.position).or_default() += trade.held;
    }
    // A long is paid 85 % of it, a short pays all.
    let due = |held: &Decimal| held * decimal(if held.is_sign_positive() { "0.34" } else { "0.40" });
    let due: BTreeMap<_, _> = entitled
        .iter()
        .filter(|(_, held)| !held.is_zero())
        .map(|(position, held)| ((*position).to_owned(), due(held)))
        .collect();
    let mut received: BTreeMap<String, Decimal> = BTreeMap::new();
    for flow in day.flows().iter().filter(|flow| flow["kind"] == "DIVIDEND") {
        *received.entry(flow["position"].as_str().expect("a key").to_owned()).or_default() += amount(flow);
    }
    assert_eq!(received, due, "the entitled units of a position times what was declared");

    let cancelled = "D0-1";
    let Trade { position, .. } = day.trades.remove(cancelled).expect("it was sent");
    let account = position.split('_').next().expect("three parts");
    let security = position.rsplit('_').next().expect("three parts");
    let cancel = format!(
        "account,book,security,source,trade_id,version,event\n{account},B,{security},OMS,{cancelled},2,CANCEL\n"
    );
    day.send("trades", "cancel.csv", &cancel, &[]);
    let last = day.balances("a cancelled trade");

    let incremental = day.job("INCREMENTAL", json!({ "since": last["job"] }));
    assert_eq!((&incremental["totals"]["calculated"], &incremental["totals"]["changed"]), (&json!(0), &json!(0)));
    assert_eq!(incremental["totals"]["hash"], last["totals"]["hash"]);

    let from = (TODAY - Days::new(59)).to_string();
    let series = day.job("HISTORICAL", json!({ "from": from, "to": TODAY.to_string() }));
    let name = series["job"].as_str().expect("a name");
    assert_eq!(day.ask(&["verify", "--job", name]).code, 0);
    let (mut on_last_day, mut days) = (Vec::new(), BTreeSet::new());
    for flow in day.ask(&["flows", "--job", name]).lines() {
        days.insert(flow["day"].as_str().expect("a day").to_owned());
        if flow["day"] == TODAY.to_string() {
            on_last_day.push((flow["flow"].clone(), flow["amount"].clone()));
        }
    }
    let mut now: Vec<_> = day.flows().iter().map(|flow| (flow["flow"].clone(), flow["amount"].clone())).collect();
    let order = |flows: &mut Vec<(Value, Value)>| flows.sort_by_key(|(flow, _)| flow.to_string());
    order(&mut on_last_day);
    order(&mut now);
    assert_eq!(on_last_day, now, "the last day of the series is what the stream has told");
    assert_eq!(days.len(), weekdays(59).count());
    let added_up = day.ask(&["flows", "--job", name, "--totals", "position"]);
    assert_eq!(sums(&added_up), series["totals"]["sums"]);
    assert!(added_up.err.contains("all days"), "{}", added_up.err);
    let one_day = day.ask(&["flows", "--job", name, "--totals", "lot", "--date", &TODAY.to_string()]);
    assert!(!one_day.err.contains("all days"), "{}", one_day.err);
    assert_eq!(sums(&one_day), sums(&day.ask(&["flows", "--totals"])), "and so are its sums");

    let dearer = json!({"marketData": {"prices": {"ACME": {TODAY.to_string(): "60"}}}});
    let what_if = day.job("WHAT_IF", json!({ "changes": dearer }));
    let name = what_if["job"].as_str().expect("a name");
    let added_up = day.ask(&["flows", "--job", name, "--totals"]);
    assert!(added_up.err.contains("would differ"), "{}", added_up.err);
    let differing = day.ask(&["flows", "--job", name]).lines();
    let [all] = &added_up.lines()[..] else { panic!("one line: {}", added_up.out) };
    assert_eq!(all["flows"], differing.len());
    assert_eq!(amount(&all["totals"][0]), differing.iter().map(amount).sum::<Decimal>());
    day.balances("the end of the day");
    day.worker.signal("-TERM");
    assert_eq!(day.worker.end().code, 0);
}
