//! Stages `calculate.realtime` and `calculate.batch`: a chunk -> its cash flows by contract, and one result. No state.

use std::sync::Arc;

use super::refusals::{in_place, undecodable};
use super::topics::{self, CHUNK_RESULTS, JOB_CASH_FLOWS};
use crate::domain::jobs::calculate::calculate;
use crate::domain::jobs::chunk::Chunk;
use crate::engine::batch::Record;
use crate::engine::stage::{Context, ProcessError, Stage};
use crate::engine::table::Undoable;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::key::{chunk_key, flows_key};
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
        let result = calculated.result;
        context.send(CHUNK_RESULTS, job.as_str().as_bytes(), |out| self.schemas.encode(&result, place, out))
    }
}
