//! What a position must come to: by the oracle from its trades, or by the kernel from the first fact on where more happened than trades.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::expected::Expected;
use super::oracle::{self, Deal, Order};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::agreed::{Agreed, agree};
use crate::domain::lots::cost::UnitCost;
use crate::domain::lots::happen::happen;
use crate::domain::lots::happening::{Effect, Happened, Happening, Sent, What};
use crate::domain::lots::lot::{Age, Chosen, Lot, Relief};
use crate::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use crate::domain::lots::position::{Costing, Position};
use crate::domain::lots::shelf::Shelf;
use crate::domain::money::{Currency, Money};
use crate::domain::trade::capture::capture;
use crate::domain::trade::{Terms, Trade, TradeEvent};

/// A position as its facts leave it.
#[derive(Default)]
pub struct Fold {
    pub quantity: Decimal,
    /// In minor units.
    pub realised: i64,
    cost: i64,
    costing: Costing,
    /// With revision 0.
    pub lots: BTreeMap<TradeId, Lot>,
    /// What each live trade did.
    pub closes: BTreeMap<TradeId, Close>,
    /// Without the versions of what was sent.
    pub happened: BTreeMap<TradeId, Happened>,
}

#[derive(Clone, Default)]
pub struct Close {
    pub opened: Decimal,
    pub reliefs: Vec<Relief>,
    pub refused: Option<Box<InvalidInstruction>>,
}

impl Fold {
    /// Folds what survives of the trades by a relief policy, and what happened besides them as far as it says; an error says why that cannot be.
    pub fn of(
        key: &PositionKey,
        expected: &Expected,
        relief: &ReliefPolicy,
        happened: &[Happened],
    ) -> Result<Fold, &'static str> {
        if happened.is_empty() && expected.arrivals.is_empty() {
            return by_oracle(key, expected, relief);
        }
        by_kernel(key, expected, relief, happened).ok_or("its amounts are beyond the kernel's numbers")
    }

    pub fn position(&self, key: &PositionKey, revision: u64, currency: Currency, relief: &ReliefPolicy) -> Position {
        let money = |minor| Money { minor, currency };
        Position {
            key: key.clone(),
            revision,
            quantity: self.quantity,
            currency,
            realised: money(self.realised),
            cost: money(self.cost),
            costing: self.costing,
            open_lots: self.lots.len() as u32,
            relief: relief.clone(),
        }
    }
}

/// Versions of what was sent count how often it was restated, and withdrawn is what should never have been.
pub fn unversioned(happened: Happened) -> Happened {
    let stands = |sent: &Sent| sent.happening.what != What::Withdrawn;
    let plain = |sent: Sent| Sent { happening: Happening { version: 0, ..sent.happening }, ..sent };
    let sent = happened.effect.sent.into_iter().filter(stands).map(plain).collect();
    Happened { effect: Effect { sent, ..happened.effect }, ..happened }
}

/// The oracle shares nothing with the kernel; it knows trades alone.
fn by_oracle(key: &PositionKey, expected: &Expected, relief: &ReliefPolicy) -> Result<Fold, &'static str> {
    let live: Vec<_> =
        expected.trades.iter().filter_map(|(id, known)| Some((id.to_string(), deal(known.terms()?)))).collect();
    let fold = oracle::replay(live, &rules(relief)).ok_or("its amounts are beyond the auditor's 128 bits")?;
    let lots: BTreeMap<TradeId, Lot> = fold.lots.iter().map(|lot| lot_of(key, lot, expected)).collect();
    let closes = expected.trades.iter().filter_map(|(id, known)| {
        let terms = known.terms()?;
        Some((id.clone(), close(id, terms, &fold, relief, expected)))
    });
    let decimals = expected.currency.map_or(0, Currency::decimals);
    let by_lot = || fold.lots.iter().try_fold(0_i128, |sum, lot| Some(sum + lot.cost(decimals)?));
    let cost = fold.pool.or_else(by_lot);
    let minor = |minor: i128| i64::try_from(minor).map_err(|_| "its amounts are beyond 64 bits of minor units");
    Ok(Fold {
        quantity: unfixed(fold.quantity),
        realised: minor(fold.realised)?,
        cost: minor(cost.ok_or("its amounts are beyond the auditor's 128 bits")?)?,
        costing: if fold.pool.is_some() { Costing::Pooled } else { Costing::ByLot },
        lots,
        closes: closes.collect(),
        happened: BTreeMap::new(),
    })
}

