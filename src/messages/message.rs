//! What every message has: its schema, its cause as the first field, and how its own fields are written and read.

use crate::domain::trade::captured::Place;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

/// A domain value that travels under one schema.
pub trait Message: Sized {
    /// `Place` where a stage writes the record; `Option<Place>` where people and programs outside may write it too.
    type Cause: Cause;
    const SCHEMA: SchemaName;

    /// Writes the fields after the cause in the schema's order.
    fn write(&self, out: &mut Encoder);

    /// Reads the fields after the cause in the schema's order.
    fn read(input: &mut Decoder) -> Result<Self, Unreadable>;
}

/// The record that caused this one: first field of every output, so that `verify` can audit from the topics alone.
pub trait Cause: Sized {
    fn write(&self, out: &mut Encoder);
    fn read(input: &mut Decoder) -> Result<Self, Unreadable>;
}

impl Cause for Place {
    fn write(&self, out: &mut Encoder) {
        out.long(self.topic);
        out.long(self.partition);
        out.long(self.offset);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(Place { topic: input.ranged("a topic code")?, partition: input.int()?, offset: input.long()? })
    }
}

impl Cause for Option<Place> {
    fn write(&self, out: &mut Encoder) {
        out.optional(self.as_ref(), |out, place| place.write(out));
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        input.optional(Place::read)
    }
}
