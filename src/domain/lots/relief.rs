//! What one fact takes from the open lots, lot by lot, and what a position's numbers come to with it.

use rust_decimal::Decimal;

use super::cost::{UnitCost, gain_over, share, signed_like};
use super::lot::{Age, Chosen, Lot, Relief};
use super::position::Costing;
use crate::domain::key::TradeId;
use crate::domain::money::{Currency, Money};
use crate::domain::trade::{Terms, WHOLE_LIMIT};

/// The numbers of a position that its facts add up to; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::domain) struct Totals {
    pub quantity: Decimal,
    pub realised: i64,
    pub cost: i64,
    pub costing: Costing,
    pub open_lots: u32,
}

/// A closing quantity on its way through the lots.
pub(in crate::domain) struct Closing {
    /// Per unit.
    price: Decimal,
    currency: Currency,
    /// Signed quantity that has found no lot yet.
    pub left: Decimal,
    pub reliefs: Vec<Relief>,
    pub realised: i64,
}

/// A lot that it is the turn of.
#[derive(Clone, Copy)]
pub(in crate::domain) struct Picked<'a> {
    pub lot: &'a TradeId,
    pub chosen: Chosen,
    pub age: Age,
}

/// A number would not fit.
#[derive(Debug)]
pub(in crate::domain) struct OutOfRange;

impl Closing {
    /// A signed quantity, against lots of the other sign, at a price per unit.
    pub fn new(quantity: Decimal, price: Decimal, currency: Currency) -> Closing {
        Closing { price, currency, left: quantity, reliefs: Vec::new(), realised: 0 }
    }

    /// All that a trade buys or sells.
    pub fn of_trade(terms: &Terms) -> Closing {
        Closing::new(terms.signed_quantity(), terms.price, terms.currency)
    }

    /// Whether it closes what stands open with this sign.
    pub fn closes(&self, open: Decimal) -> bool {
        !self.left.is_zero() && !open.is_zero() && self.left.is_sign_negative() != open.is_sign_negative()
    }

    /// Takes what it needs of a lot that it closes, at most all that remains; returns what remains of the lot, signed.
    pub fn relieve(&mut self, picked: Picked<'_>, remaining: Decimal, cost: UnitCost) -> Result<Decimal, OutOfRange> {
        let taken = self.taken(remaining);
        let realised = cost.gain(taken, self.price, self.currency).ok_or(OutOfRange)?;
        self.take(picked, taken, cost.per_unit(), realised)?;
        Ok(remaining - taken)
    }

    /// The same at the average cost of the pool that the lot stands in with all others; what it takes leaves the pool.
    pub fn relieve_pooled(
        &mut self,
        picked: Picked<'_>,
        remaining: Decimal,
        pool: &mut i64,
        pooled: Decimal,
    ) -> Result<Decimal, OutOfRange> {
        let taken = self.taken(remaining);
        let cost = Money { minor: share(*pool, taken, pooled).ok_or(OutOfRange)?, currency: self.currency };
        let realised = gain_over(taken, self.price, cost.to_decimal(), self.currency).ok_or(OutOfRange)?;
        let pool_cost = Money { minor: *pool, currency: self.currency }.to_decimal();
        let average = pool_cost.checked_div(pooled).ok_or(OutOfRange)?;
        self.take(picked, taken, average.normalize(), realised)?;
        *pool -= cost.minor;
        Ok(remaining - taken)
    }

    /// What it takes of a lot. Units that a trade crosses zero with find no lot and earn nothing.
    fn taken(&self, remaining: Decimal) -> Decimal {
        signed_like(remaining, remaining.abs().min(self.left.abs()))
    }

    fn take(
        &mut self,
        Picked { lot, chosen, age }: Picked<'_>,
        taken: Decimal,
        open_price: Decimal,
        realised: Money,
    ) -> Result<(), OutOfRange> {
        self.realised = self.realised.checked_add(realised.minor).ok_or(OutOfRange)?;
        self.left += taken;
        if self.reliefs.is_empty() {
            self.reliefs.reserve_exact(1); // most closes take of one lot, and what they took is kept for ever
        }
        self.reliefs.push(Relief { lot: lot.clone(), quantity: taken.abs(), open_price, realised, chosen, age });
        Ok(())
    }
}

impl Totals {
    /// Adds the change of quantity and the result of a fact; quantities stay within what a decimal adds exactly.
    pub fn add(&mut self, change: Decimal, realised: i64) -> Result<(), OutOfRange> {
        self.quantity += change;
        self.realised = self.realised.checked_add(realised).ok_or(OutOfRange)?;
        if self.quantity.abs() >= WHOLE_LIMIT { Err(OutOfRange) } else { Ok(()) }
    }

    /// Counts in an open lot that has a cost of its own.
    pub fn add_lot(&mut self, lot: &Lot) -> Result<(), OutOfRange> {
        self.cost = self.cost.checked_add(cost(lot)?).ok_or(OutOfRange)?;
        self.open_lots += 1;
        Ok(())
    }

    /// Takes away what `add_lot` added for the same lot.
    pub fn remove_lot(&mut self, lot: &Lot) -> Result<(), OutOfRange> {
        self.cost = self.cost.checked_sub(cost(lot)?).ok_or(OutOfRange)?;
        self.open_lots -= 1;
        Ok(())
    }
}

/// What is left of a lot costs so much in minor units, rounded once; signed like its quantity.
pub(in crate::domain) fn cost(lot: &Lot) -> Result<i64, OutOfRange> {
    lot.unit_cost().cost_of(lot.remaining, lot.currency).map(|cost| cost.minor).ok_or(OutOfRange)
}
