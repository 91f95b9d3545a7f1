//! `trades`: one version of a trade.

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::trade::Trade;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

impl Message for Trade {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Trade;

    fn write(&self, out: &mut Encoder) {
        write_parts(out, &self.key);
        out.text(self.id.source());
        out.text(self.id.trade_id());
        out.number(self.version);
        out.event(&self.event, write_parts);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(Trade {
            key: read_parts(input)?,
            id: TradeId::new(input.text()?, input.text()?).map_err(invalid("trade_id"))?,
            version: input.number()?,
            event: input.event(read_parts)?,
        })
    }
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
