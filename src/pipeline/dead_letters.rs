//! Dead letters: the rejected record as it came, with reason and place.

use std::sync::Arc;

use super::topics;
use crate::domain::key::Timestamp;
use crate::engine::topology::{DeadLetter, WriteDeadLetter};
use crate::messages::dead_letter::{self, Original};
use crate::messages::schemas::Schemas;

/// What a letter may hold of a record: the topic takes 4 MiB, the largest input, and 64 KiB for the rest. Of a larger record
/// the value is known by length and hash; a key or headers that are too large by themselves are cut off.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Of what went wrong: some messages quote the record.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

pub fn writer(schemas: Arc<Schemas>) -> Arc<WriteDeadLetter> {
    Arc::new(move |letter, out| {
        let message = message(letter);
        schemas.encode(&message, topics::place(letter.record.cause()), out).map_err(|error| error.to_string())
    })
}

fn message(letter: &DeadLetter<'_>) -> dead_letter::DeadLetter {
    let record = &letter.record;
    let mut room = RECORD_BYTES_MAX;
    let key = record.key.map(|key| key[..key.len().min(room)].to_vec());
    room -= key.as_ref().map_or(0, Vec::len);
    let header_bytes: usize = record.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    let headers = if header_bytes <= room { record.headers } else { &[] };
    room -= if header_bytes <= room { header_bytes } else { 0 };
    dead_letter::DeadLetter {
        stage: letter.stage.into(),
        reason: letter.reason.into(),
        message: letter.message[..letter.message.floor_char_boundary(MESSAGE_BYTES_MAX)].into(),
        key,
        value: Original::new(record.value, room),
        headers: headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
        timestamp: Timestamp(record.timestamp_us),
        first_seen: Timestamp(letter.now_us),
        attempts: letter.attempts,
    }
}
