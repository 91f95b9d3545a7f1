//! How a job ends: once, when the set of what was planned is in, in whatever order word of it comes.

use bookflow::domain::jobs::chunk::ChunkResult;
use bookflow::domain::jobs::collect::{ChunkSet, Progress, Stage, Tick};
use bookflow::domain::jobs::job::{Ending, JobEvent, JobId, Missing, Outcome, Started};
use bookflow::domain::jobs::totals::{ControlTotals, Counts};
use bookflow::domain::key::Timestamp;
use chrono::TimeDelta;
use proptest::prelude::*;

const STARTED: JobEvent = started(7, 100);
const KEPT: TimeDelta = TimeDelta::microseconds(50);

const fn started(request: u128, deadline: i64) -> JobEvent {
    JobEvent::Started(Started { request, deadline: Timestamp(deadline), predecessor: None })
}

fn counts(chunks: u64) -> Counts {
    Counts { contracts: chunks, positions: 2 * chunks, lots: 3 * chunks }
}

fn planned(chunks: u32) -> JobEvent {
    JobEvent::Planned { chunks, counts: Some(counts(u64::from(chunks))) }
}

fn result(number: u32) -> JobEvent {
    let totals =
        ControlTotals { counts: counts(1), flows: u64::from(number), hash: u128::MAX, ..ControlTotals::default() };
    JobEvent::Chunk(ChunkResult { job: JobId::new("J").expect("a name"), number, totals, rows: Vec::new() })
}

fn progress() -> Progress {
    Progress::new(JobId::new("J").expect("a name"), Timestamp(1))
}

fn ended(events: impl IntoIterator<Item = JobEvent>) -> Option<Outcome> {
    let mut progress = progress();
    let outcomes: Vec<Outcome> = events.into_iter().filter_map(|event| progress.record(event, Timestamp(1))).collect();
    assert!(outcomes.len() <= 1, "a job ends once");
    outcomes.into_iter().next()
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_ends_the_same(
        events in Just([STARTED, planned(4), result(1), result(2), result(3), result(4)].to_vec()).prop_shuffle(),
        again in prop::collection::vec(1_u32..=4, 0..6),
    ) {
        let in_order = ended([STARTED, planned(4), result(1), result(2), result(3), result(4)]);
        let repeated = again.into_iter().map(result).chain(events).chain([result(2), planned(9)]);
        let outcome = ended(repeated);
        prop_assert_eq!(&outcome, &in_order);
        prop_assert_eq!(outcome.map(|outcome| outcome.totals.flows), Some(10));
    }

    #[test]
    fn a_chunk_set_knows_what_is_missing(numbers in prop::collection::vec(1_u32..60, 0..80)) {
        let mut set = ChunkSet::default();
        let mut known = std::collections::BTreeSet::new();
        for number in numbers {
            prop_assert_eq!(set.insert(number), known.insert(number));
        }
        let missing: Vec<u32> = set.missing(50).into_iter().flat_map(|(first, last)| first..=last).collect();
        let expected: Vec<u32> = (1..=50).filter(|number| !known.contains(number)).collect();
        prop_assert_eq!(missing, expected);
        prop_assert_eq!(set.count() as usize, known.len());
        prop_assert!(set.0.iter().zip(set.0.iter().skip(1)).all(|((_, last), (first, _))| last + 1 < *first), "ranges are joined");
    }
}

#[test]
fn a_job_of_nothing_is_complete_when_it_is_planned() {
    let outcome = ended([STARTED, planned(0)]).expect("nothing is missing");
    assert_eq!((outcome.ending, outcome.request), (Ending::Completed, Some(7)));
}

#[test]
fn a_deadline_names_what_is_missing() {
    let mut progress = progress();
    for event in [STARTED, planned(9), result(2), result(3), result(7)] {
        assert_eq!(progress.record(event, Timestamp(1)), None);
    }
    assert_eq!(progress.tick(Timestamp(99), KEPT), Tick::Waits);
    let Tick::Ends(outcome) = progress.tick(Timestamp(100), KEPT) else { panic!("the deadline has passed") };
    assert_eq!(outcome.ending, Ending::TimedOut { missing: Missing::Chunks(vec![(1, 1), (4, 6), (8, 9)]) });
    assert_eq!(outcome.totals.flows, 12);
    assert_eq!(progress.tick(Timestamp(149), KEPT), Tick::Waits, "a job ends once");
    assert_eq!(progress.record(result(1), Timestamp(120)), None, "what comes late changes nothing");
    assert_eq!((progress.late, &progress.stage), (1, &Stage::Ended(*outcome)), "and is counted");
    assert_eq!(progress.tick(Timestamp(150), KEPT), Tick::Forgotten);
}

