//! What stages keep and have read, against what they have committed.

use bookflow::cli::verify::report::Difference;
use bookflow::domain::jobs::chunk::ChunkResult;
use bookflow::domain::jobs::collect::{Progress, Stage};
use bookflow::domain::jobs::job::{JobEvent, JobId, Started};
use bookflow::domain::jobs::share::Share;
use bookflow::domain::key::Timestamp;
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::partition;

use super::*;

#[test]
fn a_record_behind_the_mark_is_torn_in_every_state_topic() {
    let topology = topology(Arc::new(Schemas::embedded()));
    for topic in topology.stages.iter().flat_map(|stage| &stage.state) {
        let mut paper = worked();
        let log = paper.log(topic, 1);
        log.records.push((log.end, Some(b"A_B_C".to_vec()), Some(b"half a turn".to_vec())));
        log.end += 1;
        let report = audited(&paper);
        found(&report, Damage::Torn, 1);
        assert!(report.differences[0].place.starts_with(topic), "{topic}\n{report}");
    }
}

fn announced(job: &JobId, at: Timestamp) -> Progress {
    let mut progress = Progress::new(job.clone(), at);
    progress.record(JobEvent::Started(Started { request: 0, deadline: at, predecessor: None }), at);
    progress
}

#[test]
fn a_job_that_goes_on_though_its_outcome_stands_is_torn() {
    let mut paper = worked();
    changed_progress(&mut paper, |progress| *progress = announced(&progress.job, Timestamp(0)));
    found(&audited(&paper), Damage::Torn, 1);
}

/// It was forgotten in between.
#[test]
fn a_job_that_began_after_its_outcome_is_another_one() {
    let mut paper = worked();
    changed_progress(&mut paper, |progress| *progress = announced(&progress.job, Timestamp(1)));
    found(&audited(&paper), Damage::Torn, 0);
}

#[test]
fn a_job_that_is_kept_with_another_end_than_its_outcome_is_torn() {
    let mut paper = worked();
    changed_progress(&mut paper, |progress| {
        let Stage::Ended(outcome) = &mut progress.stage else { panic!("the job has ended") };
        outcome.totals.flows += 1;
    });
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_running_job_is_kept_with_all_results_that_were_read() {
    for (kept, torn) in [(6, 0), (5, 1)] {
        let mut paper = worked();
        log_of(&mut paper, CALCULATION_OUTCOMES, job::CHUNKS).records.clear();
        let control = log_of(&mut paper, JOB_CONTROL, job::CHUNKS);
        let mut words: Vec<_> = control.records.iter().map(|(.., value)| read::<JobControl>(value).1.word).collect();
        assert!(matches!(words.pop(), Some(ControlWord::Planned { .. })), "the last word is the plan");
        control.records.pop();
        let results = log_of(&mut paper, CHUNK_RESULTS_REALTIME, job::CHUNKS);
        let results: Vec<_> =
            results.records.iter().take(kept).map(|(.., value)| read::<ChunkResult>(value).1).collect();
        changed_progress(&mut paper, |progress| {
            *progress = Progress::new(progress.job.clone(), Timestamp(0));
            let events = words.iter().cloned().map(JobEvent::from);
            let events = events.chain(results.iter().cloned().map(JobEvent::Chunk));
            events.for_each(|event| assert_eq!(progress.record(event, Timestamp(0)), None));
        });
        found(&audited(&paper), Damage::Torn, torn);
    }
}

#[test]
fn a_share_that_has_told_other_results_is_torn() {
    let mut paper = worked();
    let (_, _, value) = paper.log(RECALCULATION_SHARES, 0).records.last_mut().expect("there is a job by reference");
    let (cause, mut share) = read::<Share>(value);
    share.results -= 1;
    *value = Some(encoded::<Share>(cause, &share));
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn a_share_without_its_request_is_torn() {
    let mut paper = worked();
    paper.log(RECALCULATIONS, 2).records.clear();
    found(&audited(&paper), Damage::Torn, 1);
}

#[test]
fn input_that_was_deleted_before_it_was_read_is_lost_and_both_offsets_are_told() {
    // One offset may have been that of a transaction's marker.
    for (deleted, lost, unproved) in [(5, 3, 0), (1, 0, 3), (0, 0, 0)] {
        let mut paper = worked();
        for partition in 0..PARTITIONS {
            let at = TopicPartition { topic: TRADES, partition };
            let next = paper.committed[&(format!("bookflow.{BOOK}"), at)].offset;
            let unread = (next + deleted..next + 10).map(|offset| (offset, None, Some(b"unread".to_vec())));
            *paper.log(TRADES, partition) = Log { start: next + deleted, end: next + 10, records: unread.collect() };
        }
        let report = audited(&paper);
        found(&report, Damage::Lost, lost);
        let said = report.unproved.iter().filter(|said| said.contains("nobody has read"));
        assert_eq!(said.count(), unproved, "{report}");
        for Difference { place, expected, found, .. } in &report.differences {
            let at = paper.committed.iter().find(|((_, at), _)| at.to_string() == *place).expect("an input");
            let next = at.1.offset;
            assert!(expected.contains(&format!("from {next} on")), "{report}");
            assert!(found.contains(&format!("begins at {}", next + deleted)), "{report}");
        }
    }
}

fn read<M: Message>(value: &Option<Vec<u8>>) -> (M::Cause, M) {
    message(value.as_deref().expect("it has a value"))
}

/// The log in which a topic has what is said of a job.
fn log_of<'a>(paper: &'a mut Paper, topic: &'static str, job: &str) -> &'a mut Log {
    paper.log(topic, partition(job.as_bytes(), PARTITIONS))
}

/// Puts something else in the place of how the job of six chunks stands.
fn changed_progress(paper: &mut Paper, change: impl FnOnce(&mut Progress)) {
    let log = log_of(paper, JOB_PROGRESS, job::CHUNKS);
    let of_job = |(_, key, _): &&mut (_, Option<Vec<u8>>, _)| key.as_deref() == Some(job::CHUNKS.as_bytes());
    let (_, _, value) = log.records.iter_mut().rev().find(of_job).expect("the job is kept");
    let (cause, mut progress) = read::<Progress>(value);
    change(&mut progress);
    *value = Some(encoded::<Progress>(cause, &progress));
}
