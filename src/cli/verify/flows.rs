//! Told cash flows against the log: what counts of each position is what its trades come to by what is known, or was when it was told.
//!
//! The formulas are the kernel's own, which other tests prove; here it is proved that nothing was lost on the way to them and from them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::commits;
use super::cursor::{Cursor, decode};
use super::known::Known;
use super::letters::at;
use super::report::{Damage, Report};
use super::snapshot::{Snapshot, Stand};
use super::state::State;
use crate::cli::failure::Failure;
use crate::domain::flows::row::{self, BlockedContract, FlowRow};
use crate::domain::jobs::calculate::contained;
use crate::domain::key::PositionKey;
use crate::domain::lots::agreed::agree;
use crate::domain::lots::happen::Happen;
use crate::domain::lots::shelf::Shelf;
use crate::domain::names::Symbol;
use crate::domain::trade::captured::Place;
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::position_flows::{PositionFlows, Rows};
use crate::messages::schemas::Schemas;
use crate::pipeline::flows::{NOT_CALCULATED, Told, contracts, disagreement, flows, not_calculated, says};
use crate::pipeline::knowledge::Knowledge;
use crate::pipeline::topics::{self, CASH_FLOWS, CONTRACTS, MARKET_DATA, REFERENCE_DATA, TRADES};

/// The parts of a position's last telling by their record keys.
type Telling = BTreeMap<Vec<u8>, PositionFlows>;

/// Audits the positions of one partition.
pub fn audit(
    broker: &dyn Broker,
    schemas: &Schemas,
    (snapshot, stand): (&Snapshot, &Stand),
    state: &State<'_>,
    known: &mut Known<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let shelves = state.shelves();
    let partition = TopicPartition { topic: CASH_FLOWS, partition: state.partition };
    let revisions = Revisions::of(&shelves, partition);
    let mut records = commits::records(broker, snapshot, stand, partition)?;
    let mut told = last_tellings(&mut records, schemas, &revisions, report)?;
    for (key, shelf) in shelves.iter().filter(|(_, shelf)| !contracts(*shelf).is_empty()) {
        if !told.contains_key(key) {
            let named = contracts(shelf).into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            report.differs(Damage::Lost, partition, key, format!("flows under {named}"), "none");
        }
    }
    told.retain(|key, telling| whole(key, telling, partition, report));
    let nothing = Shelf::default();
    let mut unlike = Vec::new();
    for (key, telling) in &told {
        report.counts.told += 1;
        let then = telling.values().next().map(|part| part.snapshot).unwrap_or_default();
        let there = known.until(&then);
        if there != then {
            let found = format!("a telling of {then:?}, but what is known ends at {there:?}");
            report.differs(Damage::Torn, partition, key, "a telling of what is known", found);
            continue;
        }
        let day = known.day(&then);
        if let Some(part) = telling.values().find(|part| part.day != day) {
            let shown = |day: Option<NaiveDate>| day.map_or("no day".to_owned(), |day| format!("the end of {day}"));
            report.differs(Damage::Wrong, partition, key, shown(day), shown(part.day));
            continue;
        }
        let shelf = shelves.get(key).unwrap_or(&nothing);
        // What is told of an earlier time may count still: when trades and the market moved and nothing came of it, nothing was told.
        match Again::calculated(key, shelf, known.now()).difference(telling) {
            None => {}
            Some(_) if broke_down(telling.values().map(|part| &part.rows)) => report.unproved.push(format!(
                "{key}: the build that told its flows has a defect that blocks them; start one without it, which tells them again, then verify again"
            )),
            Some(_) => unlike.push((then, key, telling, shelf)),
        }
    }
    unlike.sort_by_key(|(then, ..)| (then.contracts, then.market_data, then.reference_data));
    let mut waiting = 0;
    for (then, key, telling, shelf) in unlike {
        let again = Again::calculated(key, shelf, known.then(&then)?);
        let revision = shelf.position.as_ref().map_or(0, |position| position.revision);
        let of_these_lots = again.as_it_stands && telling.values().all(|part| part.revision == revision);
        match again.difference(telling) {
            Some(_) if broke_down(again.parts.iter()) => report.unproved.push(format!(
                "{key}: the calculation of its flows breaks down in this build, a defect: report it with this position; verify again with a build without it"
            )),
            Some((expected, found)) if of_these_lots => report.differs(Damage::Wrong, partition, key, expected, found),
            _ => waiting += 1,
        }
    }
    if waiting > 0 {
        report.unproved.push(format!(
            "{partition}: the flows of {waiting} positions are not those of what is known by now; verify again when `book` has told them"
        ));
    }
    Ok(())
}

