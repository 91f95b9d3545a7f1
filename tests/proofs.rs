//! What must hold, and what must never come back, each with the tests that prove it. A proof is a file and a test in it.

use std::fs;

type Proofs = &'static [(&'static str, &'static [&'static str])];

/// The invariants of the domain: properties of random cases.
const INVARIANTS: Proofs = &[
    (
        "open lots = position = surviving trades, as splits scale them",
        &[
            "tests/lots/promises.rs lots_and_facts_add_up_to_the_position",
            "tests/lots/promises.rs after_splits_the_position_is_the_sum_of_its_scaled_trades",
            "tests/capture/arrival.rs every_state_on_the_way_is_sound",
        ],
    ),
    (
        "realised + unrealised = cash + market value",
        &[
            "tests/lots/promises.rs realised_and_unrealised_are_cash_and_market_value",
            "tests/invariants/equity.rs realised_and_unrealised_are_cash_and_market_value",
        ],
    ),
    (
        "any order of arrival of the same versions gives the same state",
        &[
            "tests/lots/promises.rs every_order_of_arrival_of_the_same_versions_gives_the_same_bytes",
            "tests/lots/agreement.rs every_history_ends_as_the_oracle_says",
            "tests/capture/arrival.rs every_order_of_arrival_ends_as_the_oracle_says",
        ],
    ),
    (
        "a replay has no deltas",
        &[
            "tests/lots/promises.rs a_replay_changes_nothing",
            "tests/invariants/balances.rs any_order_any_repetition_and_any_cut_into_batches_ends_the_same",
        ],
    ),
    ("what is cancelled never was", &["tests/lots/promises.rs a_trade_that_is_cancelled_never_was"]),
    (
        "all deltas add up to what stands",
        &[
            "tests/lots/promises.rs differences_add_up_to_what_stands",
            "tests/invariants/balances.rs deltas_are_what_the_days_changed_by",
            "src/domain/flows/adjustment.rs the_deltas_of_a_settled_flow_add_up_to_its_current_amount",
        ],
    ),
    (
        "batch = stream",
        &[
            "tests/swaps/stream.rs versions_in_any_order_come_to_what_survives_of_them",
            "tests/swaps/stream.rs a_day_is_calculated_without_what_was_traded_after_it",
            "tests/swaps/stream.rs lots_that_somebody_kept_come_to_what_their_trades_come_to",
        ],
    ),
    (
        "neither chunk size nor worker count changes an outcome",
        &[
            "tests/jobs/chunks.rs chunk_size_changes_no_flow_and_no_outcome",
            "tests/jobs/chunks.rs results_of_any_worker_in_any_order_end_the_job_the_same",
        ],
    ),
    (
        "resets telescope",
        &[
            "tests/invariants/equity.rs resets_telescope_to_the_last_value_less_the_first",
            "tests/lots/slices.rs resets_change_when_something_is_realised_and_not_how_much",
        ],
    ),
    (
        "simple interest adds up over any cut; compounding multiplies from the slice and adds up from the period",
        &[
            "tests/invariants/financing.rs simple_interest_is_additive_over_every_cut_in_time_and_quantity",
            "tests/invariants/financing.rs compounding_from_the_slice_is_multiplicative_over_business_days",
            "tests/invariants/financing.rs compounding_from_the_period_is_additive_over_every_cut",
            "tests/jobs/chunks.rs simple_interest_is_additive_over_any_cut_in_quantity_and_time",
        ],
    ),
    (
        "daily bookings sum to the rounded amount of the period",
        &["tests/invariants/financing.rs daily_bookings_sum_to_the_rounded_amount_of_the_period"],
    ),
    ("a flip closes no more than there is", &["tests/lots/promises.rs a_flip_closes_no_more_than_there_is"]),
    (
        "lowest first = highest first with the prices upside down",
        &["tests/lots/promises.rs the_lowest_prices_are_the_highest_ones_upside_down"],
    ),
    ("a split keeps cost and market value", &["tests/lots/promises.rs a_split_keeps_cost_and_market_value"]),
    (
        "a day closes with the opening and all movements; batches of corrections commute",
        &[
            "tests/invariants/balances.rs a_day_closes_with_the_opening_and_all_movements_until_it",
            "tests/invariants/balances.rs any_order_any_repetition_and_any_cut_into_batches_ends_the_same",
        ],
    ),
    (
        "at one rate shift, lookback and lockout agree",
        &["tests/invariants/rates.rs at_one_rate_without_holidays_shift_lookback_and_lockout_agree"],
    ),
    (
        "dividends of slices add up to entitled position x amount",
        &[
            "tests/invariants/dividends.rs slices_are_entitled_to_what_the_position_is",
            "tests/invariants/dividends.rs the_dividends_of_slices_add_up_to_that_of_the_position",
        ],
    ),
];

