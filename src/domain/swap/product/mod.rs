//! What each product is, as rules on the terms of a swap. The arithmetic is the same for all of them.

use super::terms::Swap;
use crate::domain::equity::terms::EquityNotional;

mod cfd; // contract for difference
mod equity_swap; // price return against interest, dividends passed on beside it
mod total_return_swap; // dividends belong to the return

/// The kinds of swap. A new one is a file beside these with its rules, and a line in each of the three places below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Product {
    EquitySwap,
    TotalReturnSwap,
    Cfd,
}

/// A rule of the product that the terms break: which field, and what is allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The field as a document spells it.
    pub field: &'static str,
    pub allowed: &'static str,
}

impl Product {
    /// All of them by the names that documents use.
    pub const NAMES: [(&'static str, Product); 3] =
        [("EQUITY_SWAP", Product::EquitySwap), ("TOTAL_RETURN_SWAP", Product::TotalReturnSwap), ("CFD", Product::Cfd)];

    /// The first rule that the terms break.
    pub fn check(self, swap: &Swap) -> Result<(), Broken> {
        if let Some(terms) = swap.dividends.as_ref().filter(|terms| terms.reinvested) {
            let resets = swap.equity.notional == EquityNotional::Reset;
            rule(
                resets,
                "dividends.reinvested",
                "false, or the equity notional RESET: units that are bought change no constant one",
            )?;
            let priced = terms.currency == swap.currencies.price;
            rule(priced, "dividends.currency", "the price currency, in which a reinvested dividend buys units")?;
        }
        let ends = swap.break_fee.is_none() || swap.termination.is_some();
        rule(ends, "breakFee", "none: what is open-ended has no date before which it could end")?;
        match self {
            Product::EquitySwap => equity_swap::check(swap),
            Product::TotalReturnSwap => total_return_swap::check(swap),
            Product::Cfd => cfd::check(swap),
        }
    }
}

fn rule(holds: bool, field: &'static str, allowed: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { field, allowed }) }
}
