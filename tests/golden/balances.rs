//! Daily balances: gaps carry forward, and a batch of corrections moves every later day in one pass.

use std::collections::BTreeMap;

use bookflow::domain::balance::posting::{Cause, LockPolicy, Posted, Posting, PostingId};
use bookflow::domain::balance::{AccountId, Balance, BalanceKey, BookId, Bucket};
use bookflow::domain::flows::id::FlowId;
use bookflow::domain::money::{Currency, Money};
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use crate::case::{Case, Node};

struct Ledger {
    balance: Balance,
    passes: u32,
}

impl Ledger {
    fn post(&mut self, postings: &[Posting]) -> Posted {
        self.passes += 1;
        self.balance.post(postings, LockPolicy::Reject)
    }

    /// Each listed day, number by number.
    fn check(&self, expected: Node<'_>) {
        let listed = expected.items();
        let (first, last) = (listed[0].at("date").date(), listed[listed.len() - 1].at("date").date());
        let days: Vec<_> = self.balance.days(first, last + Days::new(1)).collect();
        assert_eq!(days.len(), listed.len());
        for (row, day) in listed.iter().zip(days) {
            row.at("date").is_date(day.date);
            row.at("opening").is(day.opening.to_decimal());
            row.at("movement").is(day.movement.to_decimal());
            row.at("closing").is(day.closing.to_decimal());
            assert_eq!(self.balance.closing(day.date), Some(day.closing));
        }
    }
}

fn money(amount: Decimal, currency: Currency) -> Money {
    Money::round(amount, currency).expect("an amount of the case is money")
}

fn posting(id: &str, date: NaiveDate, amount: Money) -> Posting {
    let id = PostingId::new(id).expect("a name");
    Posting { id, value_date: date, amount, cause: Cause::Flow(FlowId(0)) }
}

#[test]
fn a_batch_of_corrections_is_one_pass_from_its_earliest_date() {
    let case = Case::load("35_daily_balance_batched_corrections");
    let key = case.inputs().at("key");
    let currency = Currency::new(key.at("currency").text()).expect("a currency in use");
    let key = BalanceKey {
        account: AccountId::new(key.at("account").text()).expect("a name"),
        book: BookId::new(key.at("book").text()).expect("a name"),
        bucket: Bucket::Cash,
        currency,
    };
    let flows: Vec<_> = case.inputs().at("flows").items();
    let opening = money(case.inputs().at("opening_before_first").decimal(), currency);
    let balance = Balance::open(key, flows[0].item(0).date(), opening).expect("one currency");
    let mut ledger = Ledger { balance, passes: 0 };
    let movements: Vec<_> = flows
        .iter()
        .enumerate()
        .map(|(number, row)| posting(&format!("F{number}"), row.item(0).date(), money(row.item(1).decimal(), currency)))
        .collect();
    ledger.post(&movements);
    ledger.check(case.expected().at("before"));

    let corrections: Vec<_> = case
        .inputs()
        .at("correction_batch")
        .items()
        .iter()
        .map(|row| {
            posting(row.at("id").text(), row.at("value_date").date(), money(row.at("amount").decimal(), currency))
        })
        .collect();
    ledger.passes = 0;
    let posted = ledger.post(&corrections);
    case.expected().at("passes").is(Decimal::from(ledger.passes));
    case.expected().at("recompute_from").is_date(posted.from().expect("something changed"));
    case.expected().at("duplicates_ignored").item(0).is_text(posted.duplicates[0].as_str());
    assert_eq!((posted.duplicates.len(), posted.refused.len()), (1, 0));
    ledger.check(case.expected().at("after"));

    let moved: BTreeMap<_, _> = posted.movements.iter().map(|movement| (movement.date, movement.delta)).collect();
    for row in case.expected().at("deltas").items() {
        let date = row.at("date").date();
        let within = |range: &&_| contains(range, date);
        let range = posted.ranges.iter().find(within).expect("a range covers the day");
        row.at("date").is_date(date);
        row.at("closing_delta").is(range.closing_delta.to_decimal());
        row.at("movement_delta").is(moved.get(&date).copied().unwrap_or(Money::zero(currency)).to_decimal());
    }
    assert_eq!(posted.ranges.len(), 2, "nine days are two records");
}

