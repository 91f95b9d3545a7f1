//! Chunks, chunk results and words about jobs that are none.

use std::collections::BTreeMap;

use bookflow::domain::jobs::chunk::{Chunk, ChunkResult};
use bookflow::domain::jobs::job::{Ending, Outcome};
use bookflow::domain::jobs::notice::NoticeCode;
use bookflow::domain::trade::captured::Place;
use bookflow::messages::key::chunk_key;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::*;
use bookflow::pipeline::topology::{CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, topology};

use crate::damage::{DAMAGES, Raw};
use crate::house::*;
use crate::limits::fragile;
use crate::samples::*;

const JOB: &str = "JOB-1";
const CAUSE: Place = Place { topic: 6, partition: 0, offset: 0 };

fn damaged(sound: &Raw) -> Vec<(&'static str, &'static str, Raw)> {
    let damaged = DAMAGES.iter().map(|damage| {
        let mut raw = sound.clone();
        (damage.apply)(&mut raw, &Schemas::embedded());
        (damage.name, damage.reason, raw)
    });
    damaged.collect()
}

#[test]
fn a_damaged_chunk_becomes_one_dead_letter_and_the_chunks_around_it_are_calculated() {
    for (stage, topic, results) in [
        (CALCULATE_REALTIME, CALCULATION_CHUNKS_REALTIME, CHUNK_RESULTS_REALTIME),
        (CALCULATE_BATCH, CALCULATION_CHUNKS_BATCH, CHUNK_RESULTS_BATCH),
    ] {
        let house = House::new();
        let sound = |number| {
            let chunk = chunk(JOB, number);
            house.raw(&chunk, &chunk_key(&chunk))
        };
        let mut wanted = Vec::new();
        for (index, damage) in DAMAGES.iter().enumerate() {
            let number = 2 * index as u32 + 1;
            house.put(topic, &sound(number));
            let mut raw = sound(number + 1);
            (damage.apply)(&mut raw, &house.schemas);
            wanted.push((house.place(topic, &raw), damage.name, damage.reason, raw));
        }
        house.work(stage);
        let answers: BTreeMap<_, _> =
            house.read::<ChunkResult>(results).into_iter().map(|(_, result)| (result.number, result)).collect();
        assert_eq!(answers.len(), 2 * wanted.len(), "each chunk has its answer");
        for (index, (_, name, reason, _)) in wanted.iter().enumerate() {
            let answer = |number| &answers[&number];
            assert_eq!(answer(2 * index as u32 + 1).totals.errors, 0);
            let [row] = &answer(2 * index as u32 + 2).rows[..] else { panic!("{name}: one row") };
            assert_eq!(row.code, NoticeCode::NotCalculated, "{name}");
            assert!(row.message.contains(reason), "{name}: {}", row.message);
        }
        expect(&house.letters(), stage, wanted);
    }
}

#[test]
fn a_chunk_with_a_number_behind_its_key_is_calculated_where_that_key_belongs_and_nowhere_else() {
    let house = House::new();
    let behind = |number, behind: &str, astray| {
        let chunk = chunk(JOB, number);
        Raw { astray, ..house.raw(&chunk, &format!("{}{behind}", chunk_key(&chunk))) }
    };
    house.put(CALCULATION_CHUNKS_BATCH, &behind(1, "/7", 0));
    let wanted = [
        ("in another partition", "wrong_partition", behind(2, "/7", 1)),
        ("two numbers", "wrong_key", behind(3, "/7/7", 0)),
        ("no number", "wrong_key", behind(4, "/x", 0)),
        ("another chunk's key", "wrong_key", Raw { key: behind(1, "/7", 0).key, ..behind(5, "", 0) }),
    ];
    let wanted = wanted.map(|(name, reason, raw)| (house.place(CALCULATION_CHUNKS_BATCH, &raw), name, reason, raw));
    house.work(CALCULATE_BATCH);
    let results = house.read::<ChunkResult>(CHUNK_RESULTS_BATCH).into_iter();
    let errors: BTreeMap<_, _> = results.map(|(_, result)| (result.number, result.totals.errors)).collect();
    assert_eq!(errors, BTreeMap::from([(1, 0), (2, 1), (3, 1), (4, 1), (5, 1)]), "each answers for itself");
    expect(&house.letters(), CALCULATE_BATCH, wanted.into());
    house.audit();
}

