//! A document with full terms -> its cash flows. One contract that cannot be read or calculated keeps none of the others back.

use super::answer::{Answer, Calculated, Flow, Move, Row, Step, Wanted};
use super::unreadable;
use crate::cli::failure::Failure;
use crate::domain::blocked::Blocked;
use crate::domain::market::Market;
use crate::domain::swap::agreement::{Agreement, Held};
use crate::domain::swap::flow::Flow as Due;
use crate::domain::swap::flows::{Book, Explained};
use crate::domain::swap::held::{Holding, Problem, Why};
use crate::domain::swap::moves::Move as Leaving;
use crate::domain::swap::warning::Warning;
use crate::messages::document::{Document, Unreadable, read_document};

pub(super) fn calculate(json: &[u8], wanted: &Wanted) -> Result<Answer, Failure> {
    let document = read_document(json).map_err(|invalid| unreadable(&invalid))?;
    let Document { valuation_date, contracts, market, unreadable_series } = document;
    let mut answer = Answer::new(valuation_date);
    for (index, contract) in contracts.iter().enumerate() {
        match contract {
            Ok(agreement) => add(&mut answer, agreement, &market, &format!("contracts[{index}]"), wanted),
            Err(unreadable) => answer.rows.push(not_read(unreadable)),
        }
    }
    answer.rows.extend(unreadable_series.into_iter().map(|invalid| Row {
        error: true,
        code: UNREADABLE.into(),
        contract: None,
        lot: None,
        path: invalid.path.to_string(),
        message: format!("{}; the series is left out, and what needs it is blocked", invalid.problem),
    }));
    Ok(answer)
}

const UNREADABLE: &str = "UNREADABLE";

fn not_read(unreadable: &Unreadable) -> Row {
    let Unreadable { contract, invalid } = unreadable;
    Row {
        error: true,
        code: UNREADABLE.into(),
        contract: contract.as_ref().map(ToString::to_string),
        lot: None,
        path: invalid.path.to_string(),
        message: format!("{}; the contract is not calculated", invalid.problem),
    }
}

fn add(answer: &mut Answer, agreement: &Agreement, market: &Market, path: &str, wanted: &Wanted) {
    let (holding, problems) = Holding::of(agreement);
    answer.rows.extend(problems.iter().map(|problem| not_as_said(agreement, problem, path)));
    let book = match Book::new(&agreement.swap, &holding, market, answer.valuation_date) {
        Ok(book) => book,
        Err(blocked) => return answer.rows.push(not_calculated(agreement, &blocked, path)),
    };
    answer.rows.extend(book.warnings().iter().map(|warning| odd(agreement, warning, path)));
    answer.moves.extend(book.moves().into_iter().map(|moved| leaving(agreement, moved)));
    for Explained { id, flow: due, explanation } in book.explained(|id| wanted.contains(&id.to_string())) {
        if let Some(explanation) = explanation {
            answer.explanations.push((answer.flows.len(), Step::all(&explanation)));
        }
        answer.flows.push(flow(due, id.to_string()));
    }
}

fn not_as_said(agreement: &Agreement, problem: &Problem, path: &str) -> Row {
    let (error, code, message) = match &problem.why {
        Why::Refused(refusal) => (true, refusal.code().to_ascii_uppercase(), format!("{refusal}; it does not count")),
        Why::NotFollowed(invalid) => {
            (false, "SPECIFIC_LOT_INVALID".into(), format!("{invalid}; lots are chosen by the contract's method"))
        }
        Why::Missing(units) => {
            (true, "TRANSFER_SHORT".into(), format!("{units} units are not there to leave; the others have left"))
        }
    };
    let traded = matches!(&agreement.held, Held::Trades(trades) if trades.iter().any(|trade| trade.id == problem.of));
    Row {
        error,
        code,
        contract: Some(agreement.swap.id.to_string()),
        lot: Some(problem.of.trade_id().into()),
        path: if traded { format!("{path}.trades") } else { path.into() },
        message,
    }
}

fn not_calculated(agreement: &Agreement, blocked: &Blocked, path: &str) -> Row {
    Row {
        error: true,
        code: blocked.code().into(),
        contract: Some(agreement.swap.id.to_string()),
        lot: None,
        path: path.into(),
        message: format!("{blocked}; the contract is not calculated"),
    }
}

fn odd(agreement: &Agreement, warning: &Warning<'_>, path: &str) -> Row {
    Row {
        error: false,
        code: warning.code().into(),
        contract: Some(agreement.swap.id.to_string()),
        lot: None,
        path: path.into(),
        message: warning.to_string(),
    }
}

fn leaving(agreement: &Agreement, moved: Leaving<'_>) -> Move {
    let (to, lot) = (&moved.sent.to, &moved.arrival.lot);
    Move {
        contract: agreement.swap.id.to_string(),
        by: moved.by.trade_id().into(),
        lot: lot.id.trade_id().into(),
        book: to.book().into(),
        security: to.security().into(),
        date: moved.arrival.date,
        quantity: lot.remaining,
        price: lot.price,
        trade_date: lot.trade_date,
        settlement_date: lot.settle_date,
        reference: moved.reference.map(|reference| (reference.price, reference.date)),
    }
}

fn flow(due: Due<'_, &str>, id: String) -> Flow {
    let Due { name, stage, payment_date, currency, result } = due;
    let calculated = result.map(|calculated| Calculated {
        amount: calculated.amount.money,
        unrounded: calculated.amount.unrounded,
        provisional: calculated.provisional,
    });
    Flow {
        id,
        contract: name.contract.to_string(),
        position: None,
        lot: name.of.into(),
        closed_by: name.closed_by.map(Into::into),
        kind: name.kind.name(),
        detail: name.detail.or(name.fate).map(Into::into),
        status: stage.name(),
        start: name.start,
        end: name.end,
        payment_date,
        currency,
        result: calculated,
    }
}
