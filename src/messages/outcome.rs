//! `calculation-outcomes`: the answer to a job.

use crate::domain::jobs::job::{Ending, Missing, Outcome};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// In the order of the schema's symbols, after UNKNOWN.
pub(super) const ENDINGS: [&str; 5] = ["COMPLETED", "COMPLETED_WITH_ERRORS", "TIMED_OUT", "CANCELLED", "REJECTED"];

impl Message for Outcome {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::Outcome;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        out.optional(self.request, Encoder::hash);
        out.optional(self.predecessor.as_ref(), Encoder::job);
        let (received, missing, reason) = match &self.ending {
            Ending::Completed | Ending::CompletedWithErrors => (None, None, None),
            Ending::TimedOut { missing: Missing::Plan { received } } => (Some(*received), None, None),
            Ending::TimedOut { missing: Missing::Chunks(missing) } => (None, Some(missing), None),
            Ending::Cancelled { reason } | Ending::Rejected { reason } => (None, None, Some(reason)),
        };
        out.symbol(&ENDINGS, &self.ending.name());
        out.optional(received, Encoder::number);
        out.optional(missing, |out, missing| out.ranges(missing.iter().copied()));
        out.reason(reason);
        out.totals(&self.totals);
        out.notices(&self.rows);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let (job, request, predecessor) = (input.job()?, input.optional(Decoder::hash)?, input.optional(Decoder::job)?);
        let name = input.symbol(&ENDINGS, "ending")?;
        let (received, missing) = (input.optional(Decoder::number)?, input.optional(Decoder::ranges)?);
        let ending = match (name, received, missing, input.reason()?) {
            ("COMPLETED", None, None, None) => Ending::Completed,
            ("COMPLETED_WITH_ERRORS", None, None, None) => Ending::CompletedWithErrors,
            ("TIMED_OUT", Some(received), None, None) => Ending::TimedOut { missing: Missing::Plan { received } },
            ("TIMED_OUT", None, Some(missing), None) => Ending::TimedOut { missing: Missing::Chunks(missing) },
            ("CANCELLED", None, None, Some(reason)) => Ending::Cancelled { reason },
            ("REJECTED", None, None, Some(reason)) => Ending::Rejected { reason },
            _ => return Err(invalid("ending")("its details are missing, or there are too many of them")),
        };
        Ok(Outcome { job, request, predecessor, ending, totals: input.totals()?, rows: input.notices()? })
    }
}
