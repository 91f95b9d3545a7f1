//! The lots of a position at a moment in business order that moves back (`undo`) and forth (`deal`, `adjust`, `depart`).
//!
//! What the ledger says stays true of every lot that was not touched on the way, so the work is in proportion to what changes.

use std::collections::{BTreeMap, btree_map::Entry};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cost::{UnitCost, share, signed_like};
use super::happening::{Arrival, Effect, What};
use super::lot::{Before, Chosen, Image, Lot, LotChange, Relief};
use super::method::Ranking;
use super::open_lot::{Facts, Name, OpenLot};
use super::origin::Change;
use super::position::Costing;
use super::queue::Queue;
use super::relief::{Closing, OutOfRange, Picked, Totals, cost};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::ledger::Ledger;
use crate::domain::money::Money;
use crate::domain::trade::WHOLE_LIMIT;

pub(super) struct OpenLots<'a, L, I: Iterator<Item = &'a Lot>> {
    pub key: &'a PositionKey,
    pub ledger: &'a L,
    /// What the ledger says of these is past.
    touched: BTreeMap<Name<'a>, OpenLot<'a>>,
    queue: Queue<'a, I>,
    /// Its cost is the ledger's until `close`.
    totals: Totals,
    /// What all open lots cost together while they are pooled; minor units, signed.
    pool: Option<i64>,
    /// Of the fact that is being applied.
    images: BTreeMap<&'a TradeId, Image>,
    /// Happenings of the ledger that are undone, its latest ones.
    undone: usize,
    /// Arrivals and what issuers changed of lots, as far as it was applied since.
    arrivals: BTreeMap<&'a TradeId, &'a Arrival>,
    changes: BTreeMap<&'a TradeId, Vec<Change>>,
    /// What issuers changed by what is not undone; made once a lot leaves.
    changed_before: Option<BTreeMap<&'a TradeId, Vec<Change>>>,
}

/// A trade, or a lot that arrives.
#[derive(Clone, Copy)]
pub(super) struct Deal<'a> {
    pub id: &'a TradeId,
    pub facts: Facts<'a>,
    /// Signed.
    pub quantity: Decimal,
    pub cost: UnitCost,
    pub date: NaiveDate,
}

/// The lot to take next, and how much of it at most.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub lot: &'a TradeId,
    pub most: Option<Decimal>,
    pub chosen: Chosen,
}