fn contains(range: &bookflow::domain::balance::posting::RangeDelta, date: NaiveDate) -> bool {
    range.from <= date && range.to.is_none_or(|to| date < to)
}

/// A day of the replaced service: what came and went in cash and in the bank, in cents.
struct Day {
    date: NaiveDate,
    cash: [i64; 2],
    bank: [i64; 2],
}

/// The balances of both buckets after all days, from an opening of cash.
fn replay(opening: i64, days: &[Day]) -> (Balance, Balance) {
    let currency = Currency::new("USD").expect("a currency in use");
    let open = |bucket, opening| {
        let key = BalanceKey {
            account: AccountId::new("ACC1").expect("a name"),
            book: BookId::new("B1").expect("a name"),
            bucket,
            currency,
        };
        Balance::open(key, days[0].date, Money { minor: opening, currency }).expect("one currency")
    };
    let (mut cash, mut bank) = (open(Bucket::Cash, opening), open(Bucket::Bank, 0));
    for Day { date, cash: in_cash, bank: in_bank } in days {
        for (balance, [received, paid]) in [(&mut cash, in_cash), (&mut bank, in_bank)] {
            let moved = |id: &str, minor: i64| posting(&format!("{date} {id}"), *date, Money { minor, currency });
            balance.post(&[moved("in", *received), moved("out", -paid)], LockPolicy::Reject);
        }
    }
    (cash, bank)
}

fn replaced_day(row: &serde_json::Value) -> Day {
    let cents = |name: &str| row[name].as_i64().expect("whole cents");
    Day {
        date: row["date"].as_str().expect("a date").parse().expect("a date"),
        cash: [cents("cash_in"), cents("cash_out")],
        bank: [cents("bank_in"), cents("bank_out")],
    }
}

fn replaced_cases() -> serde_json::Value {
    let text = include_str!("replaced/daily_cash_balance.json");
    serde_json::from_str::<serde_json::Value>(text).expect("a golden file is JSON")["cases"].take()
}

/// What a balance moved by from its first day to its last.
fn moved(balance: &Balance, days: &[Day]) -> i64 {
    let (first, last) = (days[0].date, days[days.len() - 1].date);
    balance.days(first, last + Days::new(1)).map(|day| day.movement.minor).sum()
}

#[test]
fn a_day_opens_with_what_the_day_before_closed_with_and_the_bank_is_not_the_cash() {
    let case = &replaced_cases()[0];
    let rows = case["days"].as_array().expect("days");
    let days: Vec<Day> = rows.iter().map(replaced_day).collect();
    let (cash, bank) = replay(0, &days);
    for (row, day) in rows.iter().zip(cash.days(days[0].date, days[0].date + Days::new(3))) {
        assert_eq!(
            (Some(day.opening.minor), Some(day.closing.minor)),
            (row["opening"].as_i64(), row["closing"].as_i64())
        );
    }
    let month = &case["expected_month"];
    assert_eq!(cash.closing(days[2].date).map(|closing| closing.minor), month["closing"].as_i64());
    assert_eq!(Some(moved(&cash, &days) + moved(&bank, &days)), month["net_cash_flow"].as_i64());
}

#[test]
fn the_closings_that_the_replaced_tests_made_up_are_not_what_their_own_rule_gives() {
    let case = &replaced_cases()[1];
    let rows = case["days"].as_array().expect("days");
    let days: Vec<Day> = rows.iter().map(replaced_day).collect();
    let (cash, bank) = replay(rows[0]["opening"].as_i64().expect("an opening"), &days);
    let closing = |day: &Day| cash.closing(day.date).map(|closing| closing.minor);
    assert_eq!(closing(&days[0]), rows[0]["closing_by_rule"].as_i64());
    assert_eq!(closing(&days[1]), rows[1]["closing_by_rule_from_13000"].as_i64());
    assert_eq!(Some(moved(&cash, &days) + moved(&bank, &days)), case["expected_totals"]["net"].as_i64());
}

