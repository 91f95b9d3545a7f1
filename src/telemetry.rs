//! One function per happening, writing both log and metric. error = act now; warn = look today; info = the life of the
//! process. Metric names are those of the operations guide; labels never hold keys, jobs or offsets.

use std::fmt::Display;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use tracing::{debug, error, info, warn};

pub fn turn_committed(stage: &'static str, records: usize, took: Duration) {
    counter!("bookflow_txn_total", "stage" => stage, "result" => "committed").increment(1);
    counter!("bookflow_records_processed_total", "stage" => stage).increment(records as u64);
    histogram!("bookflow_txn_duration_seconds", "stage" => stage).record(took.as_secs_f64());
    histogram!("bookflow_txn_records", "stage" => stage).record(records as f64);
}

pub fn priority_kept(error: &std::io::Error) {
    warn!(%error, "the system does not let a thread give way, others may wait for it");
}

pub fn turn_aborted(stage: &'static str) {
    counter!("bookflow_txn_total", "stage" => stage, "result" => "aborted").increment(1);
}

pub fn turn_late(stage: &'static str, records: usize, took: Duration) {
    counter!("bookflow_txn_late_total", "stage" => stage).increment(1);
    warn!(
        stage,
        records,
        seconds = took.as_secs_f64(),
        "a turn was delivered late, the next one may have fewer records"
    );
}

pub fn turn_repeats(stage: &'static str, cause: &str) {
    debug!(stage, cause, "turn undone, its records come again");
}

pub fn producer_doubtful(stage: &'static str, cause: &str, error: &dyn Display) {
    counter!("bookflow_txn_total", "stage" => stage, "result" => "ambiguous").increment(1);
    warn!(stage, cause, %error, "end of the transaction unknown, the committed mark decides");
}

pub fn producer_recreated(stage: &'static str, cause: &'static str) {
    counter!("bookflow_producer_recreated_total", "stage" => stage, "cause" => cause).increment(1);
    info!(stage, cause, "producer created anew, doubt resolved");
}

pub fn fenced(stage: &'static str) {
    counter!("bookflow_txn_total", "stage" => stage, "result" => "fenced").increment(1);
    warn!(stage, "fenced: all tasks are restored");
}

pub fn rebalanced(stage: &'static str, kind: &'static str, partitions: &[i32]) {
    counter!("bookflow_rebalances_total", "stage" => stage, "kind" => kind).increment(1);
    info!(stage, kind, ?partitions, "rebalance");
}

pub fn task_restored(stage: &'static str, partition: i32, records: u64, took: Duration) {
    histogram!("bookflow_state_restore_duration_seconds", "stage" => stage).record(took.as_secs_f64());
    counter!("bookflow_state_restored_records_total", "stage" => stage).increment(records);
    info!(stage, partition, records, seconds = took.as_secs_f64(), "task restored");
}

pub fn task_waiting(stage: &'static str, partition: i32, what: &str, waits: u32) {
    counter!("bookflow_retries_total", "stage" => stage).increment(1);
    // The first wait is everyday life; one that lasts is worth a look.
    match waits {
        0 => info!(stage, partition, what, "task waits"),
        _ => warn!(stage, partition, what, waits, "task still waits"),
    }
}

pub fn tick_waiting(stage: &'static str, partition: i32, what: &str) {
    counter!("bookflow_retries_total", "stage" => stage).increment(1);
    info!(stage, partition, what, "tick undone, the next one tries again");
}

pub fn input_skipped(stage: &'static str, partition: &impl Display, from: i64, to: i64) {
    counter!("bookflow_input_skipped_offsets_total", "stage" => stage).increment((to - from).unsigned_abs());
    warn!(stage, %partition, from, to, "input that was deleted before it was read is skipped, as asked for");
}

pub fn task_overtaken(stage: &'static str, partition: i32) {
    counter!("bookflow_tasks_overtaken_total", "stage" => stage).increment(1);
    warn!(stage, partition, "committed mark is not ours, task is restored");
}

pub fn copy_loaded(stage: &'static str, partition: i32, turn: u64) {
    counter!("bookflow_state_copies_total", "stage" => stage, "result" => "loaded").increment(1);
    info!(stage, partition, turn, "local copy read, only the tail of the changelog follows");
}

pub fn copy_refused(stage: &'static str, partition: i32, error: &dyn Display) {
    counter!("bookflow_state_corruptions_total", "stage" => stage).increment(1);
    warn!(stage, partition, %error, "local copy refused, restoring from the changelog");
}

pub fn copy_not_written(stage: &'static str, partition: i32, error: &dyn Display) {
    counter!("bookflow_state_copies_total", "stage" => stage, "result" => "failed").increment(1);
    warn!(stage, partition, %error, "local copy not written, the next restart reads the changelog");
}

