//! `positions`: what the surviving trades of one account, book and security add up to.

use crate::domain::lots::method::FIFO;
use crate::domain::lots::position::{Costing, Position};
use crate::domain::money::Money;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::relief::{read_policy, write_policy};
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

impl Message for Position {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::Position;

    fn write(&self, out: &mut Encoder) {
        out.key(&self.key);
        out.count(self.revision);
        out.quantity(self.quantity);
        out.currency(self.currency);
        out.long(self.realised.minor);
        out.long(self.cost.minor);
        out.number(self.open_lots);
        out.boolean(self.costing == Costing::Pooled);
        out.optional((self.relief != FIFO).then_some(&self.relief), write_policy);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let (key, revision, quantity) = (input.key("account_book_security")?, input.count()?, input.quantity()?);
        let currency = input.currency()?;
        Ok(Position {
            key,
            revision,
            quantity,
            currency,
            realised: Money { minor: input.long()?, currency },
            cost: Money { minor: input.long()?, currency },
            open_lots: input.number()?,
            costing: if input.boolean()? { Costing::Pooled } else { Costing::ByLot },
            relief: input.optional(read_policy)?.unwrap_or_default(),
        })
    }
}
