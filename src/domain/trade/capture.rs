//! Trade record -> what it changes in its position: each version once, in order of versions.

use rust_decimal::Decimal;

use super::answer::{Answer, Refusal, Verdict};
use super::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use super::due::{self, Due, Line, Step};
use super::version::{Admission, admit};
use crate::domain::lots::happen::position;
use crate::domain::lots::happening::{Effect, Happened, Sent, of_trade};
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::lot::LotChange;
use crate::domain::lots::position::Position;
use crate::domain::lots::relief::OutOfRange;
use crate::domain::lots::restate::{Change, New, Restated, restate};
use crate::domain::money::{Currency, Money};
use crate::domain::trade::{ContentHash, Terms, Trade};

/// Everything one trade record changes. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The record's own answer first, then second answers of held versions that it released.
    pub answers: Vec<Answer>,
    pub trades: Vec<CapturedTrade>,
    pub lots: Vec<LotChange>,
    pub position: Option<Position>,
    /// Records for other positions: the second halves of rebooks.
    pub sends: Vec<Trade>,
    /// Happenings that do something else now, and what other positions must know of that.
    pub happened: Vec<Happened>,
    pub moves: Vec<Sent>,
}

/// Decides what a trade record does. Several versions that become due at once (a filled gap) take effect as one change:
/// each counts and is answered, the last one is replayed.
pub fn capture<L: Ledger>(ledger: &L, trade: &Trade, place: Place) -> Result<Capture, Refusal> {
    let known = ledger.captured(&trade.id);
    let verdict = match admit(known, trade)? {
        Admission::Next => return settle(ledger, trade, due::next(ledger, known, trade, place)?),
        Admission::Force(known) => return settle(ledger, trade, due::forced(ledger, known, trade, place)?),
        Admission::Duplicate { first, revision } => Verdict::Duplicate { first, revision },
        Admission::Stale { current } => Verdict::Stale { current },
        Admission::Hold { awaited } => Verdict::Held { awaited },
    };
    let trades = match verdict {
        Verdict::Held { .. } => vec![hold(known, trade, place)],
        _ => Vec::new(),
    };
    Ok(Capture { answers: vec![unchanged(ledger.position(), trade, place, verdict)], trades, ..Capture::default() })
}

/// Replays what is due and answers it.
fn settle<L: Ledger>(ledger: &L, trade: &Trade, mut due: Due) -> Result<Capture, Refusal> {
    let known = ledger.captured(&trade.id);
    let before = ledger.position();
    let (mut answers, restated) = loop {
        let answers = answers(trade, known, before, &due);
        let change = Change {
            key: &trade.key,
            id: &trade.id,
            before: known.and_then(CapturedTrade::order).map(of_trade),
            after: due.status().terms().map(New::Trade),
            revision: answers.last().map_or(0, |answer| answer.revision_after),
        };
        match restate(ledger, &change) {
            Ok(restated) => break (answers, restated),
            Err(OutOfRange) => due.refuse_last_effective(Refusal::OutOfRange)?,
        }
    };
    let Restated { effect, trades: others, happened, lots, sends: moves, totals } = restated;
    // Splits count from their ex dates on: only the replay knows.
    answers[due.last_effective()..].iter_mut().for_each(|answer| answer.quantity_after = totals.quantity);
    let last = &mut answers[due.last_effective()];
    if let Some(delta) = &mut last.realised_delta {
        delta.minor = totals.realised - before.map_or(0, |position| position.realised.minor);
    }
    let position = currency(before, &due)
        .map(|currency| position(&trade.key, last.revision_after, currency, totals, ledger.policy()));
    let (captured, sends) = survive(trade, due, last.revision_after, effect);
    let trades = std::iter::once(captured).chain(others).collect();
    Ok(Capture { answers, trades, lots, position, sends, happened, moves })
}

