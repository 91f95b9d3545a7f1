//! What is held under a swap -> the lots that its legs stand on, and the trades that its fees are charged for.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::agreement::{Agreement, Held, ReferencePrice};
use super::dues::Lot;
use super::terms::Swap;
use super::valuation::Splits;
use crate::domain::blocked::Blocked;
use crate::domain::equity::mark::net_price;
use crate::domain::equity::terms::CommissionIn;
use crate::domain::explain::pad::Silent;
use crate::domain::fees::trade::{Charge, TradeFeeKind};
use crate::domain::key::TradeId;
use crate::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::lots::happen::happen;
use crate::domain::lots::happening::{Happening, Sent, What};
use crate::domain::lots::life::{Market, lives};
use crate::domain::lots::method::InvalidInstruction;
use crate::domain::lots::shelf::Shelf;
use crate::domain::lots::slice::{Life, Step};
use crate::domain::names::Symbol;
use crate::domain::trade::Side;
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::capture::capture;
use crate::domain::trade::captured::{CapturedTrade, Place};

/// The position that an agreement's trades and happenings add up to, or its lots as they were given.
pub enum Holding<'a> {
    Captured { shelf: Box<Shelf>, references: BTreeMap<TradeId, ReferencePrice> },
    Given { lots: &'a [GivenLot], happenings: &'a [Happening] },
}

/// A trade, a transfer or an action of the document that does not count as it is said; the others do.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    pub of: TradeId,
    pub why: Why,
}

/// Why something does not count as it is said.
#[derive(Clone, PartialEq, Debug)]
pub enum Why {
    /// It does not count at all.
    Refused(Refusal),
    /// Lots were chosen by the policy's method instead.
    NotFollowed(InvalidInstruction),
    /// So many units were not there to leave.
    Missing(Decimal),
}

impl<'a> Holding<'a> {
    /// Captures what the agreement says as a stream of it would be; but what lots that come are measured from it says itself.
    pub fn of(agreement: &'a Agreement) -> (Holding<'a>, Vec<Problem>) {
        let trades = match &agreement.held {
            Held::Lots(lots) => return (Holding::Given { lots, happenings: &agreement.happenings }, Vec::new()),
            Held::Trades(trades) => trades,
        };
        let mut shelf = Shelf { policy: agreement.relief.clone(), ..Shelf::default() };
        let mut problems = Vec::new();
        for (trade, offset) in trades.iter().zip(0..) {
            match capture(&shelf, trade, Place { topic: 0, partition: 0, offset }) {
                Ok(capture) => shelf.keep(capture),
                Err(refusal) => problems.push(Problem { of: trade.id.clone(), why: Why::Refused(refusal) }),
            }
        }
        for happening in agreement.happenings.iter().cloned().map(Happening::without_origin) {
            match happen(&shelf, &agreement.key, &happening) {
                Ok(change) => shelf.keep_happen(change),
                Err(refusal) => problems.push(Problem { of: happening.id.clone(), why: Why::Refused(refusal) }),
            }
        }
        problems.extend(not_followed(&shelf));
        problems.extend(missing(&shelf));
        (Holding::Captured { shelf: Box::new(shelf), references: agreement.references.clone() }, problems)
    }

    /// The lots by age or as given, each with all that happened to it.
    pub fn lots(&self, swap: &Swap) -> Result<Vec<Lot<&str>>, Blocked> {
        let mut lots: Vec<Lot<&str>> = match self {
            Holding::Captured { shelf, references } => captured(shelf, references, swap)?,
            Holding::Given { lots, happenings } => {
                let rate = swap.commission_in_price();
                let given = |lot: &'a GivenLot| Ok(Lot::new(lot.id.as_str(), lot.life_under(happenings, rate)?));
                lots.iter().map(given).collect::<Result<_, Blocked>>()?
            }
        };
        lots.sort_by(|left, right| (left.life.opened.date, left.id).cmp(&(right.life.opened.date, right.id)));
        Ok(lots)
    }

    /// The live trades, oldest first; none where lots were given: who kept those has charged their fees.
    pub fn trades(&self) -> impl Iterator<Item = &CapturedTrade> {
        self.shelf().into_iter().flat_map(|shelf| shelf.live.values().map(|id| &shelf.trades[id]))
    }

