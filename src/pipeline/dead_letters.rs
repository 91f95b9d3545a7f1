//! Dead letters: the rejected record as it came, with reason and place.

use std::sync::Arc;

use super::topics;
use crate::domain::key::Timestamp;
use crate::engine::topology::{DeadLetter, WriteDeadLetter};
use crate::messages::dead_letter::{self, Original};
use crate::messages::schemas::Schemas;

/// Larger values are known by length and hash: the topic takes the largest input and 64 KiB for the rest of the letter.
pub const VALUE_BYTES_MAX: usize = 8 << 20;

pub fn writer(schemas: Arc<Schemas>) -> Arc<WriteDeadLetter> {
    Arc::new(move |letter, out| {
        let message = message(letter);
        schemas.encode(&message, topics::place(letter.record.cause()), out).map_err(|error| error.to_string())
    })
}

fn message(letter: &DeadLetter<'_>) -> dead_letter::DeadLetter {
    let record = &letter.record;
    dead_letter::DeadLetter {
        stage: letter.stage.into(),
        reason: letter.reason.into(),
        message: letter.message.into(),
        key: record.key.map(Vec::from),
        value: Original::new(record.value, VALUE_BYTES_MAX),
        headers: record.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
        timestamp: Timestamp(record.timestamp_us),
        first_seen: Timestamp(letter.now_us),
        attempts: letter.attempts,
    }
}
