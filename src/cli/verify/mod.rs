//! `verify`: the auditor. It reads the topics alone and knows nothing that workers know. What trades come to it works out by rules of its own; where
//! issuers have acted, and for cash flows, it asks the kernel again.
//! In reading order:

pub mod command; // `verify`
pub mod report; // what was found
pub mod snapshot; // the moment that is audited
pub mod cursor; // a partition as a stream
mod commits; // stages against their logs: unread, torn
mod letters; // dead letters by record
mod book; // trades against their answers
mod answers; // the blotter beside them
mod expected; // what a position's records must have been answered
mod rebooks; // second halves, exactly once
mod moves; // lots that went to other positions
mod promises; // what contracts and issuers say of lots
mod fold; // what a position must come to
mod state; // last positions and lots against the fold
mod known; // contracts and the market, now and before
mod flows; // last cash flows against the calculation
pub mod oracle; // the fold
mod jobs; // chunks, results, outcomes
mod progress; // what `collect` keeps of them
mod shares; // what partitions keep of jobs by reference
pub mod outcome; // one job alone
mod recalculation; // one by reference

use std::sync::Arc;

use self::book::Others;
use self::known::Known;
use self::letters::Letters;
use self::moves::Moves;
use self::promises::Promises;
use self::rebooks::Rebooks;
use self::report::Report;
use self::snapshot::Snapshot;
use super::failure::Failure;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::TRADES;
use crate::pipeline::topology::topology;

/// Audits everything that can be seen, at the moment it begins; workers may go on. Keeps the first `kept` differences.
pub fn audit(broker: &dyn Broker, schemas: &Arc<Schemas>, kept: usize) -> Result<Report, Failure> {
    let mut report = Report::keeping(kept);
    let snapshot = Snapshot::take(broker)?;
    commits::audit(broker, &topology(schemas.clone()), &snapshot, &mut report)?;
    let mut letters = Letters::read(broker, schemas, &snapshot, &mut report)?;
    let (mut rebooks, mut moves) = (Rebooks::default(), Moves::default());
    let promises = Promises::read(broker, schemas, &snapshot)?;
    let mut known = Known::read(broker, schemas, &snapshot)?;
    let mut proved = Vec::new();
    for input in snapshot.partitions(TRADES) {
        let (letters, rebooks, moves) = (&mut letters, &mut rebooks, &mut moves);
        let mut others = Others { letters, rebooks, moves, promises: &promises, known: &mut known };
        proved.push(book::audit(broker, schemas, &snapshot, input, &mut others, &mut report)?);
    }
    let all_proved = |partition: i32| proved.get(partition as usize).copied().unwrap_or(false);
    rebooks.settle(&snapshot, all_proved, &mut report);
    moves.settle(&mut report);
    jobs::audit(broker, schemas, &snapshot, &mut letters, &mut report)?;
    Ok(report)
}