    /// What of it goes to other positions, by what sends it.
    pub fn sent(&self) -> impl Iterator<Item = (&TradeId, &Sent)> {
        let happened = self.shelf().into_iter().flat_map(|shelf| shelf.happened.values());
        let sent = happened.flat_map(|one| one.effect.sent.iter().map(|sent| (&one.happening.id, sent)));
        sent.filter(|(_, sent)| sent.happening.arrival().is_some())
    }

    /// What changes the units that prices are for, by ex date.
    pub(super) fn splits(&self) -> Splits {
        match self {
            Holding::Captured { shelf, .. } => splits(shelf.happened.values().map(|one| &one.happening)),
            Holding::Given { happenings, .. } => splits(happenings.iter()),
        }
    }

    /// The names of its lots by the ids under which `by` moves them.
    pub(super) fn moved_names(&self, by: &TradeId) -> BTreeMap<TradeId, &str> {
        let ids = self.shelf().into_iter().flat_map(|shelf| shelf.trades.keys().chain(shelf.happened.keys()));
        ids.map(|id| (TradeId::moved(by, id), id.trade_id())).collect()
    }

    fn shelf(&self) -> Option<&Shelf> {
        match self {
            Holding::Captured { shelf, .. } => Some(shelf),
            Holding::Given { .. } => None,
        }
    }
}

pub(super) fn splits<'h>(happenings: impl Iterator<Item = &'h Happening>) -> Splits {
    let split = |happening: &Happening| match &happening.what {
        What::Action(action) => {
            let ratio = action.kind.new_units()?;
            Some((action.ex_date, ratio.denominator(), ratio.numerator()))
        }
        _ => None,
    };
    let mut splits: Splits = happenings.filter_map(split).collect();
    splits.sort_by_key(|(ex_date, ..)| *ex_date);
    splits
}

fn captured<'s>(
    shelf: &'s Shelf,
    references: &BTreeMap<TradeId, ReferencePrice>,
    swap: &Swap,
) -> Result<Vec<Lot<&'s str>>, Blocked> {
    let commission = swap.commission_in_price();
    let mut lots = Vec::new();
    for (id, mut life) in lives(shelf, &Stated) {
        if let Some(reference) = references.get(id) {
            (life.opened.price, life.priced) = (reference.price, reference.date);
        }
        if let Some(rate) = commission {
            put_commission_into_prices(
                &mut life,
                rate,
                |by| shelf.trades.contains_key(by),
                shelf.trades.contains_key(id),
            )?;
        }
        lots.push(Lot::new(id.trade_id(), life.renamed(|by| by.trade_id())));
    }
    Ok(lots)
}

/// Instructions for closes and transfers that cannot be followed, as everything is known in the end.
fn not_followed(shelf: &Shelf) -> impl Iterator<Item = Problem> {
    let trades = shelf.trades.values().map(|trade| (&trade.id, &trade.refused));
    let happened = shelf.happened.values().map(|one| (&one.happening.id, &one.effect.refused));
    let refused = trades.chain(happened).filter_map(|(id, refused)| Some((id, refused.as_deref()?)));
    let sorted: BTreeMap<_, _> = refused.collect();
    sorted.into_iter().map(|(of, invalid)| Problem { of: of.clone(), why: Why::NotFollowed(invalid.clone()) })
}

/// Transfers of more than there was.
fn missing(shelf: &Shelf) -> impl Iterator<Item = Problem> {
    let short = shelf.happened.values().filter(|happened| !happened.effect.missing.is_zero());
    short.map(|one| Problem { of: one.happening.id.clone(), why: Why::Missing(one.effect.missing) })
}

/// An agreement's trades say themselves when they settle, and rates are looked up where they are needed.
struct Stated;

impl Market for Stated {
    fn settle_date(&self, _: Option<&Symbol>, trade_date: NaiveDate) -> NaiveDate {
        trade_date
    }

    fn fx(&self, _: NaiveDate) -> Decimal {
        Decimal::ONE
    }
}

