//! What a change at some point in business order comes to: later facts are undone and applied again, differences returned.
//!
//! The work is in proportion to what lies after the point of change. A trade that is the last in business order, the
//! usual case, is appended: it reads the lots it relieves and nothing else. So is a late one that opens a lot which nobody would have taken from since,
//! and one whose lot is whole is exchanged for what it becomes.

use rust_decimal::Decimal;

use super::cost::UnitCost;
use super::happening::{Effect, Happened, Happening, Moment, Sent, What, of_trade, resend};
use super::lot::{Age, Before, Chosen, Image, Lot, LotChange, Relief};
use super::method::ReliefMethod;
use super::open_lot::Facts;
use super::open_lots::{Deal, Done, OpenLots};
use super::position::{Costing, Position};
use super::relief::{Closing, OutOfRange, Picked, Totals};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::captured::CapturedTrade;
use crate::domain::trade::{BusinessOrder, Terms, WHOLE_LIMIT};

/// One fact becomes another, or none.
pub(in crate::domain) struct Change<'a> {
    pub key: &'a PositionKey,
    /// In force so far; `None` when it was not.
    pub before: Option<Moment<'a>>,
    /// In force from now on; `None` when it is not any more.
    pub after: Option<New<'a>>,
    pub id: &'a TradeId,
    /// The position's revision with the change.
    pub revision: u64,
}

