//! The auditor: silent about what workers did, and loud about every kind of damage done to it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bookflow::cli::embedded;
use bookflow::cli::generate::load::Load;
use bookflow::cli::generate::send::send;
use bookflow::cli::verify::audit;
use bookflow::cli::verify::report::{Damage, Report};
use bookflow::domain::flows::row::FlowRow;
use bookflow::domain::jobs::job::Outcome;
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::position::Position;
use bookflow::domain::trade::Trade;
use bookflow::domain::trade::captured::Place;
use bookflow::engine::broker::{Broker, TopicPartition};
use bookflow::engine::settings::Settings;
use bookflow::memory::interference::Undisturbed;
use bookflow::memory::{LogEntry, MemoryBroker};
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::message::Message;
use bookflow::messages::position_flows::{PositionFlows, Rows};
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::{self, *};
use bookflow::pipeline::topology::{BOOK, CALCULATE_BATCH, CALCULATE_REALTIME, COLLECT, topology};

mod committed; // what stages keep and have read
mod defects; // what a build cannot calculate
mod demo; // the demo as a stranger runs it
mod job; // jobs to be calculated
mod market; // contracts and their market
mod paper; // topics to be damaged
use self::paper::{Log, Paper};

const PARTITIONS: i32 = 3;
const RECORDS: u64 = 6_000;

const INPUTS: [(&str, &str); 7] = [
    (BOOK, TRADES),
    (BOOK, CALCULATION_REQUESTS),
    (CALCULATE_REALTIME, CALCULATION_CHUNKS_REALTIME),
    (CALCULATE_BATCH, CALCULATION_CHUNKS_BATCH),
    (COLLECT, JOB_CONTROL),
    (COLLECT, CHUNK_RESULTS_REALTIME),
    (COLLECT, CHUNK_RESULTS_BATCH),
];

/// What a worker made of a load with everything in it; the same for all tests.
fn worked() -> Paper {
    static WORKED: OnceLock<Paper> = OnceLock::new();
    WORKED.get_or_init(work).clone()
}

fn work() -> Paper {
    let schemas = Arc::new(Schemas::embedded());
    let memory = embedded::broker(Default::default(), Arc::new(Undisturbed), PARTITIONS).expect("a broker");
    let broker: Arc<dyn Broker> = Arc::new(memory.clone());
    let topology = Arc::new(topology(schemas.clone()));
    embedded::start_all(&topology, broker.as_ref()).expect("a first start");
    let mut load = Load { keys: 40, ..Load::new(11, RECORDS) };
    load.mix.poison.0 = 100;
    send(broker.as_ref(), &schemas, "load", load.trades().expect("a load"), |_| {}).expect("room in memory");
    job::send(broker.as_ref(), &schemas, PARTITIONS);
    market::send(broker.as_ref(), &schemas);
    job::recalculate(broker.as_ref(), &schemas);
    let stages = topology.stages.iter().map(|stage| stage.name);
    let process = embedded::process(&topology, &broker, stages, Settings::default());
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| process.run());
        let began = Instant::now();
        while !embedded::caught_up(broker.as_ref()).expect("it answers") {
            assert!(began.elapsed() < Duration::from_secs(120), "the worker does not come to the end");
            std::thread::sleep(Duration::from_millis(20));
        }
        market::correct(broker.as_ref(), &schemas);
        let untold = || !audit(broker.as_ref(), &schemas, 5).expect("it can be read").unproved.is_empty();
        while ended(&memory) < 2 || untold() {
            assert!(began.elapsed() < Duration::from_secs(120), "a job does not end, or the correction is not told");
            std::thread::sleep(Duration::from_millis(20));
        }
        process.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
        worker.join().expect("no panic").expect("no stop");
    });
    Paper::copy(&memory, PARTITIONS, &INPUTS)
}

/// How many jobs have ended.
fn ended(memory: &MemoryBroker) -> usize {
    let outcomes = (0..PARTITIONS).map(|partition| TopicPartition { topic: CALCULATION_OUTCOMES, partition });
    let entries = outcomes.flat_map(|partition| memory.entries(partition).expect("it exists"));
    entries.filter(|entry| matches!(entry, LogEntry::Record { .. })).count()
}

fn audited(paper: &Paper) -> Report {
    audit(paper, &Arc::new(Schemas::embedded()), 5).expect("paper can be read")
}

