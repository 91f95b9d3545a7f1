//! Records larger than they may be, and records that end the handler or the process.

use std::sync::Arc;

use bookflow::engine::admin::Admin;
use bookflow::engine::batch::Record;
use bookflow::engine::broker::{Header, Outgoing};
use bookflow::engine::stage::{Context, ProcessError, Stage};
use bookflow::engine::table::Undoable;
use bookflow::engine::topology::Topology;
use bookflow::messages::dead_letter::Original;
use bookflow::messages::key::partition;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{DEAD_LETTERS, TRADES};
use bookflow::pipeline::topology::BOOK;
use sha2::{Digest, Sha256};

use crate::cluster::at;
use crate::damage::Raw;
use crate::house::*;
use crate::samples::*;

const KEY: &str = "FUND_EQ_AAPL";
const MEGABYTE: usize = 1 << 20;

/// A stage that does as a broken one would with trades of certain names.
struct Fragile {
    stage: Box<dyn Stage>,
    dying: bool,
}

impl Stage for Fragile {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        assert!(!self.dying, "the process is killed");
        self.stage.tables(visit);
    }

    fn on_restored(&mut self) {
        self.stage.on_restored();
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        self.stage.on_record(record, context)?;
        let named = |name: &[u8]| record.value.is_some_and(|value| value.windows(name.len()).any(|part| part == name));
        assert!(!named(b"PANIC"), "the handler panics");
        self.dying = named(b"KILL");
        Ok(())
    }

    fn on_rejected(
        &mut self,
        record: &Record<'_>,
        reason: &'static str,
        message: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        self.stage.on_rejected(record, reason, message, context)
    }
}

pub fn fragile(mut topology: Topology) -> Topology {
    for stage in &mut topology.stages {
        let create = stage.create.clone();
        stage.create = Arc::new(move |partition| Box::new(Fragile { stage: create(partition), dying: false }));
    }
    topology
}

#[test]
fn a_trade_that_panics_its_handler_becomes_one_dead_letter_and_leaves_nothing_behind() {
    let house = House::with(Schemas::embedded(), fragile);
    let bad = house.raw(&buy(KEY, "PANIC", 100), KEY);
    let before = house.put_trade(&buy(KEY, "T1", 1));
    let place = house.place(TRADES, &bad);
    let after = house.put_trade(&buy(KEY, "T2", 2));
    house.work(BOOK);
    let letters = house.letters();
    assert!(letters[0].1.message.contains("the handler panics"));
    expect(&letters, BOOK, vec![(place, "panic", "panic", bad)]);
    assert_eq!((house.accepted(KEY), house.quantity(KEY)), (vec![before, after], 3));
}

#[test]
fn a_trade_that_kills_the_process_becomes_one_dead_letter_and_its_neighbours_are_captured() {
    let house = House::with(Schemas::embedded(), fragile);
    let bad = house.raw(&buy(KEY, "KILL", 100), KEY);
    let before = house.put_trade(&buy(KEY, "T1", 1));
    let place = house.place(TRADES, &bad);
    let after = house.put_trade(&buy(KEY, "T2", 2));
    assert_eq!(house.survive(BOOK), 4);
    let letters = house.letters();
    assert_eq!(letters[0].1.attempts, 5);
    expect(&letters, BOOK, vec![(place, "kills", "kills_process", bad)]);
    assert_eq!((house.accepted(KEY), house.quantity(KEY)), (vec![before, after], 3));
}

/// Only an operator who has raised the topic's limit gets such records at all.
fn roomy() -> House {
    let house = House::new();
    let limit = [("max.message.bytes".to_owned(), (32 * MEGABYTE).to_string())].into();
    house.stand.broker.admin().configure(TRADES, &limit).expect("configured");
    house
}

fn garbage(bytes: usize) -> Raw {
    Raw { key: Some(KEY.as_bytes().to_vec()), value: Some(vec![b'x'; bytes]), astray: 0 }
}

#[test]
fn a_record_of_the_largest_size_is_kept_in_its_letter_whole() {
    let house = roomy();
    let bad = garbage(4 * MEGABYTE - KEY.len());
    let place = house.place(TRADES, &bad);
    house.put_trade(&buy(KEY, "T1", 1));
    house.work(BOOK);
    expect(&house.letters(), BOOK, vec![(place, "large", "wrong_magic", bad)]);
    assert_eq!(house.quantity(KEY), 1);
    house.audit();
}

#[test]
fn of_a_record_that_no_letter_can_hold_length_hash_and_place_are_kept() {
    let house = roomy();
    let sizes = [4 * MEGABYTE, 6 * MEGABYTE, 17 * MEGABYTE];
    let places: Vec<_> = sizes.iter().map(|&size| house.place(TRADES, &garbage(size))).collect();
    house.put_trade(&buy(KEY, "T1", 1));
    house.work(BOOK);
    let letters = house.letters();
    assert_eq!(letters.iter().map(|(place, _)| *place).collect::<Vec<_>>(), places);
    for ((_, letter), size) in letters.iter().zip(sizes) {
        let sha256 = Sha256::digest(vec![b'x'; size]).into();
        assert_eq!(letter.value, Original::TooLarge { length: size as u64, sha256 });
    }
    assert_eq!(letters[2].1.reason, "oversized");
    assert_eq!(house.quantity(KEY), 1);
    house.audit();
}

#[test]
fn a_key_and_headers_out_of_all_proportion_hold_nobody_up() {
    let house = roomy();
    let sound = house.raw(&buy(KEY, "BAD", 1), KEY);
    let headers = [Header { name: "note".into(), value: vec![b'h'; 5 * MEGABYTE] }];
    let key = vec![b'k'; 5 * MEGABYTE];
    for (key, headers) in [(&key[..], &[][..]), (&key[..3 * MEGABYTE], &headers[..]), (KEY.as_bytes(), &headers[..])] {
        let to = at(TRADES, partition(key, PARTITIONS));
        let record = Outgoing { to, key: Some(key), value: sound.value.as_deref(), headers };
        house.stand.broker.append(record).expect("append");
    }
    house.put_trade(&buy(KEY, "T1", 1));
    house.work(BOOK);
    let letters = house.letters();
    assert_eq!(letters.iter().map(|(_, letter)| letter.reason.as_str()).collect::<Vec<_>>(), ["wrong_key"; 2]);
    assert_eq!(house.quantity(KEY), 2, "headers are no reason to refuse a trade");
    let limit = house.stand.broker.admin().topic(DEAD_LETTERS).expect("answer").expect("there").config;
    assert_eq!(limit["max.message.bytes"], "4259840", "the letters fit what the topic's file says");
}