/// What a fact says from now on.
#[derive(Clone, Copy)]
pub(in crate::domain) enum New<'a> {
    Trade(&'a Terms),
    Happening(&'a Happening),
}

/// What the change comes to.
#[derive(Default)]
pub(in crate::domain) struct Restated {
    /// What the changed fact does now.
    pub effect: Effect,
    /// Other trades and happenings that do something else than before.
    pub trades: Vec<CapturedTrade>,
    pub happened: Vec<Happened>,
    pub lots: Vec<LotChange>,
    /// What other positions must know of `happened`.
    pub sends: Vec<Sent>,
    pub totals: Totals,
}

/// What is known of a position, in business order.
#[derive(Clone, Copy)]
pub(in crate::domain) enum Fact<'a> {
    Trade(&'a CapturedTrade),
    Happened(&'a Happened),
}

pub(in crate::domain) fn restate<L: Ledger>(ledger: &L, change: &Change<'_>) -> Result<Restated, OutOfRange> {
    let totals = ledger.position().map(totals_of).unwrap_or_default();
    let after = change.after.and_then(|new| new.moment(change.id));
    match (change.before, after, change.after) {
        (None, None, _) => Ok(Restated { totals, ..Restated::default() }),
        (None, Some(_), Some(New::Trade(terms))) if appends(ledger, change.id, terms) => {
            append(ledger, change, terms, totals)
        }
        (Some(_), ..) if stands_alone(ledger, change) => exchange(ledger, change, totals),
        (Some(point), None, _) | (None, Some(point), _) => replay(ledger, change, totals, point),
        (Some(before), Some(after), _) => replay(ledger, change, totals, before.min(after)),
    }
}

/// Whether the trade leaves all that is known as it is, and takes the oldest lots at their own cost if any.
fn appends<L: Ledger>(ledger: &L, id: &TradeId, terms: &Terms) -> bool {
    let order = terms.order(id);
    let quantity = ledger.position().map_or(Decimal::ZERO, |position| position.quantity);
    own_costs_since(ledger, order)
        && terms.relief.is_none()
        && ledger.policy().method_on(terms.trade_date) == ReliefMethod::Fifo
        && (ledger.latest_trade().is_none_or(|latest| latest < order) || passed_by(ledger, id, terms, quantity))
}

/// Whether the trade did nothing but open a lot that no later trade has taken anything of, and by its new terms, if there are any, does the same.
fn stands_alone<L: Ledger>(ledger: &L, change: &Change<'_>) -> bool {
    let (Some(position), Some(trade)) = (ledger.position(), ledger.captured(change.id)) else { return false };
    let Some(known) = trade.terms() else { return false };
    let others = position.quantity - known.signed_quantity();
    let alone = |terms: &Terms| {
        own_costs_since(ledger, terms.order(change.id))
            && terms.relief.is_none()
            && passed_by(ledger, change.id, terms, others)
    };
    let then = match change.after {
        None => true,
        Some(New::Trade(terms)) => alone(terms),
        Some(New::Happening(_)) => false,
    };
    then && trade.reliefs.is_empty() && trade.before.is_none() && alone(known)
}

/// Whether each lot has its own cost, and nothing but trades has happened from here on.
fn own_costs_since<L: Ledger>(ledger: &L, order: BusinessOrder<'_>) -> bool {
    let happened = ledger.happened_from_latest().next().and_then(|happened| happened.happening.moment());
    happened.is_none_or(|happened| happened < of_trade(order))
        && ledger.position().is_none_or(|position| position.costing == Costing::ByLot)
}

/// Whether a trade opens a lot that no later trade would have taken anything of, because all that they took is older. All trades but this one come
/// to `quantity`.
fn passed_by<L: Ledger>(ledger: &L, id: &TradeId, terms: &Terms, mut quantity: Decimal) -> bool {
    let (order, opens) = (terms.order(id), terms.signed_quantity());
    let later = ledger.trades_from_latest().take_while(|trade| order_of(trade) > order);
    for trade in later.filter(|trade| trade.id != *id) {
        let change = terms_of(trade).signed_quantity();
        let plain = trade.before.is_none() && trade.refused.is_none() && terms_of(trade).relief.is_none();
        let unmoved = match change.is_sign_negative() == opens.is_sign_negative() {
            true => trade.reliefs.is_empty(),
            false => trade.opened.is_zero() && trade.reliefs.iter().all(|relief| older_by_fifo(relief, order)),
        };
        if !plain || !unmoved || (quantity + opens).abs() >= WHOLE_LIMIT {
            return false;
        }
        quantity -= change;
    }
    let closes = !quantity.is_zero() && quantity.is_sign_negative() != opens.is_sign_negative();
    !closes && (quantity + opens).abs() < WHOLE_LIMIT
}

fn older_by_fifo(relief: &Relief, order: BusinessOrder<'_>) -> bool {
    let Age { trade_date, exec_time, source_seq } = relief.age;
    relief.chosen == Chosen::By(ReliefMethod::Fifo) && (trade_date, exec_time, source_seq, &relief.lot) < order
}

fn append<L: Ledger>(
    ledger: &L,
    change: &Change<'_>,
    terms: &Terms,
    mut totals: Totals,
) -> Result<Restated, OutOfRange> {
    let mut closing = Closing::of_trade(terms);
    let (mut lots, mut images) = (Vec::new(), Vec::new());
    if closing.closes(totals.quantity) {
        let mut oldest_first = ledger.lots_fifo();
        while !closing.left.is_zero()
            && let Some(lot) = oldest_first.next()
        {
            let picked = Picked { lot: &lot.id, chosen: Chosen::By(ReliefMethod::Fifo), age: lot.age() };
            let remaining = closing.relieve(picked, lot.remaining, lot.unit_cost())?;
            totals.remove_lot(lot)?;
            if lot.shared.is_some() {
                images.push(Image { lot: Lot { revision: 0, ..lot.clone() }, after: remaining });
            }
            if remaining.is_zero() {
                lots.push(LotChange::Close(lot.id.clone()));
            } else {
                let lot = Lot { remaining, revision: change.revision, ..lot.clone() };
                totals.add_lot(&lot)?;
                lots.push(LotChange::Put(lot));
            }
        }
    }
    let (opened, quantity) = (closing.left, terms.signed_quantity());
    totals.add(quantity, closing.realised)?;
    if !opened.is_zero() {
        let lot = Lot::of_trade(change.key, change.id, terms, opened, opened, change.revision);
        totals.add_lot(&lot)?;
        lots.push(LotChange::Put(lot));
    }
    images.sort_by(|left, right| left.lot.id.cmp(&right.lot.id)); // as a replay lists them
    let before = (!images.is_empty()).then(|| Box::new(Before { pool: None, lots: images }));
    let effect = Effect { opened, reliefs: closing.reliefs, change: quantity, before, ..Effect::default() };
    Ok(Restated { effect, lots, totals, ..Restated::default() })
}

/// The lot of a trade goes, and the one that its new terms open comes in its place, if there are any.
fn exchange<L: Ledger>(ledger: &L, change: &Change<'_>, mut totals: Totals) -> Result<Restated, OutOfRange> {
    let lot = ledger.lot(change.id).expect("a lot is open while nothing has been taken of it");
    totals.remove_lot(lot)?;
    totals.quantity -= lot.remaining;
    let Some(New::Trade(terms)) = change.after else {
        return Ok(Restated { lots: vec![LotChange::Close(change.id.clone())], totals, ..Restated::default() });
    };
    let quantity = terms.signed_quantity();
    let other = Lot::of_trade(change.key, change.id, terms, quantity, quantity, lot.revision);
    totals.add(quantity, 0)?;
    totals.add_lot(&other)?;
    let lots =
        if other == *lot { Vec::new() } else { vec![LotChange::Put(Lot { revision: change.revision, ..other })] };
    let effect = Effect { opened: quantity, change: quantity, ..Effect::default() };
    Ok(Restated { effect, lots, totals, ..Restated::default() })
}

fn replay<'a, L: Ledger>(
    ledger: &'a L,
    change: &Change<'a>,
    totals: Totals,
    point: Moment<'_>,
) -> Result<Restated, OutOfRange> {
    let mut open_lots = OpenLots::new(change.key, ledger, ledger.lots_fifo(), totals);
    let undone: Vec<Fact<'a>> = facts_from_latest(ledger)
        .take_while(|fact| fact.moment() >= point)
        .inspect(|fact| open_lots.undo(fact.done()))
        .collect();

    let mut restated = Restated::default();
    let mut pending = change.after.and_then(|new| Some((new, new.moment(change.id)?)));
    for fact in undone.into_iter().rev().filter(|fact| fact.moment().4 != change.id) {
        if let Some((new, _)) = pending.take_if(|(_, moment)| *moment < fact.moment()) {
            restated.effect = open_lots.apply(change.id, new)?;
        }
        let effect = open_lots.apply(fact.moment().4, fact.says())?;
        restated.other(fact, effect);
    }
    if let Some((new, _)) = pending {
        restated.effect = open_lots.apply(change.id, new)?;
    }
    (restated.lots, restated.totals) = open_lots.close(change.revision)?;
    Ok(restated)
}

/// What is applied once all is undone: a fact as it was known, or a happening that says something else.
enum Then<'a> {
    As(Fact<'a>),
    Other(&'a Happening),
}

/// Everything is undone and applied again, now by the ledger's policy and with other happenings. `revision` is the position's.
pub(in crate::domain) fn replay_all<'a, L: Ledger>(
    ledger: &'a L,
    key: &'a PositionKey,
    totals: Totals,
    revision: u64,
    others: &[&'a Happening],
) -> Result<Restated, OutOfRange> {
    let mut open_lots = OpenLots::new(key, ledger, ledger.lots_fifo(), totals);
    let undone: Vec<Fact<'a>> = facts_from_latest(ledger).inspect(|fact| open_lots.undo(fact.done())).collect();
    let stays = |fact: &Fact<'a>| others.iter().all(|other| other.id != *fact.moment().4);
    let mut facts: Vec<_> = undone.into_iter().filter(stays).map(|fact| (fact.moment(), Then::As(fact))).collect();
    facts.extend(others.iter().filter_map(|other| Some((other.moment()?, Then::Other(other)))));
    facts.sort_by_key(|(moment, _)| *moment);
    let mut restated = Restated::default();
    for other in others.iter().filter(|other| other.moment().is_none()) {
        restated.happens(ledger.happened(&other.id), other, Effect::default());
    }
    for (moment, then) in facts {
        match then {
            Then::As(fact) => {
                let effect = open_lots.apply(moment.4, fact.says())?;
                restated.other(fact, effect);
            }
            Then::Other(other) => {
                let effect = open_lots.apply(moment.4, New::Happening(other))?;
                restated.happens(ledger.happened(&other.id), other, effect);
            }
        }
    }
    (restated.lots, restated.totals) = open_lots.close(revision)?;
    Ok(restated)
}

impl Restated {
    /// Keeps what a happening that says something else does now.
    fn happens(&mut self, known: Option<&Happened>, happening: &Happening, effect: Effect) {
        let (sent, news) = resend(known.map_or(&[], |known| &known.effect.sent), effect.sent);
        self.sends.extend(news);
        self.happened.push(Happened { happening: happening.clone(), effect: Effect { sent, ..effect } });
    }

    /// Keeps what another fact does now, if it did something else before.
    fn other(&mut self, fact: Fact<'_>, effect: Effect) {
        match fact {
            Fact::Trade(trade) => {
                let Effect { opened, reliefs, before, refused, .. } = effect;
                let known = (trade.opened, &trade.reliefs, &trade.before, &trade.refused);
                if (opened, &reliefs, &before, &refused) != known {
                    self.trades.push(CapturedTrade { opened, reliefs, before, refused, ..trade.clone() });
                }
            }
            Fact::Happened(happened) => {
                let (sent, news) = resend(&happened.effect.sent, effect.sent);
                let effect = Effect { sent, ..effect };
                self.sends.extend(news);
                if effect != happened.effect {
                    self.happened.push(Happened { effect, ..happened.clone() });
                }
            }
        }
    }
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> OpenLots<'a, L, I> {
    fn apply(&mut self, id: &'a TradeId, new: New<'a>) -> Result<Effect, OutOfRange> {
        match new {
            New::Trade(terms) => self.deal(Deal {
                id,
                facts: Facts::Trade(terms),
                quantity: terms.signed_quantity(),
                cost: UnitCost::Price(terms.price),
                date: terms.trade_date,
            }),
            New::Happening(happening) => match &happening.what {
                What::Action(action) => self.adjust(id, action),
                What::Departure(departure) => self.depart(id, departure),
                What::Arrival(arrival) => {
                    let (lot, date) = (&arrival.lot, arrival.date);
                    let cost = lot.unit_cost();
                    self.arrive(id, arrival);
                    self.deal(Deal { id, facts: Facts::Lot(lot), quantity: lot.remaining, cost, date })
                }
                What::Withdrawn => Ok(Effect::default()),
            },
        }
    }
}

/// Trades and happenings of a position, latest first.
pub(in crate::domain) fn facts_from_latest<L: Ledger>(ledger: &L) -> impl Iterator<Item = Fact<'_>> {
    let mut trades = ledger.trades_from_latest().map(Fact::Trade).peekable();
    let mut happened = ledger.happened_from_latest().map(Fact::Happened).peekable();
    std::iter::from_fn(move || match (trades.peek(), happened.peek()) {
        (Some(trade), Some(other)) if trade.moment() < other.moment() => happened.next(),
        (Some(_), _) => trades.next(),
        (None, _) => happened.next(),
    })
}

impl<'a> Fact<'a> {
    /// Where it stands in business order.
    pub fn moment(&self) -> Moment<'a> {
        match *self {
            Fact::Trade(trade) => of_trade(order_of(trade)),
            Fact::Happened(happened) => happened.happening.moment().expect("what counts in business order is in force"),
        }
    }

    fn says(&self) -> New<'a> {
        match *self {
            Fact::Trade(trade) => New::Trade(terms_of(trade)),
            Fact::Happened(happened) => New::Happening(&happened.happening),
        }
    }

    pub(super) fn done(&self) -> Done<'a> {
        match *self {
            Fact::Trade(trade) => Done {
                id: &trade.id,
                opened: trade.opened,
                reliefs: &trade.reliefs,
                change: terms_of(trade).signed_quantity(),
                before: trade.before.as_deref(),
                happened: false,
            },
            Fact::Happened(Happened { happening, effect }) => Done {
                id: &happening.id,
                opened: effect.opened,
                reliefs: &effect.reliefs,
                change: effect.change,
                before: effect.before.as_deref(),
                happened: true,
            },
        }
    }
}

impl<'a> New<'a> {
    fn moment(self, id: &'a TradeId) -> Option<Moment<'a>> {
        match self {
            New::Trade(terms) => Some(of_trade(terms.order(id))),
            New::Happening(happening) => happening.moment(),
        }
    }
}

fn terms_of(trade: &CapturedTrade) -> &Terms {
    trade.terms().expect("a trade that counts in business order is live")
}

fn order_of(trade: &CapturedTrade) -> BusinessOrder<'_> {
    terms_of(trade).order(&trade.id)
}

pub(in crate::domain) fn totals_of(position: &Position) -> Totals {
    Totals {
        quantity: position.quantity,
        realised: position.realised.minor,
        cost: position.cost.minor,
        costing: position.costing,
        open_lots: position.open_lots,
    }
}
