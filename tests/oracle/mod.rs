//! What positions and lots must be, worked out again from nothing but the trade records: slow, simple, single-threaded.
//!
//! It shares no code and no type with the kernel: quantities and prices are whole numbers of 10^-10, days are day numbers.
//! Forces by an operator are outside its reach.

use std::collections::{BTreeMap, BTreeSet};

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
    trades.into_iter().map(|(key, trades)| (key, replay(trades))).collect()
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

fn replay(mut trades: Vec<(String, Deal)>) -> Position {
    trades.sort_by_key(|(id, deal)| (deal.trade_date, deal.exec_time, deal.source_seq, id.clone()));
    let mut position = Position::default();
    for (id, deal) in trades {
        position.currency = deal.currency.clone();
        position.quantity += deal.quantity;
        position.live.insert(id.clone());
        let mut left = deal.quantity;
        while left != 0 && position.lots.first().is_some_and(|lot| lot.remaining.signum() != left.signum()) {
            let lot = &mut position.lots[0];
            let direction = lot.remaining.signum();
            let quantity = lot.remaining.abs().min(left.abs());
            let realised = to_minor(direction * quantity * (deal.price - lot.price), deal.decimals);
            let relief = Relief { lot: lot.id.clone(), quantity, realised };
            position.reliefs.entry(id.clone()).or_default().push(relief);
            position.realised += realised;
            lot.remaining -= direction * quantity;
            left += direction * quantity;
            if lot.remaining == 0 {
                position.lots.remove(0);
            }
        }
        if left != 0 {
            position.lots.push(Lot { id, opened: left, remaining: left, price: deal.price });
        }
    }
    position
}

/// From 10^-20 of a unit to minor units, a half away from zero.
fn to_minor(amount: i128, decimals: u32) -> i128 {
    let unit = 10_i128.pow(20 - decimals);
    (2 * amount.abs() + unit) / (2 * unit) * amount.signum()
}
