//! What each stage has committed, against its logs: no input was deleted before it was read, and no record of its state was torn from its turn.

use std::collections::{BTreeMap, HashMap};

use super::cursor::{self, Cursor};
use super::letters::at;
use super::report::{Damage, Report};
use super::snapshot::{Snapshot, Stand};
use crate::cli::failure::Failure;
use crate::engine::broker::{Broker, TopicPartition};
use crate::engine::topology::Topology;

/// The latest value of each record key.
pub type Latest = HashMap<Vec<u8>, Vec<u8>>;

/// Audits all inputs and all state topics that the topology names, as far as their stages stand still: what one that moves on shows may be of turns
/// that came after its mark.
pub fn audit(
    broker: &dyn Broker,
    topology: &Topology,
    snapshot: &Snapshot,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut tails = BTreeMap::new();
    for stage in &topology.stages {
        for lead in snapshot.partitions(stage.lead) {
            let stand = snapshot.stand(lead);
            if !stand.still {
                continue;
            }
            stage.inputs(lead.partition).into_iter().for_each(|input| unread(stage.name, snapshot, input, report));
            for state in stage.state.iter().map(|&topic| TopicPartition { topic, ..lead }) {
                let bounds = snapshot.bounds(state);
                tails.insert(state, (stand.mark.end(state.topic).max(bounds.start), bounds.end));
            }
        }
    }
    cursor::each(broker, &tails, |record| {
        let key = String::from_utf8_lossy(record.key.unwrap_or_default());
        let expected = format!("nothing from {} on", tails[&record.from].0);
        report.differs(Damage::Torn, at(record), key, expected, "a committed record");
    })
}

/// Offsets below the one that was committed may be gone; from there on nothing may but the marker that ends a transaction, which nobody reads.
fn unread(stage: &str, snapshot: &Snapshot, input: TopicPartition, report: &mut Report) {
    let Some(committed) = snapshot.known(input).and_then(|stand| stand.offset) else { return };
    let start = snapshot.bounds(input).start;
    match start - committed {
        ..=0 => {}
        1 => report.unproved.push(format!(
            "{input}: `{stage}` has come to {committed}, and the log begins at {start}: a marker was deleted, or a record that nobody has read"
        )),
        _ => {
            let expected = format!("all records from {committed} on, where `{stage}` has come to");
            let found = format!("a log that begins at {start}: what lay between was deleted and nobody has read it");
            report.differs(Damage::Lost, input, "", expected, found);
        }
    }
}

/// The records of a state topic up to the end that the committed mark names.
pub fn records(
    broker: &dyn Broker,
    snapshot: &Snapshot,
    stand: &Stand,
    partition: TopicPartition,
) -> Result<Cursor, Failure> {
    let (bounds, marked) = (snapshot.bounds(partition), stand.mark.end(partition.topic));
    let to = if stand.still { marked.min(bounds.end) } else { marked };
    Cursor::open(broker, partition, bounds.start, to)
}

/// The state that they leave.
pub fn latest(
    broker: &dyn Broker,
    snapshot: &Snapshot,
    stand: &Stand,
    partition: TopicPartition,
) -> Result<Latest, Failure> {
    let mut records = records(broker, snapshot, stand, partition)?;
    let mut latest = Latest::new();
    while let Some(record) = records.peek()? {
        let key = record.key.unwrap_or_default();
        match record.value {
            Some(value) => drop(latest.insert(key.to_vec(), value.to_vec())),
            None => drop(latest.remove(key)),
        }
        records.step();
    }
    Ok(latest)
}