#[test]
fn an_opening_that_is_corrected_moves_the_closing_with_it() {
    // The replaced service set a closing from the opening it had before the correction: 1,200 instead of 1,700.
    let case = &replaced_cases()[6];
    let cents = |name: &str| case["inputs"][name].as_i64().expect("whole cents");
    let date = NaiveDate::from_ymd_opt(2025, 10, 1).expect("a date");
    let day = Day { date, cash: [cents("cash_in"), cents("cash_out")], bank: [0, 0] };
    let (mut cash, _) = replay(cents("old_opening"), &[day]);
    let currency = cash.key.currency;
    let difference = Money { minor: cents("new_opening") - cents("old_opening"), currency };
    cash.post(&[posting("opening corrected", date, difference)], LockPolicy::Reject);
    assert_eq!(cash.closing(date).map(|closing| closing.minor), case["expected_closing"].as_i64());
}

#[test]
fn a_balance_does_not_outlive_the_movement_behind_it() {
    // The replaced service still opened the next day with what a deleted transaction had once left.
    let case = &replaced_cases()[5];
    let currency = Currency::new("USD").expect("a currency in use");
    let date = NaiveDate::from_ymd_opt(2025, 10, 1).expect("a date");
    let closed = case["inputs"]["previous_day_closing_cents"].as_i64().expect("whole cents");
    let (mut cash, _) = replay(0, &[Day { date, cash: [closed, 0], bank: [0, 0] }]);
    let opening =
        |cash: &Balance| cash.days(date + Days::new(1), date + Days::new(2)).next().map(|day| day.opening.minor);
    assert_eq!(opening(&cash), case["observed_opening"].as_i64());
    cash.post(&[posting("deleted", date, Money { minor: -closed, currency })], LockPolicy::Reject);
    assert_eq!(opening(&cash), case["expected_opening"].as_i64());
}

#[test]
fn the_days_of_a_month_add_up_in_whatever_order_they_are_listed() {
    let case = &replaced_cases()[3];
    let mut days: Vec<Day> = case["days_desc"].as_array().expect("days").iter().map(replaced_day).collect();
    days.sort_by_key(|day| day.date);
    let (cash, bank) = replay(0, &days);
    let net = |of: &str| {
        let total = |name: &str| case["expected"][format!("{of}_{name}")].as_i64().expect("whole cents");
        total("in") - total("out")
    };
    assert_eq!((moved(&cash, &days), moved(&bank, &days)), (net("cash"), net("bank")));
}

#[test]
fn what_the_banking_processor_said_of_duplicates_nothing_and_closed_years() {
    let text = include_str!("replaced/banking_processor.json");
    let cases = serde_json::from_str::<serde_json::Value>(text).expect("a golden file is JSON")["cases"].take();
    let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
    let day = Day { date: date("2022-01-01"), cash: [0, 0], bank: [0, 0] };
    let currency = Currency::new("USD").expect("a currency in use");
    let dated = |id: &str, on: &str, minor: i64| posting(id, date(on), Money { minor, currency });

    // BK-4 and BK-5: an amount of 0 moves nothing, and a transaction that comes twice counts once.
    let (mut cash, _) = replay(0, std::slice::from_ref(&day));
    let batch = [dated("A", "2022-03-01", 100), dated("B", "2022-03-02", 0), dated("A", "2022-03-01", 100)];
    let posted = cash.post(&batch, LockPolicy::Reject);
    assert_eq!(Some(posted.movements.len() as u64), cases[3]["expected"]["saved"].as_u64());
    assert_eq!(
        (posted.duplicates.len(), cash.closing(date("2022-12-31")).map(|closing| closing.minor)),
        (1, Some(100))
    );

    // BK-3: what is dated in closed years is booked on the first day that is open.
    for row in cases[2]["cases"].as_array().expect("rows") {
        let (closed, opens) = (row[0].as_str().expect("years"), row[1].as_str().expect("a date or null"));
        let (mut cash, _) = replay(0, std::slice::from_ref(&day));
        for year in closed.split(' ').filter_map(|word| word.parse::<i32>().ok()) {
            cash.lock(date(&format!("{year}-12-31")));
        }
        let posted = cash.post(&[dated("late", "2023-06-30", 100)], LockPolicy::PostInOpen);
        let booked = posted.moved.first().map_or("null".to_owned(), |(_, entry)| entry.booked_on.to_string());
        assert_eq!(booked, opens, "{closed}");
    }
}
