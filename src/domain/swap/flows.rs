//! Every cash flow of an agreement on a day, and the explanation of those that are asked for. The same dues and the same formulas give both.

use chrono::NaiveDate;

use super::due::{Due, Matter, Statement};
use super::dues::{Lot, Slices};
use super::flow::{Calculated, Flow};
use super::held::Holding;
use super::moves::Move;
use super::terms::Swap;
use super::valuation::Valuation;
use super::warning::Warning;
use crate::domain::blocked::Blocked;
use crate::domain::explain::Explanation;
use crate::domain::explain::pad::{Kept, Silent};
use crate::domain::explain::rounded::Rounded;
use crate::domain::flows::id::FlowId;
use crate::domain::market::Market;
use crate::domain::money::RoundingPolicy;

impl<'a> Valuation<'a> {
    /// Shows the flows of lots as they stand at the end of the day, in a fixed order. What cannot be calculated is shown with its reason, and
    /// holds up nothing else.
    pub fn cash_flows<Id: Copy + Ord>(
        &self,
        lots: &[Lot<Id>],
        slices: &mut Slices<Id>,
        each: impl FnMut(Flow<'a, Id>),
    ) {
        let mut statement = Shown { rounding: &self.swap.rounding, each };
        lots.iter().for_each(|lot| self.dues(lot, slices, &mut statement));
        self.break_fees(lots, &mut statement);
    }
}

/// What a day's flows of an agreement come from, for as many questions as there are.
pub struct Book<'a> {
    valuation: Valuation<'a>,
    holding: &'a Holding<'a>,
    lots: Vec<Lot<&'a str>>,
}

/// A flow with its id, and where it was asked for and calculated, with its explanation.
pub struct Explained<'a> {
    pub id: FlowId,
    pub flow: Flow<'a, &'a str>,
    pub explanation: Option<Explanation>,
}

impl<'a> Book<'a> {
    /// The agreement with what is held under it, on a day.
    pub fn new(
        swap: &'a Swap,
        holding: &'a Holding<'a>,
        market: &'a Market,
        day: NaiveDate,
    ) -> Result<Book<'a>, Blocked> {
        let valuation = Valuation::new(swap, market, day, holding.splits());
        let mut lots = holding.lots(swap)?;
        valuation.reinvest(&mut lots);
        Ok(Book { valuation, holding, lots })
    }

    /// All flows: of each lot, then of each trade, then what unwinding early costs.
    pub fn flows(&self) -> Vec<Flow<'a, &'a str>> {
        let mut flows = Vec::new();
        self.dues(&mut Shown { rounding: &self.valuation.swap.rounding, each: |flow| flows.push(flow) });
        flows
    }

    /// The same with an explanation of those that are wanted.
    pub fn explained(&self, wanted: impl Fn(FlowId) -> bool) -> Vec<Explained<'a>> {
        let mut kept = Explaining { rounding: &self.valuation.swap.rounding, wanted, flows: Vec::new() };
        self.dues(&mut kept);
        kept.flows
    }

    /// What is odd about the flows and calculated all the same.
    pub fn warnings(&self) -> Vec<Warning<'a>> {
        self.valuation.warnings(&self.lots)
    }

    /// What has gone to other positions by the day.
    pub fn moves(&self) -> Vec<Move<'a>> {
        self.valuation.moves(self.holding, &self.lots)
    }

    fn dues(&self, statement: &mut impl Statement<'a, &'a str>) {
        let mut slices = Slices::default();
        self.lots.iter().for_each(|lot| self.valuation.dues(lot, &mut slices, statement));
        self.holding.trades().for_each(|trade| self.valuation.trade_fees(trade.id.trade_id(), trade, statement));
        self.valuation.break_fees(&self.lots, statement);
    }
}

/// Calculates every flow and shows it to `each`.
pub(super) struct Shown<'r, F> {
    pub rounding: &'r RoundingPolicy,
    pub each: F,
}

impl<'a, Id, F: FnMut(Flow<'a, Id>)> Statement<'a, Id> for Shown<'_, F> {
    #[inline(always)] // between a formula and whoever is shown its amount; taken apart as `explain::pad` says
    fn enter(&mut self, due: Due<'a, Id>, matter: &impl Matter) {
        match matter.amount(&mut Rounded { inner: Silent, policy: self.rounding }) {
            Ok(calculated) => (self.each)(flow(due, Ok(calculated))),
            Err(reason) => (self.each)(flow(due, Err(reason))),
        }
    }
}

/// Calculates every flow, and keeps the lines of those that are wanted.
pub(super) struct Explaining<'r, 'a, F> {
    pub rounding: &'r RoundingPolicy,
    pub wanted: F,
    pub flows: Vec<Explained<'a>>,
}

impl<'a, F: Fn(FlowId) -> bool> Statement<'a, &'a str> for Explaining<'_, 'a, F> {
    fn enter(&mut self, due: Due<'a, &'a str>, matter: &impl Matter) {
        let id = due.name.id(due.currency);
        let (result, explanation) = if (self.wanted)(id) {
            let mut pad = Rounded { inner: Kept::default(), policy: self.rounding };
            let result = matter.amount(&mut pad);
            let explanation = result.is_ok().then(|| pad.inner.explanation());
            (result, explanation)
        } else {
            (matter.amount(&mut Rounded { inner: Silent, policy: self.rounding }), None)
        };
        self.flows.push(Explained { id, flow: flow(due, result), explanation });
    }
}

fn flow<Id>(due: Due<'_, Id>, result: Result<Calculated, Blocked>) -> Flow<'_, Id> {
    let Due { name, stage, payment_date, currency } = due;
    Flow { name, stage, payment_date, currency, result }
}
