//! The agreements of a document's chunk -> their cash flows, and what the chunk came to.

use chrono::NaiveDate;

use super::calculate::{Calculated, contained, not_calculated};
use super::chunk::{ChunkResult, ContractFlows};
use super::job::Job;
use super::notice::{Notice, NoticeCode, Place};
use super::totals::{ControlTotals, Counts};
use crate::domain::flows::row::{FlowRow, Obstacle};
use crate::domain::key::ContractId;
use crate::domain::market::Market;
use crate::domain::names::LotId;
use crate::domain::swap::agreement::Agreement;
use crate::domain::swap::flows::Book;
use crate::domain::swap::held::{Holding, Problem, Why};

/// A contract of a document, or the row that stands for it.
pub struct Stated {
    pub id: ContractId,
    /// Where in the document it stands.
    pub path: String,
    pub agreement: Result<Agreement, Notice>,
}

/// Calculates every contract; what cannot be calculated becomes a row and stops nothing else. `counts` is what they account for, and `rows` what
/// was found before. `pause` is called between contracts.
pub fn calculate_agreements(
    job: &Job,
    number: u32,
    counts: Counts,
    mut rows: Vec<Notice>,
    contracts: Vec<Stated>,
    market: &Market,
    pause: impl Fn(),
) -> Calculated {
    let mut totals = ControlTotals { counts, ..ControlTotals::default() };
    let mut published = Vec::with_capacity(contracts.len());
    for Stated { id, path, agreement } in contracts {
        pause();
        let calculated = match &agreement {
            Ok(agreement) => contained(|| flows(agreement, market, job.valuation_date, &path))
                .unwrap_or_else(|broken| (Vec::new(), vec![not_calculated(&id, &path, &broken)])),
            Err(notice) => (Vec::new(), vec![notice.clone()]),
        };
        let (flows, notices) = calculated;
        flows.iter().for_each(|row| totals.add_row(row, None));
        rows.extend(notices);
        published.extend(ContractFlows::pieces(flows, |piece, rows| ContractFlows {
            contract: id.clone(),
            part: 0,
            piece,
            flows: Vec::new(),
            rows,
        }));
    }
    Calculated { flows: published, result: ChunkResult::with_rows(&job.id, number, totals, rows) }
}

fn flows(agreement: &Agreement, market: &Market, day: NaiveDate, path: &str) -> (Vec<FlowRow>, Vec<Notice>) {
    let place = Place::of(&agreement.swap.id);
    let (holding, problems) = Holding::of(agreement);
    let mut notices: Vec<Notice> = problems.iter().map(|problem| not_as_said(problem, &place, path)).collect();
    let book = match Book::new(&agreement.swap, &holding, market, day) {
        Ok(book) => book,
        Err(blocked) => {
            let message = format!("{}: {blocked}; the contract is not calculated", blocked.code());
            notices.push(place.error(NoticeCode::Blocked, path, message));
            return (Vec::new(), notices);
        }
    };
    notices.extend(
        book.warnings()
            .iter()
            .map(|warning| place.warning(NoticeCode::Odd, path, format!("{}: {warning}", warning.code()))),
    );
    let rows: Vec<FlowRow> = book.flows().into_iter().map(FlowRow::from).collect();
    for row in &rows {
        if let Err(Obstacle { reason, message }) = &row.result {
            let place = of_lot(&place, &row.of);
            notices.push(place.error(NoticeCode::Blocked, reason, message.to_string()));
        }
    }
    (rows, notices)
}

fn not_as_said(Problem { of, why }: &Problem, place: &Place, path: &str) -> Notice {
    let place = of_lot(place, of.trade_id());
    match why {
        Why::Refused(refusal) => {
            let message = format!("{}: {refusal}; it does not count", refusal.code().to_ascii_uppercase());
            place.error(NoticeCode::Unsupported, path, message)
        }
        Why::NotFollowed(invalid) => {
            place.warning(NoticeCode::Odd, path, format!("{invalid}; lots are chosen by the contract's method"))
        }
        Why::Missing(units) => {
            let message = format!("{units} units are not there to leave; the others have left");
            place.error(NoticeCode::NothingToClose, path, message)
        }
    }
}

/// An id that is longer than a lot's is left out: the message tells.
fn of_lot(place: &Place, of: &str) -> Place {
    LotId::new(of).map_or_else(|_| place.clone(), |lot| place.lot(&lot))
}
