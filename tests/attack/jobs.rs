//! Chunks, chunk results and words about jobs that are none.

use bookflow::domain::jobs::chunk::ChunkResult;
use bookflow::domain::jobs::job::{Ending, Outcome};
use bookflow::domain::trade::captured::Place;
use bookflow::messages::key::chunk_key;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::*;
use bookflow::pipeline::topology::{CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT};

use crate::damage::{DAMAGES, Raw};
use crate::house::*;
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
    for (stage, topic) in
        [(CALCULATE_REALTIME, CALCULATION_CHUNKS_REALTIME), (CALCULATE_BATCH, CALCULATION_CHUNKS_BATCH)]
    {
        let house = House::new();
        let sound = |number| {
            let chunk = chunk(JOB, number);
            house.raw(&chunk, &chunk_key(&chunk))
        };
        let mut wanted = Vec::new();
        for (name, reason, raw) in damaged(&sound(99)) {
            house.put(topic, &sound(wanted.len() as u32 + 1));
            wanted.push((house.place(topic, &raw), name, reason, raw));
        }
        let numbers: Vec<_> = (1..=wanted.len() as u32).collect();
        house.work(stage);
        expect(&house.letters(), stage, wanted);
        let results = house.read::<ChunkResult>(CHUNK_RESULTS);
        assert_eq!(results.iter().map(|(_, result)| result.number).collect::<Vec<_>>(), numbers);
    }
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
        house.put(CHUNK_RESULTS, &house.caused(&result(JOB, number), CAUSE, JOB));
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
        house.put(CHUNK_RESULTS, &sound(wanted.len() as u32 + 1));
        wanted.push((house.place(CHUNK_RESULTS, &raw), name, reason, raw));
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
