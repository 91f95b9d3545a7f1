//! What a change at some point in business order comes to: later trades are unwound and replayed, differences returned.
//!
//! The work is in proportion to what lies after the point of change. A trade that is the last in business order, the
//! usual case, is appended: it reads the lots it relieves and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use rust_decimal::Decimal;

use super::capture::Ledger;
use super::captured::CapturedTrade;
use super::key::{PositionKey, TradeId};
use super::lot::{Lot, LotChange};
use super::position::Position;
use super::relief::{Closing, Effect, OutOfRange, Totals};
use super::trade::{BusinessOrder, Terms};

/// One trade gets other terms, or none.
pub(super) struct Change<'a> {
    pub key: &'a PositionKey,
    pub id: &'a TradeId,
    /// In force so far; `None` when it was not live.
    pub before: Option<&'a Terms>,
    /// In force from now on; `None` when it is not live any more.
    pub after: Option<&'a Terms>,
    /// The position's revision with the change.
    pub revision: u64,
}

/// What the change comes to.
#[derive(Default)]
pub(super) struct Restated {
    /// What the changed trade does now.
    pub effect: Effect,
    /// Other trades that do something else than before.
    pub others: Vec<CapturedTrade>,
    pub lots: Vec<LotChange>,
    pub totals: Totals,
}

pub(super) fn restate<L: Ledger>(ledger: &L, change: &Change<'_>) -> Result<Restated, OutOfRange> {
    let totals = ledger.position().map(totals_of).unwrap_or_default();
    let order = |terms: Option<&Terms>| terms.map(|terms| terms.order(change.id));
    let latest = ledger.trades_from_latest().next().map(order_of);
    match (order(change.before), order(change.after)) {
        (None, None) => Ok(Restated { totals, ..Restated::default() }),
        (None, Some(after)) if latest.is_none_or(|latest| latest < after) => append(ledger, change, totals),
        (Some(point), None) | (None, Some(point)) => replay(ledger, change, totals, point),
        (Some(before), Some(after)) => replay(ledger, change, totals, before.min(after)),
    }
}

fn append<L: Ledger>(ledger: &L, change: &Change<'_>, mut totals: Totals) -> Result<Restated, OutOfRange> {
    let terms = change.after.expect("what is appended is live");
    let mut closing = Closing::new(terms);
    let mut lots = Vec::new();
    if closing.closes(totals.quantity) {
        let mut oldest_first = ledger.lots_fifo();
        while !closing.left.is_zero()
            && let Some(lot) = oldest_first.next()
        {
            let remaining = closing.relieve(&lot.id, lot.remaining, lot.price)?;
            totals.remove_lot(lot)?;
            if remaining.is_zero() {
                lots.push(LotChange::Close(lot.id.clone()));
            } else {
                let lot = Lot { remaining, revision: change.revision, ..lot.clone() };
                totals.add_lot(&lot)?;
                lots.push(LotChange::Put(lot));
            }
        }
    }
    totals.add_trade(terms.signed_quantity(), closing.realised)?;
    let effect = closing.effect();
    if !effect.opened.is_zero() {
        let lot = Lot::of_trade(change.key, change.id, terms, effect.opened, effect.opened, change.revision);
        totals.add_lot(&lot)?;
        lots.push(LotChange::Put(lot));
    }
    Ok(Restated { effect, others: Vec::new(), lots, totals })
}

fn replay<'a, L: Ledger>(
    ledger: &'a L,
    change: &Change<'a>,
    totals: Totals,
    point: BusinessOrder<'_>,
) -> Result<Restated, OutOfRange> {
    let mut book = Book::new(ledger, ledger.lots_fifo(), totals);
    let unwound: Vec<&CapturedTrade> = ledger
        .trades_from_latest()
        .take_while(|trade| order_of(trade) >= point)
        .inspect(|trade| book.unwind(trade))
        .collect();

    let mut effect = Effect::default();
    let mut others = Vec::new();
    let mut pending = change.after;
    for trade in unwound.into_iter().rev().filter(|trade| trade.id != *change.id) {
        if let Some(terms) = pending.take_if(|terms| terms.order(change.id) < order_of(trade)) {
            effect = book.apply(change.id, terms)?;
        }
        let Effect { opened, reliefs } = book.apply(&trade.id, terms_of(trade))?;
        if opened != trade.opened || reliefs != trade.reliefs {
            others.push(CapturedTrade { opened, reliefs, ..trade.clone() });
        }
    }
    if let Some(terms) = pending {
        effect = book.apply(change.id, terms)?;
    }
    let (lots, totals) = book.close(change)?;
    Ok(Restated { effect, others, lots, totals })
}

