//! `calculation-requests`: a job by reference as every partition of `book` gets it, and the word that nobody waits for it any more.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind, Selection};
use crate::domain::key::ContractId;
use crate::domain::trade::captured::Place;
use crate::messages::contract::ContractVersion;
use crate::messages::data_point::DataPoint;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

#[derive(Clone, PartialEq, Debug)]
pub struct CalculationRequest {
    pub job: JobId,
    pub word: RequestWord,
}

#[derive(Clone, PartialEq, Debug)]
pub enum RequestWord {
    Calculate(Box<Asked>),
    Cancel,
}

/// A job by reference with what it changes.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    pub recalculation: Recalculation,
    /// Of WHAT_IF; as they would come next on their topics.
    pub contracts: Vec<ContractVersion>,
    pub points: Vec<DataPoint>,
}

// Each table is in the order of its schema's symbols, after UNKNOWN.
pub(super) const REQUEST_WORDS: [&str; 2] = ["CALCULATE", "CANCEL"];
pub(super) const RECALCULATIONS: [&str; 4] = ["FULL", "INCREMENTAL", "HISTORICAL", "WHAT_IF"];

impl Message for CalculationRequest {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::CalculationRequest;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        let (word, asked) = match &self.word {
            RequestWord::Calculate(asked) => ("CALCULATE", Some(asked)),
            RequestWord::Cancel => ("CANCEL", None),
        };
        out.symbol(&REQUEST_WORDS, &word);
        out.optional(asked, |out, asked| write_asked(out, asked));
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let job = input.job()?;
        let word = match (input.symbol(&REQUEST_WORDS, "word")?, input.optional(read_asked)?) {
            ("CALCULATE", Some(asked)) => RequestWord::Calculate(Box::new(asked)),
            ("CANCEL", None) => RequestWord::Cancel,
            _ => return Err(invalid("word")("its details are missing, or there are too many of them")),
        };
        Ok(CalculationRequest { job, word })
    }
}

fn write_asked(out: &mut Encoder, asked: &Asked) {
    let Recalculation { request, deadline, kind, selection, moment } = &asked.recalculation;
    out.hash(*request);
    out.instant(*deadline);
    let (name, since, range) = match kind {
        RecalculationKind::Full => ("FULL", None, None),
        RecalculationKind::Incremental { since } => ("INCREMENTAL", Some(since), None),
        RecalculationKind::Historical { from, to } => ("HISTORICAL", None, Some((*from, *to))),
        RecalculationKind::WhatIf => ("WHAT_IF", None, None),
    };
    out.symbol(&RECALCULATIONS, &name);
    out.optional(since, Encoder::job);
    out.optional(range.map(|(from, _)| from), Encoder::date);
    out.optional(range.map(|(_, to)| to), Encoder::date);
    out.moment(moment);
    for names in [&selection.accounts, &selection.books, &selection.securities] {
        out.array(names.iter(), |out, name| out.text(name));
    }
    out.array(selection.contracts.iter(), |out, contract| out.text(contract.as_str()));
    out.array(selection.products.iter(), |out, product| out.text(product));
    out.array(asked.contracts.iter(), |out, contract| contract.write(out));
    out.array(asked.points.iter(), |out, point| point.write(out));
}

fn read_asked(input: &mut Decoder) -> Result<Asked, Unreadable> {
    let (request, deadline) = (input.hash()?, input.instant()?);
    let name = input.symbol(&RECALCULATIONS, "type")?;
    let since = input.optional(Decoder::job)?;
    let range = (input.optional(Decoder::date)?, input.optional(Decoder::date)?);
    let kind = match (name, since, range) {
        ("FULL", None, (None, None)) => RecalculationKind::Full,
        ("INCREMENTAL", Some(since), (None, None)) => RecalculationKind::Incremental { since },
        ("HISTORICAL", None, (Some(from), Some(to))) => RecalculationKind::Historical { from, to },
        ("WHAT_IF", None, (None, None)) => RecalculationKind::WhatIf,
        _ => return Err(invalid("type")("its details are missing, or there are too many of them")),
    };
    let moment = input.moment()?;
    let mut names = || -> Result<BTreeSet<CompactString>, Unreadable> {
        Ok(input.array(|input| input.text().map(CompactString::from))?.into_iter().collect())
    };
    let (accounts, books, securities) = (names()?, names()?, names()?);
    let contracts = input.array(|input| input.name("contracts", ContractId::new))?.into_iter().collect();
    let products = input.array(|input| input.text().map(CompactString::from))?.into_iter().collect();
    let selection = Selection { accounts, books, securities, contracts, products };
    Ok(Asked {
        recalculation: Recalculation { request, deadline, kind, selection, moment },
        contracts: input.array(ContractVersion::read)?,
        points: input.array(DataPoint::read)?,
    })
}