/// The rules of `docs/exactly-once.md` by their numbers. The eighth is of turns that overlap, which ours do not.
const RULES: Proofs = &[
    (
        "1: names are stable and unique, and the generation fences",
        &[
            "tests/processes/namesakes.rs of_two_workers_with_one_transactional_id_one_is_fenced",
            "tests/contract/protocol.rs offsets_of_another_generation_or_a_stranger_are_refused_and_those_of_nobody_are_not",
        ],
    ),
    (
        "2: outputs before offsets, a record all or nothing",
        &[
            "tests/simulation/bugs.rs offsets_committed_before_outputs_lose_answers",
            "tests/simulation/bugs.rs a_rejected_record_leaves_nothing_behind",
        ],
    ),
    (
        "3: an offset and a mark for every task that is touched",
        &["tests/simulation/bugs.rs a_tick_without_offsets_is_a_zombies_chance"],
    ),
    (
        "4: the membership of the turn's beginning",
        &["tests/simulation/bugs.rs a_membership_that_is_asked_for_at_the_end_commits_for_a_task_that_is_gone"],
    ),
    (
        "5: a doubtful producer is done with",
        &[
            "tests/simulation/bugs.rs a_doubtful_producer_that_goes_on_is_caught",
            "tests/simulation/bugs.rs a_slow_ok_that_is_trusted_is_caught",
        ],
    ),
    (
        "6: marks decide, no error code does",
        &[
            "tests/simulation/bugs.rs an_error_code_that_is_trusted_doubles_a_committed_turn",
            "tests/simulation/bugs.rs a_doubtful_end_that_is_taken_for_done_loses_the_turn",
        ],
    ),
    (
        "7: what is unavailable is waited for, what is rejected has one letter",
        &[
            "tests/simulation/bugs.rs a_record_that_waits_is_not_overtaken_by_the_next",
            "tests/simulation/bugs.rs a_rejected_record_without_a_dead_letter_is_lost",
            "tests/rules/length.rs records_that_take_long_leave_the_rest_of_their_poll_to_other_turns",
        ],
    ),
    (
        "9: a partition brings those of the companions",
        &["tests/simulation/bugs.rs companions_assigned_on_their_own_are_caught"],
    ),
    (
        "10: tasks go and come with their partitions",
        &[
            "tests/simulation/bugs.rs a_task_that_is_kept_after_it_was_revoked_answers_for_another_ones",
            "tests/simulation/bugs.rs a_task_that_runs_before_it_is_restored_forgets",
        ],
    ),
    (
        "11: kept tasks are compared after each assignment",
        &[
            "tests/simulation/bugs.rs a_task_that_was_another_ones_in_between_is_not_the_same",
            "tests/rules/kept.rs a_task_that_waited_while_somebody_else_had_it_is_restored",
        ],
    ),
    (
        "12: a task is taken over up to its mark",
        &[
            "tests/simulation/bugs.rs a_restore_to_the_last_stable_offset_misses_what_is_committed",
            "tests/simulation/bugs.rs offsets_that_are_pending_are_not_none",
            "tests/simulation/bugs.rs what_follows_from_the_state_is_restored_too",
            "tests/rules/takeover.rs a_log_that_ends_below_the_mark_stops_the_worker",
            "tests/rules/takeover.rs a_log_whose_beginning_was_deleted_stops_the_worker_unless_a_copy_has_it",
        ],
    ),
    (
        "13: no start but the first is at an end of the log, and markers are passed with what stands before them",
        &[
            "tests/simulation/bugs.rs a_task_that_goes_on_at_the_end_of_the_log_skips_records",
            "tests/contract/reading.rs a_members_position_passes_markers_and_goes_where_it_is_moved",
            "tests/rules/offsets.rs a_quiet_partition_that_retention_has_emptied_loses_nothing",
            "tests/rules/offsets.rs markers_behind_a_record_that_waits_are_not_passed",
        ],
    ),
    (
        "14: who is fenced drops what it has",
        &[
            "tests/simulation/bugs.rs a_fenced_turn_that_is_taken_for_done_is_lost",
            "tests/simulation/bugs.rs a_static_member_that_is_back_is_not_its_own_twin",
            "tests/processes/namesakes.rs of_two_static_members_with_one_name_one_is_the_twin",
        ],
    ),
    (
        "15: a record that kills becomes a letter",
        &[
            "tests/simulation/bugs.rs a_record_that_kills_is_condemned_or_kills_for_ever",
            "tests/rules/poison.rs a_record_that_kills_the_process_becomes_a_dead_letter_and_its_neighbours_are_processed",
        ],
    ),
    (
        "16: state is undoable until it is committed",
        &[
            "tests/simulation/bugs.rs state_kept_before_the_commit_shows_after_an_abort",
            "tests/simulation/bugs.rs effects_that_add_instead_of_replacing_count_twice",
            "tests/simulation/bugs.rs a_turn_that_fails_as_a_whole_is_not_the_fault_of_its_last_record",
            "tests/rules/poison.rs two_inputs_that_begin_with_records_over_which_turns_fail_are_both_read_on",
            "tests/rules/doubt.rs a_turn_that_is_not_delivered_in_time_comes_again_in_halves",
            "tests/rules/doubt.rs a_turn_that_is_delivered_late_is_followed_by_smaller_ones",
        ],
    ),
    (
        "17: a copy is of its cluster, whole, committed and young",
        &[
            "tests/simulation/bugs.rs an_old_copy_brings_closed_lots_back",
            "tests/simulation/bugs.rs a_copy_that_is_written_before_the_commit_knows_too_much",
            "tests/simulation/bugs.rs a_turn_that_could_not_read_its_segments_takes_known_trades_for_new_ones",
        ],
    ),
    (
        "18: no view goes back",
        &["tests/simulation/bugs.rs a_view_that_is_older_than_what_was_told_with_it_takes_knowledge_back"],
    ),
    (
        "19: neither interleaving nor the end of turns changes state",
        &["tests/processes/same_outcome.rs an_outcome_is_the_same_through_any_workers_any_chunks_restarts_and_deaths"],
    ),
    (
        "20: a letter has room for the largest input",
        &[
            "src/pipeline/topic_files.rs a_dead_letter_has_room_for_the_largest_input",
            "tests/attack/limits.rs a_record_of_the_largest_size_is_kept_in_its_letter_whole",
        ],
    ),
];

