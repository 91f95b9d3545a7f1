//! Corporate actions on the lots of a position. Lots that go elsewhere are returned as arrivals for the other position.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::corporate_action::{ActionKind, CorporateAction, Fractions};
use super::cost::{UnitCost, gain_over, signed_like};
use super::happening::{Effect, Phase};
use super::lot::{Chosen, Lot, Relief};
use super::method::ReliefMethod;
use super::open_lot::OpenLot;
use super::open_lots::{OpenLots, Turn};
use super::origin::Change;
use super::relief::{Closing, OutOfRange};
use super::transfer::{Moved, When};
use super::units::part_of;
use crate::domain::key::{Timestamp, TradeId};
use crate::domain::lots::ledger::Ledger;
use crate::domain::money::{Currency, Money};
use crate::domain::number::ratio::Ratio;

/// An open lot of the position that is adjusted.
struct Held<'a> {
    id: &'a TradeId,
    lot: OpenLot<'a>,
    /// Unrounded, not signed.
    cost: Decimal,
    /// That the position closes by on the ex date.
    method: ReliefMethod,
}

/// What goes on in another security of a lot held.
struct Successor {
    /// Unrounded, not signed.
    cost: Decimal,
    /// The units it comes of, signed.
    of: Decimal,
    /// The part of what the lot is measured from, if not all of it.
    taken: Option<Decimal>,
}

impl Successor {
    fn changes(&self, date: NaiveDate, after: Decimal) -> Vec<Change> {
        let cost = self.taken.map(|kept| Change::Cost { date, kept });
        cost.into_iter().chain([Change::Units { date, before: self.of, after }]).collect()
    }
}

impl<'a> Held<'a> {
    fn turn(&self) -> Turn<'a> {
        Turn { lot: self.id, most: None, chosen: Chosen::By(self.method) }
    }

    /// A signed quantity of it is closed at the price, with a result against its unsigned cost.
    fn relief(
        &self,
        quantity: Decimal,
        price: Decimal,
        cost: Decimal,
        currency: Currency,
    ) -> Result<Relief, OutOfRange> {
        let realised = gain_over(quantity, price, signed_like(quantity, cost), currency).ok_or(OutOfRange)?;
        Ok(Relief {
            lot: self.id.clone(),
            quantity: quantity.abs(),
            open_price: shared(cost, quantity)?.per_unit(),
            realised,
            chosen: Chosen::By(self.method),
            age: self.lot.facts.age(),
        })
    }
}

