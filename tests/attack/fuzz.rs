//! Twenty thousand records, most of them damaged at random: each is answered or a dead letter, and the auditor finds nothing.

use bookflow::cli::generate::load::Load;
use bookflow::cli::generate::record::Wire;
use bookflow::pipeline::topics::TRADES;
use bookflow::pipeline::topology::BOOK;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::damage::Raw;
use crate::house::*;

const RECORDS: u64 = 20_000;

#[test]
fn every_mutation_is_answered_or_a_dead_letter_and_the_auditor_finds_nothing() {
    let house = House::new();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(36);
    let mut wire = Wire::default();
    for generated in (Load { keys: 50, ..Load::new(5, RECORDS) }).trades().expect("a load") {
        wire.fill(&generated, &house.schemas);
        let mut raw = Raw { key: wire.key().map(Vec::from), value: wire.value().map(Vec::from), astray: 0 };
        if random.random_ratio(2, 3) {
            mutate(&mut raw, &mut random);
        }
        house.put(TRADES, &raw);
    }
    house.work(BOOK);
    let counts = house.audit().counts;
    let answers = counts.accepted + counts.duplicates + counts.stale + counts.held + counts.dead_letters;
    assert_eq!((answers, counts.records), (counts.records, RECORDS + counts.rebooks));
    assert_eq!(house.letters().len() as u64, counts.dead_letters);
    for share in [counts.accepted, counts.dead_letters] {
        assert!(share > RECORDS / 10, "both happen often: {counts:?}");
    }
    assert!(house.letters().iter().all(|(_, letter)| letter.reason != "panic"), "no handler panics");
}

/// One to three small changes, mostly behind the header, so that they go deep.
fn mutate(raw: &mut Raw, random: &mut Xoshiro256PlusPlus) {
    let Some(value) = &mut raw.value else { return };
    for _ in 0..random.random_range(1..=3) {
        if value.is_empty() {
            return;
        }
        let first = if random.random_ratio(1, 20) { 0 } else { 5.min(value.len() - 1) };
        let at = random.random_range(first..value.len());
        match random.random_range(0..6) {
            0 => value[at] ^= 1 << random.random_range(0..8),
            1 => value[at] = random.random(),
            2 => value.insert(at, random.random()),
            3 => drop(value.remove(at)),
            4 => value.truncate(at),
            _ => value[at] = value[at].wrapping_add(2), // the next number in zigzag
        }
    }
}