/// Corporate actions are worked out by the kernel again, which `tests/lots` holds against an oracle of its own.
fn by_kernel(key: &PositionKey, expected: &Expected, relief: &ReliefPolicy, happened: &[Happened]) -> Option<Fold> {
    let mut shelf = Shelf { policy: relief.clone(), ..Shelf::default() };
    for (id, known) in &expected.trades {
        let Some(terms) = known.terms() else { continue };
        let trade = Trade { key: key.clone(), id: id.clone(), version: 1, event: TradeEvent::New(terms.clone()) };
        let captured = capture(&shelf, &trade, known.place).ok()?;
        shelf.keep(captured);
    }
    for moved in expected.arrivals.values() {
        let arrived = happen(&shelf, key, moved).ok()?;
        shelf.keep_happen(arrived);
    }
    if let (None, Some(currency)) = (&shelf.position, expected.currency) {
        // None of its trades is live any more; what issuers do reaches it all the same.
        shelf.position = Some(Fold::default().position(key, 0, currency, relief));
    }
    let issued = |one: &&Happened| !expected.arrivals.contains_key(&one.happening.id);
    let actions = happened.iter().filter(issued).map(|one| one.happening.clone()).collect();
    let agreed = agree(&shelf, &Agreed { policy: relief, actions }).ok()?;
    shelf.keep_happen(agreed);
    let lots = shelf.lots.into_iter().map(|(id, lot)| (id, Lot { revision: 0, ..lot })).collect();
    let closes = shelf
        .trades
        .into_iter()
        .map(|(id, trade)| (id, Close { opened: trade.opened, reliefs: trade.reliefs, refused: trade.refused }));
    let mut fold = Fold { lots, closes: closes.collect(), ..Fold::default() };
    if let Some(position) = shelf.position {
        (fold.quantity, fold.realised) = (position.quantity, position.realised.minor);
        (fold.cost, fold.costing) = (position.cost.minor, position.costing);
    }
    let known = |happened: &Happened| (happened.happening.id.clone(), happened.clone());
    // What was withdrawn before it did anything is no fact of the fold.
    let withdrawn = |one: &&Happened| one.happening.what == What::Withdrawn && issued(one);
    fold.happened = happened.iter().filter(withdrawn).map(known).collect();
    fold.happened.extend(shelf.happened);
    fold.happened.values_mut().for_each(|one| *one = unversioned(one.clone()));
    Some(fold)
}

fn lot_of(key: &PositionKey, lot: &oracle::Lot, expected: &Expected) -> (TradeId, Lot) {
    let id = named(&lot.id);
    let terms = expected.trades[&id].terms().expect("a live trade opened the lot");
    let plain = Lot::of_trade(key, &id, terms, unfixed(lot.opened), unfixed(lot.remaining), 0);
    let Some((amount, units)) = lot.shared else { return (id, plain) };
    let amount = Decimal::from_i128_with_scale(amount, terms.currency.decimals());
    let shared = UnitCost::Shared { amount, units: unfixed(units) };
    // A lot whose cost is not its trade's price says both.
    (id, Lot { price: shared.price(), shared: Some(Box::new(shared)), ..plain })
}

