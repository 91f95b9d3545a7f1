//! Corporate actions: what the issuer does to the lots of a position at the start of the ex date.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::key::PositionKey;
use crate::domain::number::ratio::Ratio;

/// One action on one security, as it falls on one of its positions. Amounts per unit are in the position's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorporateAction {
    /// It takes effect at the start of this day, before any trade of the day.
    pub ex_date: NaiveDate,
    pub kind: ActionKind,
}

/// What it does to each lot. A ratio is new units for one old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// New units for old ones; below one it is a reverse split. Quantity x ratio, unit cost / ratio, cost unchanged.
    Split { ratio: Ratio, fractions: Fractions },
    /// New units on top of each old one: a split by 1 + `per_unit`.
    StockDividend { per_unit: Ratio, fractions: Fractions },
    /// Units of a child for each unit of the parent, which stays. By the first close of both, the child takes
    /// w = child x ratio / (parent + child x ratio) of the cost of each lot, rounded to minor units, and the parent keeps the rest.
    SpinOff { to: PositionKey, ratio: Ratio, parent_close: Decimal, child_close: Decimal, fractions: Fractions },
    /// All lots are closed at the price.
    MergerCash { price: Decimal },
    /// New units for old ones in another security, with the old cost.
    MergerStock { to: PositionKey, ratio: Ratio, fractions: Fractions },
    /// Both at once: cash per old unit and new units worth `price` each. The cash closes cash / (cash + ratio x price) of the cost of each lot,
    /// rounded to minor units; the new units carry the rest.
    MergerMixed { cash: Decimal, to: PositionKey, ratio: Ratio, price: Decimal, fractions: Fractions },
    /// The same lots under another key.
    SymbolChange { to: PositionKey },
}

/// What becomes of units that are no whole ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fractions {
    /// Swaps keep them, to ten decimals.
    Keep,
    /// Cash equities are paid for what the position has beyond whole units, cut towards zero for both signs. It is taken from the last lot in
    /// order of relief.
    CashInLieu { price: Decimal },
}

impl CorporateAction {
    /// As it falls on a position: what goes to another security stays in the position's account and book.
    pub fn on(mut self, key: &PositionKey) -> CorporateAction {
        if let Some(to) = self.kind.to() {
            let of_key = PositionKey::new(&key.account(), &key.book(), &to.security());
            *to = of_key.expect("parts of keys are names");
        }
        self
    }

    /// The position that lots or a part of their cost go to.
    pub fn to(&self) -> Option<&PositionKey> {
        match &self.kind {
            ActionKind::SpinOff { to, .. }
            | ActionKind::MergerStock { to, .. }
            | ActionKind::MergerMixed { to, .. }
            | ActionKind::SymbolChange { to } => Some(to),
            ActionKind::Split { .. } | ActionKind::StockDividend { .. } | ActionKind::MergerCash { .. } => None,
        }
    }
}

impl ActionKind {
    fn to(&mut self) -> Option<&mut PositionKey> {
        match self {
            ActionKind::SpinOff { to, .. }
            | ActionKind::MergerStock { to, .. }
            | ActionKind::MergerMixed { to, .. }
            | ActionKind::SymbolChange { to } => Some(to),
            ActionKind::Split { .. } | ActionKind::StockDividend { .. } | ActionKind::MergerCash { .. } => None,
        }
    }

    /// New units of the same security for old ones, where it changes them.
    pub fn new_units(&self) -> Option<Ratio> {
        match self {
            ActionKind::Split { ratio, .. } => Some(*ratio),
            ActionKind::StockDividend { per_unit, .. } => per_unit.on_top(),
            _ => None,
        }
    }

    /// The part of its cost that a lot keeps.
    pub fn kept(&self) -> Decimal {
        let ActionKind::SpinOff { ratio, parent_close, child_close, .. } = self else { return Decimal::ONE };
        let parent = parent_close * ratio.denominator();
        parent / (parent + child_close * ratio.numerator())
    }

    /// What it says of units that are no whole ones, where it makes any.
    pub fn fractions(&mut self) -> Option<&mut Fractions> {
        match self {
            ActionKind::Split { fractions, .. }
            | ActionKind::StockDividend { fractions, .. }
            | ActionKind::SpinOff { fractions, .. }
            | ActionKind::MergerStock { fractions, .. }
            | ActionKind::MergerMixed { fractions, .. } => Some(fractions),
            ActionKind::MergerCash { .. } | ActionKind::SymbolChange { .. } => None,
        }
    }
}
