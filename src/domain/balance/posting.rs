//! Postings -> what they change in a daily balance: each once, a batch in one pass, whatever the order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;

use chrono::NaiveDate;
use compact_str::CompactString;

use crate::domain::balance::Balance;
use crate::domain::flows::id::FlowId;
use crate::domain::key::ID_LENGTH_MAX;
use crate::domain::money::Money;
use crate::domain::names::name;

name! {
    /// Id of a posting; the same id is the same posting for ever.
    PostingId, "postingId", ID_LENGTH_MAX
}

/// An amount that moves a balance on its value date; `+` = the client receives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posting {
    pub id: PostingId,
    pub value_date: NaiveDate,
    pub amount: Money,
    pub cause: Cause,
}

/// Why a balance moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A cash flow, or the delta by which it was restated.
    Flow(FlowId),
    Correction {
        batch: CompactString,
        reason: CompactString,
        requested_by: CompactString,
    },
}

/// What happens to a posting that is dated inside a locked period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockPolicy {
    Reject,
    /// It is booked on the first open day and keeps its value date.
    PostInOpen,
    /// It waits outside until somebody reopens the period and sends it again.
    NeedReopen,
}

/// What is kept of a posting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub value_date: NaiveDate,
    /// The day it counts on: its value date, unless that was locked.
    pub booked_on: NaiveDate,
    pub amount: Money,
}

/// What a batch of postings changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Posted {
    /// Ascending, without overlap, none of 0.
    pub ranges: Vec<RangeDelta>,
    /// Ascending by date, none of 0.
    pub movements: Vec<MovementDelta>,
    /// Booked on another day than they are dated. Ascending by id, as the next two.
    pub moved: Vec<(PostingId, Entry)>,
    /// Known before, or listed more than once.
    pub duplicates: Vec<PostingId>,
    pub refused: Vec<(PostingId, Refusal)>,
}

/// The closings of all days from `from` change by one amount: a correction 300 days back is one of these, not 300.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangeDelta {
    pub from: NaiveDate,
    /// Not included; none = every later day.
    pub to: Option<NaiveDate>,
    pub closing_delta: Money,
}

/// The movement of one day changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MovementDelta {
    pub date: NaiveDate,
    pub delta: Money,
}

/// Why a posting has no effect; it is not used up and may come again, corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The same id with another date or amount.
    Conflict,
    OtherCurrency,
    BeforeOpening {
        opened: NaiveDate,
    },
    Locked {
        until: NaiveDate,
    },
    NeedsReopen {
        until: NaiveDate,
    },
    OutOfRange,
}

impl Posted {
    /// The earliest day that changed: everything before it stands as it was published.
    pub fn from(&self) -> Option<NaiveDate> {
        self.movements.first().map(|movement| movement.date)
    }
}

impl Balance {
    /// Posts a batch. Deltas are found in one pass from the earliest day that changes; other days are not looked at.
    pub fn post(&mut self, batch: &[Posting], policy: LockPolicy) -> Posted {
        let mut posted = Posted::default();
        let mut by_date: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        for (id, first) in distinct(batch, &mut posted) {
            match self.admit(first, policy) {
                Ok(None) => posted.duplicates.push(id.clone()),
                Err(refusal) => posted.refused.push((id.clone(), refusal)),
                Ok(Some(entry)) => {
                    if entry.booked_on != entry.value_date {
                        posted.moved.push((id.clone(), entry));
                    }
                    self.turnover += entry.amount.minor.unsigned_abs();
                    self.entries.insert(id.clone(), entry);
                    *by_date.entry(entry.booked_on).or_default() += entry.amount.minor;
                }
            }
        }
        by_date.retain(|_, moved| *moved != 0);
        self.book(&by_date, &mut posted);
        posted.duplicates.sort_unstable();
        posted.duplicates.dedup();
        posted.refused.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        posted
    }

    /// The entry a posting becomes; none when it is known already.
    fn admit(&self, posting: &Posting, policy: LockPolicy) -> Result<Option<Entry>, Refusal> {
        if posting.amount.currency != self.key.currency {
            return Err(Refusal::OtherCurrency);
        }
        if let Some(known) = self.entries.get(&posting.id) {
            return if posting.says(known) { Ok(None) } else { Err(Refusal::Conflict) };
        }
        if posting.value_date < self.opened {
            return Err(Refusal::BeforeOpening { opened: self.opened });
        }
        let turnover = self.turnover.checked_add(posting.amount.minor.unsigned_abs());
        if turnover.is_none_or(|turnover| turnover > i64::MAX as u64) {
            return Err(Refusal::OutOfRange);
        }
        let booked_on = self.booking_day(posting.value_date, policy)?;
        Ok(Some(Entry { value_date: posting.value_date, booked_on, amount: posting.amount }))
    }

    fn booking_day(&self, value_date: NaiveDate, policy: LockPolicy) -> Result<NaiveDate, Refusal> {
        let Some(until) = self.locked_until.filter(|until| value_date <= *until) else { return Ok(value_date) };
        match policy {
            LockPolicy::Reject => Err(Refusal::Locked { until }),
            LockPolicy::NeedReopen => Err(Refusal::NeedsReopen { until }),
            LockPolicy::PostInOpen => until.succ_opt().ok_or(Refusal::OutOfRange),
        }
    }

