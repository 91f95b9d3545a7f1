//! `job-cash-flows`: all flows of one contract (or part of one) of a self-contained job.

use crate::domain::flows::id::FlowId;
use crate::domain::jobs::cashflow::{CashFlow, DividendTax, Explain, RateSpan};
use crate::domain::jobs::chunk::ContractFlows;
use crate::domain::jobs::job::JobId;
use crate::domain::key::ContractId;
use crate::domain::names::{LotId, PositionId};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::position_flows;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// The flows of a contract, with the job they were calculated for.
#[derive(Clone, PartialEq, Debug)]
pub struct JobCashFlows {
    pub job: JobId,
    pub flows: ContractFlows,
}

impl Message for JobCashFlows {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::JobCashFlows;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        write_contract_flows(out, &self.flows);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let job = input.job()?;
        let contract = input.name("contract", ContractId::new)?;
        let (part, piece) = (input.number()?, input.number()?);
        let (flows, rows) = (input.array(read_flow)?, input.array(position_flows::read_flow)?);
        Ok(JobCashFlows { job, flows: ContractFlows { contract, part, piece, flows, rows } })
    }
}

/// All but the job's name.
pub(super) fn write_contract_flows(out: &mut Encoder, flows: &ContractFlows) {
    out.text(flows.contract.as_str());
    out.number(flows.part);
    out.number(flows.piece);
    out.array(flows.flows.iter(), write_flow);
    out.array(flows.rows.iter(), position_flows::write_flow);
}

fn write_flow(out: &mut Encoder, flow: &CashFlow) {
    out.hash(flow.id.0);
    out.text(flow.contract.as_str());
    out.text(flow.position.as_str());
    out.text(flow.lot.as_str());
    out.optional(flow.closing_lot.as_ref(), |out, lot| out.text(lot.as_str()));
    out.flow_kind(flow.kind, flow.status);
    out.date(flow.valuation_date);
    out.money(&flow.amount);
    out.exact(flow.unrounded);
    write_explain(out, &flow.explain);
}

fn read_flow(input: &mut Decoder) -> Result<CashFlow, Unreadable> {
    let id = FlowId(input.hash()?);
    let contract = input.name("contract", ContractId::new)?;
    let position = input.name("position", PositionId::new)?;
    let lot = input.name("lot", LotId::new)?;
    let closing_lot = input.optional(|input| input.name("closing_lot", LotId::new))?;
    let (kind, status) = input.flow_kind()?;
    Ok(CashFlow {
        id,
        contract,
        position,
        lot,
        closing_lot,
        kind,
        status,
        valuation_date: input.date()?,
        amount: input.money()?,
        unrounded: input.exact("unrounded")?,
        explain: read_explain(input)?,
    })
}

/// Three nullable records, one of them there: a fourth kind can follow without breaking readers, a union's variant could not.
fn write_explain(out: &mut Encoder, explain: &Explain) {
    let kind = |is: bool| is.then_some(explain);
    out.optional(kind(matches!(explain, Explain::Performance { .. })), write_terms);
    out.optional(kind(matches!(explain, Explain::Interest { .. })), write_terms);
    out.optional(kind(matches!(explain, Explain::Dividend { .. })), write_terms);
}

fn write_terms(out: &mut Encoder, explain: &Explain) {
    match explain {
        Explain::Performance { quantity, cost_price, price, price_date } => {
            out.quantity(*quantity);
            out.quantity(*cost_price);
            out.quantity(*price);
            out.date(*price_date);
        }
        Explain::Interest { notional, day_count, spread, compounded, from, to, rates } => {
            out.exact(*notional);
            out.day_count(*day_count);
            out.rate(*spread);
            out.boolean(*compounded);
            out.date(*from);
            out.date(*to);
            out.array(rates.iter(), |out, span| {
                out.date(span.from);
                out.date(span.to);
                out.rate(span.rate);
                out.optional(span.observed, Encoder::date);
            });
        }
        Explain::Dividend { quantity, per_share, payout_ratio, ex_date, tax } => {
            out.quantity(*quantity);
            out.quantity(*per_share);
            out.rate(*payout_ratio);
            out.date(*ex_date);
            out.optional(tax.as_ref(), |out, tax| {
                out.withholding(tax.withholding);
                out.money(&tax.gross);
                out.money(&tax.withheld);
            });
        }
    }
}

fn read_explain(input: &mut Decoder) -> Result<Explain, Unreadable> {
    let performance = input.optional(read_performance)?;
    let interest = input.optional(read_interest)?;
    let dividend = input.optional(read_dividend)?;
    match (performance, interest, dividend) {
        (Some(explain), None, None) | (None, Some(explain), None) | (None, None, Some(explain)) => Ok(explain),
        _ => Err(invalid("explain")("not exactly one of performance, interest and dividend")),
    }
}

fn read_performance(input: &mut Decoder) -> Result<Explain, Unreadable> {
    Ok(Explain::Performance {
        quantity: input.quantity()?,
        cost_price: input.quantity()?,
        price: input.quantity()?,
        price_date: input.date()?,
    })
}

fn read_interest(input: &mut Decoder) -> Result<Explain, Unreadable> {
    Ok(Explain::Interest {
        notional: input.exact("notional")?,
        day_count: input.day_count()?,
        spread: input.rate()?,
        compounded: input.boolean()?,
        from: input.date()?,
        to: input.date()?,
        rates: input.array(|input| {
            Ok(RateSpan {
                from: input.date()?,
                to: input.date()?,
                rate: input.rate()?,
                observed: input.optional(Decoder::date)?,
            })
        })?,
    })
}

fn read_dividend(input: &mut Decoder) -> Result<Explain, Unreadable> {
    Ok(Explain::Dividend {
        quantity: input.quantity()?,
        per_share: input.quantity()?,
        payout_ratio: input.rate()?,
        ex_date: input.date()?,
        tax: input.optional(|input| {
            Ok(DividendTax { withholding: input.withholding()?, gross: input.money()?, withheld: input.money()? })
        })?,
    })
}
