//! Planted bugs: each breaks one rule of the turn, and the auditor or the engine's own checks must catch each.

use std::time::Duration;

use bookflow::engine::settings::Planted;

use super::history::History;
use super::swarm::Swarm;

/// Histories within which a bug must show. The swarm is bent towards the trouble that the bug needs.
const TRIES: u64 = 6_000;

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
        recent_entries: usize::MAX,
        segments_spoilt: 0,
        outages: 0,
        rejects: 0,
        spoils: 0,
        flows: false,
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
        (swarm.jobs, swarm.muted, swarm.pauses) = (true, 150, 10);
        (swarm.pace, swarm.steps) = (Duration::from_millis(30), 3_000);
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

#[test]
fn a_membership_that_is_asked_for_at_the_end_commits_for_a_task_that_is_gone() {
    caught(Planted::MembershipTakenLate, |swarm| {
        calm(swarm);
        (swarm.workers, swarm.muted, swarm.records) = (3, 150, 250);
        (swarm.pace, swarm.steps) = (Duration::from_millis(20), 2_000);
    });
}

#[test]
fn a_doubtful_end_that_is_taken_for_done_loses_the_turn() {
    caught(Planted::DoubtTakenForDone, |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed) = (60, 60);
    });
}

#[test]
fn a_record_that_waits_is_not_overtaken_by_the_next() {
    caught(Planted::WaitingRecordOvertaken, |swarm| {
        calm(swarm);
        swarm.outages = 60;
    });
}

#[test]
fn a_rejected_record_without_a_dead_letter_is_lost() {
    caught(Planted::RejectedForgotten, calm);
}

#[test]
fn a_rejected_record_leaves_nothing_behind() {
    caught(Planted::RejectedKeepsEffects, |swarm| {
        calm(swarm);
        swarm.rejects = 60;
    });
}

#[test]
fn a_task_that_is_kept_after_it_was_revoked_answers_for_another_ones() {
    caught(Planted::RevokedTaskKept, |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.workers, swarm.kills) = (true, 3, 10);
    });
}

#[test]
fn offsets_that_are_pending_are_not_none() {
    caught(Planted::PendingTakenForNone, |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.kills, swarm.not_done) = (true, 15, 60);
    });
}

#[test]
fn a_task_that_runs_before_it_is_restored_forgets() {
    caught(Planted::RunsBeforeRestored, |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn a_task_that_goes_on_at_the_end_of_the_log_skips_records() {
    caught(Planted::ResumesAtLogEnd, |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn a_turn_that_fails_as_a_whole_is_not_the_fault_of_its_last_record() {
    caught(Planted::WholeTurnCondemned, |swarm| {
        calm(swarm);
        swarm.spoils = 60;
    });
}

#[test]
fn a_copy_that_is_written_before_the_commit_knows_too_much() {
    caught(Planted::CopyBeforeCommit, |swarm| {
        calm(swarm);
        (swarm.copies, swarm.kills, swarm.not_done, swarm.delivery_failed) = (true, 15, 60, 60);
    });
}

#[test]
fn a_turn_that_could_not_read_its_segments_takes_known_trades_for_new_ones() {
    caught(Planted::DamageIgnored, |swarm| {
        calm(swarm);
        (swarm.recent_entries, swarm.segments_spoilt) = (2, 10);
    });
}
