//! A request of the replaced service -> its cash flows: what the workers do with a self-contained job, in this process.

use std::convert::Infallible;

use super::answer::{Answer, Calculated, Flow, Row, Step, Wanted};
use super::unreadable;
use crate::cli::failure::Failure;
use crate::cli::market_data;
use crate::domain::jobs::calculate::calculate as calculate_chunk;
use crate::domain::jobs::cashflow::{CashFlow, DividendTax, Explain};
use crate::domain::jobs::chunk::Chunk;
use crate::domain::jobs::notice::{Notice, Severity};
use crate::domain::jobs::split::{Cut, SplitLimits, Splitter};
use crate::messages::request::{Stopped, read_contracts, read_request};

pub(super) fn calculate(json: &[u8], wanted: &Wanted) -> Result<Answer, Failure> {
    let mut request = read_request(json).map_err(|error| unreadable(&error))?;
    market_data::as_sent(&mut request)?;
    let mut answer = Answer::new(request.job.valuation_date);
    let mut splitter = Splitter::new(request.job, &request.market, SplitLimits::default());
    for notice in request.notices {
        splitter.notice(notice).iter().for_each(|(_, chunk)| add(&mut answer, chunk, wanted));
    }
    let read = read_contracts(json, |contract| -> Result<(), Infallible> {
        splitter.take(contract).iter().for_each(|(_, chunk)| add(&mut answer, chunk, wanted));
        Ok(())
    });
    if let Err(Stopped::Request(error)) = read {
        return Err(unreadable(&error));
    }
    splitter.finish().0.iter().for_each(|(_, chunk)| add(&mut answer, chunk, wanted));
    Ok(answer)
}

fn add(answer: &mut Answer, chunk: &Chunk, wanted: &Wanted) {
    let calculated = calculate_chunk(chunk);
    answer.rows.extend(calculated.result.rows.into_iter().map(row));
    for flow in calculated.flows.into_iter().flat_map(|contract| contract.flows) {
        let id = flow.id.to_string();
        if wanted.contains(&id) {
            answer.explanations.push((answer.flows.len(), steps(&flow)));
        }
        answer.flows.push(shown(flow, id));
    }
}

fn row(notice: Notice) -> Row {
    Row {
        error: notice.severity == Severity::Error,
        code: notice.code.name().into(),
        contract: notice.contract.map(|contract| contract.to_string()),
        lot: notice.lot.map(|lot| lot.to_string()),
        path: notice.field.into(),
        message: notice.message,
    }
}

fn shown(flow: CashFlow, id: String) -> Flow {
    let (start, detail) = match &flow.explain {
        Explain::Performance { price_date, .. } => (*price_date, None),
        Explain::Interest { from, .. } => (*from, None),
        Explain::Dividend { ex_date, .. } => (*ex_date, None),
    };
    Flow {
        id,
        contract: flow.contract.to_string(),
        position: Some(flow.position.to_string()),
        lot: flow.lot.to_string(),
        closed_by: flow.closing_lot.map(|lot| lot.to_string()),
        kind: flow.kind.name(),
        detail,
        status: flow.status.name(),
        start,
        end: Some(flow.valuation_date),
        payment_date: None,
        currency: flow.amount.currency,
        result: Ok(Calculated { amount: flow.amount, unrounded: flow.unrounded, provisional: false }),
    }
}

/// The lines of a flow's explanation, down to its amount.
pub fn steps(flow: &CashFlow) -> Vec<Step> {
    let mut steps = up_to_rounding(flow);
    let taxed = matches!(flow.explain, Explain::Dividend { tax: Some(_), .. });
    let rounded = if taxed { "#5 - #6".into() } else { format!("#{} rounded", steps.len()) };
    steps.push(Step::new("amount", rounded, flow.amount));
    steps
}

fn up_to_rounding(flow: &CashFlow) -> Vec<Step> {
    match &flow.explain {
        Explain::Performance { quantity, cost_price, price, price_date } => vec![
            Step::new("quantity", "lot", quantity),
            Step::new("cost price", "lot", cost_price),
            Step::new(format!("price {price_date}"), "market", price),
            Step::new("unrounded", "#1 x (#3 - #2)", flow.unrounded),
        ],
        Explain::Dividend { quantity, per_share, payout_ratio, ex_date, tax } => {
            let mut steps = vec![
                Step::new("quantity", "lot", quantity),
                Step::new(format!("dividend {ex_date}"), "market", per_share),
                Step::new("payout ratio", "contract", payout_ratio),
            ];
            let Some(DividendTax { withholding, gross, withheld }) = tax else {
                steps.push(Step::new("unrounded", "#1 x #2 x #3", flow.unrounded));
                return steps;
            };
            steps.extend([
                Step::new("withholding rate", withholding.treatment.name(), withholding.rate),
                Step::new("gross dividend", "before tax", gross),
                Step::new("tax at source", "withheld", withheld),
                Step::new("unrounded", "#1 x #2 x #3 less tax", flow.unrounded),
            ]);
            steps
        }
        Explain::Interest { notional, day_count, spread, compounded, from, to, rates } => {
            let method = if *compounded { "compounded" } else { "sum of rate x days" };
            let mut steps = vec![
                Step::new("notional", "lot", notional),
                Step::new("day count", "contract", day_count),
                Step::new("spread", "contract", spread),
                Step::new(format!("from {from} to {to}"), "calendar", method),
            ];
            steps.extend(
                rates
                    .iter()
                    .map(|span| Step::new(format!("rate from {} to {}", span.from, span.to), "market", span.rate)),
            );
            steps.push(Step::new("unrounded", "- #1 x interest", flow.unrounded));
            steps
        }
    }
}