/// Reads what counts, and sees to it that no telling is older than the one before.
fn last_tellings(
    records: &mut Cursor,
    schemas: &Schemas,
    revisions: &Revisions<'_>,
    report: &mut Report,
) -> Result<BTreeMap<PositionKey, Telling>, Failure> {
    let mut keys = BTreeMap::<Vec<u8>, PositionKey>::new();
    let mut told = BTreeMap::<PositionKey, Telling>::new();
    while let Some(record) = records.peek()? {
        let key = record.key.unwrap_or_default();
        if record.value.is_none() {
            let position = keys.remove(key);
            if let Some(telling) = position.and_then(|position| told.get_mut(&position)) {
                telling.remove(key);
            }
        } else {
            match decode::<PositionFlows>(schemas, &record)? {
                Err(error) => {
                    let key = String::from_utf8_lossy(key);
                    report.differs(Damage::Torn, at(&record), key, "flows of a position", error);
                }
                Ok((cause, part)) => {
                    if let Err((expected, found)) = revisions.fit(cause, &part) {
                        report.differs(Damage::Torn, at(&record), &part.key, expected, found);
                    }
                    let telling = told.entry(part.key.clone()).or_default();
                    let before = telling.values().map(|part| part.revision).max().unwrap_or(0);
                    if part.revision < before {
                        let found = format!("revision {}", part.revision);
                        report.differs(Damage::Torn, at(&record), &part.key, format!("{before} or later"), found);
                    }
                    keys.insert(key.to_vec(), part.key.clone());
                    telling.insert(key.to_vec(), part);
                }
            }
        }
        records.step();
    }
    told.retain(|_, telling| !telling.is_empty());
    Ok(told)
}

/// What the revision and the snapshot of a telling must fit to.
struct Revisions<'a> {
    shelves: &'a BTreeMap<PositionKey, Shelf>,
    /// Of positions, by the offsets of the trades that brought them there.
    of_trades: HashMap<i64, u64>,
}

impl<'a> Revisions<'a> {
    fn of(shelves: &'a BTreeMap<PositionKey, Shelf>, partition: TopicPartition) -> Self {
        let code = topics::code(TRADES);
        let here = |place: Place| place.topic == code && place.partition == partition.partition;
        let trades = shelves.values().flat_map(|shelf| shelf.trades.values());
        let of_trades = trades.filter(|trade| here(trade.place)).map(|trade| (trade.place.offset, trade.revision));
        Revisions { shelves, of_trades: of_trades.collect() }
    }

    /// What is expected and what is found of a telling that what caused it contradicts.
    fn fit(&self, cause: Place, part: &PositionFlows) -> Result<(), (String, String)> {
        let position = self.shelves.get(&part.key).and_then(|shelf| shelf.position.as_ref());
        let last = position.map_or(0, |position| position.revision);
        if part.revision > last {
            return Err((format!("revision {last} or earlier"), format!("revision {}", part.revision)));
        }
        let cause = topics::cause(cause);
        let row::Snapshot { contracts, market_data, reference_data } = part.snapshot;
        let known = match cause.topic {
            TRADES => match self.of_trades.get(&cause.offset).filter(|of_trade| **of_trade != part.revision) {
                Some(of_trade) => {
                    return Err((format!("revision {of_trade}"), format!("revision {}", part.revision)));
                }
                None => return Ok(()),
            },
            CONTRACTS => contracts,
            MARKET_DATA => market_data,
            REFERENCE_DATA => reference_data,
            _ => return Ok(()),
        };
        if known <= cause.offset {
            return Err((format!("{}@{} is known", cause.topic, cause.offset), format!("{:?}", part.snapshot)));
        }
        Ok(())
    }
}

