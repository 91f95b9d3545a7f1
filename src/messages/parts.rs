//! Parts that several messages share: keys, money, terms of a trade.

use rust_decimal::Decimal;

use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::cost::UnitCost;
use crate::domain::money::{Currency, Money};
use crate::domain::trade::captured::Place;
use crate::domain::trade::{Side, Terms, TradeEvent};
use crate::messages::message::Cause;
use crate::messages::relief::{read_instruction, write_instruction};
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// In the order of the schema's symbols, after UNKNOWN.
pub const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum EventName {
    New,
    Amend,
    Cancel,
    Rebook,
    RebookIn,
    Force,
    LotIn,
    LotWithdrawn,
}

pub const EVENTS: [EventName; 8] = [
    EventName::New,
    EventName::Amend,
    EventName::Cancel,
    EventName::Rebook,
    EventName::RebookIn,
    EventName::Force,
    EventName::LotIn,
    EventName::LotWithdrawn,
];

/// An event with what stands beside it.
pub type EventParts = (EventName, Option<Terms>, Option<PositionKey>);

impl Encoder<'_> {
    pub fn key(&mut self, key: &PositionKey) {
        self.text(key.as_str());
    }

    pub fn trade_id(&mut self, id: &TradeId) {
        self.text(id.as_str());
    }

    pub fn place(&mut self, place: &Place) {
        place.write(self);
    }

    pub fn currency(&mut self, currency: Currency) {
        self.text(currency.code());
    }

    pub fn money(&mut self, money: &Money) {
        self.long(money.minor);
        self.currency(money.currency);
    }

    pub fn instant(&mut self, instant: Timestamp) {
        self.long(instant.0);
    }

    pub fn contract(&mut self, contract: Option<&ContractId>) {
        self.optional(contract, |out, contract| out.text(contract.as_str()));
    }

    /// What a lot costs where its price does not say it.
    pub fn shared_cost(&mut self, shared: Option<&UnitCost>) {
        let shared = shared.and_then(|cost| match cost {
            UnitCost::Price(_) => None,
            UnitCost::Shared { amount, units } => Some((*amount, *units)),
        });
        self.optional(shared, |out, (amount, units)| {
            out.exact(amount);
            out.quantity(units);
        });
    }

    pub fn terms(&mut self, terms: &Terms) {
        self.contract(terms.contract.as_ref());
        self.symbol(&SIDES, &terms.side);
        self.quantity(terms.quantity);
        self.quantity(terms.price);
        self.currency(terms.currency);
        self.date(terms.trade_date);
        self.instant(terms.exec_time);
        self.count(terms.source_seq);
        self.optional(terms.settle_date, Encoder::date);
        self.optional(terms.relief.as_deref(), write_instruction);
    }

    /// Event and terms; the position a rebook names follows, in the form `name` writes.
    pub fn event(&mut self, event: &TradeEvent, name: impl FnOnce(&mut Self, &PositionKey)) {
        let (symbol, terms, other) = match event {
            TradeEvent::New(terms) => (EventName::New, Some(terms), None),
            TradeEvent::Amend(terms) => (EventName::Amend, Some(terms), None),
            TradeEvent::Cancel => (EventName::Cancel, None, None),
            TradeEvent::Rebook { to, terms } => (EventName::Rebook, Some(terms), Some(to)),
            TradeEvent::RebookIn { from, terms } => (EventName::RebookIn, Some(terms), Some(from)),
            TradeEvent::Force => (EventName::Force, None, None),
        };
        self.symbol(&EVENTS, &symbol);
        self.optional(terms, Encoder::terms);
        self.optional(other, name);
    }
}

impl Decoder<'_> {
    pub fn key(&mut self, field: &'static str) -> Result<PositionKey, Unreadable> {
        PositionKey::parse(self.text()?).map_err(invalid(field))
    }

    pub fn trade_id(&mut self, field: &'static str) -> Result<TradeId, Unreadable> {
        TradeId::parse(self.text()?).map_err(invalid(field))
    }

    pub fn place(&mut self) -> Result<Place, Unreadable> {
        Place::read(self)
    }

    pub fn currency(&mut self) -> Result<Currency, Unreadable> {
        Currency::new(self.text()?).map_err(invalid("currency"))
    }

    pub fn money(&mut self) -> Result<Money, Unreadable> {
        Ok(Money { minor: self.long()?, currency: self.currency()? })
    }

    pub fn instant(&mut self) -> Result<Timestamp, Unreadable> {
        self.long().map(Timestamp)
    }

    pub fn contract(&mut self) -> Result<Option<ContractId>, Unreadable> {
        self.optional(|input| ContractId::new(input.text()?).map_err(invalid("contract_id")))
    }

    pub fn shared_cost(&mut self) -> Result<Option<Box<UnitCost>>, Unreadable> {
        self.optional(|input| {
            let (amount, units) = (input.exact("amount")?, input.quantity()?);
            if amount.is_sign_negative() || units <= Decimal::ZERO {
                return Err(invalid("shared")("amount or units have a sign, or there are no units"));
            }
            let shared = UnitCost::shared(amount, units).map(Box::new);
            shared.ok_or_else(|| invalid("shared")("what one unit costs is too large"))
        })
    }

    pub fn terms(&mut self) -> Result<Terms, Unreadable> {
        let terms = Terms {
            contract: self.contract()?,
            side: self.symbol(&SIDES, "side")?,
            quantity: self.quantity()?,
            price: self.quantity()?,
            currency: self.currency()?,
            trade_date: self.date()?,
            exec_time: self.instant()?,
            source_seq: self.count()?,
            settle_date: self.optional(Decoder::date)?,
            relief: self.optional(read_instruction)?.map(Box::new),
        };
        terms.checked().map_err(invalid("terms"))
    }

    /// The inverse of [`Encoder::event`]: terms and the other position must be there exactly when the event has them.
    pub fn event(
        &mut self,
        name: impl FnOnce(&mut Self) -> Result<PositionKey, Unreadable>,
    ) -> Result<TradeEvent, Unreadable> {
        event(self.event_parts(name)?)
    }

    pub fn event_parts(
        &mut self,
        name: impl FnOnce(&mut Self) -> Result<PositionKey, Unreadable>,
    ) -> Result<EventParts, Unreadable> {
        Ok((self.symbol(&EVENTS, "event")?, self.optional(Decoder::terms)?, self.optional(name)?))
    }
}

/// The event of a trade that these are the parts of.
pub fn event(parts: EventParts) -> Result<TradeEvent, Unreadable> {
    Ok(match parts {
        (EventName::New, Some(terms), None) => TradeEvent::New(terms),
        (EventName::Amend, Some(terms), None) => TradeEvent::Amend(terms),
        (EventName::Cancel, None, None) => TradeEvent::Cancel,
        (EventName::Rebook, Some(terms), Some(to)) => TradeEvent::Rebook { to, terms },
        (EventName::RebookIn, Some(terms), Some(from)) => TradeEvent::RebookIn { from, terms },
        (EventName::Force, None, None) => TradeEvent::Force,
        _ => return Err(invalid("event")("terms or rebook are missing, or there are too many of them")),
    })
}
