//! `job-progress`: how a job stands; the state of `collect` and what `watch` shows, in one.

use std::collections::BTreeMap;

use crate::domain::jobs::collect::{ChunkSet, Collecting, Progress, Stage};
use crate::domain::jobs::job::{Outcome, Started};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

impl Message for Progress {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::JobProgress;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        out.instant(self.first);
        out.instant(self.last);
        out.number(self.late);
        let (collecting, ended) = match &self.stage {
            Stage::Collecting(collecting) => (Some(collecting), None),
            Stage::Ended(outcome) => (None, Some(outcome)),
        };
        out.optional(collecting, write_collecting);
        out.optional(ended, |out, outcome| outcome.write(out));
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let (job, first, last, late) = (input.job()?, input.instant()?, input.instant()?, input.number()?);
        let stage = match (input.optional(read_collecting)?, input.optional(Outcome::read)?) {
            (Some(collecting), None) => Stage::Collecting(collecting),
            (None, Some(outcome)) => Stage::Ended(outcome),
            _ => return Err(invalid("job_progress")("not exactly one of collecting and ended")),
        };
        Ok(Progress { job, first, last, stage, late })
    }
}

fn write_collecting(out: &mut Encoder, collecting: &Collecting) {
    let started = collecting.started.as_ref();
    out.optional(started.map(|started| started.request), Encoder::hash);
    out.optional(started.map(|started| started.deadline), Encoder::instant);
    out.optional(started.and_then(|started| started.predecessor.as_ref()), Encoder::job);
    out.optional(collecting.planned.map(|(chunks, _)| chunks), Encoder::number);
    out.optional(collecting.planned.as_ref().and_then(|(_, counts)| counts.as_ref()), Encoder::counts);
    out.ranges(collecting.received.0.iter().map(|(first, last)| (*first, *last)));
    out.totals(&collecting.totals);
    out.notices(&collecting.rows);
}

fn read_collecting(input: &mut Decoder) -> Result<Collecting, Unreadable> {
    let started = both(input.optional(Decoder::hash)?, input.optional(Decoder::instant)?)?;
    let predecessor = input.optional(Decoder::job)?;
    let started = started.map(|(request, deadline)| Started { request, deadline, predecessor });
    let (chunks, counts) = (input.optional(Decoder::number)?, input.optional(Decoder::counts)?);
    if chunks.is_none() && counts.is_some() {
        return Err(invalid("collecting")("half of what was planned is missing"));
    }
    let planned = chunks.map(|chunks| (chunks, counts));
    let ranges = input.ranges()?;
    if !ranges.is_sorted_by(|(_, last), (first, _)| last < first) {
        return Err(invalid("received")("ranges overlap or are out of order"));
    }
    Ok(Collecting {
        started,
        planned,
        received: ChunkSet(BTreeMap::from_iter(ranges)),
        totals: input.totals()?,
        rows: input.notices()?,
    })
}

fn both<A, B>(one: Option<A>, other: Option<B>) -> Result<Option<(A, B)>, Unreadable> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        _ => Err(invalid("collecting")("half of what was started is missing")),
    }
}