impl<'a, L: Ledger, I: Iterator<Item = &'a Lot>> OpenLots<'a, L, I> {
    /// Applies a corporate action to all open lots; a position without any has none of it.
    pub(super) fn adjust(&mut self, id: &'a TradeId, action: &'a CorporateAction) -> Result<Effect, OutOfRange> {
        let (pool, quantity) = (self.begin(), self.quantity());
        let Some(held) = self.held(action)? else { return Ok(Effect::default()) };
        let currency = held[0].lot.facts.currency();
        let mut effect = match &action.kind {
            ActionKind::Split { ratio, fractions } => {
                self.split(&held, action.ex_date, *ratio, *fractions, currency)?
            }
            ActionKind::StockDividend { per_unit, fractions } => {
                let ratio = per_unit.on_top().ok_or(OutOfRange)?;
                self.split(&held, action.ex_date, ratio, *fractions, currency)?
            }
            ActionKind::MergerCash { price } => self.buy_out(&held, *price, currency)?,
            ActionKind::SpinOff { ratio, parent_close, child_close, fractions, .. } => {
                let child = child_close.checked_mul(ratio.numerator()).ok_or(OutOfRange)?;
                let parent = parent_close.checked_mul(ratio.denominator()).ok_or(OutOfRange)?;
                let (mut parts, kept) = (self.part(&held, child, parent, currency)?, action.kind.kept());
                for ((held, part), units) in held.iter().zip(&mut parts).zip(scale(&held, *ratio)?) {
                    if units.is_zero() {
                        *part = Decimal::ZERO; // no child, no cost of it
                    }
                    let quantity = held.lot.remaining;
                    self.resize(held.id, quantity, shared(held.cost - *part, quantity)?);
                }
                let child = |(held, cost): (&Held<'_>, Decimal)| Successor {
                    cost,
                    of: held.lot.remaining,
                    taken: Some(Decimal::ONE - kept),
                };
                let children: Vec<Successor> = held.iter().zip(parts).map(child).collect();
                let effect = self.succeed(id, action, &held, &children, *ratio, *fractions)?;
                held.iter().for_each(|held| self.changed(held.id, Change::Cost { date: action.ex_date, kept }));
                effect
            }
            ActionKind::MergerStock { ratio, fractions, .. } => {
                held.iter().for_each(|held| self.take(held.id, held.lot.remaining));
                let all = |held: &Held<'_>| Successor { cost: held.cost, of: held.lot.remaining, taken: None };
                let successors: Vec<Successor> = held.iter().map(all).collect();
                self.succeed(id, action, &held, &successors, *ratio, *fractions)?
            }
            ActionKind::MergerMixed { cash, ratio, price, fractions, .. } => {
                let stock = price.checked_mul(ratio.numerator()).ok_or(OutOfRange)?;
                let paid = cash.checked_mul(ratio.denominator()).ok_or(OutOfRange)?;
                let parts = self.part(&held, paid, stock, currency)?;
                let mut reliefs = Vec::with_capacity(held.len());
                for (held, part) in held.iter().zip(&parts) {
                    reliefs.push(held.relief(held.lot.remaining, *cash, *part, currency)?);
                    self.take(held.id, held.lot.remaining);
                }
                let whole = paid.checked_add(stock).ok_or(OutOfRange)?;
                let rest = |(held, part): (&Held<'_>, &Decimal)| {
                    let of = held.lot.remaining - part_of(held.lot.remaining, paid, whole);
                    Successor { cost: held.cost - part, of, taken: None }
                };
                let rests: Vec<Successor> = held.iter().zip(&parts).map(rest).collect();
                let mut effect = self.succeed(id, action, &held, &rests, *ratio, *fractions)?;
                reliefs.append(&mut effect.reliefs);
                Effect { reliefs, ..effect }
            }
            ActionKind::SymbolChange { .. } => {
                held.iter().for_each(|held| self.take(held.id, held.lot.remaining));
                let same = |held: &Held<'a>| Moved { of: held.id, lot: held.lot, changes: Vec::new() };
                self.send(id, action, held.iter().map(same))
            }
        };
        let mut results = effect.reliefs.iter().map(|relief| relief.realised.minor);
        let realised = results.try_fold(0_i64, i64::checked_add).ok_or(OutOfRange)?;
        effect.change = self.quantity() - quantity;
        effect.before = self.end(pool, realised)?;
        Ok(effect)
    }

    /// The open lots in order of relief, pictured; a pool only survives what leaves the cost of the position alone.
    fn held(&mut self, action: &CorporateAction) -> Result<Option<Vec<Held<'a>>>, OutOfRange> {
        if self.next().is_none() {
            return Ok(None);
        }
        if !matches!(action.kind, ActionKind::Split { .. } | ActionKind::StockDividend { .. }) {
            self.dissolve()?;
        }
        let method = self.ledger.policy().method_on(action.ex_date);
        self.rank_by(method.ranking(self.quantity().is_sign_positive()));
        let mut held = Vec::new();
        for id in self.all_open() {
            self.picture(id);
            let lot = self.lot(id);
            held.push(Held { id, lot, cost: lot.cost.amount_of(lot.remaining.abs()).ok_or(OutOfRange)?, method });
        }
        Ok(Some(held))
    }

    fn split(
        &mut self,
        held: &[Held<'a>],
        date: NaiveDate,
        ratio: Ratio,
        fractions: Fractions,
        currency: Currency,
    ) -> Result<Effect, OutOfRange> {
        let scaled = scale(held, ratio)?;
        let mut vanished = Closing::new(Decimal::ZERO, Decimal::ZERO, currency);
        for (held, _) in held.iter().zip(&scaled).filter(|(_, remaining)| remaining.is_zero()) {
            vanished.left = -held.lot.remaining;
            self.relieve(&mut vanished, held.turn())?;
        }
        for (held, remaining) in held.iter().zip(scaled).filter(|(_, remaining)| !remaining.is_zero()) {
            self.resize(held.id, remaining, shared(held.cost, remaining)?);
            self.changed(held.id, Change::Units { date, before: held.lot.remaining, after: remaining });
        }
        let Fractions::CashInLieu { price } = fractions else {
            return Ok(Effect { reliefs: vanished.reliefs, ..Effect::default() });
        };
        let fraction = self.quantity().fract();
        let mut closing = Closing::new(-fraction, price, currency);
        for held in held.iter().rev() {
            if closing.left.is_zero() {
                break;
            }
            if !self.lot(held.id).remaining.is_zero() {
                self.relieve(&mut closing, held.turn())?;
            }
        }
        let cash_in_lieu = cash(fraction, price, currency)?;
        let reliefs = vanished.reliefs.into_iter().chain(closing.reliefs).collect();
        Ok(Effect { reliefs, cash_in_lieu, ..Effect::default() })
    }

    fn buy_out(&mut self, held: &[Held<'a>], price: Decimal, currency: Currency) -> Result<Effect, OutOfRange> {
        let mut closing = Closing::new(-self.quantity(), price, currency);
        for held in held {
            self.relieve(&mut closing, held.turn())?;
        }
        Ok(Effect { reliefs: closing.reliefs, ..Effect::default() })
    }

    /// part / (part + rest) of the cost of each lot, rounded to minor units; all of it where that would be more than it cost.
    fn part(
        &self,
        held: &[Held<'a>],
        part: Decimal,
        rest: Decimal,
        currency: Currency,
    ) -> Result<Vec<Decimal>, OutOfRange> {
        let whole = part.checked_add(rest).filter(|whole| !whole.is_zero()).ok_or(OutOfRange)?;
        let of_lot = |held: &Held<'a>| {
            let share = held.cost.checked_mul(part)?.checked_div(whole)?;
            let rounded = share.round_dp_with_strategy(currency.decimals(), RoundingStrategy::MidpointAwayFromZero);
            // What is left must not cost less than nothing: no position takes such a lot in.
            Some(rounded.min(held.cost))
        };
        held.iter().map(|held| of_lot(held).ok_or(OutOfRange)).collect()
    }

    /// Lots of another security for the lots held: ratio x quantity, fractions paid from the last ones.
    fn succeed(
        &mut self,
        id: &TradeId,
        action: &CorporateAction,
        held: &[Held<'a>],
        successors: &[Successor],
        ratio: Ratio,
        fractions: Fractions,
    ) -> Result<Effect, OutOfRange> {
        let currency = held[0].lot.facts.currency();
        let quantities = scale(held, ratio)?;
        let total: Decimal = quantities.iter().sum();
        let (mut left, price) = match fractions {
            Fractions::Keep => (Decimal::ZERO, Decimal::ZERO),
            Fractions::CashInLieu { price } => (total.fract().abs(), price),
        };
        let cash_in_lieu = cash(signed_like(total, left), price, currency)?;
        let (mut moved, mut reliefs) = (Vec::with_capacity(held.len()), Vec::new());
        for ((held, quantity), successor) in held.iter().zip(quantities).zip(successors).rev() {
            if quantity.is_zero() {
                if !successor.cost.is_zero() {
                    reliefs.push(held.relief(held.lot.remaining, Decimal::ZERO, successor.cost, currency)?);
                }
                continue;
            }
            let cost = shared(successor.cost, quantity)?;
            let paid = signed_like(quantity, left.min(quantity.abs()));
            if !paid.is_zero() {
                let of_paid = cost.amount_of(paid.abs()).ok_or(OutOfRange)?;
                reliefs.push(held.relief(paid, price, of_paid, currency)?);
                left -= paid.abs();
            }
            if quantity != paid {
                let lot = OpenLot { remaining: quantity - paid, cost, ..held.lot };
                moved.push(Moved { of: held.id, lot, changes: successor.changes(action.ex_date, quantity) });
            }
        }
        Ok(Effect { reliefs, cash_in_lieu, ..self.send(id, action, moved.into_iter()) })
    }

    /// What moves arrives in the other position at the start of the ex date.
    fn send(&mut self, id: &TradeId, action: &CorporateAction, moved: impl Iterator<Item = Moved<'a>>) -> Effect {
        let to = action.to().expect("only an action with another security moves lots");
        let when = When { date: action.ex_date, phase: Phase::Action, exec_time: Timestamp(0), source_seq: 0 };
        let sent = moved.map(|moved| self.sent(moved, id, to, when)).collect();
        Effect { sent, ..Effect::default() }
    }
}

fn shared(amount: Decimal, quantity: Decimal) -> Result<UnitCost, OutOfRange> {
    UnitCost::shared(amount, quantity.abs()).ok_or(OutOfRange)
}

/// The lots' quantities times the ratio. What ten decimals cannot hold of a lot is zero: such a lot is closed for nothing.
fn scale(held: &[Held<'_>], ratio: Ratio) -> Result<Vec<Decimal>, OutOfRange> {
    ratio.scale(held.iter().map(|held| held.lot.remaining)).ok_or(OutOfRange)
}

fn cash(fraction: Decimal, price: Decimal, currency: Currency) -> Result<Option<Money>, OutOfRange> {
    if fraction.is_zero() {
        return Ok(None);
    }
    Money::product(fraction, price, currency).map(Some).ok_or(OutOfRange)
}
