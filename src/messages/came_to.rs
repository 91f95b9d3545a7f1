//! What a chunk came to, in the bytes of its records but without the names of job and chunk: kept for the next job that brings the same.

use crate::domain::jobs::calculate::Calculated;
use crate::domain::jobs::job::JobId;
use crate::domain::key::ContractId;
use crate::domain::trade::captured::Place;
use crate::messages::cash_flows::write_contract_flows;
use crate::messages::chunk_result::write_totals_and_rows;
use crate::messages::message::Cause;
use crate::messages::schemas::{SchemaName, Schemas};
use crate::messages::wire::{Decoder, Encoder, Unreadable, Unwritable};

pub struct CameTo<'a> {
    pub flows: Vec<KeptFlows<'a>>,
    /// A result's fields behind job and number.
    result: &'a [u8],
}

/// The flows of one record.
pub struct KeptFlows<'a> {
    pub contract: ContractId,
    pub part: u32,
    pub piece: u32,
    /// A record's fields behind the job.
    fields: &'a [u8],
}

impl<'a> CameTo<'a> {
    /// The bytes to keep.
    pub fn write(calculated: &Calculated) -> Result<Vec<u8>, Unwritable> {
        let (mut kept, mut fields) = (Vec::new(), Vec::new());
        Encoder::new(&mut kept).count(calculated.flows.len() as u64);
        for flows in &calculated.flows {
            append(&mut kept, &mut fields, |out| write_contract_flows(out, flows))?;
        }
        append(&mut kept, &mut fields, |out| write_totals_and_rows(out, &calculated.result))?;
        Ok(kept)
    }

    /// The inverse of [`CameTo::write`].
    pub fn read(kept: &'a [u8]) -> Result<CameTo<'a>, Unreadable> {
        let mut input = Decoder::new(kept);
        let count = input.count()?;
        let mut flows = Vec::new();
        for _ in 0..count {
            let fields = input.bytes()?;
            let mut named = Decoder::new(fields);
            let contract = named.name("contract", ContractId::new)?;
            flows.push(KeptFlows { contract, part: named.number()?, piece: named.number()?, fields });
        }
        let result = input.bytes()?;
        input.finish()?;
        Ok(CameTo { flows, result })
    }

    /// Appends the record of a chunk's result.
    pub fn encode_result(
        &self,
        schemas: &Schemas,
        job: &JobId,
        number: u32,
        cause: Place,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        schemas.frame(SchemaName::ChunkResult, out);
        let mut encoder = Encoder::new(out);
        cause.write(&mut encoder);
        encoder.job(job);
        encoder.number(number);
        encoder.finish()?;
        out.extend_from_slice(self.result);
        Ok(())
    }
}

impl KeptFlows<'_> {
    /// Appends the record of a contract's flows.
    pub fn encode(&self, schemas: &Schemas, job: &JobId, cause: Place, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        schemas.frame(SchemaName::JobCashFlows, out);
        let mut encoder = Encoder::new(out);
        cause.write(&mut encoder);
        encoder.job(job);
        encoder.finish()?;
        out.extend_from_slice(self.fields);
        Ok(())
    }
}

fn append(kept: &mut Vec<u8>, fields: &mut Vec<u8>, write: impl FnOnce(&mut Encoder<'_>)) -> Result<(), Unwritable> {
    fields.clear();
    let mut encoder = Encoder::new(fields);
    write(&mut encoder);
    encoder.finish()?;
    let mut encoder = Encoder::new(kept);
    encoder.bytes(fields);
    encoder.finish()
}
