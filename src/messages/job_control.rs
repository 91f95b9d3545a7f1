//! `job-control`: what `collect` is told about a job by whoever submits, plans or cancels it.

use compact_str::CompactString;

use crate::domain::jobs::job::{JobEvent, JobId, Started};
use crate::domain::jobs::totals::Counts;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// One word about one job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobControl {
    pub job: JobId,
    pub word: ControlWord,
}

/// The job events that do not come from a chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControlWord {
    Started(Started),
    /// Nobody knows beforehand what a job by reference accounts for.
    Planned {
        chunks: u32,
        counts: Option<Counts>,
    },
    Cancelled {
        reason: CompactString,
    },
    Rejected {
        reason: CompactString,
    },
}

impl From<ControlWord> for JobEvent {
    fn from(word: ControlWord) -> JobEvent {
        match word {
            ControlWord::Started(started) => JobEvent::Started(started),
            ControlWord::Planned { chunks, counts } => JobEvent::Planned { chunks, counts },
            ControlWord::Cancelled { reason } => JobEvent::Cancelled { reason },
            ControlWord::Rejected { reason } => JobEvent::Rejected { reason },
        }
    }
}

/// In the order of the schema's symbols, after UNKNOWN.
pub(super) const WORDS: [&str; 4] = ["STARTED", "PLANNED", "CANCELLED", "REJECTED"];

impl Message for JobControl {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::JobControl;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        let (name, started, planned, reason) = match &self.word {
            ControlWord::Started(started) => ("STARTED", Some(started), None, None),
            ControlWord::Planned { chunks, counts } => ("PLANNED", None, Some((*chunks, counts.as_ref())), None),
            ControlWord::Cancelled { reason } => ("CANCELLED", None, None, Some(reason)),
            ControlWord::Rejected { reason } => ("REJECTED", None, None, Some(reason)),
        };
        out.symbol(&WORDS, &name);
        out.optional(started.map(|started| started.request), Encoder::hash);
        out.optional(started.map(|started| started.deadline), Encoder::instant);
        out.optional(started.and_then(|started| started.predecessor.as_ref()), Encoder::job);
        out.optional(planned.map(|(chunks, _)| chunks), Encoder::number);
        out.optional(planned.and_then(|(_, counts)| counts), Encoder::counts);
        out.reason(reason);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let job = input.job()?;
        let name = input.symbol(&WORDS, "word")?;
        let started = input.optional(Decoder::hash)?.zip(input.optional(Decoder::instant)?);
        let predecessor = input.optional(Decoder::job)?;
        let (chunks, counts) = (input.optional(Decoder::number)?, input.optional(Decoder::counts)?);
        let word = match (name, started, chunks, input.reason()?) {
            ("STARTED", Some((request, deadline)), None, None) => {
                ControlWord::Started(Started { request, deadline, predecessor })
            }
            (name, _, _, _) if counts.is_some() && name != "PLANNED" => {
                return Err(invalid("word")("only PLANNED has counts"));
            }
            _ if predecessor.is_some() => return Err(invalid("word")("only STARTED has a predecessor")),
            ("PLANNED", None, Some(chunks), None) => ControlWord::Planned { chunks, counts },
            ("CANCELLED", None, None, Some(reason)) => ControlWord::Cancelled { reason },
            ("REJECTED", None, None, Some(reason)) => ControlWord::Rejected { reason },
            _ => return Err(invalid("word")("its details are missing, or there are too many of them")),
        };
        Ok(JobControl { job, word })
    }
}