pub fn entries_spilled(stage: &'static str, partition: i32, entries: usize) {
    counter!("bookflow_state_spilled_entries_total", "stage" => stage).increment(entries as u64);
    debug!(stage, partition, entries, "older entries have left memory");
}

pub fn segment_not_written(stage: &'static str, partition: i32, error: &dyn Display) {
    counter!("bookflow_state_segments_total", "stage" => stage, "result" => "failed").increment(1);
    warn!(stage, partition, %error, "older entries cannot leave memory, which grows until they can");
}

pub fn segment_damaged(stage: &'static str, partition: i32, error: &dyn Display) {
    counter!("bookflow_state_segments_total", "stage" => stage, "result" => "damaged").increment(1);
    warn!(stage, partition, %error, "older entries cannot be read, the task is restored");
}

pub fn dead_letter(stage: &'static str, reason: &str, message: &str, from: &dyn Display, offset: i64) {
    counter!("bookflow_dlq_records_total", "stage" => stage, "reason" => reason.to_string()).increment(1);
    debug!(stage, reason, message, %from, offset, "dead letter");
}

/// A defect: its flows are blocked until a build without it starts.
pub fn position_not_calculated(position: &dyn Display, problem: &str) {
    counter!("bookflow_positions_not_calculated_total").increment(1);
    warn!(%position, problem, "the flows of a position cannot be calculated");
}

pub fn jobs_active(change: i64) {
    gauge!("bookflow_jobs_active").increment(change as f64);
}

pub fn job_ended(state: &'static str, contracts: u64, took: Duration) {
    let size = size_class(contracts);
    counter!("bookflow_jobs_total", "state" => state, "size_class" => size).increment(1);
    histogram!("bookflow_job_duration_seconds", "size_class" => size).record(took.as_secs_f64());
    debug!(state, contracts, seconds = took.as_secs_f64(), "job ended");
}

/// By the contracts of a job: the sizes for which times were promised.
fn size_class(contracts: u64) -> &'static str {
    match contracts {
        0..=1_000 => "1k",
        1_001..=10_000 => "10k",
        10_001..=65_000 => "65k",
        65_001..=160_000 => "160k",
        _ => "larger",
    }
}

pub fn chunk_collected(late: bool, contracts: u64, lots: u64) {
    let state = if late { "late" } else { "counted" };
    counter!("bookflow_job_chunks_total", "state" => state).increment(1);
    counter!("bookflow_contracts_computed_total").increment(contracts);
    counter!("bookflow_lots_computed_total").increment(lots);
}

pub fn view_record_skipped(view: &'static str, from: &dyn Display, offset: i64, problem: &str) {
    counter!("bookflow_view_records_skipped_total", "view" => view).increment(1);
    warn!(view, %from, offset, problem, "a record of a view cannot be read and counts for nothing");
}

pub fn left_in_disorder(stage: &'static str, error: &dyn Display) {
    info!(stage, %error, "marks could not be left clean, the next owners begin with care");
}

pub fn worker_stopped(thread: &str, stop: &dyn Display) {
    error!(thread, %stop, "worker stopped");
}

pub fn cache_asked(cache: &'static str, tier: &'static str, result: &'static str) {
    counter!("bookflow_cache_requests_total", "cache" => cache, "tier" => tier, "result" => result).increment(1);
}

pub fn dependency_answered(dependency: &'static str, operation: &'static str, took: Duration) {
    histogram!("bookflow_dependency_request_duration_seconds", "dependency" => dependency, "op" => operation)
        .record(took.as_secs_f64());
}

pub fn dependency_failed(dependency: &'static str, operation: &'static str, error: &dyn Display) {
    counter!("bookflow_dependency_errors_total", "dependency" => dependency, "op" => operation).increment(1);
    debug!(dependency, operation, %error, "call failed, the work goes on without it");
}

pub fn dependency_bypassed(dependency: &'static str, reason: &'static str) {
    counter!("bookflow_dependency_bypassed_total", "dependency" => dependency, "reason" => reason).increment(1);
}

pub fn breaker_made(dependency: &'static str) {
    gauge!("bookflow_circuit_breaker_state", "dependency" => dependency).set(0.0);
}

pub fn breaker_opened(dependency: &'static str) {
    gauge!("bookflow_circuit_breaker_state", "dependency" => dependency).set(1.0);
    warn!(dependency, "half of the last calls failed: left alone for a while");
}

pub fn breaker_closed(dependency: &'static str) {
    gauge!("bookflow_circuit_breaker_state", "dependency" => dependency).set(0.0);
    info!(dependency, "answers again: calls are made as before");
}
