//! An answer as a table for people, as one JSON object, or as CSV.

use std::fmt::Write as _;
use std::io;

use serde_json::{Value, json};

use super::answer::{Answer, Flow, Move, Row, Step, Total, Wanted, totals};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Ink, Output};
use crate::cli::session::Session;
use crate::domain::blocked::Blocked;

/// Of an id in a table; more tell two flows of one file apart only by chance.
const ID_SHOWN: usize = 8;

pub(super) fn json(answer: &Answer) -> Value {
    let flows: Vec<Value> = answer.flows.iter().map(flow_json).collect();
    let rows: Vec<Value> = answer.rows.iter().map(row_json).collect();
    let totals: Vec<Value> = totals(&answer.flows)
        .into_iter()
        .map(|((contract, currency, status), Total { flows, blocked, amount })| {
            json!({
                "contract": contract, "currency": currency.code(), "status": status, "flows": flows, "blocked": blocked,
                "amount": amount.map(|amount| amount.to_decimal().to_string()),
            })
        })
        .collect();
    let mut object = json!({
        "valuation_date": answer.valuation_date.to_string(), "complete": answer.complete(),
        "flows": flows, "rows": rows, "totals": totals,
    });
    if !answer.moves.is_empty() {
        object["moves"] = answer.moves.iter().map(move_json).collect();
    }
    if !answer.explanations.is_empty() {
        let lines = |steps: &[Step]| -> Vec<Value> {
            let line = |(number, step): (usize, &Step)| json!({ "line": number + 1, "name": step.name, "origin": step.origin, "value": step.value });
            steps.iter().enumerate().map(line).collect()
        };
        let explained =
            |(flow, steps): &(usize, Vec<Step>)| json!({ "id": answer.flows[*flow].id, "lines": lines(steps) });
        object["explanations"] = answer.explanations.iter().map(explained).collect();
    }
    object
}

fn flow_json(flow: &Flow) -> Value {
    let calculated = flow.result.as_ref().ok();
    json!({
        "id": flow.id, "contract": flow.contract, "position": flow.position, "lot": flow.lot,
        "closed_by": flow.closed_by, "kind": flow.kind, "detail": flow.detail, "status": flow.status,
        "start": flow.start.to_string(), "end": flow.end.map(|date| date.to_string()),
        "payment_date": flow.payment_date.map(|date| date.to_string()), "currency": flow.currency.code(),
        "amount": calculated.map(|calculated| calculated.amount.to_decimal().to_string()),
        "unrounded": calculated.map(|calculated| calculated.unrounded.normalize().to_string()),
        "provisional": calculated.map(|calculated| calculated.provisional),
        "blocked": flow.result.as_ref().err().map(blocked_json),
    })
}

fn row_json(row: &Row) -> Value {
    json!({
        "severity": severity(row), "code": row.code, "contract": row.contract, "lot": row.lot, "path": row.path,
        "message": row.message,
    })
}

fn move_json(moved: &Move) -> Value {
    let reference = moved.reference.as_ref().ok();
    json!({
        "contract": moved.contract, "by": moved.by, "lot": moved.lot, "book": moved.book, "security": moved.security,
        "date": moved.date.to_string(), "quantity": moved.quantity.to_string(), "price": moved.price.to_string(),
        "trade_date": moved.trade_date.to_string(),
        "settlement_date": moved.settlement_date.map(|date| date.to_string()),
        "reference_price": reference.map(|(price, _)| price.to_string()),
        "reference_date": reference.map(|(_, date)| date.to_string()),
        "blocked": moved.reference.as_ref().err().map(blocked_json),
    })
}

fn blocked_json(blocked: &Blocked) -> Value {
    json!({ "code": blocked.code(), "message": blocked.to_string() })
}

fn severity(row: &Row) -> &'static str {
    if row.error { "ERROR" } else { "WARNING" }
}

/// A table per contract with its totals, then the rows, then the explanations that were asked for. Who asks for some flows sees those alone.
pub(super) fn text(answer: &Answer, wanted: &Wanted, session: &Session) -> String {
    let output = &session.output;
    let mut text = String::new();
    if !matches!(wanted, Wanted::Like(_)) {
        for flows in answer.flows.chunk_by(|left, right| left.contract == right.contract) {
            contract_text(&mut text, flows, output);
        }
        for moved in &answer.moves {
            text += &move_text(moved);
            text.push('\n');
        }
        for row in &answer.rows {
            text += &row_text(row, output);
            text.push('\n');
        }
    }
    for (flow, steps) in &answer.explanations {
        explanation_text(&mut text, &answer.flows[*flow], steps);
    }
    text.truncate(text.trim_end().len());
    text
}

