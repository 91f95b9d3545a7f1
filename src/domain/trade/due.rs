//! Versions that become due with a record: its own, then those that waited for it.

use super::answer::{Refusal, Verdict};
use super::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use super::version::follow;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::{ContentHash, Terms, Trade, TradeEvent};

/// A version that is answered in this capture.
pub(super) struct Line {
    pub place: Place,
    pub version: u32,
    pub verdict: Verdict,
    pub released_by: Option<Place>,
    /// `None` when it is answered without an effect.
    pub step: Option<Step>,
}

/// What the trade becomes by a version.
pub(super) struct Step {
    pub status: TradeStatus,
    pub content: ContentHash,
    /// The second half of a rebook; boxed because it is rare and lines are moved about.
    pub send: Option<Box<Trade>>,
}

/// The record's own line, then those of held versions; and the versions that wait on.
pub(super) struct Due {
    pub lines: Vec<Line>,
    pub waiting: Vec<HeldVersion>,
}

/// The record brings the next version, and with it those that were held for want of it.
pub(super) fn next<L: Ledger>(
    ledger: &L,
    known: Option<&CapturedTrade>,
    trade: &Trade,
    place: Place,
) -> Result<Due, Refusal> {
    let status = known.map_or(&TradeStatus::Awaited, |known| &known.status);
    let step = Step::new(ledger, status, trade, trade.version, &trade.event)?;
    let own = Line { place, version: trade.version, verdict: Verdict::Accepted, released_by: None, step: Some(step) };
    let mut due = Due { lines: vec![own], waiting: Vec::new() };
    if let Some(known) = known {
        due.release(ledger, trade, known.held.iter());
    }
    Ok(due)
}

/// The record forces a held version. When that cannot follow what is known, the force is refused and the version waits on.
pub(super) fn forced<L: Ledger>(
    ledger: &L,
    known: &CapturedTrade,
    trade: &Trade,
    place: Place,
) -> Result<Due, Refusal> {
    let own = Line { place, version: trade.version, verdict: Verdict::Accepted, released_by: None, step: None };
    let held = known.held.iter().find(|held| held.version == trade.version).ok_or(Refusal::NothingHeld)?;
    let step = Step::new(ledger, &known.status, trade, held.version, &held.event)?;
    let mut due =
        Due { lines: vec![own, Line::second(held, place, Verdict::Released, Some(step))], waiting: Vec::new() };
    due.release(ledger, trade, known.held.iter().filter(|other| other.version != held.version));
    Ok(due)
}

impl Due {
    /// The line of the last version with an effect.
    pub fn last_effective(&self) -> usize {
        self.lines.iter().rposition(|line| line.step.is_some()).expect("at least one version has an effect")
    }

    /// What the trade is after all that is due.
    pub fn status(&self) -> &TradeStatus {
        let step = self.lines[self.last_effective()].step.as_ref();
        &step.expect("an effective line has a step").status
    }

    /// The last version cannot take effect after all. When no other can, the record itself is refused.
    pub fn refuse_last_effective(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.lines.iter().filter(|line| line.step.is_some()).count() == 1 {
            return Err(refusal);
        }
        let last = self.last_effective();
        self.lines[last].verdict = Verdict::Refused(refusal);
        self.lines[last].step = None;
        Ok(())
    }

    /// Goes through held versions, least first: each that is the next one has its effect.
    fn release<'a, L: Ledger>(&mut self, ledger: &L, trade: &Trade, held: impl Iterator<Item = &'a HeldVersion>) {
        let cause = self.lines[0].place;
        for held in held {
            let base = &self.lines[self.last_effective()];
            if held.version > base.version.saturating_add(1) {
                self.waiting.push(held.clone());
                continue;
            }
            let (verdict, step) = if held.version < base.version {
                (Verdict::Stale { current: base.version }, None)
            } else if held.version == base.version {
                (Verdict::Refused(Refusal::Conflict { first: base.place }), None)
            } else {
                match Step::new(ledger, self.status(), trade, held.version, &held.event) {
                    Ok(step) => (Verdict::Released, Some(step)),
                    Err(refusal) => (Verdict::Refused(refusal), None),
                }
            };
            self.lines.push(Line::second(held, cause, verdict, step));
        }
    }
}

impl Line {
    fn second(held: &HeldVersion, cause: Place, verdict: Verdict, step: Option<Step>) -> Line {
        Line { place: held.place, version: held.version, verdict, released_by: Some(cause), step }
    }
}

impl Step {
    /// What `event` makes of the trade that `trade` names.
    fn new<L: Ledger>(
        ledger: &L,
        status: &TradeStatus,
        trade: &Trade,
        version: u32,
        event: &TradeEvent,
    ) -> Result<Step, Refusal> {
        let status = follow(status, &trade.key, event)?;
        if let TradeStatus::Live(terms) = &status {
            same_currency(ledger, trade, terms)?;
        }
        let send = match event {
            TradeEvent::Rebook { to, terms } => Some(Box::new(Trade {
                key: to.clone(),
                id: trade.id.clone(),
                version,
                event: TradeEvent::RebookIn { from: trade.key.clone(), terms: terms.clone() },
            })),
            _ => None,
        };
        Ok(Step { status, content: event.content(), send })
    }
}

/// All live trades of a position and all lots that arrived are in one currency; a trade with nothing beside it may change it.
fn same_currency<L: Ledger>(ledger: &L, trade: &Trade, terms: &Terms) -> Result<(), Refusal> {
    let Some(currency) = ledger.position().map(|position| position.currency) else { return Ok(()) };
    let alone = || {
        ledger.trades_from_latest().all(|other| other.id == trade.id)
            && ledger.happened_from_latest().all(|happened| happened.happening.arrival().is_none())
    };
    if currency == terms.currency || alone() {
        return Ok(());
    }
    Err(Refusal::CurrencyDiffers { position: currency, trade: terms.currency })
}
