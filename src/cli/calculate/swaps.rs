//! A document with full terms -> its cash flows. One contract that cannot be read or calculated keeps none of the others back.

use super::answer::{Answer, Calculated, Flow, Row, Step, Wanted};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::domain::blocked::Blocked;
use crate::domain::market::Market;
use crate::domain::swap::agreement::Agreement;
use crate::domain::swap::flow::Flow as Due;
use crate::domain::swap::flows::{Book, Explained};
use crate::domain::swap::held::{Holding, Refused};
use crate::domain::swap::warning::Warning;
use crate::messages::document::{Document, Unreadable, read_document};

pub(super) fn calculate(json: &[u8], wanted: &Wanted) -> Result<Answer, Failure> {
    let document = read_document(json).map_err(|invalid| Failure::new(Exit::Partial, invalid.to_string()))?;
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
    let (holding, refused) = Holding::of(agreement);
    answer.rows.extend(refused.iter().map(|refused| not_captured(agreement, refused, path)));
    let book = match Book::new(&agreement.swap, &holding, market, answer.valuation_date) {
        Ok(book) => book,
        Err(blocked) => return answer.rows.push(not_calculated(agreement, &blocked, path)),
    };
    answer.rows.extend(book.warnings().iter().map(|warning| odd(agreement, warning, path)));
    for Explained { id, flow: due, explanation } in book.explained(|id| wanted.contains(&id.to_string())) {
        if let Some(explanation) = explanation {
            answer.explanations.push((answer.flows.len(), Step::all(&explanation)));
        }
        answer.flows.push(flow(due, id.to_string()));
    }
}

fn not_captured(agreement: &Agreement, refused: &Refused<'_>, path: &str) -> Row {
    Row {
        error: true,
        code: refused.refusal.code().to_ascii_uppercase(),
        contract: Some(agreement.swap.id.to_string()),
        lot: Some(refused.trade.id.trade_id().into()),
        path: format!("{path}.trades"),
        message: format!("{}; the trade does not count", refused.refusal),
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
        detail: name.detail.map(Into::into),
        status: stage.name(),
        start: name.start,
        end: name.end,
        payment_date,
        currency,
        result: calculated,
    }
}
