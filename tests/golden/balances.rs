//! Daily balances: gaps carry forward, and a batch of corrections moves every later day in one pass.

use std::collections::BTreeMap;

use bookflow::domain::balance::{AccountId, Balance, BalanceKey, BookId, Bucket};
use bookflow::domain::cashflow::FlowId;
use bookflow::domain::money::{Currency, Money};
use bookflow::domain::posting::{Cause, LockPolicy, Posted, Posting, PostingId};
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

fn contains(range: &bookflow::domain::posting::RangeDelta, date: NaiveDate) -> bool {
    range.from <= date && range.to.is_none_or(|to| date < to)
}