#[test]
fn a_deadline_without_a_plan_says_so() {
    let mut progress = progress();
    assert_eq!(progress.record(result(1), Timestamp(1)), None);
    assert_eq!(progress.tick(Timestamp(50), KEPT), Tick::Waits, "nobody has given a deadline");
    assert_eq!(progress.record(STARTED, Timestamp(1)), None);
    let Tick::Ends(outcome) = progress.tick(Timestamp(100), KEPT) else { panic!("the deadline has passed") };
    assert_eq!(outcome.ending, Ending::TimedOut { missing: Missing::Plan { received: 1 } });
}

#[test]
fn the_same_job_again_is_not_run_again() {
    let mut progress = progress();
    progress.record(STARTED, Timestamp(1));
    progress.record(result(1), Timestamp(1));
    let outcome = progress.record(planned(1), Timestamp(1)).expect("the job is complete");
    assert_eq!(progress.record(started(8, 900), Timestamp(2)), None, "a job ends once");
    assert_eq!(outcome.request, Some(7), "so that another request under the same name is noticed");
    assert_eq!(progress.stage, Stage::Ended(outcome));
}

#[test]
fn a_running_job_that_is_started_again_keeps_its_deadline() {
    let mut progress = progress();
    progress.record(STARTED, Timestamp(1));
    progress.record(started(7, 900), Timestamp(1));
    assert!(matches!(progress.tick(Timestamp(100), KEPT), Tick::Ends(_)));
}

#[test]
fn a_job_can_be_cancelled_or_rejected_and_stays_so() {
    for (event, ending) in [
        (JobEvent::Cancelled { reason: "asked".into() }, Ending::Cancelled { reason: "asked".into() }),
        (JobEvent::Rejected { reason: "no date".into() }, Ending::Rejected { reason: "no date".into() }),
    ] {
        let outcome = ended([STARTED, event, result(1), planned(1)]).expect("the job ended");
        assert_eq!(outcome.ending, ending);
        assert_eq!(outcome.totals, ControlTotals::default());
    }
}

#[test]
fn totals_that_are_not_what_was_planned_are_an_error() {
    let outcome = ended([STARTED, JobEvent::Planned { chunks: 1, counts: Some(counts(2)) }, result(1)])
        .expect("all chunks are in");
    assert_eq!(outcome.ending, Ending::CompletedWithErrors);
    assert_eq!(outcome.rows[0].code.name(), "TOTALS_DIFFER");
    assert_eq!(outcome.totals.errors, 1);
}

#[test]
fn chunks_of_a_job_that_nobody_announces_are_forgotten() {
    let mut progress = progress();
    progress.record(result(1), Timestamp(10));
    assert_eq!(progress.tick(Timestamp(59), KEPT), Tick::Waits);
    assert_eq!(progress.tick(Timestamp(60), KEPT), Tick::Forgotten);
}

#[test]
fn the_expected_end_follows_from_the_records_alone() {
    let mut progress = progress();
    progress.record(started(7, 1_000_000), Timestamp(1_000));
    progress.record(planned(8), Timestamp(1_000));
    assert_eq!(progress.expected_end(), None, "nothing to go by");
    // The first record about it was a chunk that overtook the others.
    progress.record(result(3), Timestamp(1));
    assert_eq!(progress.elapsed(), TimeDelta::microseconds(999));
    progress.record(result(1), Timestamp(2_001));
    assert_eq!(progress.expected_end(), Some(Timestamp(2_001 + 3 * 2_000)));
}

#[test]
fn an_outcome_names_the_job_that_it_tries_again() {
    let first = JobId::new("I").expect("a name");
    let started = Started { request: 7, deadline: Timestamp(100), predecessor: Some(first.clone()) };
    let outcome = ended([JobEvent::Started(started), planned(1), result(1)]).expect("the job ended");
    assert_eq!(outcome.predecessor, Some(first));
}
