//! `trades`: one version of a trade, or of a lot that comes from another position or was there before.

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::{Happening, ISSUER, OPENING, Sent, What};
use crate::domain::trade::captured::Place;
use crate::domain::trade::{Trade, TradeEvent};
use crate::messages::captured_action::{read_arrival, write_arrival};
use crate::messages::message::Message;
use crate::messages::parts::{EVENTS, EventName, event};
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// What a record of the topic says. Sources send trades and lots that were there before, positions send lots to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Trade(Trade),
    Lot(Moved),
}

/// A lot on its way to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// None: it was there before.
    pub from: Option<PositionKey>,
    /// An arrival, or that it does not come after all.
    pub sent: Sent,
}

impl Delivery {
    /// The position that it is for.
    pub fn key(&self) -> &PositionKey {
        match self {
            Delivery::Trade(trade) => &trade.key,
            Delivery::Lot(moved) => &moved.sent.to,
        }
    }

    /// Whether only bookflow itself may send it.
    pub fn internal(&self) -> bool {
        match self {
            Delivery::Trade(Trade { id, event, .. }) => {
                matches!(event, TradeEvent::RebookIn { .. }) || RESERVED.contains(&id.source())
            }
            Delivery::Lot(moved) => moved.from.is_some(),
        }
    }
}

/// No trade has one of these sources.
const RESERVED: [&str; 2] = [ISSUER, OPENING];

impl Message for Trade {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Trade;

    fn write(&self, out: &mut Encoder) {
        write_names(out, &self.key, &self.id, self.version);
        out.event(&self.event, write_parts);
        out.optional(None, write_arrival);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        match Delivery::read(input)? {
            Delivery::Trade(trade) => Ok(trade),
            Delivery::Lot(_) => Err(invalid("event")("a lot that comes from another position is no trade")),
        }
    }
}

impl Message for Delivery {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Trade;

    fn write(&self, out: &mut Encoder) {
        let Moved { from, sent: Sent { to, happening } } = match self {
            Delivery::Trade(trade) => return trade.write(out),
            Delivery::Lot(moved) => moved,
        };
        let arrival = happening.arrival();
        write_names(out, to, &happening.id, happening.version);
        out.symbol(&EVENTS, if arrival.is_some() { &EventName::LotIn } else { &EventName::LotWithdrawn });
        out.optional(None::<()>, |_, ()| ());
        out.optional(from.as_ref(), write_parts);
        out.optional(arrival, write_arrival);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let key = read_parts(input)?;
        let id = TradeId::new(input.text()?, input.text()?).map_err(invalid("trade_id"))?;
        let version = input.number()?;
        let parts = input.event_parts(read_parts)?;
        let arrival = input.optional(|input| read_arrival(input, &key, &id))?;
        let what = match (&parts, arrival) {
            ((EventName::LotIn, None, _), Some(arrival)) => {
                What::Arrival(Box::new(arrival.checked().map_err(invalid("lot"))?))
            }
            ((EventName::LotWithdrawn, None, _), None) => What::Withdrawn,
            (_, None) => return Ok(Delivery::Trade(Trade { key, id, version, event: event(parts)? })),
            _ => return Err(invalid("lot")("only LOT_IN has a lot, and no terms")),
        };
        let from = parts.2;
        if from.is_none() && id.source() != OPENING {
            return Err(invalid("rebook")("a lot that comes from no position is one of source opening"));
        }
        Ok(Delivery::Lot(Moved { from, sent: Sent { to: key, happening: Happening { id, version, what } } }))
    }
}

fn write_names(out: &mut Encoder, key: &PositionKey, id: &TradeId, version: u32) {
    write_parts(out, key);
    out.text(id.source());
    out.text(id.trade_id());
    out.number(version);
}

/// Sources know accounts, books and securities; only our own records carry the encoded key.
fn write_parts(out: &mut Encoder, key: &PositionKey) {
    out.text(&key.account());
    out.text(&key.book());
    out.text(&key.security());
}

fn read_parts(input: &mut Decoder) -> Result<PositionKey, Unreadable> {
    PositionKey::new(input.text()?, input.text()?, input.text()?).map_err(invalid("account_book_security"))
}
