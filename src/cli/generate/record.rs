//! A generated record as it is sent: key, value and partition on the wire, or a line of NDJSON.

use super::poison::Poison;
use super::trades::Generated;
use crate::domain::trade::Trade;
use crate::messages::key::partition;
use crate::messages::schemas::Schemas;
use crate::messages::view;

/// The bytes of one record; kept and filled again, so that a load of any size allocates little.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Wire {
    key: Vec<u8>,
    value: Vec<u8>,
    no_key: bool,
    tombstone: bool,
    misplaced: bool,
}

impl Wire {
    /// Becomes the record that `generated` is sent as.
    pub fn fill(&mut self, generated: &Generated, schemas: &Schemas) {
        let (trade, poison) = match generated {
            Generated::Trade(trade) => (trade, None),
            Generated::Poison { kind, trade, salt } => (trade, Some((*kind, *salt))),
        };
        self.key.clear();
        self.key.extend_from_slice(trade.key.as_str().as_bytes());
        self.value.clear();
        encode(trade, schemas, &mut self.value);
        let kind = poison.map(|(kind, _)| kind);
        self.no_key = kind == Some(Poison::NullKey);
        self.tombstone = kind == Some(Poison::Tombstone);
        self.misplaced = kind == Some(Poison::WrongPartition);
        if kind == Some(Poison::OtherKey) {
            self.key.extend_from_slice(b"X");
        }
        if let Some((kind, salt)) = poison {
            kind.damage(trade, salt, schemas, &mut self.value);
        }
    }

    pub fn key(&self) -> Option<&[u8]> {
        (!self.no_key).then_some(&self.key)
    }

    pub fn value(&self) -> Option<&[u8]> {
        (!self.tombstone).then_some(&self.value)
    }

    /// Where it goes: where its key belongs, or on purpose elsewhere.
    pub fn partition(&self, partitions: i32) -> i32 {
        (partition(&self.key, partitions) + i32::from(self.misplaced)) % partitions
    }
}

/// The record as a line for `submit trades`: the schema's fields, or for poison a line that is cut short.
pub fn line(generated: &Generated, schemas: &Schemas) -> String {
    let mut value = Vec::new();
    let trade = match generated {
        Generated::Trade(trade) | Generated::Poison { trade, .. } => trade,
    };
    encode(trade, schemas, &mut value);
    let mut line = view::record(schemas, &value).expect("a record just encoded can be read").to_string();
    if let Generated::Poison { salt, .. } = generated {
        let cut = (1..line.len()).cycle().skip(*salt as usize % line.len()).find(|&at| line.is_char_boundary(at));
        line.truncate(cut.unwrap_or(1));
    }
    line
}

fn encode(trade: &Trade, schemas: &Schemas, out: &mut Vec<u8>) {
    schemas.encode(trade, None, out).expect("generated numbers fit their fields");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::load::{Load, Mix, Share};
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_bytes() {
        let schemas = Schemas::embedded();
        let bytes = |seed| {
            let mut wire = Wire::default();
            let mut all = Vec::new();
            for generated in Load::new(seed, 2_000).trades().expect("a load") {
                wire.fill(&generated, &schemas);
                all.extend_from_slice(wire.key().unwrap_or(b"-"));
                all.extend_from_slice(wire.value().unwrap_or(b"-"));
                all.push(wire.partition(8) as u8);
            }
            all
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn no_poison_can_be_taken_for_a_trade() {
        let schemas = Schemas::embedded();
        let mix = Mix { poison: Share(10_000), ..Mix::PLAIN };
        let mut wire = Wire::default();
        let mut seen = BTreeSet::new();
        for generated in (Load { mix, ..Load::new(3, 2_000) }).trades().expect("a load") {
            let Generated::Poison { kind, trade, .. } = &generated else { panic!("all of it is poison") };
            wire.fill(&generated, &schemas);
            seen.insert(format!("{kind:?}"));
            let read = wire.value().map(|value| schemas.decode::<Trade>(value));
            match kind {
                Poison::Tombstone => assert!(read.is_none()),
                Poison::NullKey => assert!(wire.key().is_none()),
                Poison::OtherKey => assert_ne!(wire.key(), Some(trade.key.as_str().as_bytes())),
                Poison::WrongPartition => {
                    assert_ne!(wire.partition(8), partition(trade.key.as_str().as_bytes(), 8));
                }
                _ => assert!(matches!(read, Some(Err(_))), "{kind:?} reads as {read:?}"),
            }
            assert!(serde_json::from_str::<serde_json::Value>(&line(&generated, &schemas)).is_err());
        }
        assert_eq!(seen.len(), Poison::ALL.len());
    }
}
