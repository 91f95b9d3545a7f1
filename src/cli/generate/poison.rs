//! Records that no worker can process: each must become exactly one dead letter and leave its neighbours alone.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::domain::trade::captured::Place;
use crate::domain::trade::{Terms, Trade, TradeEvent};
use crate::messages::schemas::{SchemaName, Schemas};
use crate::messages::wire::Encoder;

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    RandomBytes,
    Empty,
    Tombstone,
    WrongMagic,
    UnknownSchema,
    Truncated,
    /// A length of 2^62.
    HugeCount,
    /// A quantity of 160 bits.
    WrongDecimal,
    TrailingBytes,
    NotUtf8,
    NegativeQuantity,
    UnknownEvent,
    NullKey,
    /// The key of another position than the body's.
    OtherKey,
    /// In a partition where its key does not belong.
    WrongPartition,
}

impl Poison {
    pub const ALL: [Poison; 15] = [
        Poison::RandomBytes,
        Poison::Empty,
        Poison::Tombstone,
        Poison::WrongMagic,
        Poison::UnknownSchema,
        Poison::Truncated,
        Poison::HugeCount,
        Poison::WrongDecimal,
        Poison::TrailingBytes,
        Poison::NotUtf8,
        Poison::NegativeQuantity,
        Poison::UnknownEvent,
        Poison::NullKey,
        Poison::OtherKey,
        Poison::WrongPartition,
    ];

    /// Damages the sound record of `trade` in `value`; what is wrong with key or partition leaves it as it is.
    pub(super) fn damage(self, trade: &Trade, salt: u64, schemas: &Schemas, value: &mut Vec<u8>) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(salt);
        match self {
            Poison::RandomBytes => {
                value.resize(8 + salt as usize % 200, 0);
                random.fill_bytes(value);
                value[0] |= 1; // not the magic byte by chance
            }
            Poison::Empty => value.clear(),
            Poison::WrongMagic => value[0] = b'{',
            Poison::UnknownSchema => value[1..5].copy_from_slice(&0x7fff_fffe_u32.to_be_bytes()),
            Poison::Truncated => value.truncate(6 + salt as usize % (value.len() - 6)),
            Poison::TrailingBytes => value.extend_from_slice(b"more"),
            Poison::HugeCount => by_hand(schemas, value, |out| out.long(1_i64 << 62)),
            Poison::NotUtf8 => by_hand(schemas, value, |out| out.bytes(b"\xff\xfe")),
            Poison::WrongDecimal => by_hand(schemas, value, |out| new_trade(out, trade, 1, Some(&[0x5a; 20]))),
            Poison::UnknownEvent => by_hand(schemas, value, |out| new_trade(out, trade, 0, None)),
            Poison::NegativeQuantity => {
                by_hand(schemas, value, |out| new_trade(out, trade, 1, Some(&(-5_i64).to_be_bytes())));
            }
            Poison::Tombstone | Poison::NullKey | Poison::OtherKey | Poison::WrongPartition => {}
        }
    }
}

/// A record with the right header and no cause, and then whatever `write` makes of it.
fn by_hand(schemas: &Schemas, value: &mut Vec<u8>, write: impl FnOnce(&mut Encoder)) {
    value.clear();
    schemas.frame(SchemaName::Trade, value);
    let mut out = Encoder::new(value);
    out.optional(None::<Place>, |_, _| {});
    write(&mut out);
}

/// A new trade field by field, with the number of its event and the bytes of its quantity as given.
fn new_trade(out: &mut Encoder, trade: &Trade, event: i32, quantity: Option<&[u8]>) {
    let TradeEvent::New(terms) = &trade.event else { return };
    out.text(&trade.key.account());
    out.text(&trade.key.book());
    out.text(&trade.key.security());
    out.text(trade.id.source());
    out.text(trade.id.trade_id());
    out.number(trade.version);
    out.long(event);
    out.optional(Some(terms), |out, terms| match quantity {
        Some(quantity) => terms_with(out, terms, quantity),
        None => out.terms(terms),
    });
    out.optional(None::<Place>, |_, _| {});
}

fn terms_with(out: &mut Encoder, terms: &Terms, quantity: &[u8]) {
    out.contract(terms.contract.as_ref());
    out.long(1);
    out.bytes(quantity);
    out.quantity(terms.price);
    out.currency(terms.currency);
    out.date(terms.trade_date);
    out.instant(terms.exec_time);
    out.count(terms.source_seq);
    out.optional(terms.settle_date, Encoder::date);
}
