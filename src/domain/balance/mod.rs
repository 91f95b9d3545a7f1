//! Daily balances of one account, book, bucket and currency: closing(d) = opening + all movements up to and including d.

pub mod posting; // what moves a balance, each once

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::balance::posting::{Entry, PostingId};
use crate::domain::flows::status::{Stage, Status};
use crate::domain::key::PART_LENGTH_MAX;
use crate::domain::money::{Currency, Money};
use crate::domain::names::name;

name! {
    /// The account of a client.
    AccountId, "account", PART_LENGTH_MAX
}
name! {
    /// A book of an account.
    BookId, "book", PART_LENGTH_MAX
}

/// What a balance is of. The currency is part of it, so that amounts of two currencies never meet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BalanceKey {
    pub account: AccountId,
    pub book: BookId,
    pub bucket: Bucket,
    pub currency: Currency,
}

/// Which money a balance counts; one never touches another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bucket {
    Cash,
    Bank,
    /// Flows that are determined and not yet paid.
    Projected,
    /// Flows that are paid, on their value date.
    Settled,
}

/// All days of one balance: the source of truth for what they open and close with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    pub key: BalanceKey,
    /// The first day; there is no balance before it, not even 0.
    pub(super) opened: NaiveDate,
    opening: i64,
    /// In minor units, by the date they are booked on. A day without movement has no entry.
    pub(super) movements: BTreeMap<NaiveDate, i64>,
    /// What was posted, for ever: the same posting again changes nothing, however late it comes.
    pub(super) entries: BTreeMap<PostingId, Entry>,
    /// The sum of all absolute amounts. While it fits 63 bits no closing can overflow, whatever the order.
    pub(super) turnover: u64,
    pub(super) locked_until: Option<NaiveDate>,
}

/// One day of a balance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BalanceDay {
    pub date: NaiveDate,
    pub opening: Money,
    pub movement: Money,
    pub closing: Money,
    pub locked: bool,
}

impl Bucket {
    /// Where a flow counts: paid ones as settled, determined ones as projected. Accruals are memos without cash, and a netted flow
    /// counts through its net flow.
    pub fn of(status: &Status) -> Option<Bucket> {
        match status {
            Status::Settled => Some(Bucket::Settled),
            Status::Open(Stage::Realised) | Status::Instructed => Some(Bucket::Projected),
            _ => None,
        }
    }
}

impl Balance {
    /// Opens a balance with what was there before the first movement of `date`. `None` for an amount of another currency.
    pub fn open(key: BalanceKey, date: NaiveDate, opening: Money) -> Option<Balance> {
        (opening.currency == key.currency).then(|| Balance {
            key,
            opened: date,
            opening: opening.minor,
            movements: BTreeMap::new(),
            entries: BTreeMap::new(),
            turnover: opening.minor.unsigned_abs(),
            locked_until: None,
        })
    }

    /// What the balance closes a day with, carried forward over days without movement. `None` before it was opened.
    pub fn closing(&self, date: NaiveDate) -> Option<Money> {
        (date >= self.opened)
            .then(|| self.money(self.opening + self.movements.range(..=date).map(|(_, moved)| moved).sum::<i64>()))
    }

    /// Each day from `from` (but not before the balance was opened) to `to`, which is not included.
    pub fn days(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = BalanceDay> + '_ {
        let from = from.max(self.opened);
        let mut closing = self.opening + self.movements.range(..from).map(|(_, moved)| moved).sum::<i64>();
        from.iter_days().take_while(move |date| *date < to).map(move |date| {
            let opening = closing;
            let movement = self.movements.get(&date).copied().unwrap_or(0); // no entry: the day truly moved nothing
            closing += movement;
            BalanceDay {
                date,
                opening: self.money(opening),
                movement: self.money(movement),
                closing: self.money(closing),
                locked: self.locks(date),
            }
        })
    }

    /// Closes the period up to and including `date`; a period that is locked already stays so.
    pub fn lock(&mut self, date: NaiveDate) {
        self.locked_until = self.locked_until.max(Some(date));
    }

    /// Opens the period from `date` on again.
    pub fn reopen(&mut self, date: NaiveDate) {
        self.locked_until = self.locked_until.min(date.pred_opt());
    }

    pub(super) fn locks(&self, date: NaiveDate) -> bool {
        self.locked_until.is_some_and(|until| date <= until)
    }

    fn money(&self, minor: i64) -> Money {
        Money { minor, currency: self.key.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::blocked::Blocked;
    use crate::domain::flows::id::FlowId;

    #[test]
    fn only_cash_reaches_a_balance() {
        let reason = Blocked::OutOfRange { amount: "interest" };
        for (status, bucket) in [
            (Status::Open(Stage::Projected), None),
            (Status::Open(Stage::Accrued), None),
            (Status::Open(Stage::Realised), Some(Bucket::Projected)),
            (Status::Open(Stage::Deferred), None),
            (Status::Instructed, Some(Bucket::Projected)),
            (Status::Settled, Some(Bucket::Settled)),
            (Status::Netted { into: FlowId(1) }, None),
            (Status::Reversed, None),
            (Status::Blocked { stage: Stage::Realised, reason }, None),
        ] {
            assert_eq!(Bucket::of(&status), bucket, "{}", status.name());
        }
    }
}