#[test]
fn a_chunk_that_panics_or_kills_is_answered_and_the_job_ends_with_a_row_for_it() {
    let mut house = House::with(Schemas::embedded(), fragile);
    house.put(JOB_CONTROL, &house.raw(&started(JOB), JOB));
    house.put(JOB_CONTROL, &house.raw(&planned(JOB, 4), JOB));
    for (number, contract) in [(1, "C1"), (2, "PANIC"), (3, "C3"), (4, "KILL")] {
        let chunk = Chunk { contracts: vec![contract_part(contract)], ..chunk(JOB, number) };
        house.put(CALCULATION_CHUNKS_BATCH, &house.raw(&chunk, &chunk_key(&chunk)));
    }
    assert_eq!(house.survive(CALCULATE_BATCH), 4);
    house.topology = topology(house.schemas.clone()); // no longer fragile
    house.work(COLLECT);
    let [(_, outcome)] = &house.read::<Outcome>(CALCULATION_OUTCOMES)[..] else { panic!("one outcome") };
    assert_eq!(outcome.ending, Ending::CompletedWithErrors);
    let rows: Vec<_> =
        outcome.rows.iter().filter_map(|row| Some((row.contract.as_ref()?.as_str(), row.code))).collect();
    assert_eq!(rows, [("KILL", NoticeCode::NotCalculated), ("PANIC", NoticeCode::NotCalculated)]);
    assert_eq!(outcome.totals.counts.contracts, 2, "the others are calculated");
    house.audit();
}

#[test]
fn a_damaged_word_about_a_job_becomes_one_dead_letter_and_the_job_ends_once() {
    let house = House::new();
    house.put(JOB_CONTROL, &house.raw(&started(JOB), JOB));
    let wanted: Vec<_> = damaged(&house.raw(&planned(JOB, 1), JOB))
        .into_iter()
        .map(|(name, reason, raw)| (house.place(JOB_CONTROL, &raw), name, reason, raw))
        .collect();
    house.put(JOB_CONTROL, &house.raw(&planned(JOB, 2), JOB));
    for number in [1, 2] {
        house.put(CHUNK_RESULTS_BATCH, &house.caused(&result(JOB, number), CAUSE, JOB));
    }
    house.work(COLLECT);
    expect(&house.letters(), COLLECT, wanted);
    completed_once(&house);
}

#[test]
fn a_damaged_chunk_result_becomes_one_dead_letter_and_the_job_ends_once() {
    let house = House::new();
    house.put(JOB_CONTROL, &house.raw(&started(JOB), JOB));
    let sound = |number| house.caused(&result(JOB, number), CAUSE, JOB);
    let mut wanted = Vec::new();
    for (name, reason, raw) in damaged(&sound(99)) {
        house.put(CHUNK_RESULTS_BATCH, &sound(wanted.len() as u32 + 1));
        wanted.push((house.place(CHUNK_RESULTS_BATCH, &raw), name, reason, raw));
    }
    house.put(JOB_CONTROL, &house.raw(&planned(JOB, wanted.len() as u32), JOB));
    house.work(COLLECT);
    expect(&house.letters(), COLLECT, wanted);
    completed_once(&house);
}

fn completed_once(house: &House) {
    let outcomes = house.read::<Outcome>(CALCULATION_OUTCOMES);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    assert_eq!((outcomes[0].1.job.as_str(), &outcomes[0].1.ending), (JOB, &Ending::Completed));
}
