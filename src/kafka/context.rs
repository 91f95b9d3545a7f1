//! What librdkafka tells its client: rebalances, deliveries, errors and log lines. Callbacks only record; the worker acts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::failure::{broker_error, kind, only_news};
use crate::engine::broker::{BrokerError, ErrorKind, Rebalance};

/// A client whose events nobody waits for; the last reason for trouble is kept for whoever asks why.
#[derive(Default)]
pub(super) struct Silent {
    trouble: Mutex<Option<(ErrorKind, String)>>,
}

impl Silent {
    /// The last reason, and what kind of failure it makes of a question that was not answered.
    pub(super) fn trouble(&self) -> Option<(ErrorKind, String)> {
        lock(&self.trouble).clone()
    }

    /// A question was answered: what was wrong before is over. Not said when one begins: what is wrong for long is told every half a minute only.
    pub(super) fn answered(&self) {
        *lock(&self.trouble) = None;
    }
}

impl ClientContext for Silent {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
        match error.rdkafka_error_code() {
            // It follows the reason and says less.
            Some(RDKafkaErrorCode::AllBrokersDown) | None => {}
            Some(code) => *lock(&self.trouble) = Some((kind(code), reason.to_owned())),
        }
    }
}

impl ConsumerContext for Silent {}

/// A group member's events, kept until the worker polls them.
#[derive(Default)]
pub(super) struct Events {
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl Events {
    pub(super) fn next(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    pub(super) fn some(&self) -> bool {
        !lock(&self.rebalances).is_empty()
    }

    /// From now on rebalances are answered at once, and change nothing: closing polls this callback, and nobody else is left to answer.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let given = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let none = TopicPartitionList::new();
            let answer = if given { consumer.incremental_assign(&none) } else { consumer.incremental_unassign(&none) };
            if let Err(error) = answer {
                tracing::debug!(%error, "rebalance while closing");
            }
            return;
        }
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        lock(&self.rebalances).push_back(match (given, consumer.assignment_lost()) {
            (true, _) => Rebalance::Assigned(partitions),
            (false, true) => Rebalance::Lost(partitions),
            (false, false) => Rebalance::Revoked(partitions),
        });
    }
}

/// What became of the records of the open transaction.
#[derive(Default)]
pub(super) struct Deliveries {
    state: Mutex<Delivered>,
    come: Condvar,
}

#[derive(Default)]
struct Delivered {
    /// By target, as the producer numbers them: the offset after the last delivered record.
    ends: Vec<Option<i64>>,
    failure: Option<BrokerError>,
    /// Reports have come that nobody has waited for yet.
    come: bool,
}

impl Deliveries {
    /// Called by the library's threads.
    pub(super) fn reported(&self) {
        lock(&self.state).come = true;
        self.come.notify_one();
    }

    /// Waits until reports have come since it last returned.
    pub(super) fn await_reports(&self, wait: Duration) {
        let waited = self.come.wait_timeout_while(lock(&self.state), wait, |state| !state.come);
        waited.unwrap_or_else(PoisonError::into_inner).0.come = false;
    }

    pub(super) fn forget(&self) {
        let mut state = lock(&self.state);
        state.ends.fill(None);
        state.failure = None;
    }

    pub(super) fn end(&self, target: usize) -> Option<i64> {
        lock(&self.state).ends.get(target).copied().flatten()
    }

    pub(super) fn failure(&self) -> Option<BrokerError> {
        lock(&self.state).failure.clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, target: usize) {
        let mut state = lock(&self.state);
        match report {
            Ok(record) => {
                if state.ends.len() <= target {
                    state.ends.resize(target + 1, None);
                }
                let end = record.offset() + 1;
                state.ends[target] = state.ends[target].max(Some(end));
            }
            // The first failure is the cause; what follows it is mostly "purged".
            Err((error, record)) => {
                if state.failure.is_none() {
                    let tried = format!("deliver a record to {}-{}", record.topic(), record.partition());
                    state.failure = Some(broker_error(&tried, error));
                }
            }
        }
    }
}

/// A panic elsewhere does not make the recorded facts wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::info!(target: "librdkafka", facility, "{message}")
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// librdkafka goes on by itself after these: nobody must act now, somebody should look today. Of connections it has a log line as well, and that one is
/// not repeated for half a minute.
fn log_error(error: &KafkaError, reason: &str) {
    match error.rdkafka_error_code().is_some_and(only_news) {
        true => tracing::debug!(target: "librdkafka", %error, "{reason}"),
        false => tracing::warn!(target: "librdkafka", %error, "{reason}"),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_refusal_that_is_over_explains_nothing_that_comes_after_it() {
        let client = Silent::default();
        let refused = RDKafkaErrorCode::SaslAuthenticationFailed;
        client.error(KafkaError::Global(refused), "wrong password");
        assert_eq!(client.trouble(), Some((ErrorKind::Denied, "wrong password".to_owned())));
        client.answered();
        assert_eq!(client.trouble(), None);
    }

    #[test]
    fn a_report_ends_one_wait_whether_it_comes_before_or_in_it() {
        let (deliveries, long) = (Deliveries::default(), Duration::from_secs(60));
        let began = Instant::now();
        deliveries.reported();
        deliveries.await_reports(long);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                deliveries.reported();
            });
            deliveries.await_reports(long);
        });
        let reported = began.elapsed();
        assert!((Duration::from_millis(20)..long).contains(&reported), "{reported:?}");
        deliveries.await_reports(Duration::from_millis(20));
        assert!(began.elapsed() >= reported + Duration::from_millis(20), "there was nothing more to wait for");
    }
}
