//! What one trade takes from the open lots, oldest first, and what it opens with the rest.

use rust_decimal::Decimal;

use super::key::TradeId;
use super::lot::{Lot, Relief};
use super::money::Money;
use super::trade::{Terms, WHOLE_LIMIT};

/// What a trade does to the lots of its position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Signed quantity of the lot it opens.
    pub opened: Decimal,
    pub reliefs: Vec<Relief>,
}

/// The numbers of a position that its trades add up to; amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub quantity: Decimal,
    pub realised: i64,
    pub cost: i64,
    pub open_lots: u32,
}

/// A trade on its way through the lots.
pub(super) struct Closing<'a> {
    terms: &'a Terms,
    /// Signed quantity that has found no lot yet.
    pub left: Decimal,
    reliefs: Vec<Relief>,
    pub realised: i64,
}

/// A number would not fit.
#[derive(Debug)]
pub(super) struct OutOfRange;

impl<'a> Closing<'a> {
    pub fn new(terms: &'a Terms) -> Closing<'a> {
        Closing { terms, left: terms.signed_quantity(), reliefs: Vec::new(), realised: 0 }
    }

    /// Whether it closes what stands open with this sign.
    pub fn closes(&self, open: Decimal) -> bool {
        !self.left.is_zero() && !open.is_zero() && self.left.is_sign_negative() != open.is_sign_negative()
    }

    /// Takes what it needs of a lot that it closes; returns what remains of the lot, signed.
    pub fn relieve(&mut self, lot: &TradeId, remaining: Decimal, open_price: Decimal) -> Result<Decimal, OutOfRange> {
        let quantity = remaining.abs().min(self.left.abs());
        // A short lot gains when the price falls. Units that the trade crosses zero with earn nothing here.
        let (taken, gain) = match remaining.is_sign_negative() {
            true => (-quantity, open_price - self.terms.price),
            false => (quantity, self.terms.price - open_price),
        };
        let realised = Money::product(quantity, gain, self.terms.currency).ok_or(OutOfRange)?;
        self.realised = self.realised.checked_add(realised.minor).ok_or(OutOfRange)?;
        self.left += taken;
        self.reliefs.push(Relief { lot: lot.clone(), quantity, open_price, realised });
        Ok(remaining - taken)
    }

    /// What found no lot opens one.
    pub fn effect(self) -> Effect {
        Effect { opened: self.left, reliefs: self.reliefs }
    }
}

impl Totals {
    /// Adds a trade's quantity and result; quantities stay within what a decimal adds exactly.
    pub fn add_trade(&mut self, quantity: Decimal, realised: i64) -> Result<(), OutOfRange> {
        self.quantity += quantity;
        self.realised = self.realised.checked_add(realised).ok_or(OutOfRange)?;
        if self.quantity.abs() >= WHOLE_LIMIT { Err(OutOfRange) } else { Ok(()) }
    }

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

fn cost(lot: &Lot) -> Result<i64, OutOfRange> {
    Money::product(lot.remaining, lot.price, lot.currency).map(|cost| cost.minor).ok_or(OutOfRange)
}
