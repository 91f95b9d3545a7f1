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
    pub order: Order,
}

/// What is ordered for a trade's own close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    None,
    Method(Method),
    Lots(Vec<(String, i128)>),
}

/// Why an order is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Quantity(String),
    NotOpen(String),
    Sum { listed: i128, closed: i128 },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub quantity: i128,
    /// In minor units.
    pub realised: i128,
    pub currency: String,
    /// What its lots cost together in minor units, signed, while it closes at average cost.
    pub pool: Option<i128>,
    /// Oldest first.
    pub lots: Vec<Lot>,
    /// Of each live trade that closes something: what it closed, in that order.
    pub reliefs: BTreeMap<String, Vec<Relief>>,
    pub refused: BTreeMap<String, Refused>,
    pub live: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    pub id: String,
    /// Signed, as is what remains.
    pub opened: i128,
    pub remaining: i128,
    pub price: i128,
    /// Instead of the price: an amount in minor units, and the units that share it. Neither is signed.
    pub shared: Option<(i128, i128)>,
}

/// Which lots closes take: a method, and others since a day, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub first: Method,
    pub changes: Vec<(i32, Method)>,
}

/// What a trade takes next. `Dearest` and `Cheapest` go by the cost of one unit, the older of equals first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Oldest,
    Newest,
    Dearest,
    Cheapest,
    /// Least result of one unit first.
    LeastGain,
    GreatestGain,
    Average,
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
    let replayed =
        |trades| replay(trades, &Policy::default()).expect("records of a test are of a size that 128 bits hold");
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
pub fn replay(mut trades: Vec<(String, Deal)>, policy: &Policy) -> Option<Position> {
    trades.sort_by(|(id, deal), (other_id, other)| {
        let order = |deal: &Deal| (deal.trade_date, deal.exec_time, deal.source_seq);
        order(deal).cmp(&order(other)).then_with(|| id.cmp(other_id))
    });
    let mut position = Position::default();
    let mut lots = VecDeque::<Lot>::new();
    for (id, deal) in trades {
        position.currency.clone_from(&deal.currency);
        position.live.insert(id.clone());
        let mut left = deal.quantity;
        if position.quantity.signum() == -left.signum() {
            let mut method = policy.on(deal.trade_date);
            let mut list = VecDeque::new();
            match &deal.order {
                Order::None => {}
                Order::Method(ordered) => method = *ordered,
                Order::Lots(listed) => match check(listed, &lots, left.abs().min(position.quantity.abs())) {
                    Some(refused) => drop(position.refused.insert(id.clone(), refused)),
                    None => (method, list) = (Method::Oldest, listed.iter().cloned().collect()),
                },
            }
            position.cost_for(method, &mut lots, deal.decimals)?;
            while left != 0 && !lots.is_empty() {
                let next = list.pop_front();
                let index = match &next {
                    Some((listed, _)) => lots.iter().position(|lot| lot.id == *listed)?,
                    None => method.choose(&lots, deal.decimals)?,
                };
                let lot = &mut lots[index];
                let direction = lot.remaining.signum();
                let most = next.map_or(lot.remaining.abs(), |(_, most)| most);
                let quantity = most.min(left.abs());
                let realised = match &mut position.pool {
                    None => lot.gain(direction * quantity, &deal)?,
                    Some(pool) => {
                        let cost = share(*pool, direction * quantity, position.quantity)?;
                        *pool -= cost;
                        let proceeds = (direction * quantity).checked_mul(deal.price)?;
                        rounded(proceeds.checked_sub(cost.checked_mul(unit(deal.decimals))?)?, unit(deal.decimals))?
                    }
                };
                let relief = Relief { lot: lot.id.clone(), quantity, realised };
                position.reliefs.entry(id.clone()).or_default().push(relief);
                position.realised += realised;
                position.quantity -= direction * quantity;
                lot.remaining -= direction * quantity;
                left += direction * quantity;
                if lot.remaining == 0 {
                    lots.remove(index);
                }
            }
            position.pool = position.pool.filter(|_| !lots.is_empty());
        }
        if left != 0 {
            position.quantity += left;
            if let Some(pool) = &mut position.pool {
                *pool += to_minor(left, deal.price, deal.decimals)?;
            }
            lots.push_back(Lot { id, opened: left, remaining: left, price: deal.price, shared: None });
        }
    }
    position.lots = lots.into();
    Some(position)
}