/// Only this kind of damage, and so often.
fn found(report: &Report, damage: Damage, count: u64) {
    for other in Damage::ALL {
        let expected = if other == damage { count } else { 0 };
        assert_eq!(report.damage(other), expected, "{}\n{report}", other.name());
    }
}

/// A row of the blotter and where it stands in its log.
fn row(log: &Log, wanted: impl Fn(&BlotterRow) -> bool) -> usize {
    let read = |value: &Option<Vec<u8>>| message::<BlotterRow>(value.as_deref().unwrap_or_default()).1;
    log.records.iter().rposition(|(_, _, value)| wanted(&read(value))).expect("the load has one")
}

fn message<M: Message>(value: &[u8]) -> (M::Cause, M) {
    Schemas::embedded().decode(value).expect("a worker wrote it")
}

fn encoded<M: Message>(cause: M::Cause, message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    Schemas::embedded().encode(message, cause, &mut bytes).expect("it was encoded before");
    bytes
}

fn plain(row: &BlotterRow) -> bool {
    row.answer.revision_after == row.answer.revision_before + 1 && row.answer.released_by.is_none()
}

#[test]
fn what_a_worker_did_is_proved_and_counted() {
    let report = audited(&worked());
    assert!(report.clean(), "{report}");
    assert_eq!(report.unproved, Vec::<String>::new());
    let counts = report.counts;
    assert_eq!(counts.records, RECORDS + counts.rebooks);
    let answers = counts.accepted + counts.duplicates + counts.stale + counts.held + counts.dead_letters;
    assert_eq!(answers, counts.records);
    for count in [counts.duplicates, counts.held, counts.released, counts.dead_letters, counts.rebooks, counts.lots] {
        assert!(count > 10, "the load has everything: {counts:?}");
    }
    assert_eq!(counts.positions, 40);
    assert_eq!((counts.jobs, counts.chunks), (2, 6));
    assert!(counts.flows > 300, "{counts:?}");
    assert_eq!(counts.told, 40, "each position has trades under a contract, known or not");
}

#[test]
fn the_load_has_flows_told_at_several_times_and_blocked_ones() {
    let told: Vec<PositionFlows> = tellings(&worked()).into_iter().map(|(.., told)| told).collect();
    let rows = || told.iter().flat_map(|told| told.rows.read().expect("rows").1);
    assert!(rows().filter(|row| row.result.is_ok()).count() > 50);
    assert!(rows().any(|row| row.result.is_err()), "a price is missing");
    let missing = |told: &PositionFlows| {
        told.rows.read().expect("rows").0.iter().any(|blocked| blocked.obstacle.reason == "MISSING_CONTRACT")
    };
    assert!(told.iter().any(missing));
    let times: BTreeSet<i64> = told.iter().map(|told| told.snapshot.market_data).collect();
    assert!(times.len() > 1, "{times:?}");
}

