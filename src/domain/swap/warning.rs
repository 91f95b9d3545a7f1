//! What is odd about a swap's flows on a day and calculated all the same: whoever reads them should know.

use std::fmt;

use super::dues::Lot;
use super::valuation::Valuation;
use crate::domain::dividends::declared::{Declaration, Declared, DividendKind};
use crate::domain::schedule::Disrupted;

/// One oddity of a contract.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Warning<'a> {
    /// A valuation that does not stand as it was scheduled.
    Disrupted(Disrupted),
    /// A dividend that went ex while units were held for their price alone, and that is not passed on.
    Unreturned(&'a Declared),
}

impl Warning<'_> {
    /// As it is written in rows.
    pub fn code(&self) -> &'static str {
        match self {
            Warning::Disrupted(_) => "DISRUPTED_VALUATION",
            Warning::Unreturned(_) => "EX_DATE_IN_PRICE_RETURN",
        }
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Disrupted(disrupted) => disrupted.fmt(f),
            Warning::Unreturned(Declared { id, of, ex_date, .. }) => {
                write!(
                    f,
                    "the price return contains {ex_date}, when {of} went ex {id}, which is not passed on; check the terms"
                )
            }
        }
    }
}

impl<'a> Valuation<'a> {
    /// Disruptions of valuations until the day, then dividends that nobody gets.
    pub fn warnings<Id: Copy>(&self, lots: &[Lot<Id>]) -> Vec<Warning<'a>> {
        let disrupted = self.swap.equity.disrupted.range(..=self.day);
        let mut warnings: Vec<Warning<'a>> = disrupted.map(|(_, disrupted)| Warning::Disrupted(*disrupted)).collect();
        let declared = self.market.dividends.get(&self.swap.underlier).into_iter().flatten();
        let unreturned = declared.filter(|declared| self.kept_back(declared) && self.held_over(lots, declared));
        warnings.extend(unreturned.map(Warning::Unreturned));
        warnings
    }

    /// Whether a dividend is cash and the terms do not pass it on. Shares instead of cash are a corporate action.
    fn kept_back(&self, declared: &Declared) -> bool {
        let cash = declared.kind != DividendKind::Stock && declared.status != Declaration::Cancelled;
        cash && !self.swap.dividends.as_ref().is_some_and(|terms| terms.passes_on(declared))
    }

    /// Whether a span of performance leaves the dividend out.
    fn held_over<Id: Copy>(&self, lots: &[Lot<Id>], declared: &Declared) -> bool {
        let mut slices = Vec::new();
        lots.iter().any(|lot| {
            lot.life.slices_until(self.day, self.resets(lot), &mut slices);
            slices.iter().any(|slice| {
                let end = slice.end.as_ref().map_or(self.day, |end| end.edge.date);
                self.swap.equity.return_type.leaves_out(slice.start.date, end, declared.ex_date)
            })
        })
    }
}