/// The lots of a position at a moment in business order that moves back (`unwind`) and forth (`apply`).
struct Book<'a, L, I: Iterator<Item = &'a Lot>> {
    ledger: &'a L,
    /// The ledger's open lots, oldest first; what it says of a touched one is past.
    stored: Peekable<I>,
    touched: BTreeMap<&'a TradeId, OpenLot<'a>>,
    /// The touched lots that have something remaining.
    open: BTreeSet<BusinessOrder<'a>>,
    totals: Totals,
}

struct OpenLot<'a> {
    terms: &'a Terms,
    opened: Decimal,
    remaining: Decimal,
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> Book<'a, L, I> {
    fn new(ledger: &'a L, stored: I, totals: Totals) -> Self {
        Book { ledger, stored: stored.peekable(), touched: BTreeMap::new(), open: BTreeSet::new(), totals }
    }

    /// Undoes the latest trade that is not undone yet: gives back what it took, removes what it opened.
    fn unwind(&mut self, trade: &'a CapturedTrade) {
        if !trade.opened.is_zero() {
            let lot = self.touch(&trade.id);
            assert_eq!(lot.remaining, trade.opened, "lot {} was relieved by a trade before its own", trade.id);
            lot.remaining = Decimal::ZERO;
            self.open.remove(&order_of(trade));
        }
        for relief in &trade.reliefs {
            let lot = self.touch(&relief.lot);
            lot.remaining += if lot.opened.is_sign_negative() { -relief.quantity } else { relief.quantity };
            let order = lot.terms.order(&relief.lot);
            self.open.insert(order);
            self.totals.realised -= relief.realised.minor;
        }
        self.totals.quantity -= terms_of(trade).signed_quantity();
    }

    fn apply(&mut self, id: &'a TradeId, terms: &'a Terms) -> Result<Effect, OutOfRange> {
        let mut closing = Closing::new(terms);
        while closing.closes(self.totals.quantity)
            && let Some(order) = self.oldest()
        {
            let lot = self.touch(order.3);
            lot.remaining = closing.relieve(order.3, lot.remaining, lot.terms.price)?;
            if lot.remaining.is_zero() {
                self.open.remove(&order);
            }
        }
        self.totals.add_trade(terms.signed_quantity(), closing.realised)?;
        let effect = closing.effect();
        if !effect.opened.is_zero() {
            self.touched.insert(id, OpenLot { terms, opened: effect.opened, remaining: effect.opened });
            self.open.insert(terms.order(id));
        }
        Ok(effect)
    }

    /// The open lot to relieve next.
    fn oldest(&mut self) -> Option<BusinessOrder<'a>> {
        while self.stored.next_if(|lot| self.touched.contains_key(&lot.id)).is_some() {}
        let touched = self.open.first().copied();
        let stored = self.stored.peek().map(|lot| lot.order());
        [touched, stored].into_iter().flatten().min()
    }

    /// The lot as it stands now; from here on the ledger is not asked for it again.
    fn touch(&mut self, id: &'a TradeId) -> &mut OpenLot<'a> {
        let (ledger, open) = (self.ledger, &mut self.open);
        self.touched.entry(id).or_insert_with(|| {
            let trade = ledger.captured(id).expect("a lot's trade is captured");
            let terms = terms_of(trade);
            let remaining = ledger.lot(id).map_or(Decimal::ZERO, |lot| lot.remaining);
            if !remaining.is_zero() {
                open.insert(terms.order(id));
            }
            OpenLot { terms, opened: trade.opened, remaining }
        })
    }

    /// The lots that really differ from the ledger's.
    fn close(mut self, change: &Change<'_>) -> Result<(Vec<LotChange>, Totals), OutOfRange> {
        let mut changes = Vec::new();
        for (id, OpenLot { terms, opened, remaining }) in self.touched {
            let before = self.ledger.lot(id);
            let revision = before.map_or(change.revision, |lot| lot.revision);
            let after =
                (!remaining.is_zero()).then(|| Lot::of_trade(change.key, id, terms, opened, remaining, revision));
            if before == after.as_ref() {
                continue;
            }
            if let Some(lot) = before {
                self.totals.remove_lot(lot)?;
            }
            match after {
                Some(lot) => {
                    self.totals.add_lot(&lot)?;
                    changes.push(LotChange::Put(Lot { revision: change.revision, ..lot }));
                }
                None => changes.push(LotChange::Close(id.clone())),
            }
        }
        Ok((changes, self.totals))
    }
}

fn terms_of(trade: &CapturedTrade) -> &Terms {
    trade.terms().expect("a trade that counts in business order is live")
}

fn order_of(trade: &CapturedTrade) -> BusinessOrder<'_> {
    terms_of(trade).order(&trade.id)
}

fn totals_of(position: &Position) -> Totals {
    Totals {
        quantity: position.quantity,
        realised: position.realised.minor,
        cost: position.cost.minor,
        open_lots: position.open_lots,
    }
}