#[test]
fn another_amount_in_a_flow_is_wrong() {
    let mut paper = worked();
    changed_rows(&mut paper, |rows| {
        rows.iter_mut().find_map(|row| row.result.as_mut().ok()).expect("an amount").minor += 1;
    });
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn a_flow_that_is_missing_is_wrong() {
    let mut paper = worked();
    changed_rows(&mut paper, |rows| drop(rows.pop()));
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn a_flow_that_is_told_twice_is_wrong() {
    let mut paper = worked();
    changed_rows(&mut paper, |rows| rows.push(rows[0].clone()));
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn another_reason_for_a_blocked_contract_is_wrong() {
    let mut paper = worked();
    let blocked = |told: &PositionFlows| !told.rows.read().expect("rows").0.is_empty();
    let of_blocked = tellings(&paper).into_iter().find(|(.., told)| blocked(told));
    let (at, index, _, mut told) = of_blocked.expect("the load has one");
    let (mut blocked, rows) = told.rows.read().expect("rows");
    blocked[0].obstacle.reason = "MISSING_PRICE".into();
    told.rows = Rows::parts(&blocked, &rows).expect("they fit").swap_remove(0);
    // Of trades that came after it nothing was told, as they changed nothing of it: it is made one of the last revision, which a contract has caused.
    let positions = paper.log(POSITIONS, at.partition).records.iter().rev();
    let positions = positions.filter_map(|(.., value)| Some(message::<Position>(value.as_deref()?).1));
    told.revision =
        positions.filter(|position| position.key == told.key).map(|last| last.revision).next().expect("it has trades");
    let cause = Place { topic: topics::code(CONTRACTS), partition: 0, offset: 0 };
    paper.log(CASH_FLOWS, at.partition).records[index].2 = Some(encoded::<PositionFlows>(cause, &told));
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn flows_of_another_day_are_wrong() {
    let mut paper = worked();
    changed_telling(&mut paper, |told| {
        told.day = told.day.and_then(|day| day.succ_opt());
        told.rows.read().expect("rows").1.iter().any(|row| row.result.is_ok())
    });
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn flows_that_were_never_told_are_lost() {
    let mut paper = worked();
    let (at, index, ..) = tellings(&paper).swap_remove(0);
    let log = paper.log(CASH_FLOWS, at.partition);
    let key = log.records[index].1.clone();
    log.records.retain(|(_, other, _)| *other != key);
    found(&audited(&paper), Damage::Lost, 1);
}

#[test]
fn a_part_that_is_missing_is_torn() {
    let mut paper = worked();
    changed_telling(&mut paper, |told| {
        told.parts += 1;
        true
    });
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_telling_of_what_nobody_knew_is_torn() {
    let mut paper = worked();
    changed_telling(&mut paper, |told| {
        told.snapshot.market_data += 1_000;
        true
    });
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_telling_of_a_revision_that_never_was_is_torn() {
    let mut paper = worked();
    changed_telling(&mut paper, |told| {
        told.revision += 1;
        true
    });
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_telling_of_another_revision_than_its_trade_came_to_is_torn() {
    let mut paper = worked();
    let (at, index, ..) = caused_by(&paper, TRADES);
    let records = &mut paper.log(CASH_FLOWS, at.partition).records;
    let (key, value) = (records[index].1.clone(), records[index].2.take().expect("it has a value"));
    let (cause, mut told) = message::<PositionFlows>(&value);
    told.revision -= 1;
    records[index].2 = Some(encoded::<PositionFlows>(cause, &told));
    let (mut number, earlier) = (0, |number| number < index);
    records.retain(|(_, other, _)| {
        number += 1;
        *other != key || !earlier(number - 1)
    });
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_telling_that_does_not_know_what_caused_it_is_torn() {
    let mut paper = worked();
    let (at, index, cause, mut told) = caused_by(&paper, MARKET_DATA);
    told.snapshot.market_data = cause.offset - 1;
    paper.log(CASH_FLOWS, at.partition).records[index].2 = Some(encoded::<PositionFlows>(cause, &told));
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn an_older_telling_behind_a_newer_one_is_torn() {
    let mut paper = worked();
    let (at, index, cause, mut told) = caused_by(&paper, MARKET_DATA);
    told.revision -= 1;
    paper.log(CASH_FLOWS, at.partition).records[index].2 = Some(encoded::<PositionFlows>(cause, &told));
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_chunk_without_its_result_is_lost() {
    let mut paper = worked();
    only_log(&mut paper, CHUNK_RESULTS_REALTIME).records.remove(2);
    let report = audited(&paper);
    assert_eq!(report.damage(Damage::Lost), 1, "{report}");
}

#[test]
fn a_chunk_with_two_results_is_doubled() {
    let mut paper = worked();
    let log = only_log(&mut paper, CHUNK_RESULTS_REALTIME);
    let (_, key, value) = log.records[2].clone();
    log.records.push((log.end, key, value));
    log.end += 1;
    found(&audited(&paper), Damage::Doubled, 1);
}

#[test]
fn flows_that_a_result_does_not_add_up_to_are_torn() {
    let mut paper = worked();
    let mut partitions =
        (0..PARTITIONS).filter(|&partition| !paper.clone().log(JOB_CASH_FLOWS, partition).records.is_empty());
    let partition = partitions.next().expect("the job has flows");
    paper.log(JOB_CASH_FLOWS, partition).records.remove(0);
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_job_without_its_outcome_is_lost() {
    let mut paper = worked();
    only_log(&mut paper, CALCULATION_OUTCOMES).records.clear();
    found(&audited(&paper), Damage::Lost, 1);
}

#[test]
fn a_second_other_outcome_is_doubled() {
    let mut paper = worked();
    let log = only_log(&mut paper, CALCULATION_OUTCOMES);
    let (_, key, value) = log.records[0].clone();
    let (cause, mut outcome) = message::<Outcome>(value.as_deref().expect("it has a value"));
    outcome.totals.flows += 1;
    log.records.push((log.end, key, Some(encoded::<Outcome>(cause, &outcome))));
    log.end += 1;
    found(&audited(&paper), Damage::Doubled, 1);
}

#[test]
fn an_outcome_that_its_chunks_do_not_add_up_to_is_torn() {
    let mut paper = worked();
    let (_, _, value) = &mut only_log(&mut paper, CALCULATION_OUTCOMES).records[0];
    let (cause, mut outcome) = message::<Outcome>(value.as_deref().expect("it has a value"));
    outcome.totals.hash += 1;
    *value = Some(encoded::<Outcome>(cause, &outcome));
    // Nor is it what `collect` keeps.
    found(&audited(&paper), Damage::Torn, 2);
}

#[test]
fn a_missing_answer_is_lost() {
    let mut paper = worked();
    let log = paper.log(BLOTTER, 1);
    let index = row(log, |row| row.answer.realised_delta.is_some_and(|delta| delta.minor == 0) && plain(row));
    log.records.remove(index);
    found(&audited(&paper), Damage::Lost, 1);
}

#[test]
fn a_missing_dead_letter_is_lost() {
    let mut paper = worked();
    paper.log(DEAD_LETTERS, 0).records.remove(3);
    found(&audited(&paper), Damage::Lost, 1);
}

#[test]
fn a_second_answer_is_doubled() {
    let mut paper = worked();
    let log = paper.log(BLOTTER, 0);
    let index = row(log, |row| row.answer.realised_delta.is_some_and(|delta| delta.minor == 0) && plain(row));
    let (_, key, value) = log.records[index].clone();
    log.records.push((log.end, key, value));
    log.end += 1;
    let report = audited(&paper);
    // It stands at the end of the log, from a turn that was over.
    assert_eq!((report.damage(Damage::Doubled), report.damage(Damage::Lost)), (1, 0), "{report}");
}

#[test]
fn two_answers_that_changed_places_are_misordered() {
    let mut paper = worked();
    let log = paper.log(BLOTTER, 2);
    let (first, second) = (log.records[100].0, log.records[101].0);
    log.records.swap(100, 101);
    (log.records[100].0, log.records[101].0) = (first, second);
    found(&audited(&paper), Damage::Misordered, 1);
}

#[test]
fn another_number_in_a_lot_is_torn() {
    let mut paper = worked();
    let log = paper.log(LOTS, 1);
    let (_, _, value) = log.records.iter_mut().rev().find(|(_, _, value)| value.is_some()).expect("a lot is open");
    let (cause, mut lot) = message::<Lot>(value.as_deref().expect("it has a value"));
    lot.remaining += lot.remaining;
    *value = Some(encoded::<Lot>(cause, &lot));
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_lot_that_came_back_is_torn() {
    let mut paper = worked();
    let log = paper.log(LOTS, 1);
    let last = log.records.iter().rposition(|(_, _, value)| value.is_none()).expect("a lot was closed");
    log.records.remove(last);
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn answers_of_a_turn_that_was_not_committed_are_torn() {
    let mut paper = worked();
    let at = (format!("bookflow.{BOOK}"), TopicPartition { topic: TRADES, partition: 0 });
    let committed = paper.committed.get_mut(&at).expect("it has started");
    committed.offset -= 100;
    let report = audited(&paper);
    assert!(report.damage(Damage::Torn) > 50, "{report}");
}

#[test]
fn a_rebook_without_its_second_half_is_lost() {
    let mut paper = worked();
    // The second half that no worker has consumed: the committed offset ends before it.
    let cut = |paper: &Paper, partition: i32| {
        let log = &paper.logs[&TopicPartition { topic: TRADES, partition }];
        log.records.iter().rposition(|(_, _, value)| {
            let read = value.as_deref().map(|value| Schemas::embedded().decode::<Trade>(value));
            matches!(read, Some(Ok((Some(Place { .. }), _))))
        })
    };
    let index = cut(&paper, 0).expect("the load rebooks");
    let log = paper.log(TRADES, 0);
    let offset = log.records[index].0;
    log.records.remove(index);
    let report = audited(&paper);
    assert_eq!(report.damage(Damage::Lost), 1, "second half at {offset}\n{report}");
    assert!(!report.clean());
}

#[test]
fn a_hole_between_revisions_is_torn() {
    let mut paper = worked();
    changed_row(&mut paper, |row| row.answer.revision_after += 1);
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn another_verdict_is_wrong() {
    let mut paper = worked();
    changed_row(&mut paper, |row| row.answer.quantity_after += row.answer.quantity_after);
    found(&audited(&paper), Damage::Wrong, 1);
}

#[test]
fn an_answer_of_an_older_generation_is_a_zombies() {
    let mut paper = worked();
    changed_row(&mut paper, |row| row.generation -= 1);
    found(&audited(&paper), Damage::Zombie, 1);
}

#[test]
fn what_retention_took_is_called_unproved_and_not_lost() {
    let mut paper = worked();
    for topic in [TRADES, BLOTTER] {
        let log = paper.log(topic, 0);
        log.start = log.records[500].0;
        log.records.drain(..500);
    }
    let report = audited(&paper);
    assert!(report.clean(), "{report}");
    assert_eq!(report.unproved.len(), 1, "{report}");
}

/// Rebooks of other partitions have sent some of it there.
#[test]
fn what_retention_took_of_one_partition_is_not_missing_to_another() {
    let mut paper = worked();
    for topic in [TRADES, BLOTTER] {
        let log = paper.log(topic, 0);
        *log = Log { start: log.end, end: log.end, records: Vec::new() };
    }
    let report = audited(&paper);
    assert!(report.clean(), "{report}");
}

fn changed_row(paper: &mut Paper, change: impl FnOnce(&mut BlotterRow)) {
    let log = paper.log(BLOTTER, 1);
    let index = row(log, |row| plain(row) && !row.answer.quantity_after.is_zero());
    let (_, _, value) = &mut log.records[index];
    let (cause, mut row) = message::<BlotterRow>(value.as_deref().expect("it has a value"));
    change(&mut row);
    *value = Some(encoded::<BlotterRow>(cause, &row));
}

/// The last telling of each position, where it stands in its log, and its cause.
fn tellings(paper: &Paper) -> Vec<(TopicPartition, usize, Place, PositionFlows)> {
    let mut last = BTreeMap::new();
    for (at, log) in paper.logs.iter().filter(|(at, _)| at.topic == CASH_FLOWS) {
        for (index, (_, key, value)) in log.records.iter().enumerate() {
            match value {
                Some(value) => last.insert((*at, key), (index, message::<PositionFlows>(value))),
                None => last.remove(&(*at, key)),
            };
        }
    }
    last.into_iter().map(|((at, _), (index, (cause, told)))| (at, index, cause, told)).collect()
}

/// The first last telling that a record of this topic has caused.
fn caused_by(paper: &Paper, topic: &str) -> (TopicPartition, usize, Place, PositionFlows) {
    let caused = |(_, _, cause, _): &(_, _, Place, _)| topics::cause(*cause).topic == topic;
    tellings(paper).into_iter().find(caused).expect("the load has one")
}

/// Changes the flows of the first last telling that has an amount.
fn changed_rows(paper: &mut Paper, change: impl Fn(&mut Vec<FlowRow>)) {
    changed_telling(paper, |told| {
        let (blocked, mut rows) = told.rows.read().expect("rows");
        if rows.iter().all(|row| row.result.is_err()) {
            return false;
        }
        change(&mut rows);
        told.rows = Rows::parts(&blocked, &rows).expect("they fit").swap_remove(0);
        true
    });
}

/// Puts another telling in the place of the first last one that `change` says yes to.
fn changed_telling(paper: &mut Paper, change: impl Fn(&mut PositionFlows) -> bool) {
    let changed = |(at, index, cause, mut told): (_, _, _, _)| change(&mut told).then_some((at, index, cause, told));
    let (at, index, cause, told) = tellings(paper).into_iter().find_map(changed).expect("the load has one");
    paper.log(CASH_FLOWS, at.partition).records[index].2 = Some(encoded::<PositionFlows>(cause, &told));
}

/// The first partition of a topic that has records: jobs are in different ones.
fn only_log<'a>(paper: &'a mut Paper, topic: &'static str) -> &'a mut Log {
    let mut logs = paper.logs.iter_mut().filter(|(at, log)| at.topic == topic && !log.records.is_empty());
    logs.next().expect("it has records").1
}