/// The answers of what is due, without what the replay will say about the result.
fn answers(trade: &Trade, known: Option<&CapturedTrade>, before: Option<&Position>, due: &Due) -> Vec<Answer> {
    let signed = |terms: Option<&Terms>| terms.map_or(Decimal::ZERO, Terms::signed_quantity);
    let mut quantity = before.map_or(Decimal::ZERO, |position| position.quantity);
    let others = quantity - signed(known.and_then(CapturedTrade::terms));
    let mut revision = before.map_or(0, |position| position.revision);
    let currency = currency(before, due);
    let mut exists = before.is_some();
    let answer = |line: &Line| {
        let revision_before = revision;
        if let Some(Step { status, .. }) = &line.step {
            exists |= status.terms().is_some();
            revision += u64::from(exists);
            quantity = others + signed(status.terms());
        }
        Answer {
            place: line.place,
            key: trade.key.clone(),
            id: trade.id.clone(),
            version: line.version,
            verdict: line.verdict.clone(),
            released_by: line.released_by,
            revision_before,
            revision_after: revision,
            quantity_after: quantity,
            realised_delta: currency.filter(|_| exists).map(Money::zero),
        }
    };
    due.lines.iter().map(answer).collect()
}

/// The position's currency after what is due: that of the trade while it lives. `None` when there is still no position,
/// because nothing has ever been live in it.
fn currency(before: Option<&Position>, due: &Due) -> Option<Currency> {
    let live = due.status().terms().map(|terms| terms.currency);
    let was_live = || due.lines.iter().rev().find_map(|line| line.step.as_ref()?.status.terms());
    live.or(before.map(|position| position.currency)).or_else(|| was_live().map(|terms| terms.currency))
}

/// The trade as its last version leaves it, and what goes to other positions.
fn survive(trade: &Trade, due: Due, revision: u64, effect: Effect) -> (CapturedTrade, Vec<Trade>) {
    let last = due.last_effective();
    let mut survivor = None;
    let mut sends = Vec::new();
    for (index, line) in due.lines.into_iter().enumerate() {
        let Some(step) = line.step else { continue };
        sends.extend(step.send.map(|send| *send));
        if index == last {
            survivor = Some((line.version, line.place, step.status, step.content))
        }
    }
    let (version, place, status, content) = survivor.expect("at least one version has an effect");
    let captured = CapturedTrade {
        key: trade.key.clone(),
        id: trade.id.clone(),
        version,
        status,
        content,
        place,
        revision,
        held: due.waiting,
        opened: effect.opened,
        reliefs: effect.reliefs,
        before: effect.before,
        refused: effect.refused,
    };
    (captured, sends)
}

/// The trade with one more version that waits.
fn hold(known: Option<&CapturedTrade>, trade: &Trade, place: Place) -> CapturedTrade {
    let mut captured = known.cloned().unwrap_or_else(|| CapturedTrade {
        key: trade.key.clone(),
        id: trade.id.clone(),
        version: 0,
        status: TradeStatus::Awaited,
        content: ContentHash::default(),
        place,
        revision: 0,
        held: Vec::new(),
        opened: Decimal::ZERO,
        reliefs: Vec::new(),
        before: None,
        refused: None,
    });
    let index = captured.held.partition_point(|held| held.version < trade.version);
    captured.held.insert(index, HeldVersion { version: trade.version, event: trade.event.clone(), place });
    captured
}

/// The answer to a record that leaves the position as it is.
fn unchanged(position: Option<&Position>, trade: &Trade, place: Place, verdict: Verdict) -> Answer {
    let revision = position.map_or(0, |position| position.revision);
    Answer {
        place,
        key: trade.key.clone(),
        id: trade.id.clone(),
        version: trade.version,
        verdict,
        released_by: None,
        revision_before: revision,
        revision_after: revision,
        quantity_after: position.map_or(Decimal::ZERO, |position| position.quantity),
        realised_delta: position.map(|position| Money::zero(position.currency)),
    }
}
