//! A flow of a job that brought its contracts: the chunk that it came from is calculated again.

use super::log::Log;
use super::{Explained, Flow, Publication, damaged};
use crate::cli::calculate::answer::Step;
use crate::cli::calculate::request;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::domain::flows::id::FlowId;
use crate::domain::jobs::chunk::ContractFlows;
use crate::domain::jobs::job::JobId;
use crate::domain::trade::captured::Place;
use crate::messages::any_chunk::AnyChunk;
use crate::messages::cash_flows::JobCashFlows;
use crate::pipeline::calculate::{calculated, explained};

pub fn explain(log: &Log<'_>, cause: Place, published: JobCashFlows, id: FlowId) -> Result<Explained, Failure> {
    let chunk = log.record::<AnyChunk>(cause)?.ok_or_else(|| gone(&published.job, id))?;
    let JobCashFlows { job, flows } = &published;
    let calculated = calculated(&chunk).map_err(damaged)?.flows;
    let place = |flows: &ContractFlows| (flows.contract.clone(), flows.part, flows.piece);
    let again = calculated.into_iter().find(|again| place(again) == place(flows));
    let again = again.map(|flows| JobCashFlows { job: job.clone(), flows });
    let bytes = |flows: &JobCashFlows| log.encoded(flows, cause);
    let same = again.as_ref().map(bytes).transpose()? == Some(bytes(&published)?);
    let (again, steps) = again.map_or((None, Vec::new()), |again| shown(&again.flows, &chunk, id));
    let (flow, _) = shown(flows, &chunk, id);
    let flow = flow.expect("the record was looked for by it");
    Ok(Explained { flow, again, publication: Publication::OfJob(published.job), cause, steps, same })
}

/// A flow of a contract with its lines.
fn shown(flows: &ContractFlows, chunk: &AnyChunk, id: FlowId) -> (Option<Flow>, Vec<Step>) {
    if let Some(flow) = flows.flows.iter().find(|flow| flow.id == id) {
        return (Some(Flow::from(flow)), request::steps(flow));
    }
    let row = flows.rows.iter().find(|row| row.id == id);
    let explanation = match chunk {
        AnyChunk::OfDocument(chunk) => explained(chunk, &flows.contract, id),
        AnyChunk::OfRequest(_) => None,
    };
    (row.map(Flow::from), explanation.iter().flat_map(Step::all).collect())
}

fn gone(job: &JobId, id: FlowId) -> Failure {
    Failure::new(Exit::Precondition, format!("the chunk of job {job} that this flow came from is past its retention"))
        .next(format!("`bookflow calculate FILE --explain {id}` explains it from the file that was submitted"))
}
