//! What is held under a swap -> the lots that its legs stand on, and the trades that its fees are charged for.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::agreement::{Agreement, Held};
use super::dues::Lot;
use super::terms::Swap;
use crate::domain::blocked::Blocked;
use crate::domain::equity::mark::net_price;
use crate::domain::equity::terms::CommissionIn;
use crate::domain::explain::pad::Silent;
use crate::domain::fees::trade::{Charge, TradeFeeKind};
use crate::domain::lots::given::GivenLot;
use crate::domain::lots::life::{Market, lives};
use crate::domain::lots::shelf::Shelf;
use crate::domain::lots::slice::{Life, Step};
use crate::domain::names::LotId;
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::capture::capture;
use crate::domain::trade::captured::{CapturedTrade, Place};
use crate::domain::trade::{Side, Trade};

/// The position that an agreement's trades add up to, or its lots as they were given.
pub enum Holding<'a> {
    Captured(Box<Shelf>),
    Given(&'a [GivenLot]),
}

/// A trade of the document that capture refuses; the others count.
pub struct Refused<'a> {
    pub trade: &'a Trade,
    pub refusal: Refusal,
}

impl<'a> Holding<'a> {
    /// Captures the trades as a stream of them would be.
    pub fn of(agreement: &'a Agreement) -> (Holding<'a>, Vec<Refused<'a>>) {
        let trades = match &agreement.held {
            Held::Lots(lots) => return (Holding::Given(lots), Vec::new()),
            Held::Trades(trades) => trades,
        };
        let mut shelf = Shelf { policy: agreement.relief.clone(), ..Shelf::default() };
        let mut refused = Vec::new();
        for (trade, offset) in trades.iter().zip(0..) {
            match capture(&shelf, trade, Place { topic: 0, partition: 0, offset }) {
                Ok(capture) => shelf.keep(capture),
                Err(refusal) => refused.push(Refused { trade, refusal }),
            }
        }
        (Holding::Captured(Box::new(shelf)), refused)
    }

    /// The lots by age or as given, each with all that happened to it.
    pub fn lots(&self, swap: &Swap) -> Result<Vec<Lot<&str>>, Blocked> {
        let mut lots: Vec<Lot<&str>> = match self {
            Holding::Captured(shelf) => lives(shelf.as_ref(), &Stated)
                .into_iter()
                .map(|(id, life)| Lot { id: id.trade_id(), life: life.renamed(|by| by.trade_id()) })
                .collect(),
            Holding::Given(lots) => {
                lots.iter().map(|lot| Lot { id: lot.id.as_str(), life: lot.life().renamed(LotId::as_str) }).collect()
            }
        };
        if let Some(rate) = swap.commission_in_price() {
            lots.iter_mut().try_for_each(|lot| put_commission_into_prices(&mut lot.life, rate))?;
        }
        lots.sort_by(|left, right| (left.life.opened.date, left.id).cmp(&(right.life.opened.date, right.id)));
        Ok(lots)
    }

    /// The live trades, oldest first; none where lots were given: who kept those has charged their fees.
    pub fn trades(&self) -> impl Iterator<Item = &CapturedTrade> {
        let shelf = match self {
            Holding::Captured(shelf) => Some(shelf),
            Holding::Given(_) => None,
        };
        shelf.into_iter().flat_map(|shelf| shelf.live.values().map(|id| &shelf.trades[id]))
    }
}

/// An agreement's trades say themselves when they settle, and rates are looked up where they are needed.
struct Stated;

impl Market for Stated {
    fn settle_date(&self, trade_date: NaiveDate) -> NaiveDate {
        trade_date
    }

    fn fx(&self, _: NaiveDate) -> Decimal {
        Decimal::ONE
    }
}

/// A purchase becomes dearer and a sale cheaper, whether it opens or closes.
pub(super) fn put_commission_into_prices<Id>(life: &mut Life<Id>, rate: Decimal) -> Result<(), Blocked> {
    let (opening, closing) =
        if life.quantity.is_sign_negative() { (Side::Sell, Side::Buy) } else { (Side::Buy, Side::Sell) };
    life.opened.price = net_price(&mut Silent, life.opened.price, opening, rate)?;
    for step in &mut life.steps {
        if let Step::Close { edge, .. } = step {
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
