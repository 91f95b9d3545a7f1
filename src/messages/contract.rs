//! `contracts`: versions of terms, in the JSON that documents the terms of a contract everywhere.

use crate::domain::key::ContractId;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

/// One version of a contract's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContractVersion {
    pub id: ContractId,
    /// The highest counts, whatever came last.
    pub version: u32,
    /// JSON of a contract as `document` reads it, without what is held under it; none when the contract is withdrawn.
    pub terms: Option<Box<str>>,
}

impl ContractVersion {
    /// The record key: every version has its own, so that none is compacted away.
    pub fn key(&self) -> String {
        format!("{}|{}", self.id, self.version)
    }
}

impl Message for ContractVersion {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Contract;

    fn write(&self, out: &mut Encoder) {
        out.text(self.id.as_str());
        out.number(self.version);
        out.optional(self.terms.as_deref(), Encoder::text);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(ContractVersion {
            id: input.name("contract_id", ContractId::new)?,
            version: input.number()?,
            terms: input.optional(|input| input.text().map(Box::from))?,
        })
    }
}
