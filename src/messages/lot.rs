//! `lots`: open lots; a tombstone says that one is closed.

use crate::domain::lots::lot::Lot;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

impl Message for Lot {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::Lot;

    fn write(&self, out: &mut Encoder) {
        out.key(&self.key);
        out.trade_id(&self.id);
        out.contract(self.contract.as_ref());
        out.quantity(self.opened);
        out.quantity(self.remaining);
        out.quantity(self.price);
        out.currency(self.currency);
        out.date(self.trade_date);
        out.optional(self.settle_date, Encoder::date);
        out.instant(self.exec_time);
        out.count(self.source_seq);
        out.count(self.revision);
        out.shared_cost(self.shared.as_deref());
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let mut lot = Lot {
            key: input.key("account_book_security")?,
            id: input.trade_id("lot")?,
            contract: input.contract()?,
            opened: input.quantity()?,
            remaining: input.quantity()?,
            price: input.quantity()?,
            shared: None,
            currency: input.currency()?,
            trade_date: input.date()?,
            settle_date: input.optional(Decoder::date)?,
            exec_time: input.instant()?,
            source_seq: input.count()?,
            revision: input.count()?,
        };
        lot.shared = input.shared_cost()?;
        Ok(lot)
    }
}
