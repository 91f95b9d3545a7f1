//! `chunk-results.realtime`, `chunk-results.batch`: what a chunk came to; counts and totals only, never the bulk.

use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

impl Message for ChunkResult {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::ChunkResult;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        out.number(self.number);
        write_totals_and_rows(out, self);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(ChunkResult { job: input.job()?, number: input.number()?, totals: input.totals()?, rows: input.notices()? })
    }
}

/// All but the names of job and chunk.
pub(super) fn write_totals_and_rows(out: &mut Encoder, result: &ChunkResult) {
    out.totals(&result.totals);
    out.notices(&result.rows);
}