const HEADER: [&str; 9] = ["id", "kind", "lot", "status", "start", "end", "payment", "amount", ""];

fn contract_text(text: &mut String, flows: &[Flow], output: &Output) {
    let contract = flows.first().map_or("", |flow| flow.contract.as_str());
    let mut lines = vec![HEADER.map(String::from)];
    lines.extend(flows.iter().map(cells));
    for ((_, currency, status), total) in totals(flows) {
        let amount = total.amount.map_or("does not fit".into(), |amount| amount.to_decimal().to_string());
        let blocked = if total.blocked > 0 { format!(", without {} blocked", total.blocked) } else { String::new() };
        let mut line = [const { String::new() }; 9];
        (line[1], line[3]) = ("total".into(), status.into());
        (line[7], line[8]) = (amount, format!("{currency}{blocked}"));
        lines.push(line);
    }
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{}", output.ink(Ink::Good, contract));
    *text += &aligned(&lines);
    text.push('\n');
}

fn cells(flow: &Flow) -> [String; 9] {
    let date = |date: Option<chrono::NaiveDate>| date.map_or("-".into(), |date| date.to_string());
    let lot = [Some(&flow.lot), flow.closed_by.as_ref(), flow.detail.as_ref()];
    let (amount, remark) = match &flow.result {
        Ok(calculated) => {
            let provisional = if calculated.provisional { " provisional" } else { "" };
            (calculated.amount.to_decimal().to_string(), format!("{}{provisional}", flow.currency))
        }
        Err(blocked) => (blocked.code().into(), blocked.to_string()),
    };
    [
        flow.id.chars().take(ID_SHOWN).collect(),
        flow.kind.into(),
        lot.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "),
        flow.status.into(),
        flow.start.to_string(),
        date(flow.end),
        date(flow.payment_date),
        amount,
        remark,
    ]
}

/// Amounts to the right, all else to the left.
fn aligned(lines: &[[String; 9]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..9).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                7 => write!(row, "  {cell:>width$}"),
                _ => write!(row, "  {cell:<width$}"),
            };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

fn row_text(row: &Row, output: &Output) -> String {
    let severity = if row.error { output.ink(Ink::Bad, "error") } else { output.ink(Ink::Odd, "warning") };
    let of: Vec<&str> = [&row.contract, &row.lot].into_iter().flatten().map(String::as_str).collect();
    let of = if of.is_empty() { String::new() } else { format!(" {}", of.join(" ")) };
    format!("{severity} {}{of} {}: {}", row.code, row.path, row.message)
}

/// What leaves for where, and from what it is measured there.
fn move_text(moved: &Move) -> String {
    let Move { contract, by, lot, book, security, date, quantity, price, reference, .. } = moved;
    let measured = match reference {
        Ok((price, date)) => format!("measured from {price} of {date}"),
        Err(blocked) => format!("{}: {blocked}", blocked.code()),
    };
    format!("moved by {contract} {by} on {date}: {quantity} {security} at {price} to {book} as {lot}, {measured}")
}

fn explanation_text(text: &mut String, flow: &Flow, steps: &[Step]) {
    let [_, kind, lot, _, start, end, ..] = cells(flow);
    let _ = writeln!(text, "{}  {} {kind} {lot} {start} to {end}", flow.id, flow.contract);
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "{:>4}  {step}", number + 1);
    }
    text.push('\n');
}

const COLUMNS: [&str; 16] = [
    "id",
    "contract",
    "position",
    "lot",
    "closed_by",
    "kind",
    "detail",
    "status",
    "start",
    "end",
    "payment_date",
    "currency",
    "amount",
    "unrounded",
    "provisional",
    "blocked",
];

/// Flows on standard output, moves and rows on standard error: a line of a table is a flow or nothing.
pub(super) fn csv(answer: &Answer, session: &Session) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        kind => Failure::new(Exit::Failed, format!("{kind:?}")),
    };
    writer.write_record(COLUMNS).map_err(failed)?;
    for flow in &answer.flows {
        let object = flow_json(flow);
        let cell = |column: &str| match &object[column] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Object(blocked) => blocked["code"].as_str().unwrap_or_default().to_owned(),
            other => other.to_string(),
        };
        writer.write_record(COLUMNS.map(cell)).map_err(failed)?;
    }
    writer.flush()?;
    answer.moves.iter().for_each(|moved| session.output.note(move_text(moved)));
    answer.rows.iter().for_each(|row| session.output.note(row_text(row, &session.output)));
    Ok(())
}