impl Position {
    /// Pools the lots for a close at average cost, or gives each its share of the pool for any other.
    fn cost_for(&mut self, method: Method, lots: &mut VecDeque<Lot>, decimals: u32) -> Option<()> {
        match (method, self.pool) {
            (Method::Average, None) => {
                self.pool = lots.iter().try_fold(0_i128, |sum, lot| sum.checked_add(lot.cost(decimals)?));
                self.pool.map(drop)
            }
            (Method::Average, _) | (_, None) => Some(()),
            (_, Some(mut left)) => {
                let mut units = self.quantity;
                for lot in lots {
                    let share = share(left, lot.remaining, units)?;
                    (left, units) = (left - share, units - lot.remaining);
                    lot.shared = Some((share.abs(), lot.remaining.abs()));
                }
                self.pool = None;
                Some(())
            }
        }
    }
}

/// Why so many units cannot be closed as listed.
fn check(listed: &[(String, i128)], lots: &VecDeque<Lot>, units: i128) -> Option<Refused> {
    let open = |id: &str| lots.iter().find(|lot| lot.id == id).map_or(0, |lot| lot.remaining.abs());
    for (index, (id, quantity)) in listed.iter().enumerate() {
        if *quantity <= 0 || listed[..index].iter().any(|(other, _)| other == id) {
            return Some(Refused::Quantity(id.clone()));
        }
        if *quantity > open(id) {
            return Some(Refused::NotOpen(id.clone()));
        }
    }
    let sum = listed.iter().map(|(_, quantity)| quantity).sum();
    (sum != units).then_some(Refused::Sum { listed: sum, closed: units })
}

impl Policy {
    fn on(&self, day: i32) -> Method {
        self.changes.iter().rev().find(|(since, _)| *since <= day).map_or(self.first, |(_, method)| *method)
    }
}

impl Method {
    fn choose(self, lots: &VecDeque<Lot>, decimals: u32) -> Option<usize> {
        let long = lots[0].remaining > 0;
        let dearest = match self {
            Method::Oldest | Method::Average => return Some(0),
            Method::Newest => return Some(lots.len() - 1),
            Method::Dearest => true,
            Method::Cheapest => false,
            Method::LeastGain => long,
            Method::GreatestGain => !long,
        };
        let mut best = (0, lots[0].unit_cost(decimals)?);
        for (index, lot) in lots.iter().enumerate().skip(1) {
            let cost = lot.unit_cost(decimals)?;
            let (this, other) = (cost.0.checked_mul(best.1.1)?, best.1.0.checked_mul(cost.1)?);
            if if dearest { this > other } else { this < other } {
                best = (index, cost);
            }
        }
        Some(best.0)
    }
}

impl Lot {
    /// Cost of what remains in minor units, signed.
    pub fn cost(&self, decimals: u32) -> Option<i128> {
        let Some((amount, units)) = self.shared else { return to_minor(self.remaining, self.price, decimals) };
        share(amount * self.remaining.signum(), self.remaining.abs(), units)
    }

    /// Quantity, signed like the lot, times what the price of the deal is above the cost of a unit.
    fn gain(&self, quantity: i128, deal: &Deal) -> Option<i128> {
        let Some((amount, units)) = self.shared else {
            return to_minor(quantity, deal.price.checked_sub(self.price)?, deal.decimals);
        };
        let (taken, units) = reduced(quantity, units);
        let cost = amount.checked_mul(unit(deal.decimals))?.checked_mul(taken)?;
        let gain = quantity.checked_mul(deal.price)?.checked_mul(units)?.checked_sub(cost)?;
        rounded(gain, unit(deal.decimals).checked_mul(units)?)
    }

    /// As a fraction, in 10^-10.
    fn unit_cost(&self, decimals: u32) -> Option<(i128, i128)> {
        let Some((amount, units)) = self.shared else { return Some((self.price, 1)) };
        Some(reduced(amount.checked_mul(unit(decimals))?, units))
    }
}

/// The part of a cost that falls on `units` of `all`, a half away from zero.
fn share(cost: i128, units: i128, all: i128) -> Option<i128> {
    let (units, all) = reduced(units, all);
    rounded(cost.checked_mul(units)?, all)
}

/// The same fraction in its lowest terms, with a denominator above zero.
fn reduced(numerator: i128, denominator: i128) -> (i128, i128) {
    let (mut divisor, mut rest) = (numerator.abs(), denominator.abs());
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let divisor = divisor * denominator.signum();
    (numerator / divisor, denominator / divisor)
}

/// Minor units in quantities times prices.
fn unit(decimals: u32) -> i128 {
    10_i128.pow(20 - decimals)
}

/// Quantity times price in minor units, a half away from zero.
pub fn to_minor(quantity: i128, price: i128, decimals: u32) -> Option<i128> {
    rounded(quantity.checked_mul(price)?, unit(decimals))
}

/// A quotient to whole numbers, a half away from zero; the divisor is above zero.
fn rounded(amount: i128, divisor: i128) -> Option<i128> {
    let twice = amount.checked_abs()?.checked_mul(2)?.checked_add(divisor)?;
    Some(twice / divisor.checked_mul(2)? * amount.signum())
}
