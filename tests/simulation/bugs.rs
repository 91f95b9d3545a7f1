//! Planted bugs: each breaks one rule of the turn, and the auditor or the engine's own checks must catch each, for what it is.

use std::time::Duration;

use bookflow::engine::settings::Planted;
use bookflow::pipeline::book::EFFORT_A_TICK;

use super::history::History;
use super::swarm::Swarm;

/// Histories within which a bug must show. The swarm is bent towards the trouble that the bug needs.
const TRIES: u64 = 6_000;

/// It must be caught for what it does, which `how` is the verdict's word for.
fn caught(bug: Planted, how: &str, bend: impl Fn(&mut Swarm) + Copy) {
    let found = (0..TRIES).find_map(|seed| {
        let wrong = History::with(seed, Some(bug), bend).run().err()?;
        wrong.contains(how).then_some((seed, wrong))
    });
    let Some((seed, wrong)) = found else { panic!("{bug:?} was not caught as {how:?} in {TRIES} histories") };
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
        delivered_early: 0,
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
        stalls: 0,
        rejects: 0,
        spoils: 0,
        kills_process: 0,
        clocks_set: 0,
        static_members: false,
        flows: false,
        actions: false,
        recalculations: 0,
        effort_a_tick: EFFORT_A_TICK,
        ..swarm.clone()
    };
}

#[test]
fn offsets_committed_before_outputs_lose_answers() {
    caught(Planted::OffsetsBeforeOutputs, "a transaction was torn", |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn state_kept_before_the_commit_shows_after_an_abort() {
    caught(Planted::StateKeptBeforeCommit, "Wrong", |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed, swarm.pauses) = (60, 60, 10);
    });
}

#[test]
fn effects_that_add_instead_of_replacing_count_twice() {
    caught(Planted::AddInsteadOfReplace, "Wrong", |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed) = (60, 60);
    });
}

#[test]
fn a_doubtful_producer_that_goes_on_is_caught() {
    caught(Planted::DoubtfulProducerKept, "Doubled", |swarm| {
        calm(swarm);
        (swarm.doubled, swarm.answer_lost, swarm.doubled_late) = (200, 60, Duration::from_millis(60));
    });
}

#[test]
fn a_slow_ok_that_is_trusted_is_caught() {
    caught(Planted::SlowOkTrusted, "Doubled", |swarm| {
        calm(swarm);
        (swarm.doubled, swarm.doubled_late) = (250, Duration::from_millis(60));
    });
}

#[test]
fn an_error_code_that_is_trusted_doubles_a_committed_turn() {
    caught(Planted::ErrorCodeTrusted, "Doubled", |swarm| {
        calm(swarm);
        swarm.answer_lost = 100;
    });
}

#[test]
fn a_restore_to_the_last_stable_offset_misses_what_is_committed() {
    caught(Planted::RestoreToStableOffset, "Lost", |swarm| {
        calm(swarm);
        (swarm.kills, swarm.late_markers, swarm.workers) = (15, 900, 3);
        swarm.markers_late = Duration::from_secs(15);
    });
}

#[test]
fn a_tick_without_offsets_is_a_zombies_chance() {
    caught(Planted::UnfencedTick, "a transaction was torn", |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.muted, swarm.pauses) = (true, 150, 10);
        (swarm.pace, swarm.steps) = (Duration::from_millis(30), 3_000);
    });
}

#[test]
fn an_old_copy_brings_closed_lots_back() {
    caught(Planted::OldCopyTrusted, "Torn", |swarm| {
        calm(swarm);
        (swarm.copies, swarm.copies_lost, swarm.kills) = (true, 10, 5);
        (swarm.jumps, swarm.compactions) = (6, 30);
        (swarm.records, swarm.steps, swarm.partitions) = (250, 2_500, 1);
    });
}

#[test]
fn companions_assigned_on_their_own_are_caught() {
    caught(Planted::AssignWithoutLead, "not worked off", |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.partitions) = (true, 3);
    });
}

#[test]
fn a_membership_that_is_asked_for_at_the_end_commits_for_a_task_that_is_gone() {
    caught(Planted::MembershipTakenLate, "Doubled", |swarm| {
        calm(swarm);
        (swarm.workers, swarm.muted, swarm.records) = (3, 150, 250);
        (swarm.pace, swarm.steps) = (Duration::from_millis(20), 2_000);
    });
}