    fn book(&mut self, by_date: &BTreeMap<NaiveDate, i64>, posted: &mut Posted) {
        let currency = self.key.currency;
        let mut closing_delta = Money::zero(currency);
        let mut dates = by_date.iter().peekable();
        while let Some((&date, &moved)) = dates.next() {
            posted.movements.push(MovementDelta { date, delta: Money { minor: moved, currency } });
            closing_delta.minor += moved;
            if closing_delta.minor != 0 {
                let to = dates.peek().map(|(date, _)| **date);
                posted.ranges.push(RangeDelta { from: date, to, closing_delta });
            }
            match self.movements.entry(date) {
                Slot::Vacant(slot) => drop(slot.insert(moved)),
                Slot::Occupied(mut slot) => {
                    *slot.get_mut() += moved;
                    if *slot.get() == 0 {
                        slot.remove();
                    }
                }
            }
        }
    }
}

impl Posting {
    fn says(&self, entry: &Entry) -> bool {
        (self.value_date, self.amount) == (entry.value_date, entry.amount)
    }
}

/// One posting an id. An id that comes with two contents is refused altogether: which one is right cannot depend on their order.
fn distinct<'a>(batch: &'a [Posting], posted: &mut Posted) -> BTreeMap<&'a PostingId, &'a Posting> {
    let mut by_id: BTreeMap<&PostingId, &Posting> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for posting in batch {
        match by_id.entry(&posting.id) {
            Slot::Vacant(slot) => drop(slot.insert(posting)),
            Slot::Occupied(slot)
                if (slot.get().value_date, slot.get().amount) == (posting.value_date, posting.amount) =>
            {
                posted.duplicates.push(posting.id.clone());
            }
            Slot::Occupied(_) => conflicts.push(&posting.id),
        }
    }
    for id in conflicts {
        if by_id.remove(id).is_some() {
            posted.duplicates.retain(|duplicate| duplicate != id);
            posted.refused.push((id.clone(), Refusal::Conflict));
        }
    }
    by_id
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Conflict => {
                f.write_str("the id is known with another date or amount; send the change under a new id")
            }
            Refusal::OtherCurrency => f.write_str("the amount is in another currency than the balance"),
            Refusal::BeforeOpening { opened } => {
                write!(f, "the balance was opened on {opened}; date it on or after that")
            }
            Refusal::Locked { until } => write!(f, "the period until {until} is locked; date it later"),
            Refusal::NeedsReopen { until } => {
                write!(f, "the period until {until} is locked; reopen it and send this again")
            }
            Refusal::OutOfRange => f.write_str("the balance would not fit 64 bits of minor units"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::balance::{AccountId, BalanceKey, BookId, Bucket};
    use crate::domain::money::Currency;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    fn money(minor: i64, currency: &str) -> Money {
        Money { minor, currency: Currency::new(currency).expect("a currency in use") }
    }

    fn id(text: &str) -> PostingId {
        PostingId::new(text).expect("a name")
    }

    /// Opened on 2 June with 500.00 USD.
    fn balance() -> Balance {
        let key = BalanceKey {
            account: AccountId::new("ACC1").expect("a name"),
            book: BookId::new("B1").expect("a name"),
            bucket: Bucket::Cash,
            currency: Currency::new("USD").expect("a currency in use"),
        };
        Balance::open(key, day(2), money(50_000, "USD")).expect("the same currency")
    }

    fn posting(name: &str, date: u32, minor: i64) -> Posting {
        Posting { id: id(name), value_date: day(date), amount: money(minor, "USD"), cause: Cause::Flow(FlowId(1)) }
    }

    fn refusal(posting: &Posting, policy: LockPolicy) -> Option<Refusal> {
        let mut locked = balance();
        locked.lock(day(10));
        locked.post(std::slice::from_ref(posting), policy).refused.first().map(|(_, refusal)| *refusal)
    }

    fn closing(balance: &Balance, date: u32) -> Option<i64> {
        balance.closing(day(date)).map(|money| money.minor)
    }

    #[test]
    fn a_day_without_movement_closes_as_the_day_before_and_never_at_zero() {
        let mut balance = balance();
        balance.post(&[posting("F1", 2, 100_000)], LockPolicy::Reject);
        assert_eq!((closing(&balance, 2), closing(&balance, 29)), (Some(150_000), Some(150_000)));
        assert_eq!(closing(&balance, 1), None, "there is no balance before it was opened");
    }

    #[test]
    fn a_correction_moves_every_later_closing_with_one_record() {
        let mut balance = balance();
        balance.post(&[posting("F1", 2, 100_000), posting("F2", 20, 1)], LockPolicy::Reject);
        let posted = balance.post(&[posting("C1", 3, -2_000)], LockPolicy::Reject);
        assert_eq!(posted.ranges, [RangeDelta { from: day(3), to: None, closing_delta: money(-2_000, "USD") }]);
        assert_eq!(
            (posted.from(), closing(&balance, 2), closing(&balance, 20)),
            (Some(day(3)), Some(150_000), Some(148_001))
        );
    }

    #[test]
    fn corrections_that_cancel_out_touch_only_the_days_between() {
        let posted = balance().post(&[posting("C1", 3, 700), posting("C2", 9, -700)], LockPolicy::Reject);
        assert_eq!(posted.ranges, [RangeDelta { from: day(3), to: Some(day(9)), closing_delta: money(700, "USD") }]);
        let posted = balance().post(&[posting("C1", 3, 700), posting("C2", 3, -700)], LockPolicy::Reject);
        assert_eq!((posted.ranges, posted.movements, posted.duplicates), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_posting_that_was_withdrawn_leaves_nothing_behind() {
        let mut balance = balance();
        balance.post(&[posting("F1", 3, 549_250)], LockPolicy::Reject);
        balance.post(&[posting("F1 withdrawn", 3, -549_250)], LockPolicy::Reject);
        assert_eq!((closing(&balance, 3), closing(&balance, 4)), (Some(50_000), Some(50_000)));
    }

    #[test]
    fn the_same_posting_counts_once_however_late_it_comes_again() {
        let mut balance = balance();
        balance.post(&[posting("C1", 3, 5), posting("C1", 3, 5)], LockPolicy::Reject);
        balance.lock(day(10));
        let posted = balance.post(&[posting("C1", 3, 5)], LockPolicy::PostInOpen);
        assert_eq!(posted, Posted { duplicates: vec![id("C1")], ..Posted::default() });
        assert_eq!(closing(&balance, 11), Some(50_005));
    }

    #[test]
    fn an_id_with_two_contents_is_refused_whatever_the_order() {
        let (one, other) = (posting("C1", 3, 5), posting("C1", 3, 6));
        for batch in [[one.clone(), other.clone(), one.clone()], [other.clone(), one.clone(), other.clone()]] {
            let posted = balance().post(&batch, LockPolicy::Reject);
            assert_eq!(posted, Posted { refused: vec![(id("C1"), Refusal::Conflict)], ..Posted::default() });
        }
        let mut balance = balance();
        balance.post(&[one], LockPolicy::Reject);
        assert_eq!(balance.post(&[other], LockPolicy::Reject).refused, [(id("C1"), Refusal::Conflict)]);
    }

    #[test]
    fn two_currencies_never_meet() {
        let euro = Posting { amount: money(5, "EUR"), ..posting("C1", 3, 0) };
        assert_eq!(refusal(&euro, LockPolicy::PostInOpen), Some(Refusal::OtherCurrency));
        assert_eq!(Balance::open(balance().key, day(2), money(5, "EUR")), None);
    }

    #[test]
    fn nothing_is_posted_before_the_opening() {
        assert_eq!(
            refusal(&posting("C1", 1, 5), LockPolicy::PostInOpen),
            Some(Refusal::BeforeOpening { opened: day(2) })
        );
    }

    #[test]
    fn a_locked_period_refuses_or_asks_to_be_reopened() {
        let late = posting("C1", 10, 5);
        assert_eq!(refusal(&late, LockPolicy::Reject), Some(Refusal::Locked { until: day(10) }));
        assert_eq!(refusal(&late, LockPolicy::NeedReopen), Some(Refusal::NeedsReopen { until: day(10) }));
        assert_eq!(refusal(&posting("C1", 11, 5), LockPolicy::Reject), None);

        let mut balance = balance();
        balance.lock(day(10));
        balance.lock(day(5));
        assert!(balance.days(day(10), day(11)).all(|day| day.locked), "an earlier lock opens nothing");
        balance.reopen(day(10));
        assert_eq!(balance.post(&[late], LockPolicy::NeedReopen).refused, []);
        assert_eq!(refusal(&posting("C1", 9, 5), LockPolicy::Reject), Some(Refusal::Locked { until: day(10) }));
    }

    #[test]
    fn what_is_posted_in_the_open_keeps_its_value_date() {
        let mut balance = balance();
        balance.lock(day(10));
        let posted = balance.post(&[posting("C1", 4, 5)], LockPolicy::PostInOpen);
        let entry = Entry { value_date: day(4), booked_on: day(11), amount: money(5, "USD") };
        assert_eq!((posted.moved.as_slice(), posted.from()), (&[(id("C1"), entry)][..], Some(day(11))));
        assert_eq!((closing(&balance, 10), closing(&balance, 11)), (Some(50_000), Some(50_005)));
    }

    #[test]
    fn no_balance_outgrows_its_numbers() {
        let mut balance = balance();
        balance.post(&[posting("C1", 3, i64::MAX - 50_000)], LockPolicy::Reject);
        assert_eq!(
            balance.post(&[posting("C2", 3, -1)], LockPolicy::Reject).refused,
            [(id("C2"), Refusal::OutOfRange)]
        );
        assert_eq!(closing(&balance, 3), Some(i64::MAX));
    }
}
