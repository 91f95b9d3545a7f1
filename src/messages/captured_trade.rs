//! `captured-trades`: what is known of one trade for ever; the state that restatement replays.

use crate::domain::key::PositionKey;
use crate::domain::lots::lot::{Before, Image, Lot, Relief};
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::domain::trade::{ContentHash, SCALE_MAX};
use crate::messages::message::Message;
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
        };
        trade.before = input.optional(|input| read_before(input, &trade.key))?.map(Box::new);
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

fn write_relief(out: &mut Encoder, relief: &Relief) {
    out.trade_id(&relief.lot);
    out.quantity(relief.quantity);
    let open_price = relief.open_price.round_dp(SCALE_MAX);
    out.quantity(open_price);
    out.money(&relief.realised);
    out.optional((open_price != relief.open_price).then_some(relief.open_price), Encoder::exact);
}

fn read_relief(input: &mut Decoder) -> Result<Relief, Unreadable> {
    let mut relief = Relief {
        lot: input.trade_id("lot")?,
        quantity: input.quantity()?,
        open_price: input.quantity()?,
        realised: input.money()?,
    };
    if let Some(exact) = input.optional(|input| input.exact("exact_open_price"))? {
        relief.open_price = exact;
    }
    Ok(relief)
}

fn write_before(out: &mut Encoder, before: &Before) {
    out.optional(before.pool, Encoder::long);
    out.array(before.lots.iter(), write_image);
}

fn read_before(input: &mut Decoder, key: &PositionKey) -> Result<Before, Unreadable> {
    Ok(Before { pool: input.optional(Decoder::long)?, lots: input.array(|input| read_image(input, key))? })
}

/// Of the trade's own position, with revision 0.
fn write_image(out: &mut Encoder, Image { lot, after }: &Image) {
    out.trade_id(&lot.id);
    out.contract(lot.contract.as_ref());
    out.quantity(lot.opened);
    out.quantity(lot.remaining);
    out.quantity(lot.price);
    out.shared_cost(lot.shared.as_deref());
    out.currency(lot.currency);
    out.date(lot.trade_date);
    out.optional(lot.settle_date, Encoder::date);
    out.instant(lot.exec_time);
    out.count(lot.source_seq);
    out.quantity(*after);
}

fn read_image(input: &mut Decoder, key: &PositionKey) -> Result<Image, Unreadable> {
    let lot = Lot {
        key: key.clone(),
        id: input.trade_id("lot")?,
        contract: input.contract()?,
        opened: input.quantity()?,
        remaining: input.quantity()?,
        price: input.quantity()?,
        shared: input.shared_cost()?,
        currency: input.currency()?,
        trade_date: input.date()?,
        settle_date: input.optional(Decoder::date)?,
        exec_time: input.instant()?,
        source_seq: input.count()?,
        revision: 0,
    };
    Ok(Image { lot, after: input.quantity()? })
}
