//! Stages `calculate.realtime` and `calculate.batch`: a chunk -> its cash flows by contract, and one result. No state.

use std::sync::Arc;

use super::refusals::{WRONG_KEY, chunk_in_place, undecodable, why};
use super::stopped::{STOPPED, Stopped};
use super::topics::{self, JOB_CASH_FLOWS};
use crate::cache::results::Results;
use crate::domain::explain::Explanation;
use crate::domain::flows::id::FlowId;
use crate::domain::jobs::agreements::{Stated, calculate_agreements};
use crate::domain::jobs::calculate::{Calculated, calculate_pausing, contained, not_calculated};
use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::notice::{NoticeCode, Place};
use crate::domain::key::ContractId;
use crate::domain::swap::flows::Book;
use crate::domain::swap::held::Holding;
use crate::engine::batch::Record;
use crate::engine::priority::rest_if_due;
use crate::engine::stage::{Context, ProcessError, Stage};
use crate::engine::table::Undoable;
use crate::messages::any_chunk::{AnyChunk, DocumentChunk};
use crate::messages::came_to::CameTo;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::content::Content;
use crate::messages::document::{Around, Unreadable};
use crate::messages::key::{flows_key, parse_chunk_key};
use crate::messages::schemas::Schemas;

pub struct Calculate {
    schemas: Arc<Schemas>,
    /// The topic of its lane.
    answers: &'static str,
    /// What chunks came to before, if that is kept at all.
    results: Option<Arc<Results>>,
}

impl Calculate {
    pub fn new(schemas: Arc<Schemas>, answers: &'static str, results: Option<Arc<Results>>) -> Self {
        Calculate { schemas, answers, results }
    }
}

impl Stage for Calculate {
    fn tables(&mut self, _: &mut dyn FnMut(&mut dyn Undoable)) {}

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a chunk has a value"))?;
        let content = Content::of(&self.schemas, value);
        // What was calculated to be kept, and is not: that it is refused, or that something broke down.
        let mut made = None;
        if let Some(content) = &content {
            chunk_in_place(record, &content.key, context)?;
            if left_over(&content.job, record, context)?
                || self.sent_from_results(content, record, &mut made, context)?
            {
                return Ok(());
            }
        }
        let calculated = match made {
            Some(made) => made?,
            None => {
                let chunk = self.chunk(record, context)?;
                if content.is_none() && left_over(&chunk.job().id, record, context)? {
                    return Ok(());
                }
                calculated(&chunk)?
            }
        };
        let place = topics::place(record.cause());
        let job = &calculated.result.job;
        for flows in calculated.flows {
            rest_if_due();
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
            Some(value) => self.schemas.decode::<AnyChunk>(value).ok().map(|(_, chunk)| chunk.key().into_bytes()),
            None => record.key.map(Vec::from),
        };
        let Some((job, first, number)) = told.and_then(|key| parse_chunk_key(&key)) else { return Ok(()) };
        self.answer(&ChunkResult::not_calculated(job, number, first, &why(reason, message)), record, context)
    }
}

impl Calculate {
    /// Sends what the content came to before, or comes to now and is kept: the same bytes as without. False where nothing is kept; `made` is then
    /// what it comes to, if that was calculated.
    fn sent_from_results(
        &self,
        content: &Content<'_>,
        record: &Record<'_>,
        made: &mut Option<Result<Calculated, ProcessError>>,
        context: &mut Context<'_>,
    ) -> Result<bool, ProcessError> {
        let Some(results) = &self.results else { return Ok(false) };
        let kept = results.get_or(&content.hash(results.program()), || {
            let calculated = self.chunk(record, context).and_then(|chunk| calculated(&chunk));
            let kept = calculated.as_ref().ok().and_then(to_keep);
            *made = Some(calculated);
            kept
        });
        let Some(came_to) = kept.as_deref().and_then(|kept| CameTo::read(kept).ok()) else { return Ok(false) };
        let (place, job) = (topics::place(record.cause()), &content.job);
        for flows in &came_to.flows {
            let key = flows_key(job, &flows.contract, flows.part, flows.piece);
            context.send(JOB_CASH_FLOWS, key.as_bytes(), |out| flows.encode(&self.schemas, job, place, out))?;
        }
        context.send(self.answers, job.as_str().as_bytes(), |out| {
            came_to.encode_result(&self.schemas, job, content.number, place, out)
        })?;
        Ok(true)
    }

