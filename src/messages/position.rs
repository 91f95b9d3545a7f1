//! `positions`: what the surviving trades of one account, book and security add up to.

use crate::domain::lots::method::{FIFO, ReliefMethod, ReliefPolicy};
use crate::domain::lots::position::{Costing, Position};
use crate::domain::money::Money;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

/// In the order of the schema's symbols, after UNKNOWN.
pub const METHODS: [ReliefMethod; 8] = [
    ReliefMethod::Fifo,
    ReliefMethod::Lifo,
    ReliefMethod::Hifo,
    ReliefMethod::Lofo,
    ReliefMethod::Average,
    ReliefMethod::MaxLoss,
    ReliefMethod::MinGain,
    ReliefMethod::MaxGain,
];

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

fn write_policy(out: &mut Encoder, policy: &ReliefPolicy) {
    out.symbol(&METHODS, &policy.first());
    out.array(policy.changes().iter(), |out, (since, method)| {
        out.date(*since);
        out.symbol(&METHODS, method);
    });
}

fn read_policy(input: &mut Decoder) -> Result<ReliefPolicy, Unreadable> {
    let first = input.symbol(&METHODS, "first")?;
    let changes = input.array(|input| Ok((input.date()?, input.symbol(&METHODS, "method")?)))?;
    Ok(ReliefPolicy::new(first, changes))
}