/// Whether the parts of a telling are of one telling, and all there.
fn whole(key: &PositionKey, telling: &Telling, partition: TopicPartition, report: &mut Report) -> bool {
    let mut parts: Vec<&PositionFlows> = telling.values().collect();
    parts.sort_by_key(|part| part.part);
    let of_one = |part: &PositionFlows| (part.parts, part.revision, part.day, part.snapshot);
    let whole = parts.iter().zip(0..).all(|(part, number)| part.part == number && of_one(part) == of_one(parts[0]))
        && parts.len() == parts[0].parts as usize;
    if !whole {
        let found = parts.iter().map(|part| format!("{} of {} at {}", part.part, part.parts, part.revision));
        let found = found.collect::<Vec<_>>().join(", ");
        report.differs(Damage::Torn, partition, key, "all parts of one telling", format!("parts {found}"));
    }
    whole
}

/// A position's flows, calculated again.
struct Again {
    parts: Vec<Rows>,
    /// From the lots as they stand, not from others that were agreed before.
    as_it_stands: bool,
}

impl Again {
    /// A defect blocks all of them, as it does in the stage, and ends no audit.
    fn calculated(key: &PositionKey, shelf: &Shelf, knowledge: &Knowledge) -> Again {
        contained(|| Again::of(key, shelf, knowledge)).unwrap_or_else(|broken| {
            let told = Told::all_blocked(contracts(shelf).into_iter(), &not_calculated(&broken));
            Again::from(told, true)
        })
    }

    fn of(key: &PositionKey, shelf: &Shelf, knowledge: &Knowledge) -> Again {
        let contracts = contracts(shelf);
        let (agreed, mut obstacle) = knowledge.agreed(key, contracts.iter().copied());
        let change = agree(shelf, &agreed).unwrap_or_else(|refusal| {
            obstacle = Some(disagreement(&refusal));
            Happen::default()
        });
        let as_it_stands = change == Happen::default();
        let mut shelf = Cow::Borrowed(shelf);
        if !as_it_stands {
            shelf.to_mut().keep_happen(change);
        }
        let security = Symbol::new(&key.security()).expect("a part of a key is a name");
        let told = flows(shelf.as_ref(), contracts.into_iter(), &security, knowledge, obstacle.as_ref());
        Again::from(told.unwrap_or_default(), as_it_stands)
    }

    fn from(told: Told, as_it_stands: bool) -> Again {
        Again { parts: told.parts().expect("what was written once is written again"), as_it_stands }
    }

    /// What is expected and what was told, where they differ. Two builds may tell the same defect in words of their own.
    fn difference(&self, telling: &Telling) -> Option<(String, String)> {
        let mut told: Vec<&PositionFlows> = telling.values().collect();
        told.sort_by_key(|part| part.part);
        let rows = || told.iter().map(|part| &part.rows);
        if says(&told, self.parts.iter()) || (broke_down(self.parts.iter()) && broke_down(rows())) {
            return None;
        }
        let (expected, found) = (all(self.parts.iter()), all(rows()));
        let differing = expected.iter().zip(&found).find(|(expected, found)| expected != found);
        Some(match differing {
            Some((expected, found)) => (shown(expected), shown(found)),
            None => (format!("{} rows", expected.len()), format!("{} rows", found.len())),
        })
    }
}

/// Whether a defect of the build has blocked the flows: it blocks all of a position.
fn broke_down<'r>(mut parts: impl Iterator<Item = &'r Rows>) -> bool {
    let defect = |blocked: &BlockedContract| blocked.obstacle.reason == NOT_CALCULATED;
    parts.any(|part| part.read().is_ok_and(|(blocked, _)| blocked.iter().any(defect)))
}

/// Flows, then the contracts that have none.
fn all<'r>(parts: impl Iterator<Item = &'r Rows>) -> Vec<Result<FlowRow, String>> {
    let mut rows = Vec::new();
    for part in parts {
        match part.read() {
            Ok((blocked, flows)) => {
                rows.extend(flows.into_iter().map(Ok));
                let reason = |BlockedContract { contract, obstacle }| {
                    Err(format!("{contract} {}: {}", obstacle.reason, obstacle.message))
                };
                rows.extend(blocked.into_iter().map(reason));
            }
            Err(error) => rows.push(Err(error.to_string())),
        }
    }
    rows
}

fn shown(row: &Result<FlowRow, String>) -> String {
    match row {
        Ok(FlowRow { id, contract, kind, of, result, currency, .. }) => match result {
            Ok(amount) => format!("{id} {contract} {} {of}: {} minor units of {currency}", kind.name(), amount.minor),
            Err(obstacle) => format!("{id} {contract} {} {of}: {}", kind.name(), obstacle.message),
        },
        Err(blocked) => blocked.clone(),
    }
}
