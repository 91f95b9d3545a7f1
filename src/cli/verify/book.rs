//! Trades against their answers: each record below the committed offset has exactly one, in order, and it is the right one.

use std::collections::{BTreeSet, HashMap};

use super::answers::{Answers, shown};
use super::cursor::{Cursor, decode};
use super::expected::{Expected, Taken, terms_of};
use super::flows;
use super::known::Known;
use super::letters::{Letter, Letters, at};
use super::moves::Moves;
use super::promises::Promises;
use super::rebooks::Rebooks;
use super::report::{Damage, Report, Window};
use super::snapshot::Snapshot;
use super::state::State;
use crate::cli::failure::Failure;
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::trade::TradeEvent;
use crate::domain::trade::answer::{Answer, Refusal, Verdict};
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::blotter::BlotterRow;
use crate::messages::key;
use crate::messages::schemas::Schemas;
use crate::messages::trade::{Delivery, Moved};
use crate::pipeline::topics::{self, BLOTTER, CAPTURED_ACTIONS, CAPTURED_TRADES, LOTS, POSITIONS, TRADES};

/// Reasons that no auditor can work out from a trade: the engine's own, and a number that would not fit. They are
/// believed: the record had no effect.
const BELIEVED: [&str; 6] = ["panic", "kills_process", "too_large", "state_bound", "unencodable", "out_of_range"];

/// What is known beside the partition.
pub struct Others<'a, 'p> {
    pub letters: &'a mut Letters,
    pub rebooks: &'a mut Rebooks,
    pub moves: &'a mut Moves,
    pub promises: &'a Promises,
    pub known: &'a mut Known<'p>,
}

/// One position under audit.
#[derive(Default)]
struct Audited {
    expected: Expected,
    /// Sum of what the answers said, in minor units.
    realised: i128,
    /// All contracts that any version of its trades named.
    contracts: BTreeSet<ContractId>,
}

impl Audited {
    fn told(&mut self, answer: &Answer) {
        self.realised += answer.realised_delta.map_or(0, |delta| i128::from(delta.minor));
    }
}

/// One partition of `trades` under audit.
struct Partition<'a> {
    schemas: &'a Schemas,
    report: &'a mut Report,
    letters: &'a mut Letters,
    rebooks: &'a mut Rebooks,
    moves: &'a mut Moves,
    promises: &'a Promises,
    positions: HashMap<PositionKey, Audited>,
    partitions: i32,
    /// All records from the first one on can be seen, and all their answers: what they come to can be worked out.
    whole: bool,
}

/// Audits one partition; answers whether all of it could be worked out again.
pub fn audit(
    broker: &dyn Broker,
    schemas: &Schemas,
    snapshot: &Snapshot,
    input: TopicPartition,
    others: &mut Others<'_, '_>,
    report: &mut Report,
) -> Result<bool, Failure> {
    let Others { letters, rebooks, moves, promises, known } = others;
    let stand = snapshot.stand(input);
    let of = |topic| TopicPartition { topic, ..input };
    let log = snapshot.bounds(input);
    let seen = |topic| snapshot.bounds(of(topic)).start == 0;
    let whole = log.start == 0 && [BLOTTER, CAPTURED_TRADES, CAPTURED_ACTIONS, POSITIONS, LOTS].into_iter().all(seen);
    let mut answers = Answers::open(broker, schemas, snapshot, of(BLOTTER))?;
    let mut window = Window { partition: input, from: log.start, to: stand.offset.unwrap_or(log.start) };
    if !whole {
        if !seen(BLOTTER) {
            window.from = window.from.max(answers.first(report)?.map_or(window.to, |place| place.offset + 1));
        }
        moves.unproved = true;
        report.unproved.push(format!("{input}: older records are gone; positions and lots cannot be worked out again"));
    }
    if stand.offset.is_none() {
        report.unproved.push(format!("{input}: no worker has ever started here"));
    }
    answers.from = window.from;
    let partitions = snapshot.partitions(TRADES).count() as i32;
    let positions = HashMap::new();
    let mut audit = Partition { schemas, report, letters, rebooks, moves, promises, positions, partitions, whole };
    let mut records = Cursor::open(broker, input, window.from, log.end)?;
    while let Some(record) = records.peek()? {
        if record.offset < window.to {
            let rows = answers.of(record.offset, audit.report)?;
            let answered = audit.record(&record, rows)?;
            if !answered {
                answers.unanswered.insert(record.offset, key_text(&record));
            }
        }
        audit.second_half(&record)?;
        records.step();
    }
    for late in answers.finish(&window, stand, audit.letters.whole, audit.report)? {
        audit.positions.entry(late.key.clone()).or_default().told(&late);
    }
    let positions = audit.positions;
    let code = topics::code(TRADES);
    for (place, letter) in
        letters.left(code, input.partition, window.to).filter(|(place, _)| place.offset >= window.from)
    {
        let place = format!("{input}@{}", place.offset);
        report.differs(Damage::Doubled, place, "", "no dead letter", format!("{letter:?}"));
    }
    let mut state = State::read(broker, schemas, snapshot, stand, input.partition)?;
    flows::audit(broker, schemas, (snapshot, stand), &state, known, report)?;
    if whole {
        for (key, Audited { expected, realised, contracts }) in &positions {
            let alone = expected.arrivals.is_empty() && promises.answers_add_up(key, contracts);
            let realised = alone.then_some(*realised);
            state.compare(key, expected, realised, promises, moves, report);
        }
        state.finish(report);
        moves.unproved |= !stand.still;
    }
    report.windows.push(window);
    Ok(whole)
}

