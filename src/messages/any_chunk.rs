//! `calculation-chunks.*`: a chunk of a request, or of a document whose contracts are read where they are calculated.

use crate::domain::jobs::chunk::Chunk;
use crate::domain::jobs::job::{Job, JobId};
use crate::domain::jobs::market::MarketData;
use crate::domain::jobs::notice::Notice;
use crate::domain::jobs::totals::Counts;
use crate::domain::key::ContractId;
use crate::domain::trade::captured::Place;
use crate::messages::chunk::{read_of_request, write_of_request};
use crate::messages::key::{chunk_key, chunk_key_of};
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// What a record of the topic holds.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyChunk {
    OfRequest(Chunk),
    OfDocument(DocumentChunk),
}

/// Contracts of a document, and what of the rest of it they name. Content and number depend on the job alone.
#[derive(Clone, PartialEq, Debug)]
pub struct DocumentChunk {
    pub job: Job,
    /// Dense from 1.
    pub number: u32,
    /// Rows that were found before calculation.
    pub notices: Vec<Notice>,
    /// The document without its contracts, as JSON.
    pub around: Box<str>,
    /// What of the document this chunk accounts for.
    pub counts: Counts,
    pub contracts: Vec<StatedContract>,
}

/// A contract as it stands in the document.
#[derive(Clone, PartialEq, Debug)]
pub struct StatedContract {
    pub id: ContractId,
    /// Among the contracts of the document, from 0.
    pub place: u32,
    pub json: Box<str>,
}

impl From<Chunk> for AnyChunk {
    fn from(chunk: Chunk) -> AnyChunk {
        AnyChunk::OfRequest(chunk)
    }
}

impl From<DocumentChunk> for AnyChunk {
    fn from(chunk: DocumentChunk) -> AnyChunk {
        AnyChunk::OfDocument(chunk)
    }
}

impl AnyChunk {
    pub fn job(&self) -> &Job {
        match self {
            AnyChunk::OfRequest(chunk) => &chunk.job,
            AnyChunk::OfDocument(chunk) => &chunk.job,
        }
    }

    pub fn number(&self) -> u32 {
        match self {
            AnyChunk::OfRequest(chunk) => chunk.number,
            AnyChunk::OfDocument(chunk) => chunk.number,
        }
    }

    /// The same work for another job.
    pub fn of(mut self, job: JobId) -> AnyChunk {
        match &mut self {
            AnyChunk::OfRequest(chunk) => chunk.job.id = job,
            AnyChunk::OfDocument(chunk) => chunk.job.id = job,
        }
        self
    }

    /// The record key.
    pub fn key(&self) -> String {
        match self {
            AnyChunk::OfRequest(chunk) => chunk_key(chunk),
            AnyChunk::OfDocument(DocumentChunk { job, number, contracts, .. }) => {
                chunk_key_of(&job.id, contracts.first().map(|first| (&first.id, 0)), *number)
            }
        }
    }
}

impl Message for AnyChunk {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Chunk;

    fn write(&self, out: &mut Encoder) {
        let DocumentChunk { job, number, notices, around, counts, contracts } = match self {
            AnyChunk::OfRequest(chunk) => return chunk.write(out),
            AnyChunk::OfDocument(chunk) => chunk,
        };
        write_of_request(
            out,
            &Chunk {
                job: job.clone(),
                number: *number,
                notices: notices.clone(),
                contracts: Vec::new(),
                market: MarketData::default(),
            },
        );
        out.optional(Some(()), |out, ()| {
            out.text(around);
            out.counts(counts);
            out.array(contracts.iter(), |out, contract| {
                out.text(contract.id.as_str());
                out.number(contract.place);
                out.text(&contract.json);
            });
        });
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let chunk = read_of_request(input)?;
        let document = input.optional(|input| {
            let (around, counts) = (input.text()?.into(), input.counts()?);
            Ok((around, counts, input.array(read_stated)?))
        })?;
        let Some((around, counts, contracts)) = document else { return Ok(AnyChunk::OfRequest(chunk)) };
        let Chunk { job, number, contracts: of_request, notices, market } = chunk;
        match of_request.is_empty() && market == MarketData::default() {
            true => Ok(AnyChunk::OfDocument(DocumentChunk { job, number, notices, around, counts, contracts })),
            false => Err(invalid("document")("it has contracts or market data of a request beside it")),
        }
    }
}

fn read_stated(input: &mut Decoder) -> Result<StatedContract, Unreadable> {
    Ok(StatedContract {
        id: input.name("contract", ContractId::new)?,
        place: input.number()?,
        json: input.text()?.into(),
    })
}
