//! `captured-trades`: what is known of one trade for ever; the state that restatement replays.

use crate::domain::trade::ContentHash;
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::messages::message::Message;
use crate::messages::relief::{read_before, read_refused, read_relief, write_before, write_refused, write_relief};
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum StatusName {
    Awaited,
    Live,
    Cancelled,
    Rebooked,
}

pub(super) const STATUSES: [StatusName; 4] =
    [StatusName::Awaited, StatusName::Live, StatusName::Cancelled, StatusName::Rebooked];

impl Message for CapturedTrade {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::CapturedTrade;

    fn write(&self, out: &mut Encoder) {
        out.key(&self.key);
        out.trade_id(&self.id);
        out.number(self.version);
        write_status(out, &self.status);
        out.fixed(&self.content.0);
        out.place(&self.place);
        out.count(self.revision);
        out.array(self.held.iter(), write_held);
        out.quantity(self.opened);
        out.array(self.reliefs.iter(), write_relief);
        out.optional(self.before.as_deref(), write_before);
        out.optional(self.refused.as_deref(), write_refused);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let mut trade = CapturedTrade {
            key: input.key("account_book_security")?,
            id: input.trade_id("trade")?,
            version: input.number()?,
            status: read_status(input)?,
            content: ContentHash(input.fixed()?),
            place: input.place()?,
            revision: input.count()?,
            held: input.array(read_held)?,
            opened: input.quantity()?,
            reliefs: input.array(read_relief)?,
            before: None,
            refused: None,
        };
        trade.before = input.optional(|input| read_before(input, &trade.key))?.map(Box::new);
        trade.refused = input.optional(read_refused)?.map(Box::new);
        Ok(trade)
    }
}

fn write_status(out: &mut Encoder, status: &TradeStatus) {
    let (name, terms, to) = match status {
        TradeStatus::Awaited => (StatusName::Awaited, None, None),
        TradeStatus::Live(terms) => (StatusName::Live, Some(terms), None),
        TradeStatus::Cancelled => (StatusName::Cancelled, None, None),
        TradeStatus::RebookedTo(key) => (StatusName::Rebooked, None, Some(key)),
    };
    out.symbol(&STATUSES, &name);
    out.optional(terms, Encoder::terms);
    out.optional(to, Encoder::key);
}

fn read_status(input: &mut Decoder) -> Result<TradeStatus, Unreadable> {
    let name = input.symbol(&STATUSES, "status")?;
    let terms = input.optional(Decoder::terms)?;
    let to = input.optional(|input| input.key("rebooked_to"))?;
    Ok(match (name, terms, to) {
        (StatusName::Awaited, None, None) => TradeStatus::Awaited,
        (StatusName::Live, Some(terms), None) => TradeStatus::Live(terms),
        (StatusName::Cancelled, None, None) => TradeStatus::Cancelled,
        (StatusName::Rebooked, None, Some(to)) => TradeStatus::RebookedTo(to),
        _ => return Err(invalid("status")("terms are a live trade's, rebooked_to is a rebooked one's")),
    })
}

fn write_held(out: &mut Encoder, held: &HeldVersion) {
    out.number(held.version);
    out.event(&held.event, Encoder::key);
    out.place(&held.place);
}

fn read_held(input: &mut Decoder) -> Result<HeldVersion, Unreadable> {
    Ok(HeldVersion {
        version: input.number()?,
        event: input.event(|input| input.key("rebook"))?,
        place: input.place()?,
    })
}