impl Partition<'_> {
    /// Judges one record; answers whether it was answered at all.
    fn record(&mut self, record: &Record<'_>, rows: Vec<BlotterRow>) -> Result<bool, Failure> {
        self.report.counts.records += 1;
        let place = topics::place(record.cause());
        let letters = self.letters.take(place);
        let own = rows.iter().filter(|row| row.answer.place == place).count();
        if own + letters.len() > 1 {
            let found = format!("{own} blotter rows and {} dead letters", letters.len());
            self.report.differs(Damage::Doubled, at(record), key_text(record), "one answer", found);
        }
        self.count(&rows, &letters);
        for letter in letters.iter().filter(|letter| !letter.holds(record)) {
            let found = format!("a dead letter ({}) with other bytes", letter.reason);
            self.report.differs(Damage::Wrong, at(record), key_text(record), "the record's own bytes", found);
        }
        let answered = own + letters.len() > 0;
        if self.whole {
            self.compare(record, place, &rows, &letters, answered)?;
        }
        Ok(answered)
    }

    /// Works the record out again and holds the answer against it.
    fn compare(
        &mut self,
        record: &Record<'_>,
        place: Place,
        rows: &[BlotterRow],
        letters: &[Letter],
        answered: bool,
    ) -> Result<(), Failure> {
        let refused = letters.first().map(|letter| letter.reason.as_str());
        let delivery = match read(self.schemas, record, self.partitions)? {
            Ok(delivery) => delivery,
            Err(reason) => {
                if refused.is_none() && answered {
                    self.wrong(record, format!("a dead letter ({reason})"), format!("{:?}", rows[0].answer.verdict));
                }
                return Ok(());
            }
        };
        if refused.is_some_and(|reason| BELIEVED.contains(&reason)) {
            return Ok(());
        }
        let audited = self.positions.entry(delivery.key().clone()).or_default();
        let beyond: Vec<_> = rows.iter().filter(|row| out_of_range(row)).map(|row| row.answer.place).collect();
        let taken = match &delivery {
            Delivery::Trade(trade) => {
                audited.contracts.extend(terms_of(&trade.event).and_then(|terms| terms.contract.clone()));
                audited.expected.take(trade, place, &beyond)
            }
            Delivery::Lot(Moved { sent, .. }) => {
                let answer = audited.expected.arrive(&sent.to, &sent.happening, place);
                answer.map(|answer| Taken { rows: vec![answer], sends: Vec::new() })
            }
        };
        rows.iter().for_each(|row| audited.told(&row.answer));
        match taken {
            Err(refusal) if refused == Some(refusal.code()) || !answered => {}
            Err(refusal) => self.wrong(record, refusal.code(), found(rows, letters)),
            Ok(_) if refused.is_some() => self.wrong(record, "a blotter row", found(rows, letters)),
            Ok(taken) => {
                self.rebooks.expect(place, taken.sends);
                self.rows(record, place, &taken.rows, rows, answered);
            }
        }
        Ok(())
    }

    /// Row by row: each expected one once, and as expected.
    fn rows(&mut self, record: &Record<'_>, own: Place, expected: &[Answer], rows: &[BlotterRow], answered: bool) {
        let mut left: Vec<&BlotterRow> = rows.iter().collect();
        for answer in expected {
            let Some(index) = left.iter().position(|row| row.answer.place == answer.place) else {
                if answer.place != own || answered {
                    let expected = format!("{:?} for offset {}", answer.verdict, answer.place.offset);
                    self.report.differs(Damage::Lost, at(record), &answer.key, expected, "no row");
                }
                continue;
            };
            let row = left.remove(index);
            let mut found = Answer { realised_delta: None, ..row.answer.clone() };
            let arrived = self.positions.get(&answer.key).is_some_and(|audited| !audited.expected.arrivals.is_empty());
            if arrived || self.promises.acted(&answer.key) {
                found.quantity_after = answer.quantity_after;
            }
            if found == *answer {
                continue;
            }
            let revisions = |answer: &Answer| (answer.revision_before, answer.revision_after);
            let holes = revisions(&found) != revisions(answer);
            let damage = if holes { Damage::Torn } else { Damage::Wrong };
            self.report.differs(damage, at(record), &answer.key, shown(answer), shown(&found));
        }
        // More rows for the record itself have been counted as doubled already.
        for row in left.into_iter().filter(|row| row.answer.place != own) {
            self.report.differs(Damage::Doubled, at(record), &row.answer.key, "no row", shown(&row.answer));
        }
    }

    /// An internal record names what caused it, whether it has been consumed yet or not.
    fn second_half(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        let Ok((Some(cause), delivery)) = decode::<Delivery>(self.schemas, record)? else { return Ok(()) };
        match delivery {
            Delivery::Trade(trade) if matches!(trade.event, TradeEvent::RebookIn { .. }) => {
                self.rebooks.find(cause, trade);
            }
            Delivery::Trade(_) => {}
            Delivery::Lot(moved) => self.moves.find(moved.sent),
        }
        Ok(())
    }

    fn count(&mut self, rows: &[BlotterRow], letters: &[Letter]) {
        let counts = &mut self.report.counts;
        counts.dead_letters += letters.len() as u64;
        for row in rows {
            match row.answer.verdict {
                Verdict::Accepted => counts.accepted += 1,
                Verdict::Duplicate { .. } => counts.duplicates += 1,
                Verdict::Stale { .. } => counts.stale += 1,
                Verdict::Held { .. } => counts.held += 1,
                Verdict::Released | Verdict::Refused(_) => counts.released += 1,
            }
        }
    }

    fn wrong(&mut self, record: &Record<'_>, expected: impl std::fmt::Display, found: String) {
        self.report.differs(Damage::Wrong, at(record), key_text(record), expected, found);
    }
}

