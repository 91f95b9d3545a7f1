//! A chunk's content without the names of its job and chunk: equal bytes are calculated to equal flows, whatever job brings them.

use sha2::{Digest, Sha256};

use crate::domain::jobs::job::JobId;
use crate::domain::key::ContractId;
use crate::domain::trade::captured::Place;
use crate::messages::chunk::read_days;
use crate::messages::key::chunk_key_of;
use crate::messages::message::Cause;
use crate::messages::schemas::{SchemaName, Schemas};
use crate::messages::wire::{Decoder, Unreadable, invalid};

/// What a chunk's record says of itself, its contracts unread.
pub struct Content<'a> {
    pub job: JobId,
    pub number: u32,
    /// The key that the record must have.
    pub key: String,
    days: &'a [u8],
    /// Contracts, rows, market data, or the document.
    work: &'a [u8],
}

impl<'a> Content<'a> {
    /// None for a record of another schema, or one that is not like a chunk with contracts: reading it whole tells what it is.
    pub fn of(schemas: &Schemas, record: &'a [u8]) -> Option<Content<'a>> {
        Content::read(schemas.own_body(SchemaName::Chunk, record)?).ok()
    }

    fn read(body: &'a [u8]) -> Result<Content<'a>, Unreadable> {
        let mut input = Decoder::new(body);
        Option::<Place>::read(&mut input)?;
        let job = input.job()?;
        input.hash()?; // of the request
        let days = input.span(|input| read_days(input).map(drop))?;
        let number = input.number()?;
        let work = input.rest();
        let (first, part) = match input.block()? {
            0 => (first_of_document(&mut input)?, 0),
            _ => (input.name("contract", ContractId::new)?, input.number()?),
        };
        let key = chunk_key_of(&job, Some((&first, part)), number);
        Ok(Content { job, number, key, days, work })
    }

    /// SHA-256 over the program that calculates and all that it calculates from.
    pub fn hash(&self, program: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(program);
        hash.update((self.days.len() as u64).to_be_bytes());
        hash.update(self.days);
        hash.update(self.work);
        hash.finalize().into()
    }
}

/// The first contract of a document's chunk, which has none of a request, nor market data.
fn first_of_document(input: &mut Decoder<'_>) -> Result<ContractId, Unreadable> {
    let none = |what| invalid(what)("a chunk without contracts");
    input.notices()?;
    for market in ["prices", "rates", "dividends"] {
        if input.block()? != 0 {
            return Err(none(market));
        }
    }
    let first = input.optional(|input| {
        input.text()?;
        input.counts()?;
        match input.block()? {
            0 => Err(none("contracts")),
            _ => input.name("contract", ContractId::new),
        }
    })?;
    first.ok_or_else(|| none("document"))
}
