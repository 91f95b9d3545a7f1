//! Every cash flow of an agreement on a day, and the explanation of one. The same dues and the same formulas give both.

use std::fmt::Display;

use chrono::NaiveDate;

use super::due::Due;
use super::dues::{Lot, Slices};
use super::flow::{Calculated, Flow};
use super::held::Holding;
use super::terms::Swap;
use super::valuation::Valuation;
use super::warning::Warning;
use crate::domain::blocked::Blocked;
use crate::domain::explain::Explanation;
use crate::domain::explain::pad::{Kept, Silent};
use crate::domain::explain::rounded::Rounded;
use crate::domain::flows::id::FlowId;
use crate::domain::market::Market;

/// Shows the flows of a swap's lots as they stand at the end of a day, in a fixed order. What cannot be calculated is shown with its reason, and
/// holds up nothing else.
pub fn cash_flows<'a, Id: Copy + Ord>(
    swap: &'a Swap,
    lots: &[Lot<Id>],
    market: &'a Market,
    day: NaiveDate,
    mut each: impl FnMut(Flow<'a, Id>),
) {
    let valuation = Valuation::new(swap, market, day);
    let mut slices = Slices::default();
    for lot in lots {
        valuation.dues(lot, &mut slices, &mut |due| each(flow(due, &valuation)));
    }
    valuation.break_fees(lots, &mut |due| each(flow(due, &valuation)));
}

/// What a day's flows of an agreement come from, for as many questions as there are.
pub struct Book<'a> {
    valuation: Valuation<'a>,
    holding: &'a Holding<'a>,
    lots: Vec<Lot<&'a str>>,
}

impl<'a> Book<'a> {
    /// The agreement with what is held under it, on a day.
    pub fn new(
        swap: &'a Swap,
        holding: &'a Holding<'a>,
        market: &'a Market,
        day: NaiveDate,
    ) -> Result<Book<'a>, Blocked> {
        Ok(Book { valuation: Valuation::new(swap, market, day), holding, lots: holding.lots(swap)? })
    }

    /// All flows: of each lot, then of each trade, then what unwinding early costs.
    pub fn flows(&self) -> Vec<Flow<'a, &'a str>> {
        let mut flows = Vec::new();
        self.dues(&mut |due| flows.push(flow(due, &self.valuation)));
        flows
    }

    /// The explanation of one flow with what it comes to; `None` when there is no such flow on the day.
    pub fn explain(&self, id: FlowId) -> Option<Result<(Calculated, Explanation), Blocked>> {
        let mut found = None;
        self.dues(&mut |due| {
            if due.name.id(due.currency) == id {
                found = Some(explained(due, &self.valuation));
            }
        });
        found
    }

    /// What is odd about the flows and calculated all the same.
    pub fn warnings(&self) -> Vec<Warning<'a>> {
        self.valuation.warnings(&self.lots)
    }

    fn dues(&self, each: &mut impl FnMut(Due<'a, &'a str>)) {
        let mut slices = Slices::default();
        self.lots.iter().for_each(|lot| self.valuation.dues(lot, &mut slices, each));
        self.holding.trades().for_each(|trade| self.valuation.trade_fees(trade, each));
        self.valuation.break_fees(&self.lots, each);
    }
}

fn flow<'a, Id>(due: Due<'a, Id>, valuation: &Valuation<'a>) -> Flow<'a, Id> {
    let Due { name, stage, payment_date, currency, matter } = due;
    let mut pad = Rounded { inner: Silent, policy: &valuation.swap.rounding };
    let result = matter.and_then(|matter| matter.amount(&mut pad, valuation, currency));
    Flow { name, stage, payment_date, currency, result }
}

fn explained<'a, Id: Display>(
    due: Due<'a, Id>,
    valuation: &Valuation<'a>,
) -> Result<(Calculated, Explanation), Blocked> {
    let mut pad = Rounded { inner: Kept::default(), policy: &valuation.swap.rounding };
    let calculated = due.matter?.amount(&mut pad, valuation, due.currency)?;
    Ok((calculated, pad.inner.explanation()))
}