/// Shortcuts of the replaced services: the tests take their inputs and assert the right numbers.
const SHORTCUTS: Proofs = &[
    (
        "one rate from the start to the end of a contract, by 365, whatever the index and the day count",
        &[
            "tests/jobs/replaced.rs interest_runs_from_settlement_to_valuation_by_the_day_count_of_the_currency",
            "tests/jobs/amounts.rs a_change_of_the_rate_counts_from_its_day",
            "tests/jobs/amounts.rs sterling_counts_365_days",
            "tests/swaps/flows.rs interest_follows_the_settled_notional_of_each_period",
            "tests/invariants/rates.rs the_tables_come_to_what_is_calculated_by_hand",
        ],
    ),
    (
        "interest on lots that settle within the period, and none on those that had settled before it",
        &[
            "tests/jobs/replaced.rs only_settled_active_lots_of_the_contract_bear_interest",
            "tests/swaps/replaced.rs a_lot_bears_interest_from_its_settlement_and_one_settled_before_the_period_all_of_it",
        ],
    ),
    (
        "a notional of 1,000,000 or a result of the whole contract where lots come to nothing",
        &[
            "tests/jobs/replaced.rs performance_stands_on_lots_never_on_a_notional",
            "tests/jobs/replaced.rs what_the_replaced_engine_was_seen_to_get_wrong",
            "tests/jobs/amounts.rs a_true_zero_is_a_result",
            "tests/jobs/amounts.rs a_lot_of_nothing_pays_nothing_and_says_so",
            "tests/jobs/refusals.rs a_missing_price_blocks_its_lots_and_nothing_else",
            "tests/swaps/missing.rs a_missing_close_blocks_the_performance_alone",
            "tests/swaps/missing.rs an_index_that_is_not_loaded_blocks_the_interest_alone",
            "tests/swaps/missing.rs a_price_that_has_not_moved_is_a_result_of_zero",
        ],
    ),
    (
        "a dividend of notional x amount / 1,000,000",
        &[
            "tests/jobs/replaced.rs dividends_go_to_lots_held_before_the_ex_date_and_to_nobody_by_notional",
            "tests/golden/dividends.rs entitlement_by_ex_date_and_record_date_and_a_manufactured_dividend",
            "tests/swaps/missing.rs no_ratio_for_a_long_blocks_its_dividend",
        ],
    ),
    ("a calculation that looks at the clock", &["tests/tidy.rs the_domain_is_pure"]),
    (
        "a number of chunks that is ignored",
        &[
            "tests/jobs/chunks.rs chunk_size_changes_no_flow_and_no_outcome",
            "tests/jobs/chunks.rs a_contract_larger_than_a_chunk_is_cut_by_lot_range_after_its_closing_lots_were_worked_off",
        ],
    ),
    (
        "a job that ends with the chunk that says it is the last one",
        &[
            "tests/jobs/outcomes.rs any_order_and_any_repetition_ends_the_same",
            "tests/jobs/outcomes.rs totals_that_are_not_what_was_planned_are_an_error",
            "tests/jobs/chunks.rs results_of_any_worker_in_any_order_end_the_job_the_same",
        ],
    ),
    (
        "lots with random ids, and shorts that are never relieved",
        &[
            "tests/capture/versions.rs a_lot_bears_the_id_of_its_trade_and_a_short_is_relieved_like_a_long",
            "tests/golden/lots.rs golden_33_a_trade_through_zero_earns_only_on_what_it_closes",
            "tests/lots/promises.rs every_order_of_arrival_of_the_same_versions_gives_the_same_bytes",
        ],
    ),
    (
        "a trade that may be sent again after 24 hours",
        &[
            "tests/capture/versions.rs a_trade_that_comes_again_years_after_it_was_closed_is_still_a_duplicate",
            "tests/capture/versions.rs a_repeated_version_is_a_duplicate_that_names_the_first_and_changes_nothing",
            // State topics are compacted and never expire.
            "src/pipeline/topic_files.rs every_file_is_sound_and_every_schema_is_used",
        ],
    ),
    (
        "an opening of 0 unless yesterday has a row, and a correction that moves one day only",
        &[
            "tests/golden/balances.rs a_batch_of_corrections_is_one_pass_from_its_earliest_date",
            "tests/golden/balances.rs an_opening_that_is_corrected_moves_the_closing_with_it",
            "tests/golden/balances.rs a_balance_does_not_outlive_the_movement_behind_it",
            "tests/invariants/balances.rs a_day_closes_with_the_opening_and_all_movements_until_it",
        ],
    ),
    (
        "a business date taken from an instant in UTC",
        &[
            "tests/capture/versions.rs a_trade_belongs_to_the_business_date_its_source_says_whatever_its_instant_is_in_utc",
        ],
    ),
];

#[test]
fn every_invariant_every_rule_and_every_shortcut_has_its_proofs() {
    for (promise, proofs) in INVARIANTS.iter().chain(RULES).chain(SHORTCUTS) {
        assert!(!proofs.is_empty(), "nothing proves: {promise}");
        for proof in *proofs {
            let (file, name) = proof.split_once(' ').expect("a file and a test");
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let named = format!("fn {name}(");
            let stands = lines.windows(2).any(|pair| pair[0].starts_with("#[test]") && pair[1].starts_with(&named));
            assert!(stands, "{file} has no test {name}, which proves: {promise}");
        }
    }
    assert_eq!((INVARIANTS.len(), RULES.len()), (17, 19));
}
