//! `dead-letters`: a record that could not be processed, as it came, with reason and place.

use sha2::{Digest, Sha256};

use crate::domain::key::Timestamp;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// A rejected record; its place is the message's cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    pub stage: String,
    /// A stable code to group by.
    pub reason: String,
    pub message: String,
    pub key: Option<Vec<u8>>,
    pub value: Original,
    pub headers: Vec<(String, Vec<u8>)>,
    /// The record's own.
    pub timestamp: Timestamp,
    pub first_seen: Timestamp,
    pub attempts: u32,
}

/// The value as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Original {
    Tombstone,
    Bytes(Vec<u8>),
    /// It did not fit a dead letter; the source topic still has it.
    TooLarge {
        length: u64,
        sha256: [u8; 32],
    },
}

impl Original {
    /// Keeps values up to `bytes_max`; of larger ones what they are known by.
    pub fn new(value: Option<&[u8]>, bytes_max: usize) -> Original {
        match value {
            None => Original::Tombstone,
            Some(bytes) if bytes.len() <= bytes_max => Original::Bytes(bytes.into()),
            Some(bytes) => Original::TooLarge { length: bytes.len() as u64, sha256: Sha256::digest(bytes).into() },
        }
    }
}

impl Message for DeadLetter {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::DeadLetter;

    fn write(&self, out: &mut Encoder) {
        out.text(&self.stage);
        out.text(&self.reason);
        out.text(&self.message);
        out.optional(self.key.as_deref(), Encoder::bytes);
        let (value, length, sha256) = match &self.value {
            Original::Tombstone => (None, 0, None),
            Original::Bytes(bytes) => (Some(bytes.as_slice()), bytes.len() as u64, None),
            Original::TooLarge { length, sha256 } => (None, *length, Some(sha256)),
        };
        out.optional(value, Encoder::bytes);
        out.count(length);
        out.optional(sha256, Encoder::fixed);
        out.array(self.headers.iter(), |out, (name, value)| {
            out.text(name);
            out.bytes(value);
        });
        out.instant(self.timestamp);
        out.instant(self.first_seen);
        out.number(self.attempts);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(DeadLetter {
            stage: input.text()?.into(),
            reason: input.text()?.into(),
            message: input.text()?.into(),
            key: input.optional(|input| input.bytes().map(Vec::from))?,
            value: read_value(input)?,
            headers: input.array(|input| Ok((input.text()?.into(), input.bytes()?.into())))?,
            timestamp: input.instant()?,
            first_seen: input.instant()?,
            attempts: input.number()?,
        })
    }
}

fn read_value(input: &mut Decoder) -> Result<Original, Unreadable> {
    let value = input.optional(|input| input.bytes().map(Vec::from))?;
    let length = input.count()?;
    Ok(match (value, input.optional(Decoder::fixed)?) {
        (None, None) => Original::Tombstone,
        (Some(bytes), None) => Original::Bytes(bytes),
        (None, Some(sha256)) => Original::TooLarge { length, sha256 },
        (Some(_), Some(_)) => return Err(invalid("value")("bytes and their hash at once")),
    })
}
