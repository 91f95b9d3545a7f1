//! Stages `calculate.realtime` and `calculate.batch`: a chunk -> its cash flows by contract, and one result. No state.

use std::sync::Arc;

use super::refusals::{WRONG_KEY, in_place, undecodable};
use super::topics::{self, CHUNK_RESULTS, JOB_CASH_FLOWS};
use crate::domain::jobs::calculate::calculate;
use crate::domain::jobs::chunk::{Chunk, ChunkResult};
use crate::engine::batch::Record;
use crate::engine::stage::{Context, ProcessError, Stage};
use crate::engine::table::Undoable;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::key::{chunk_key, flows_key, parse_chunk_key};
use crate::messages::schemas::Schemas;

pub struct Calculate {
    schemas: Arc<Schemas>,
}

impl Calculate {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Calculate { schemas }
    }
}

impl Stage for Calculate {
    fn tables(&mut self, _: &mut dyn FnMut(&mut dyn Undoable)) {}

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a chunk has a value"))?;
        let (_, chunk) = self.schemas.decode::<Chunk>(value).map_err(undecodable)?;
        in_place(record, &chunk_key(&chunk), context)?;
        let calculated = calculate(&chunk);
        let place = topics::place(record.cause());
        let job = &chunk.job.id;
        for flows in calculated.flows {
            let key = flows_key(job, &flows.contract, flows.part, flows.piece);
            let message = JobCashFlows { job: job.clone(), flows };
            context.send(JOB_CASH_FLOWS, key.as_bytes(), |out| self.schemas.encode(&message, place, out))?;
        }
        self.answer(&calculated.result, record, context)
    }

    /// A chunk that cannot be calculated still answers, where it can be told which one it is.
    fn on_rejected(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        message: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        // The key tells, because reading the value again may kill us again; but not where the value says that the key is wrong.
        let told = match record.value.filter(|_| reason == WRONG_KEY) {
            Some(value) => self.schemas.decode::<Chunk>(value).ok().map(|(_, chunk)| chunk_key(&chunk).into_bytes()),
            None => record.key.map(Vec::from),
        };
        let Some((job, first, number)) = told.and_then(|key| parse_chunk_key(&key)) else { return Ok(()) };
        let why = format!("{reason}: {}", &message[..message.floor_char_boundary(WHY_BYTES_MAX)]);
        self.answer(&ChunkResult::not_calculated(job, number, first, &why), record, context)
    }
}

/// What an outcome's row says of an error: the dead letter has all of it.
const WHY_BYTES_MAX: usize = 500;

impl Calculate {
    fn answer(&self, result: &ChunkResult, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let place = topics::place(record.cause());
        context.send(CHUNK_RESULTS, result.job.as_str().as_bytes(), |out| self.schemas.encode(result, place, out))
    }
}
