//! What the business or the wire refuses, as the engine's dead letters name it.

use crate::domain::trade::answer::Refusal;
use crate::engine::batch::Record;
use crate::engine::stage::{Context, ProcessError};
use crate::messages::framing::FramingError;
use crate::messages::key::own_chunk_key;
use crate::messages::schemas::Undecodable;
use crate::messages::wire::Unwritable;

/// A trade without effect.
pub fn refused(refusal: Refusal) -> ProcessError {
    ProcessError::rejected(refusal.code(), refusal)
}

/// A record's key is not its message's.
pub const WRONG_KEY: &str = "wrong_key";

/// A record whose key is its message's, in the partition where that key belongs.
pub fn in_place(record: &Record<'_>, key: &str, context: &Context<'_>) -> Result<(), ProcessError> {
    if record.key != Some(key.as_bytes()) {
        let found = record.key.map_or("none".into(), shown);
        return Err(ProcessError::rejected(WRONG_KEY, format!("record key {found}, message's key {key}")));
    }
    let home = context.home(key.as_bytes());
    if home != record.from.partition {
        return Err(ProcessError::rejected("wrong_partition", format!("the key belongs to partition {home}")));
    }
    Ok(())
}

/// The same of a chunk, whose record's key may go on behind its own, to keep its job to a part of the partitions.
pub fn chunk_in_place(record: &Record<'_>, key: &str, context: &Context<'_>) -> Result<(), ProcessError> {
    let found = record.key.and_then(|found| std::str::from_utf8(found).ok());
    in_place(record, found.filter(|found| own_chunk_key(found) == key).unwrap_or(key), context)
}

/// What an outcome says of a dead letter, which has all of it.
pub fn why(reason: &str, message: &str) -> String {
    format!("{reason}: {}", &message[..message.floor_char_boundary(WHY_BYTES_MAX)])
}

const WHY_BYTES_MAX: usize = 500;

/// What people need of a key that may be anything: the letter has all of it.
fn shown(key: &[u8]) -> String {
    let end = key.len().min(SHOWN_BYTES);
    String::from_utf8_lossy(&key[..end]).into_owned()
}

/// Longer than any key of ours.
const SHOWN_BYTES: usize = 500;

/// What has no form on the wire.
pub fn unencodable(unwritable: Unwritable) -> ProcessError {
    ProcessError::rejected("unencodable", unwritable)
}

/// Bytes that are no message, or none yet.
pub fn undecodable(error: Undecodable) -> ProcessError {
    let reason = match &error {
        Undecodable::Registry(_) => return ProcessError::unavailable(error),
        Undecodable::Oversized(_) => "oversized",
        Undecodable::Framing(FramingError::Empty) => "empty",
        Undecodable::Framing(FramingError::WrongMagic(_)) => "wrong_magic",
        Undecodable::Framing(FramingError::Truncated(_)) => "truncated",
        Undecodable::UnknownSchema(_) => "unknown_schema",
        Undecodable::Incompatible { .. } => "schema",
        Undecodable::Unreadable(_) => "undecodable",
    };
    ProcessError::rejected(reason, error)
}