fn close(id: &TradeId, terms: &Terms, fold: &oracle::Position, policy: &ReliefPolicy, expected: &Expected) -> Close {
    let chosen = match terms.relief.as_deref() {
        Some(Instruction::Method(method)) => Chosen::By(*method),
        Some(Instruction::Lots(_)) if !fold.refused.contains_key(id.as_str()) => Chosen::Listed,
        _ => Chosen::By(policy.method_on(terms.trade_date)),
    };
    let taken = fold.reliefs.get(id.as_str()).into_iter().flatten();
    let reliefs: Vec<Relief> = taken.map(|relief| relief_of(relief, terms, chosen, expected)).collect();
    let closed: Decimal = reliefs.iter().map(|relief| relief.quantity).sum();
    let refused = fold.refused.get(id.as_str()).map(|refused| Box::new(self::refused(refused)));
    Close { opened: terms.side.signed(terms.quantity - closed), reliefs, refused }
}

fn rules(relief: &ReliefPolicy) -> oracle::Policy {
    let changes = relief.changes().iter().map(|(since, by)| (since.to_epoch_days(), method(*by)));
    oracle::Policy { first: method(relief.first()), changes: changes.collect() }
}

fn method(method: ReliefMethod) -> oracle::Method {
    match method {
        ReliefMethod::Fifo => oracle::Method::Oldest,
        ReliefMethod::Lifo => oracle::Method::Newest,
        ReliefMethod::Hifo => oracle::Method::Dearest,
        ReliefMethod::Lofo => oracle::Method::Cheapest,
        ReliefMethod::Average => oracle::Method::Average,
        ReliefMethod::MaxLoss | ReliefMethod::MinGain => oracle::Method::LeastGain,
        ReliefMethod::MaxGain => oracle::Method::GreatestGain,
    }
}

fn relief_of(relief: &oracle::Relief, terms: &Terms, chosen: Chosen, expected: &Expected) -> Relief {
    let lot = named(&relief.lot);
    let opened = expected.trades[&lot].terms().expect("a live trade opened the lot");
    let age = Age { trade_date: opened.trade_date, exec_time: opened.exec_time, source_seq: opened.source_seq };
    let realised = Money { minor: relief.realised as i64, currency: terms.currency };
    Relief { lot, quantity: unfixed(relief.quantity), open_price: Decimal::ZERO, realised, chosen, age }
}

fn refused(refused: &oracle::Refused) -> InvalidInstruction {
    match refused {
        oracle::Refused::Quantity(lot) => InvalidInstruction::Quantity(named(lot)),
        oracle::Refused::NotOpen(lot) => InvalidInstruction::NotOpen(named(lot)),
        oracle::Refused::Sum { listed, closed } => {
            InvalidInstruction::Sum { listed: unfixed(*listed), closed: unfixed(*closed) }
        }
    }
}

fn order(instruction: Option<&Instruction>) -> Order {
    match instruction {
        None => Order::None,
        Some(Instruction::Method(by)) => Order::Method(method(*by)),
        Some(Instruction::Lots(lots)) => {
            Order::Lots(lots.iter().map(|(lot, quantity)| (lot.to_string(), fixed(*quantity))).collect())
        }
    }
}

fn named(id: &str) -> TradeId {
    TradeId::parse(id).expect("the oracle hands ids on as they are")
}

fn deal(terms: &Terms) -> Deal {
    Deal {
        quantity: fixed(terms.signed_quantity()),
        price: fixed(terms.price),
        currency: terms.currency.code().to_owned(),
        decimals: terms.currency.decimals(),
        trade_date: terms.trade_date.to_epoch_days(),
        exec_time: terms.exec_time.0,
        source_seq: terms.source_seq,
        order: order(terms.relief.as_deref()),
    }
}

/// As a whole number of 10^-10.
fn fixed(number: Decimal) -> i128 {
    let number = number.normalize();
    number.mantissa() * 10_i128.pow(10 - number.scale())
}

fn unfixed(number: i128) -> Decimal {
    Decimal::from_i128_with_scale(number, 10).normalize()
}
