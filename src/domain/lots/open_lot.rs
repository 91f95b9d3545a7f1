//! One lot at a moment in business order: what is left of it, what its units cost, and where its dates stand.

use rust_decimal::Decimal;
use xxhash_rust::xxh3::xxh3_64;

use super::cost::UnitCost;
use super::lot::{Age, Lot};
use super::method::{Instruction, Rank, Ranking};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::ledger::Ledger;
use crate::domain::money::Currency;
use crate::domain::trade::{BusinessOrder, Terms};

/// A lot on its way through facts.
#[derive(Clone, Copy)]
pub(super) struct OpenLot<'a> {
    pub facts: Facts<'a>,
    pub opened: Decimal,
    pub remaining: Decimal,
    pub cost: UnitCost,
}

/// Where the dates of a lot stand: with the trade that opened it, or with the lot as it was stored or arrived.
#[derive(Clone, Copy)]
pub(super) enum Facts<'a> {
    Trade(&'a Terms),
    Lot(&'a Lot),
}

/// An id behind a hash of it: ids have long beginnings in common, and a replay looks lots up more than anything else. Its order says nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name<'a>(u64, pub &'a TradeId);

impl<'a> Name<'a> {
    /// With its hash.
    pub fn of(id: &'a TradeId) -> Name<'a> {
        Name(xxh3_64(id.as_str().as_bytes()), id)
    }
}

impl<'a> OpenLot<'a> {
    /// As the ledger has it, or as it arrived.
    pub fn stored(lot: &'a Lot) -> OpenLot<'a> {
        let Lot { opened, remaining, .. } = *lot;
        OpenLot { facts: Facts::Lot(lot), opened, remaining, cost: lot.unit_cost() }
    }

    /// The lot as the ledger knows it; of a closed one nothing is left.
    pub fn of_ledger(ledger: &'a impl Ledger, id: &TradeId) -> OpenLot<'a> {
        if let Some(lot) = ledger.lot(id) {
            return OpenLot::stored(lot);
        }
        if let Some(trade) = ledger.captured(id) {
            let terms = trade.terms().expect("a trade that opened a lot is live");
            let (opened, remaining) = (trade.opened, Decimal::ZERO);
            return OpenLot { facts: Facts::Trade(terms), opened, remaining, cost: UnitCost::Price(terms.price) };
        }
        let happened = ledger.happened(id).expect("a lot was opened by a trade or arrived");
        let lot = &happened.happening.arrival().expect("only an arrival opens a lot").lot;
        OpenLot { opened: happened.effect.opened, remaining: Decimal::ZERO, ..OpenLot::stored(lot) }
    }

    /// Whether nothing has come of a lot that the ledger knows: told without making another one of it.
    pub fn stands_as(&self, stored: &Lot) -> bool {
        let same = matches!(self.facts, Facts::Lot(lot) if std::ptr::eq(lot, stored));
        same && self.opened == stored.opened && self.remaining == stored.remaining && self.cost == stored.unit_cost()
    }

    /// Its place in the order of relief.
    pub fn rank(&self, ranking: Ranking, id: &'a TradeId) -> Rank<BusinessOrder<'a>> {
        let age = match self.facts {
            Facts::Trade(terms) => terms.order(id),
            Facts::Lot(lot) => (lot.trade_date, lot.exec_time, lot.source_seq, id),
        };
        Rank::of(ranking, age, || self.cost.per_unit())
    }

    /// As it is stored or sent.
    pub fn to_lot(self, key: &PositionKey, id: &TradeId, revision: u64) -> Lot {
        let shared = match self.cost {
            UnitCost::Price(_) => None,
            shared => Some(Box::new(shared)),
        };
        let price = self.cost.price();
        let OpenLot { opened, remaining, .. } = self;
        match self.facts {
            Facts::Trade(terms) => Lot { price, shared, ..Lot::of_trade(key, id, terms, opened, remaining, revision) },
            Facts::Lot(lot) => Lot { price, shared, opened, remaining, revision, ..lot.clone() },
        }
    }
}

impl<'a> Facts<'a> {
    /// How old the lot is.
    pub fn age(self) -> Age {
        match self {
            Facts::Trade(Terms { trade_date, exec_time, source_seq, .. }) => {
                Age { trade_date: *trade_date, exec_time: *exec_time, source_seq: *source_seq }
            }
            Facts::Lot(lot) => lot.age(),
        }
    }

    /// What a trade orders for its own close.
    pub fn instruction(self) -> Option<&'a Instruction> {
        match self {
            Facts::Trade(terms) => terms.relief.as_deref(),
            Facts::Lot(_) => None,
        }
    }

    /// Of price and cost.
    pub fn currency(self) -> Currency {
        match self {
            Facts::Trade(terms) => terms.currency,
            Facts::Lot(lot) => lot.currency,
        }
    }
}
