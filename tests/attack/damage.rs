//! What may be wrong with a record of any topic, and the reason that its dead letter gives.

use bookflow::messages::framing::HEADER_BYTES;
use bookflow::messages::schemas::{SchemaName, Schemas};

/// A record as it is put on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// How far from the partition that its key belongs to.
    pub astray: i32,
}

pub struct Damage {
    pub name: &'static str,
    pub reason: &'static str,
    pub apply: fn(&mut Raw, &Schemas),
}

const fn damage(name: &'static str, reason: &'static str, apply: fn(&mut Raw, &Schemas)) -> Damage {
    Damage { name, reason, apply }
}

pub const DAMAGES: [Damage; 16] = [
    damage("random bytes", "wrong_magic", |raw, _| {
        raw.value = Some((1..200_u8).map(|n| n.wrapping_mul(151)).collect())
    }),
    damage("empty", "empty", |raw, _| raw.value = Some(Vec::new())),
    damage("tombstone", "tombstone", |raw, _| raw.value = None),
    damage("wrong magic byte", "wrong_magic", |raw, _| value(raw)[0] = b'{'),
    damage("cut in its header", "truncated", |raw, _| value(raw).truncate(3)),
    damage("header alone", "undecodable", |raw, _| value(raw).truncate(HEADER_BYTES)),
    damage("unknown schema", "unknown_schema", |raw, _| id(raw, 0x7fff_fffe)),
    damage("another message", "schema", |raw, schemas| {
        let mut lot = Vec::new();
        schemas.frame(SchemaName::Lot, &mut lot);
        value(raw)[..HEADER_BYTES].copy_from_slice(&lot);
    }),
    damage("cut short", "undecodable", |raw, _| {
        value(raw).pop();
    }),
    damage("trailing bytes", "undecodable", |raw, _| value(raw).extend_from_slice(b"more")),
    damage("huge count", "undecodable", |raw, _| {
        value(raw).truncate(HEADER_BYTES + 1); // the cause
        value(raw).extend_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
    }),
    damage("endless number", "undecodable", |raw, _| {
        value(raw).truncate(HEADER_BYTES + 1);
        value(raw).extend_from_slice(&[0xff; 64]);
    }),
    damage("not UTF-8", "undecodable", |raw, _| {
        value(raw).truncate(HEADER_BYTES + 1);
        value(raw).extend_from_slice(b"\x06\xff\xfe\xfd");
    }),
    damage("no key", "wrong_key", |raw, _| raw.key = None),
    damage("another key", "wrong_key", |raw, _| raw.key.as_mut().expect("it has one").push(b'X')),
    damage("another partition", "wrong_partition", |raw, _| raw.astray = 1),
];

fn value(raw: &mut Raw) -> &mut Vec<u8> {
    raw.value.as_mut().expect("it has one")
}

fn id(raw: &mut Raw, id: u32) {
    value(raw)[1..HEADER_BYTES].copy_from_slice(&id.to_be_bytes());
}