impl GivenLot {
    /// Whether an action can happen to a lot that somebody else keeps: what leaves nothing to another position and no fraction of the position.
    pub fn follows(action: &CorporateAction) -> bool {
        match action.kind {
            ActionKind::Split { fractions, .. } | ActionKind::StockDividend { fractions, .. } => {
                fractions == Fractions::Keep
            }
            ActionKind::MergerCash { .. } => true,
            _ => false,
        }
    }

    /// Its life with the actions on it, and with the rate of a commission that goes into the prices.
    pub fn life_under<'l>(
        &'l self,
        happenings: &'l [Happening],
        commission: Option<Decimal>,
    ) -> Result<Life<&'l str>, Blocked> {
        let invalid = || Blocked::SpecificLotInvalid { lot: self.id.as_str().into() };
        let actions = happenings.iter().filter_map(|happening| match &happening.what {
            What::Action(action) if action.ex_date > self.opened.trade_date => Some((happening, action)),
            _ => None,
        });
        let mut happened: Vec<_> = actions.map(|(by, action)| (action.ex_date, Given::Action(by, action))).collect();
        happened.extend(self.closes.iter().map(|close| (close.deal.trade_date, Given::Close(close))));
        // A day begins with its actions.
        happened.sort_by(|(left, this), (right, other)| (left, this.order()).cmp(&(right, other.order())));
        let (mut open, mut steps) = (self.quantity, Vec::new());
        for (date, given) in happened {
            let (by, units, edge) = match given {
                Given::Close(close) => (close.id.as_str(), close.quantity, close.deal.edge()),
                Given::Action(happening, action) => match action.kind {
                    ActionKind::MergerCash { price } => {
                        let deal = Deal { trade_date: date, settle_date: date, price };
                        (happening.id.trade_id(), open.abs(), deal.edge())
                    }
                    _ => {
                        let after = action.kind.new_units().and_then(|ratio| ratio.scale([open])?.pop());
                        let after = after.filter(|_| GivenLot::follows(action)).ok_or_else(invalid)?;
                        steps.push(Step::Split { date, before: open, after });
                        open = after;
                        continue;
                    }
                },
            };
            if units > open.abs() {
                return Err(invalid());
            }
            open -= if open.is_sign_negative() { -units } else { units };
            steps.push(Step::Close { by, units, edge });
        }
        let opened = self.opened.edge();
        let mut life = Life { quantity: self.quantity, opened, priced: opened.date, steps };
        if let Some(rate) = commission {
            let traded = |by: &&str| self.closes.iter().any(|close| close.id.as_str() == *by);
            put_commission_into_prices(&mut life, rate, traded, true)?;
        }
        Ok(life)
    }
}

enum Given<'a> {
    Action(&'a Happening, &'a CorporateAction),
    Close(&'a GivenClose),
}

impl Given<'_> {
    fn order(&self) -> (bool, &str) {
        match self {
            Given::Action(happening, _) => (false, happening.id.as_str()),
            Given::Close(close) => (true, close.id.as_str()),
        }
    }
}

/// A purchase becomes dearer and a sale cheaper, whether it opens or closes; what comes or is closed without a trade pays no commission.
pub(super) fn put_commission_into_prices<Id>(
    life: &mut Life<Id>,
    rate: Decimal,
    traded: impl Fn(&Id) -> bool,
    opened: bool,
) -> Result<(), Blocked> {
    let (opening, closing) =
        if life.quantity.is_sign_negative() { (Side::Sell, Side::Buy) } else { (Side::Buy, Side::Sell) };
    if opened {
        life.opened.price = net_price(&mut Silent, life.opened.price, opening, rate)?;
    }
    for step in &mut life.steps {
        if let Step::Close { by, edge, .. } = step
            && traded(by)
        {
            edge.price = net_price(&mut Silent, edge.price, closing, rate)?;
        }
    }
    Ok(())
}

impl Swap {
    /// The commission that goes into prices instead of being a flow of its own.
    pub fn commission_in_price(&self) -> Option<Decimal> {
        let mut commissions = self.trade_fees.iter().filter(|fee| fee.kind == TradeFeeKind::Commission);
        let Charge::OnValue { rate, .. } = commissions.next()?.charge else { return None };
        (self.equity.commission == CommissionIn::Price).then_some(rate)
    }
}