/// What a fact that is to be undone did.
#[derive(Clone, Copy)]
pub(super) struct Done<'a> {
    pub id: &'a TradeId,
    pub opened: Decimal,
    pub reliefs: &'a [Relief],
    pub change: Decimal,
    pub before: Option<&'a Before>,
    /// It is no trade.
    pub happened: bool,
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> OpenLots<'a, L, I> {
    /// The lots as the ledger has them: after its last fact.
    pub fn new(key: &'a PositionKey, ledger: &'a L, stored: I, totals: Totals) -> Self {
        OpenLots {
            key,
            ledger,
            touched: BTreeMap::new(),
            queue: Queue::new(stored),
            totals,
            pool: (totals.costing == Costing::Pooled).then_some(totals.cost),
            images: BTreeMap::new(),
            undone: 0,
            arrivals: BTreeMap::new(),
            changes: BTreeMap::new(),
            changed_before: None,
        }
    }

    /// Undoes the latest fact that is not undone yet: gives back what it took, removes what it opened, puts back what it changed.
    pub fn undo(&mut self, done: Done<'a>) {
        if !done.opened.is_zero() {
            self.change(done.id, |lot| {
                assert_eq!(lot.remaining, done.opened, "lot {} was relieved by a fact before its own", done.id);
                lot.remaining = Decimal::ZERO;
            });
        }
        for relief in done.reliefs {
            self.change(&relief.lot, |lot| lot.remaining += signed_like(lot.opened, relief.quantity));
            self.totals.realised -= relief.realised.minor;
        }
        for image in done.before.iter().flat_map(|before| &before.lots) {
            self.set(&image.lot.id, OpenLot::stored(&image.lot));
        }
        self.pool = done.before.and_then(|before| before.pool);
        self.totals.quantity -= done.change;
        self.undone += usize::from(done.happened);
    }

    /// A lot has arrived, as it is said now.
    pub fn arrive(&mut self, id: &'a TradeId, arrival: &'a Arrival) {
        self.arrivals.insert(id, arrival);
    }

    /// The lot as it arrived under an id, if it did.
    pub fn arrival(&self, id: &TradeId) -> Option<&'a Arrival> {
        let known = || self.ledger.happened(id).and_then(|happened| happened.happening.arrival());
        self.arrivals.get(id).copied().or_else(known)
    }

    /// An issuer has changed an open lot.
    pub fn changed(&mut self, id: &'a TradeId, change: Change) {
        self.changes.entry(id).or_default().push(change);
    }

    /// What issuers have changed of a lot in this position up to now.
    pub fn changes_of(&mut self, id: &TradeId) -> impl Iterator<Item = Change> {
        let (ledger, undone) = (self.ledger, self.undone);
        let before = self.changed_before.get_or_insert_with(|| changes(ledger, undone));
        before.get(id).into_iter().chain(self.changes.get(id)).flatten().copied()
    }

    /// Closes what stands against it and opens a lot with the rest.
    pub fn deal(&mut self, deal: Deal<'a>) -> Result<Effect, OutOfRange> {
        let pool = self.begin();
        let mut closing = Closing::new(deal.quantity, deal.cost.price(), deal.facts.currency());
        let refused = match closing.closes(self.totals.quantity) {
            true => self.close_against(deal, &mut closing)?,
            false => None,
        };
        let opened = closing.left;
        if !opened.is_zero() {
            if let Some(pool) = &mut self.pool {
                let cost = deal.cost.cost_of(opened, deal.facts.currency()).ok_or(OutOfRange)?;
                *pool = pool.checked_add(cost.minor).ok_or(OutOfRange)?;
            }
            self.totals.quantity += opened;
            self.set(deal.id, OpenLot { facts: deal.facts, opened, remaining: opened, cost: deal.cost });
        }
        let before = self.end(pool, closing.realised)?;
        Ok(Effect { opened, reliefs: closing.reliefs, change: deal.quantity, before, refused, ..Effect::default() })
    }

    /// What undoing the next fact will need begins here.
    pub fn begin(&mut self) -> Option<i64> {
        self.images.clear();
        self.pool
    }

    /// Ends a fact: its result counts, and what undoing it needs is handed out.
    pub fn end(&mut self, pool: Option<i64>, realised: i64) -> Result<Option<Box<Before>>, OutOfRange> {
        self.totals.realised = self.totals.realised.checked_add(realised).ok_or(OutOfRange)?;
        if self.totals.quantity.abs() >= WHOLE_LIMIT {
            return Err(OutOfRange);
        }
        let lots: Vec<Image> = std::mem::take(&mut self.images).into_values().collect();
        let needed = pool.is_some() || self.pool.is_some() || !lots.is_empty();
        Ok(needed.then(|| Box::new(Before { pool, lots })))
    }

    /// Takes from one open lot what the closing needs.
    pub fn relieve(&mut self, closing: &mut Closing, turn: Turn<'a>) -> Result<(), OutOfRange> {
        let Turn { lot: id, most, chosen } = turn;
        let lot = self.lot(id);
        let picked = Picked { lot: id, chosen, age: lot.facts.age() };
        let offered = most.map_or(lot.remaining, |most| signed_like(lot.remaining, most));
        let left = match &mut self.pool {
            Some(pool) => closing.relieve_pooled(picked, offered, pool, self.totals.quantity)?,
            None => closing.relieve(picked, offered, lot.cost)?,
        };
        if matches!(lot.cost, UnitCost::Shared { .. }) {
            self.picture(id);
        }
        self.take(id, offered - left);
        Ok(())
    }

    /// The lot loses so much of its quantity, and so does the position.
    pub fn take(&mut self, id: &'a TradeId, quantity: Decimal) {
        self.change(id, |lot| lot.remaining -= quantity);
        self.totals.quantity -= quantity;
        if self.totals.quantity.is_zero() {
            self.pool = None; // its last units took all of it
        }
    }

    /// The lot gets another quantity and cost; what that changes of its quantity changes the position's.
    pub fn resize(&mut self, id: &'a TradeId, remaining: Decimal, cost: UnitCost) {
        let before = self.lot(id).remaining;
        self.totals.quantity += remaining - before;
        self.change(id, |lot| (lot.remaining, lot.cost) = (remaining, cost));
    }

    /// All open lots cost the same from here on.
    pub fn pool(&mut self) -> Result<(), OutOfRange> {
        if self.pool.is_none() {
            self.pool = Some(self.cost_by_lot()?);
        }
        Ok(())
    }

    /// Each open lot keeps its share of the pool as its own cost, oldest first; the last one takes what is left.
    pub fn dissolve(&mut self) -> Result<(), OutOfRange> {
        let Some(mut cost) = self.pool.take() else { return Ok(()) };
        self.rank_by(Ranking::Oldest);
        let mut units = self.totals.quantity;
        for id in self.all_open() {
            let lot = self.lot(id);
            let share = share(cost, lot.remaining, units).ok_or(OutOfRange)?;
            (cost, units) = (cost - share, units - lot.remaining);
            let amount = Money { minor: share, currency: lot.facts.currency() }.to_decimal().abs();
            self.picture(id);
            let shared = UnitCost::shared(amount, lot.remaining.abs()).ok_or(OutOfRange)?;
            self.change(id, |lot| lot.cost = shared);
        }
        Ok(())
    }

    /// From here on lots are taken in this order.
    pub fn rank_by(&mut self, ranking: Ranking) {
        self.queue.rank_by(ranking, self.ledger);
    }

    /// The open lot to take next.
    pub fn next(&mut self) -> Option<&'a TradeId> {
        self.queue.first(&self.touched)
    }

    /// All open lots in the order of the ranking.
    pub fn all_open(&mut self) -> Vec<&'a TradeId> {
        self.touch_all();
        self.queue.all(&self.touched)
    }

    /// What is open of a lot, which may be none of this position.
    pub fn open_of(&self, id: &TradeId) -> Decimal {
        let touched = self.touched.get(&Name::of(id)).map(|lot| lot.remaining);
        touched.or_else(|| self.ledger.lot(id).map(|lot| lot.remaining)).unwrap_or_default()
    }

    /// Of the position at this moment; signed.
    pub fn quantity(&self) -> Decimal {
        self.totals.quantity
    }

    /// The lot as it stands now.
    pub fn lot(&mut self, id: &'a TradeId) -> OpenLot<'a> {
        let lot = match self.touched.entry(Name::of(id)) {
            Entry::Occupied(lot) => return *lot.get(),
            Entry::Vacant(vacant) => *vacant.insert(OpenLot::of_ledger(self.ledger, id)),
        };
        self.queue.moved(id, None, lot);
        lot
    }

    /// From here on the lot stands like this; the ledger is not asked for it again.
    fn set(&mut self, id: &'a TradeId, lot: OpenLot<'a>) {
        let before = self.touched.insert(Name::of(id), lot);
        self.queue_again(id, before, lot);
    }

    /// Changes a lot as it stands now.
    fn change(&mut self, id: &'a TradeId, change: impl FnOnce(&mut OpenLot<'a>)) {
        let (before, after) = match self.touched.entry(Name::of(id)) {
            Entry::Occupied(mut lot) => {
                let before = *lot.get();
                change(lot.get_mut());
                (Some(before), *lot.get())
            }
            Entry::Vacant(vacant) => {
                let mut lot = OpenLot::of_ledger(self.ledger, id);
                change(&mut lot);
                (None, *vacant.insert(lot))
            }
        };
        self.queue_again(id, before, after);
    }

    fn queue_again(&mut self, id: &'a TradeId, before: Option<OpenLot<'a>>, after: OpenLot<'a>) {
        self.queue.moved(id, before, after);
        if let Some(image) = self.images.get_mut(id) {
            image.after = after.remaining;
        }
    }

    /// Keeps how the lot stood before the fact that is being applied.
    pub fn picture(&mut self, id: &'a TradeId) {
        let lot = self.lot(id);
        let image = || Image { lot: lot.to_lot(self.key, id, 0), after: lot.remaining };
        self.images.entry(id).or_insert_with(image);
    }

    /// The lots that really differ from the ledger's, and the position's numbers.
    pub fn close(mut self, revision: u64) -> Result<(Vec<LotChange>, Totals), OutOfRange> {
        let own_costs = self.totals.costing == Costing::ByLot;
        let sum = if self.pool.is_none() && !own_costs { Some(self.cost_by_lot()?) } else { None };
        let mut totals = self.totals;
        let mut changes = Vec::new();
        let mut touched: Vec<_> = self.touched.into_iter().map(|(name, lot)| (name.1, lot)).collect();
        touched.sort_unstable_by_key(|(id, _)| *id);
        for (id, lot) in touched {
            let before = self.ledger.lot(id);
            if before.is_some_and(|before| lot.stands_as(before)) {
                continue;
            }
            let since = before.map_or(revision, |lot| lot.revision);
            let after = (!lot.remaining.is_zero()).then(|| lot.to_lot(self.key, id, since));
            if before == after.as_ref() {
                continue;
            }
            if let Some(lot) = before {
                totals.remove_lot(lot)?;
            }
            match after {
                Some(lot) => {
                    totals.add_lot(&lot)?;
                    changes.push(LotChange::Put(Lot { revision, ..lot }));
                }
                None => changes.push(LotChange::Close(id.clone())),
            }
        }
        totals.costing = if self.pool.is_some() { Costing::Pooled } else { Costing::ByLot };
        totals.cost = self.pool.or(sum).unwrap_or(totals.cost);
        Ok((changes, totals))
    }

    fn touch_all(&mut self) {
        while let Some(id) = self.queue.pop() {
            self.lot(id);
        }
    }

    /// What the open lots cost, each on its own. Where the ledger knows that of its lots, only the touched ones are looked at.
    fn cost_by_lot(&mut self) -> Result<i64, OutOfRange> {
        let known = self.totals.costing == Costing::ByLot;
        if !known {
            self.touch_all();
        }
        let mut sum = if known { self.totals.cost } else { 0 };
        for (name, lot) in &self.touched {
            if known && let Some(before) = self.ledger.lot(name.1) {
                sum = sum.checked_sub(cost(before)?).ok_or(OutOfRange)?;
            }
            let now = lot.cost.cost_of(lot.remaining, lot.facts.currency()).ok_or(OutOfRange)?;
            sum = sum.checked_add(now.minor).ok_or(OutOfRange)?;
        }
        Ok(sum)
    }
}

/// What issuers have changed of each lot, without what the latest happenings did.
fn changes<L: Ledger>(ledger: &L, undone: usize) -> BTreeMap<&TradeId, Vec<Change>> {
    let mut changes: BTreeMap<_, Vec<Change>> = BTreeMap::new();
    let stand: Vec<_> = ledger.happened_from_latest().skip(undone).collect();
    for happened in stand.into_iter().rev() {
        let What::Action(action) = &happened.happening.what else { continue };
        for image in happened.effect.before.iter().flat_map(|before| &before.lots) {
            let change = Change::of(action, image, &happened.effect);
            changes.entry(&image.lot.id).or_default().extend(change);
        }
    }
    changes
}