#[test]
fn a_doubtful_end_that_is_taken_for_done_loses_the_turn() {
    caught(Planted::DoubtTakenForDone, "not worked off", |swarm| {
        calm(swarm);
        (swarm.not_done, swarm.delivery_failed) = (60, 60);
    });
}

#[test]
fn a_record_that_waits_is_not_overtaken_by_the_next() {
    caught(Planted::WaitingRecordOvertaken, "Torn", |swarm| {
        calm(swarm);
        swarm.outages = 60;
    });
}

#[test]
fn a_rejected_record_without_a_dead_letter_is_lost() {
    caught(Planted::RejectedForgotten, "Lost", calm);
}

#[test]
fn a_rejected_record_leaves_nothing_behind() {
    caught(Planted::RejectedKeepsEffects, "Doubled", |swarm| {
        calm(swarm);
        swarm.rejects = 60;
    });
}

#[test]
fn a_task_that_is_kept_after_it_was_revoked_answers_for_another_ones() {
    caught(Planted::RevokedTaskKept, "not worked off", |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.workers, swarm.kills) = (true, 3, 10);
    });
}

#[test]
fn offsets_that_are_pending_are_not_none() {
    caught(Planted::PendingTakenForNone, "Doubled", |swarm| {
        calm(swarm);
        (swarm.jobs, swarm.kills, swarm.not_done) = (true, 15, 60);
    });
}

#[test]
fn a_task_that_runs_before_it_is_restored_forgets() {
    caught(Planted::RunsBeforeRestored, "Torn", |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn a_task_that_goes_on_at_the_end_of_the_log_skips_records() {
    caught(Planted::ResumesAtLogEnd, "not worked off", |swarm| {
        calm(swarm);
        swarm.kills = 15;
    });
}

#[test]
fn a_turn_that_fails_as_a_whole_is_not_the_fault_of_its_last_record() {
    caught(Planted::WholeTurnCondemned, "dead letter", |swarm| {
        calm(swarm);
        swarm.spoils = 60;
    });
}

#[test]
fn a_copy_that_is_written_before_the_commit_knows_too_much() {
    caught(Planted::CopyBeforeCommit, "Torn", |swarm| {
        calm(swarm);
        (swarm.copies, swarm.kills, swarm.not_done, swarm.delivery_failed) = (true, 15, 60, 60);
    });
}

#[test]
fn a_turn_that_could_not_read_its_segments_takes_known_trades_for_new_ones() {
    caught(Planted::DamageIgnored, "Wrong", |swarm| {
        calm(swarm);
        (swarm.recent_entries, swarm.segments_spoilt) = (2, 10);
    });
}

#[test]
fn a_task_that_was_another_ones_in_between_is_not_the_same() {
    caught(Planted::KeptTasksUnchecked, "Doubled", put_out_often);
}

/// Static members that the group does not hear of, again and again, and that come back.
fn put_out_often(swarm: &mut Swarm) {
    calm(swarm);
    (swarm.static_members, swarm.workers, swarm.records) = (true, 3, 400);
    (swarm.muted, swarm.pauses, swarm.stalls, swarm.steps) = (60, 20, 10, 3_000);
}

/// Back as another member, whose turn from before is a twin's to the broker.
#[test]
fn a_static_member_that_is_back_is_not_its_own_twin() {
    for seed in 0..500 {
        History::with(seed, None, put_out_often).run().unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn what_follows_from_the_state_is_restored_too() {
    caught(Planted::DerivedStateForgotten, "the flows of", |swarm| {
        calm(swarm);
        (swarm.flows, swarm.kills) = (true, 15);
    });
}

#[test]
fn a_fenced_turn_that_is_taken_for_done_is_lost() {
    caught(Planted::FencedTakenForDone, "Torn", |swarm| {
        calm(swarm);
        (swarm.pauses, swarm.slow) = (15, 20);
    });
}

#[test]
fn a_record_that_kills_is_condemned_or_kills_for_ever() {
    caught(Planted::AttemptsUncounted, "not worked off", |swarm| {
        calm(swarm);
        swarm.kills_process = 60;
    });
}

#[test]
fn a_view_that_is_older_than_what_was_told_with_it_takes_knowledge_back() {
    caught(Planted::OlderViewsTaken, "of the views, after", |swarm| {
        calm(swarm);
        (swarm.flows, swarm.kills, swarm.read_records, swarm.static_members) = (true, 15, 1, true);
    });
}
