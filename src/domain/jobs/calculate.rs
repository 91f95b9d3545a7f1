//! A chunk -> the cash flows of its contracts, and what the chunk came to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;

use super::cashflow::CashFlow;
use super::chunk::{Chunk, ChunkResult, ContractFlows, ContractPart, PositionPart};
use super::job::Job;
use super::legs::payments;
use super::market::MarketData;
use super::notice::{Notice, NoticeCode, Place};
use super::payment::Payment;
use super::rates::RequestedRates;
use super::totals::ControlTotals;
use crate::domain::flows::id::FlowId;
use crate::domain::key::ContractId;
use crate::domain::lots::given::GivenLot;
use crate::domain::lots::slice::{ClosedBy, End, Slice};
use crate::domain::names::LotId;

/// What a chunk becomes: flows by contract, and the little that goes to the job.
#[derive(Clone, PartialEq, Debug)]
pub struct Calculated {
    pub flows: Vec<ContractFlows>,
    pub result: ChunkResult,
}

/// Calculates every contract of a chunk; what cannot be calculated becomes a row and stops nothing else.
pub fn calculate(chunk: &Chunk) -> Calculated {
    calculate_pausing(chunk, || ())
}

/// The same, with a call of `pause` between contracts.
pub fn calculate_pausing(chunk: &Chunk, pause: impl Fn()) -> Calculated {
    let mut totals = ControlTotals::default();
    let mut rows = chunk.notices.clone();
    let mut flows = Vec::with_capacity(chunk.contracts.len());
    let rates = contained(|| RequestedRates::new(&chunk.market, &chunk.contracts, &chunk.job));
    for part in &chunk.contracts {
        pause();
        let calculated = contained(|| match &rates {
            Ok(rates) => calculate_contract(part, &chunk.market, rates, &chunk.job),
            // One of the contracts breaks what they share: each with its own.
            Err(_) => {
                let own = RequestedRates::new(&chunk.market, std::slice::from_ref(part), &chunk.job);
                calculate_contract(part, &chunk.market, &own, &chunk.job)
            }
        });
        let (of_contract, notices) = calculated
            .unwrap_or_else(|broken| (Vec::new(), vec![not_calculated(&part.id, "contractPositions", &broken)]));
        totals.counts.add(part.counts);
        of_contract.iter().for_each(|flow| totals.add_flow(flow));
        rows.extend(notices);
        let (id, part) = (&part.id, part.part);
        flows.extend(ContractFlows::pieces(of_contract, |piece, flows| ContractFlows {
            contract: id.clone(),
            part,
            piece,
            flows,
            rows: Vec::new(),
        }));
    }
    Calculated { flows, result: ChunkResult::with_rows(&chunk.job.id, chunk.number, totals, rows) }
}

/// A defect that one contract runs into must not cost the others their flows: what panicked is told as a text.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "no message".into())
    })
}

/// The row of a contract on which the calculation broke down.
pub fn not_calculated(contract: &ContractId, field: &str, broken: &str) -> Notice {
    let message = format!("the calculation broke down ({broken}); a defect: report it with this contract");
    Place::of(contract).error(NoticeCode::NotCalculated, field, message)
}

/// The flows of one contract part on every day of the job, and a row for each lot that is odd or has no amount.
/// `rates` are those of the market, for this contract at least.
pub fn calculate_contract(
    part: &ContractPart,
    market: &MarketData,
    rates: &RequestedRates,
    job: &Job,
) -> (Vec<CashFlow>, Vec<Notice>) {
    let mut flows = Vec::new();
    let mut notices = Vec::new();
    let mut slices = Vec::new();
    for position in &part.positions {
        let place = Place::of(&part.id).position(&position.id);
        for lot in &position.lots {
            let mut faults = Vec::new();
            let life = lot.life();
            for day in job.days().filter(|day| lot.opened.trade_date <= *day) {
                life.slices_until(day, &[], &mut slices);
                for slice in &slices {
                    for payment in payments(slice, position, part, market, rates, day) {
                        match payment {
                            Ok(payment) => flows.push(flow(payment, slice, &lot.id, position, part, day)),
                            Err(fault) if faults.contains(&fault) => {} // the slices of a lot miss the same price
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
            }
            notices.extend(
                faults.into_iter().map(|fault| place.lot(&lot.id).error(fault.code, fault.field, fault.message)),
            );
            notices.extend(weekend_settlement(lot, &place));
        }
    }
    (flows, notices)
}

fn flow(
    payment: Payment,
    slice: &Slice<&LotId>,
    lot: &LotId,
    position: &PositionPart,
    part: &ContractPart,
    day: NaiveDate,
) -> CashFlow {
    let closing_lot = match slice.end {
        Some(End { by: ClosedBy::Close(lot), .. }) => Some(lot),
        _ => None,
    };
    CashFlow {
        id: FlowId::of(&part.id, &position.id, lot, closing_lot, day, &payment),
        contract: part.id.clone(),
        position: position.id.clone(),
        lot: lot.clone(),
        closing_lot: closing_lot.cloned(),
        kind: payment.kind,
        status: payment.status,
        valuation_date: day,
        amount: payment.amount,
        unrounded: if payment.unrounded.is_zero() { Decimal::ZERO } else { payment.unrounded }, // no negative zero
        explain: payment.explain,
    }
}

fn weekend_settlement(lot: &GivenLot, place: &Place) -> Option<Notice> {
    let weekend = |date: &NaiveDate| matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let closes = lot.closes.iter().map(|close| (&close.id, close.deal.settle_date));
    let (id, date) =
        std::iter::once((&lot.id, lot.opened.settle_date)).chain(closes).find(|(_, date)| weekend(date))?;
    let message = format!("{date} is a {}; used as given", date.format("%A"));
    Some(place.lot(id).warning(NoticeCode::WeekendSettlement, "settlementDate", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakdown_is_contained_and_told() {
        assert_eq!(contained(|| 7), Ok(7));
        assert_eq!(contained(|| panic!("no lot {}", 5)), Err::<(), _>("no lot 5".into()));
        assert_eq!(contained(|| panic!("plain")), Err::<(), _>("plain".into()));
    }
}
