//! Planted bugs: each breaks one rule of the turn, and the auditor or the engine's own checks must catch each.

use std::time::Duration;

use bookflow::engine::settings::Planted;

use super::history::History;
use super::swarm::Swarm;

/// Histories within which a bug must show. The swarm is bent towards the trouble that the bug needs.
const TRIES: u64 = 400;

fn caught(bug: Planted, bend: impl Fn(&mut Swarm) + Copy) {
    let found = (0..TRIES).find_map(|seed| Some((seed, History::with(seed, Some(bug), bend).run().err()?)));
    let Some((seed, wrong)) = found else { panic!("{bug:?} was not caught in {TRIES} histories") };
    println!("{bug:?} caught: {}", wrong.lines().take(8).collect::<Vec<_>>().join(" "));
    // The same history without the bug is clean: it was the bug that was caught.
    if let Err(wrong) = History::with(seed, None, bend).run() {
        panic!("the history is not clean without the bug: {wrong}");
    }
}

/// Trades, many workers, nothing else.
fn calm(swarm: &mut Swarm) {
    *swarm = Swarm {
        jobs: false,
        workers: 2,
        records: 60,
        steps: 900,
        pace: Duration::from_millis(8),
        not_done: 0,
        answer_lost: 0,
        doubled: 0,
        slow: 0,
        delivery_failed: 0,
        late_markers: 0,
        muted: 0,
        kills: 0,
        pauses: 0,
        jumps: 0,
        compactions: 0,
        copies: false,
        copies_lost: 0,
        ..swarm.clone()
    };
}

#[test]
fn offsets_committed_before_outputs_lose_answers() {
    caught(Planted::OffsetsBeforeOutputs, |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn state_kept_before_the_commit_shows_after_an_abort() {
    caught(Planted::StateKeptBeforeCommit, |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed, swarm.pauses) = (60, 60, 10);
    });
}

#[test]
fn effects_that_add_instead_of_replacing_count_twice() {
    caught(Planted::AddInsteadOfReplace, |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed) = (60, 60);
    });
}

#[test]
fn a_doubtful_producer_that_goes_on_is_caught() {
    caught(Planted::DoubtfulProducerKept, |swarm| {
        calm(swarm);
        (swarm.doubled, swarm.answer_lost, swarm.doubled_late) = (200, 60, Duration::from_millis(60));
    });
}

#[test]
fn a_slow_ok_that_is_trusted_is_caught() {
    caught(Planted::SlowOkTrusted, |swarm| {
        calm(swarm);
        (swarm.doubled, swarm.doubled_late) = (250, Duration::from_millis(60));
    });
}

#[test]
fn an_error_code_that_is_trusted_doubles_a_committed_turn() {
    caught(Planted::ErrorCodeTrusted, |swarm| {
        calm(swarm);
        swarm.answer_lost = 100;
    });
}

#[test]
fn a_restore_to_the_last_stable_offset_misses_what_is_committed() {
    caught(Planted::RestoreToStableOffset, |swarm| {
        calm(swarm);
        (swarm.kills, swarm.late_markers, swarm.workers) = (15, 900, 3);
        swarm.markers_late = Duration::from_secs(15);
    });
}

#[test]
fn a_tick_without_offsets_is_a_zombies_chance() {
    caught(Planted::UnfencedTick, |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.pauses, swarm.kills) = (true, 20, 5);
    });
}

#[test]
fn an_old_copy_brings_closed_lots_back() {
    caught(Planted::OldCopyTrusted, |swarm| {
        calm(swarm);
        (swarm.copies, swarm.copies_lost, swarm.kills) = (true, 10, 5);
        (swarm.jumps, swarm.compactions) = (6, 30);
        (swarm.records, swarm.steps, swarm.partitions) = (250, 2_500, 1);
    });
}

#[test]
fn companions_assigned_on_their_own_are_caught() {
    caught(Planted::AssignWithoutLead, |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.partitions) = (true, 3);
    });
}
