//! The facts of a position -> the life of each of its lots, closed ones included.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::corporate_action::{ActionKind, CorporateAction, Fractions};
use super::cost::signed_like;
use super::happening::{Arrival, Effect, Happened, What};
use super::lot::{Image, Relief};
use super::restate::{Fact, facts_from_latest};
use super::slice::{Edge, Life, Step};
use super::units::part_of;
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::names::Symbol;
use crate::domain::trade::Terms;
use crate::domain::trade::captured::CapturedTrade;

/// What a life needs that trades leave open.
pub trait Market {
    /// When a trade of that date settles that does not say it itself: one of the position's own, or in the security that a lot comes from.
    fn settle_date(&self, elsewhere: Option<&Symbol>, trade_date: NaiveDate) -> NaiveDate;

    /// Units of settlement currency for one of the price's on a day.
    fn fx(&self, date: NaiveDate) -> Decimal;
}

/// The lives of all lots that the position ever had.
pub fn lives<'a, L: Ledger>(ledger: &'a L, market: &impl Market) -> BTreeMap<&'a TradeId, Life<&'a TradeId>> {
    let mut facts: Vec<Fact<'a>> = facts_from_latest(ledger).collect();
    facts.reverse();
    let mut lives = Lives { lives: BTreeMap::new(), market };
    for fact in facts {
        match fact {
            Fact::Trade(trade) => lives.trade(trade),
            Fact::Happened(happened) => lives.happened(happened),
        }
    }
    lives.lives
}

/// Units of a lot, what they became, and how much of that was paid in cash; none of them signed.
struct Exchanged {
    units: Decimal,
    became: Decimal,
    paid: Decimal,
}

struct Lives<'a, 'm, M> {
    lives: BTreeMap<&'a TradeId, Life<&'a TradeId>>,
    market: &'m M,
}

