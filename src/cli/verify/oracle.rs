//! What positions and lots must be, worked out again from nothing but the trade records: slow, simple, single-threaded.
//!
//! It shares no code and no type with the kernel: quantities and prices are whole numbers of 10^-10, days are day numbers.
//! The tests of the kernel hold it against `positions`, the auditor replays what it found to survive with `replay`.
//! `positions` knows no forces by an operator.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One trade record from outside, in order of arrival. The second halves of rebooks are worked out here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    pub id: String,
    pub version: u32,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    New(Deal),
    Amend(Deal),
    Cancel,
    Rebook(String, Deal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// Signed: plus is bought.
    pub quantity: i128,
    pub price: i128,
    pub currency: String,
    /// Digits after the point of amounts in this currency.
    pub decimals: u32,
    pub trade_date: i32,
    pub exec_time: i64,
    pub source_seq: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub quantity: i128,
    /// In minor units.
    pub realised: i128,
    pub currency: String,
    /// Oldest first.
    pub lots: Vec<Lot>,
    /// Of each live trade that closes something: what it closed, oldest lot first.
    pub reliefs: BTreeMap<String, Vec<Relief>>,
    pub live: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    pub id: String,
    /// Signed, as is what remains.
    pub opened: i128,
    pub remaining: i128,
    pub price: i128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relief {
    pub lot: String,
    pub quantity: i128,
    pub realised: i128,
}

/// The positions that any engine must end with after these records, by key. A key without a live trade is not named.
pub fn positions(records: &[Record]) -> BTreeMap<String, Position> {
    let mut trades: BTreeMap<String, Vec<(String, Deal)>> = BTreeMap::new();
    for ((key, id), deal) in surviving(records) {
        trades.entry(key).or_default().push((id, deal));
    }
    let replayed = |trades| replay(trades).expect("records of a test are of a size that 128 bits hold");
    trades.into_iter().map(|(key, trades)| (key, replayed(trades))).collect()
}

/// The live trades by key and id: of each version the first record counts, and only when nothing is missing before it.
fn surviving(records: &[Record]) -> BTreeMap<(String, String), Deal> {
    let mut version: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut live: BTreeMap<(String, String), Deal> = BTreeMap::new();
    let mut away: BTreeSet<(String, String)> = BTreeSet::new();
    loop {
        let mut progress = false;
        for Record { key, id, version: this, event } in records {
            let at = (key.clone(), id.clone());
            if *this != version.get(&at).copied().unwrap_or(0) + 1 || away.contains(&at) {
                continue;
            }
            match (event, live.contains_key(&at)) {
                (Event::New(deal), false) | (Event::Amend(deal), true) => {
                    live.insert(at.clone(), deal.clone());
                }
                (Event::Cancel, true) => {
                    live.remove(&at);
                }
                (Event::Rebook(to, deal), true) => {
                    live.remove(&at);
                    away.insert(at.clone());
                    let there = (to.clone(), id.clone());
                    away.remove(&there);
                    live.insert(there.clone(), deal.clone());
                    version.insert(there, *this);
                }
                _ => continue,
            }
            version.insert(at, *this);
            progress = true;
        }
        if !progress {
            return live;
        }
    }
}

/// What live trades add up to; `None` when an amount is beyond 128 bits.
pub fn replay(mut trades: Vec<(String, Deal)>) -> Option<Position> {
    trades.sort_by(|(id, deal), (other_id, other)| {
        let order = |deal: &Deal| (deal.trade_date, deal.exec_time, deal.source_seq);
        order(deal).cmp(&order(other)).then_with(|| id.cmp(other_id))
    });
    let mut position = Position::default();
    let mut lots = VecDeque::<Lot>::new();
    for (id, deal) in trades {
        position.currency.clone_from(&deal.currency);
        position.quantity += deal.quantity;
        position.live.insert(id.clone());
        let mut left = deal.quantity;
        while left != 0
            && let Some(lot) = lots.front_mut().filter(|lot| lot.remaining.signum() != left.signum())
        {
            let direction = lot.remaining.signum();
            let quantity = lot.remaining.abs().min(left.abs());
            let realised = to_minor(direction * quantity, deal.price - lot.price, deal.decimals)?;
            let relief = Relief { lot: lot.id.clone(), quantity, realised };
            position.reliefs.entry(id.clone()).or_default().push(relief);
            position.realised += realised;
            lot.remaining -= direction * quantity;
            left += direction * quantity;
            if lot.remaining == 0 {
                lots.pop_front();
            }
        }
        if left != 0 {
            lots.push_back(Lot { id, opened: left, remaining: left, price: deal.price });
        }
    }
    position.lots = lots.into();
    Some(position)
}

/// Quantity times price in minor units, a half away from zero.
pub fn to_minor(quantity: i128, price: i128, decimals: u32) -> Option<i128> {
    let amount = quantity.checked_mul(price)?;
    let unit = 10_i128.pow(20 - decimals);
    let twice = amount.checked_abs()?.checked_mul(2)?.checked_add(unit)?;
    Some(twice / (2 * unit) * amount.signum())
}
