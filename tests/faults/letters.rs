//! Dead letters against what the load put in: each poison has one, and no sound record is condemned.

use std::collections::BTreeMap;

use bookflow::cli::verify::cursor::decode;
use bookflow::cli::verify::snapshot::Snapshot;
use bookflow::engine::broker::Broker;
use bookflow::messages::dead_letter::{DeadLetter, Original};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::DEAD_LETTERS;

use crate::latency::each;

/// Key and value of a record.
pub type Bytes = (Option<Vec<u8>>, Option<Vec<u8>>);

/// What the rules of trades refuse; the auditor has worked each of these out for itself. The engine's own reasons, which it believes, are not among
/// them: `kills_process`, `panic`, `too_large` and the like.
const REFUSALS: [&str; 7] = [
    "conflict",
    "first_version_not_new",
    "already_live",
    "not_live",
    "rebooked_away",
    "currency_differs",
    "too_many_held",
];

/// Every letter is a poison's or a refusal, and every poison has exactly one.
pub fn judge(broker: &dyn Broker, schemas: &Schemas, poison: &[Bytes]) {
    let mut unanswered = BTreeMap::<&Bytes, i64>::new();
    poison.iter().for_each(|bytes| *unanswered.entry(bytes).or_default() += 1);
    let snapshot = Snapshot::take(broker).expect("a snapshot");
    for partition in snapshot.partitions(DEAD_LETTERS) {
        each(broker, partition, |record| {
            let read = decode::<DeadLetter>(schemas, record).expect("the registry answers");
            let (place, letter) = read.expect("a dead letter");
            let value = match letter.value {
                Original::Tombstone => None,
                Original::Bytes(bytes) => Some(bytes),
                Original::TooLarge { .. } => panic!("{place:?}: nothing of the load is too large for a letter"),
            };
            match unanswered.get_mut(&(letter.key, value)) {
                Some(left) => *left -= 1,
                None => assert!(
                    REFUSALS.contains(&letter.reason.as_str()),
                    "{place:?}: a sound record is condemned: {}: {}",
                    letter.reason,
                    letter.message
                ),
            }
        });
    }
    let wrong: Vec<_> = unanswered.into_iter().filter(|(_, left)| *left != 0).collect();
    assert!(wrong.is_empty(), "poison without a dead letter, or with more than one: {wrong:?}");
}