impl<'a, M: Market> Lives<'a, '_, M> {
    fn trade(&mut self, trade: &'a CapturedTrade) {
        let Some(terms) = trade.terms() else { return };
        let edge = self.edge_of(terms);
        self.close(&trade.id, &trade.reliefs, edge);
        self.open(&trade.id, trade.opened, edge);
    }

    fn happened(&mut self, happened: &'a Happened) {
        let id = &happened.happening.id;
        let images = happened.effect.before.iter().flat_map(|before| &before.lots);
        match &happened.happening.what {
            What::Action(action) => {
                images.for_each(|image| self.act(id, action, image, &happened.effect));
            }
            What::Departure(departure) => {
                for image in images {
                    let units = image.lot.remaining.abs() - image.after.abs();
                    self.step(&image.lot.id, Step::Move { by: id, date: departure.date, units });
                }
            }
            What::Arrival(arrival) => {
                // What it closes is closed at its own unit cost, and so is what closes it of the arrival: at whatever price, both sides come to the
                // difference of what they were measured from.
                let lot = &arrival.lot;
                let life = self.arrived(id, arrival);
                let settle_date = life.opened.settle_date.max(arrival.date);
                let edge = self.edge(arrival.date, settle_date, lot.unit_cost().per_unit());
                self.lives.insert(id, life);
                self.close(id, &happened.effect.reliefs, edge);
                let closed = lot.remaining.abs() - happened.effect.opened.abs();
                if !closed.is_zero() {
                    self.step(id, Step::Close { by: id, units: closed, edge });
                }
            }
            What::Withdrawn => {}
        }
    }

    /// A lot as it arrives, with its life before as far as that is told.
    fn arrived(&self, id: &'a TradeId, arrival: &Arrival) -> Life<&'a TradeId> {
        let Arrival { date, lot, origin, .. } = arrival;
        let elsewhere = origin.as_ref().and_then(|origin| origin.stays.first()).map(|stay| &stay.security);
        let settle_date = lot.settle_date.unwrap_or_else(|| self.market.settle_date(elsewhere, lot.trade_date));
        let Some(origin) = origin else {
            let opened = self.edge(*date, settle_date.max(*date), lot.unit_cost().per_unit());
            return Life { quantity: lot.remaining, opened, priced: lot.trade_date, steps: Vec::new() };
        };
        let (quantity, mut steps) = origin.steps(id, lot.remaining);
        steps.push(Step::Arrive { date: *date });
        let opened = self.edge(lot.trade_date, settle_date, origin.price);
        Life { quantity, opened, priced: lot.trade_date, steps }
    }

    fn act(&mut self, by: &'a TradeId, action: &CorporateAction, image: &'a Image, effect: &Effect) {
        let date = action.ex_date;
        let lot = &image.lot.id;
        let units = image.lot.remaining.abs();
        let paid: Decimal =
            effect.reliefs.iter().filter(|relief| relief.lot == *lot).map(|relief| relief.quantity).sum();
        match &action.kind {
            ActionKind::Split { fractions, .. } | ActionKind::StockDividend { fractions, .. } => {
                let became = image.after.abs() + paid;
                self.exchange(by, date, image, Exchanged { units, became, paid }, *fractions);
            }
            ActionKind::SpinOff { .. } => self.step(lot, Step::SpinOff { by, date, kept: action.kind.kept() }),
            ActionKind::MergerStock { fractions, .. } => {
                let arrived = arrived(effect, by, lot);
                self.exchange(by, date, image, Exchanged { units, became: arrived + paid, paid }, *fractions);
                self.step(lot, Step::Move { by, date, units: arrived });
            }
            ActionKind::MergerMixed { cash, ratio, price, fractions, .. } => {
                // Of each unit the part that the cash pays for is closed, at what all of the unit gets.
                let whole = cash * ratio.denominator() + price * ratio.numerator();
                let closed = part_of(units, cash * ratio.denominator(), whole);
                let edge = self.edge(date, date, whole / ratio.denominator());
                self.step(lot, Step::Close { by, units: closed, edge });
                let (arrived, paid) = (arrived(effect, by, lot), paid - units);
                let rest = Exchanged { units: units - closed, became: arrived + paid, paid };
                self.exchange(by, date, image, rest, *fractions);
                self.step(lot, Step::Move { by, date, units: arrived });
            }
            ActionKind::SymbolChange { .. } => self.step(lot, Step::Move { by, date, units }),
            ActionKind::MergerCash { price } => {
                let edge = self.edge(date, date, *price);
                self.step(lot, Step::Close { by, units, edge });
            }
        }
    }

    /// Old units for new ones, of which some are paid in cash. Where ten decimals hold none of them, the old ones are closed for nothing.
    fn exchange(
        &mut self,
        by: &'a TradeId,
        date: NaiveDate,
        image: &'a Image,
        Exchanged { units, became, paid }: Exchanged,
        fractions: Fractions,
    ) {
        let price = match fractions {
            Fractions::CashInLieu { price } => price,
            Fractions::Keep => Decimal::ZERO,
        };
        let edge = self.edge(date, date, price);
        if became == paid && paid == units {
            self.step(&image.lot.id, Step::Close { by, units, edge });
            return;
        }
        let signed = |quantity| signed_like(image.lot.opened, quantity);
        self.step(&image.lot.id, Step::Split { date, before: signed(units), after: signed(became) });
        if !paid.is_zero() {
            self.step(&image.lot.id, Step::CashInLieu { by, units: paid, edge });
        }
    }

    fn close(&mut self, by: &'a TradeId, reliefs: &'a [Relief], edge: Edge) {
        for relief in reliefs {
            self.step(&relief.lot, Step::Close { by, units: relief.quantity, edge });
        }
    }

    fn open(&mut self, id: &'a TradeId, quantity: Decimal, opened: Edge) {
        if !quantity.is_zero() {
            self.lives.insert(id, Life { quantity, opened, priced: opened.date, steps: Vec::new() });
        }
    }

    fn step(&mut self, lot: &TradeId, step: Step<&'a TradeId>) {
        self.lives.get_mut(lot).expect("a lot is opened before anything else happens to it").steps.push(step);
    }

    fn edge_of(&self, terms: &Terms) -> Edge {
        let settle_date = terms.settle_date.unwrap_or_else(|| self.market.settle_date(None, terms.trade_date));
        self.edge(terms.trade_date, settle_date, terms.price)
    }

    fn edge(&self, date: NaiveDate, settle_date: NaiveDate, price: Decimal) -> Edge {
        Edge { date, settle_date, price, fx: self.market.fx(date) }
    }
}

/// The units that came of a lot in another position, not signed. What an earlier version of the action sent elsewhere has the same id, withdrawn.
fn arrived(effect: &Effect, by: &TradeId, lot: &TradeId) -> Decimal {
    let id = TradeId::moved(by, lot);
    let arrivals = effect.sent.iter().filter_map(|sent| sent.happening.arrival());
    arrivals.filter(|arrival| arrival.lot.id == id).map(|arrival| arrival.lot.remaining.abs()).sum()
}
