//! `recalculation-shares`: how far a partition is with a job by reference.

use crate::domain::jobs::share::{Begun, Share, ShareEnd};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

impl Message for Share {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::RecalculationShare;

    fn write(&self, out: &mut Encoder) {
        out.job(&self.job);
        out.optional(self.positions, Encoder::count);
        out.count(self.done);
        out.optional(self.after.as_ref(), Encoder::key);
        out.optional(self.begun, |out, begun| {
            out.date(begun.day);
            out.optional(begun.told, Encoder::date);
        });
        out.number(self.results);
        out.totals(&self.totals);
        out.notices(&self.rows);
        out.optional(self.end, |out, end| {
            out.instant(end.at);
            out.boolean(end.complete);
        });
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(Share {
            job: input.job()?,
            positions: input.optional(Decoder::count)?,
            done: input.count()?,
            after: input.optional(|input| input.key("after"))?,
            begun: input.optional(|input| Ok(Begun { day: input.date()?, told: input.optional(Decoder::date)? }))?,
            results: input.number()?,
            totals: input.totals()?,
            rows: input.notices()?,
            end: input.optional(|input| Ok(ShareEnd { at: input.instant()?, complete: input.boolean()? }))?,
        })
    }
}