    fn chunk(&self, record: &Record<'_>, context: &Context<'_>) -> Result<AnyChunk, ProcessError> {
        let value = record.value.unwrap_or_default();
        let (_, chunk) = self.schemas.decode::<AnyChunk>(value).map_err(undecodable)?;
        chunk_in_place(record, &chunk.key(), context)?;
        Ok(chunk)
    }

    fn answer(&self, result: &ChunkResult, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let place = topics::place(record.cause());
        context.send(self.answers, result.job.as_str().as_bytes(), |out| self.schemas.encode(result, place, out))
    }
}

/// Whether nobody waits for a chunk any more, as its job ended without it: then it has neither flows nor a result.
fn left_over(job: &JobId, record: &Record<'_>, context: &Context<'_>) -> Result<bool, ProcessError> {
    Ok(context.view::<Stopped>(STOPPED)?.before_its_end(job, record))
}

/// Nothing of a defect, which may be gone the next time.
fn to_keep(calculated: &Calculated) -> Option<Vec<u8>> {
    let broken = calculated.result.rows.iter().any(|row| row.code == NoticeCode::NotCalculated);
    if broken { None } else { CameTo::write(calculated).ok() }
}

/// What a chunk comes to.
pub fn calculated(chunk: &AnyChunk) -> Result<Calculated, ProcessError> {
    match chunk {
        AnyChunk::OfRequest(chunk) => Ok(calculate_pausing(chunk, rest_if_due)),
        AnyChunk::OfDocument(chunk) => of_document(chunk),
    }
}

/// Reads the contracts and calculates them. What one of them breaks, in reading as in calculating, is a row of its own.
fn of_document(chunk: &DocumentChunk) -> Result<Calculated, ProcessError> {
    let mut around = Around::read(&chunk.around).map_err(|invalid| ProcessError::rejected("undecodable", invalid))?;
    let stated = stated(chunk, &mut around);
    let DocumentChunk { job, number, notices, counts, .. } = chunk;
    Ok(calculate_agreements(job, *number, *counts, notices.clone(), stated, &around.market, rest_if_due))
}

fn stated(chunk: &DocumentChunk, around: &mut Around) -> Vec<Stated> {
    let mut stated = Vec::with_capacity(chunk.contracts.len());
    for contract in &chunk.contracts {
        rest_if_due();
        let path = format!("contracts[{}]", contract.place);
        let read = contained(|| {
            let agreement = around.contract(&contract.json, contract.place as usize)?;
            around.prepare(&agreement);
            Ok(agreement)
        });
        let agreement = match read {
            Ok(Ok(agreement)) => Ok(agreement),
            Ok(Err(Unreadable { invalid, .. })) => {
                let message = format!("{}; the contract is not calculated", invalid.problem);
                Err(Place::of(&contract.id).error(NoticeCode::Unreadable, &invalid.path.to_string(), message))
            }
            Err(broken) => Err(not_calculated(&contract.id, &path, &broken)),
        };
        stated.push(Stated { id: contract.id.clone(), path, agreement });
    }
    stated
}

/// How one flow of a document's chunk comes to be; `None` when there is no such flow, or it has no amount.
pub fn explained(chunk: &DocumentChunk, contract: &ContractId, id: FlowId) -> Option<Explanation> {
    let mut around = Around::read(&chunk.around).ok()?;
    let stated = stated(chunk, &mut around).into_iter().filter(|stated| stated.id == *contract);
    stated.filter_map(|stated| stated.agreement.ok()).find_map(|agreement| {
        let (holding, _) = Holding::of(&agreement);
        let book = Book::new(&agreement.swap, &holding, &around.market, chunk.job.valuation_date).ok()?;
        book.explained(|other| other == id).into_iter().find_map(|flow| flow.explanation)
    })
}