/// The trade or lot in a record that is where it belongs, or why it can be none.
fn read(schemas: &Schemas, record: &Record<'_>, partitions: i32) -> Result<Result<Delivery, &'static str>, Failure> {
    if record.value.is_none() {
        return Ok(Err("tombstone"));
    }
    let Ok((cause, delivery)) = decode::<Delivery>(schemas, record)? else { return Ok(Err("unreadable")) };
    let key = delivery.key().as_str().as_bytes();
    Ok(if record.key != Some(key) {
        Err("wrong_key")
    } else if key::partition(key, partitions) != record.from.partition {
        Err("wrong_partition")
    } else if cause.is_none() && delivery.internal() {
        Err("internal_event")
    } else {
        Ok(delivery)
    })
}

fn out_of_range(row: &BlotterRow) -> bool {
    row.answer.verdict == Verdict::Refused(Refusal::OutOfRange)
}

fn key_text(record: &Record<'_>) -> String {
    record.key.map_or_else(String::new, |key| String::from_utf8_lossy(key).into_owned())
}

fn found(rows: &[BlotterRow], letters: &[Letter]) -> String {
    let rows = rows.iter().map(|row| shown(&row.answer));
    let letters = letters.iter().map(|letter| format!("dead letter {}", letter.reason));
    rows.chain(letters).collect::<Vec<_>>().join(", ")
}
