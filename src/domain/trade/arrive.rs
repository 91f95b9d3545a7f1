//! A lot that comes from another position, or was there before -> what it changes, and its answer.

use super::answer::{Answer, Refusal, Verdict};
use super::captured::Place;
use crate::domain::key::PositionKey;
use crate::domain::lots::happen::{Happen, happen};
use crate::domain::lots::happening::{Happening, OPENING};
use crate::domain::lots::ledger::Ledger;
use crate::domain::money::Money;

/// Decides what a version of a moved lot does: the highest one known counts, so that a lower one is stale.
pub fn arrive<L: Ledger>(
    ledger: &L,
    key: &PositionKey,
    moved: &Happening,
    place: Place,
) -> Result<(Answer, Happen), Refusal> {
    if moved.id.source() == OPENING {
        admit(ledger, moved)?;
    }
    let change = happen(ledger, key, moved)?;
    let before = ledger.position();
    let verdict = match ledger.happened(&moved.id) {
        Some(known) if change.happened.is_empty() => Verdict::Stale { current: known.happening.version },
        _ => Verdict::Accepted,
    };
    let after = change.position.as_ref().or(before);
    let realised = before.map_or(0, |position| position.realised.minor);
    let answer = Answer {
        place,
        key: key.clone(),
        id: moved.id.clone(),
        version: moved.version,
        verdict,
        released_by: None,
        revision_before: before.map_or(0, |position| position.revision),
        revision_after: after.map_or(0, |position| position.revision),
        quantity_after: after.map(|position| position.quantity).unwrap_or_default(),
        realised_delta: after
            .map(|position| Money { minor: position.realised.minor - realised, currency: position.currency }),
    };
    Ok((answer, change))
}

/// Positions number what they send; whoever opens a book may be mistaken.
fn admit<L: Ledger>(ledger: &L, opening: &Happening) -> Result<(), Refusal> {
    if opening.version == 0 {
        return Err(Refusal::VersionZero);
    }
    let known = ledger.happened(&opening.id).map(|known| &known.happening);
    match known.is_some_and(|known| known.version == opening.version && known != opening) {
        true => Err(Refusal::OtherLot),
        false => Ok(()),
    }
}
