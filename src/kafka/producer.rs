//! A transactional producer, step by step; each step has a time limit, and what became of every record is known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Deliveries;
use super::failure::{broker_error, coded, unavailable};
use super::markers::Markers;
use super::native::{self, ProducerTopic, Run, Unqueued};
use super::settings::{RETRY_BACKOFF, Settings, Use};
use crate::engine::broker::{BrokerError, GroupMembership, Header, OffsetToCommit, Outgoing, Producer, TopicPartition};

/// Records of one partition that are queued together.
const RUN: usize = 256;

/// Delivery reports are served after this many records, so that they neither pile up nor cost a call each.
const SERVE_EVERY: usize = 512;

/// At most between two looks for delivery reports: each batch of them ends the wait. Not left to the client's own poll: it waits
/// for as long as it is told to, whatever comes.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What librdkafka is given beyond a limit of its own before we go by ours.
const GRACE: Duration = Duration::from_secs(1);

/// A call that may never return.
type Errand = Box<dyn FnOnce() + Send>;

pub(super) struct KafkaProducer {
    /// Goes before its client.
    topics: HashMap<&'static str, ProducerTopic>,
    client: Arc<BaseProducer<Deliveries>>,
    /// Numbers for the delivery reports: a number travels with each record, a name would cost an allocation.
    targets: HashMap<TopicPartition, usize>,
    /// Records queued since reports were served.
    unserved: usize,
    /// When the last transaction ended, until something is sent in the next one.
    ended: Option<Instant>,
    courier: mpsc::Sender<Errand>,
    markers: Arc<Markers>,
    message_limit: Duration,
    transaction_limit: Duration,
}

impl KafkaProducer {
    /// Returns when earlier transactions of this id are resolved.
    pub(super) fn new(settings: &Settings, transactional_id: &str, markers: Arc<Markers>) -> Result<Self, BrokerError> {
        let client: BaseProducer<Deliveries> = settings
            .client(Use::Producing(transactional_id))?
            .create_with_context(Deliveries::default())
            .map_err(|error| broker_error("create a producer", &error))?;
        native::tell_of_reports(client.client());
        let limits = settings.time_limits();
        // The broker may have to time an older transaction out first.
        let patience = limits.transaction + limits.broker_cleanup + limits.socket;
        client
            .init_transactions(patience)
            .map_err(|error| broker_error(&format!("take over transactional id {transactional_id}"), &error))?;
        Ok(KafkaProducer {
            topics: HashMap::new(),
            client: Arc::new(client),
            targets: HashMap::new(),
            unserved: 0,
            ended: None,
            courier: courier()?,
            markers,
            // A report of a time-out comes a little after it.
            message_limit: limits.message + RETRY_BACKOFF,
            transaction_limit: limits.transaction,
        })
    }

    fn target(&mut self, to: TopicPartition) -> usize {
        let next = self.targets.len();
        *self.targets.entry(to).or_insert(next)
    }

    /// Queues a run of one partition and leaves it empty.
    fn queue(&mut self, to: Option<TopicPartition>, run: &mut Run<'_>, deadline: Instant) -> Result<(), BrokerError> {
        let Some(to) = to.filter(|_| run.len() > 0) else { return Ok(()) };
        self.unserved += run.len();
        if self.unserved >= SERVE_EVERY {
            self.unserved = 0;
            self.serve();
        }
        if !self.topics.contains_key(to.topic) {
            self.topics.insert(to.topic, ProducerTopic::new(self.client.client(), to.topic)?);
        }
        let topic = &self.topics[to.topic];
        let queued = self.until_there_is_room(deadline, || match run.queue(topic, to.partition) {
            Err(Unqueued::Full) => None,
            Err(Unqueued::Refused(code)) => Some(Err(code)),
            Ok(()) => Some(Ok(())),
        });
        run.clear();
        queued.map_err(|code| self.cause(refused(to, code)))
    }

    /// Only the slower way takes headers.
    fn queue_with_headers(
        &mut self,
        record: Outgoing<'_>,
        headers: OwnedHeaders,
        target: usize,
        deadline: Instant,
    ) -> Result<(), BrokerError> {
        let mut waiting = BaseRecord::<[u8], [u8], usize>::with_opaque_to(record.to.topic, target)
            .partition(record.to.partition)
            .headers(headers);
        waiting.key = record.key;
        waiting.payload = record.value;
        let mut waiting = Some(waiting);
        let queued = self.until_there_is_room(deadline, || match self.client.send(waiting.take()?) {
            Ok(()) => Some(Ok(())),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                waiting = Some(back);
                None
            }
            Err((error, _)) => Some(Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))),
        });
        queued.map_err(|code| self.cause(refused(record.to, code)))
    }

    /// Tries again while the queue is full.
    fn until_there_is_room(
        &self,
        deadline: Instant,
        mut queue: impl FnMut() -> Option<Result<(), RDKafkaErrorCode>>,
    ) -> Result<(), RDKafkaErrorCode> {
        loop {
            if let Some(queued) = queue() {
                return queued;
            }
            if Instant::now() >= deadline {
                return Err(RDKafkaErrorCode::QueueFull);
            }
            self.client.context().await_reports(LOOK_AGAIN);
            self.serve();
        }
    }

    /// Handles what has been reported, without waiting.
    fn serve(&self) {
        self.client.poll(Duration::ZERO);
    }

    /// Records that were not taken or were purged because of something else say no more than that. A client in which a transaction has failed begins
    /// none, and says why.
    fn cause(&self, error: BrokerError) -> BrokerError {
        match self.client.begin_transaction() {
            Err(why) if failed(&why) => broker_error("go on producing", &why),
            _ => error,
        }
    }

    fn undelivered(&self) -> i32 {
        self.client.in_flight_count()
    }
}

impl Producer for KafkaProducer {
    fn begin(&mut self) -> Result<(), BrokerError> {
        self.client.context().forget();
        self.client.begin_transaction().map_err(|error| broker_error("begin a transaction", &error))
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError> {
        self.send_all(&mut std::iter::once(record))
    }

    fn send_all<'a>(&mut self, records: &mut dyn Iterator<Item = Outgoing<'a>>) -> Result<(), BrokerError> {
        self.ended = None;
        // For all of them: what takes longer has taken nearly all of the transaction's time.
        let deadline = Instant::now() + self.message_limit;
        let mut run = Run::with_capacity(RUN);
        let (mut to, mut target) = (None, 0);
        for record in records {
            if to != Some(record.to) || run.len() == RUN {
                self.queue(to, &mut run, deadline)?;
                (to, target) = (Some(record.to), self.target(record.to));
            }
            match record.headers {
                [] => run.push(record.key, record.value, target),
                headers => {
                    self.queue(to, &mut run, deadline)?;
                    self.queue_with_headers(record, kafka_headers(headers), target, deadline)?;
                }
            }
        }
        self.queue(to, &mut run, deadline)
    }

    fn drain(&mut self) -> Result<(), BrokerError> {
        let deadline = Instant::now() + self.message_limit;
        // Not `flush`: between two looks it waits up to 100 ms.
        self.serve();
        let mut left = self.undelivered();
        while left > 0 {
            if Instant::now() >= deadline {
                return Err(unavailable(&format!("{left} records were not reported in time")));
            }
            self.serve();
            let before = std::mem::replace(&mut left, self.undelivered());
            if left == before {
                self.client.context().await_reports(LOOK_AGAIN);
            }
        }
        self.client.context().failure().map_or(Ok(()), |error| Err(self.cause(error)))
    }

    fn delivered(&self, partition: TopicPartition) -> Option<i64> {
        self.client.context().end(*self.targets.get(&partition)?)
    }

    /// librdkafka keeps no limit while it waits for the group's coordinator, and one that is restarted may never be waited for to an end
    /// (confluentinc/librdkafka#5456 and #5511; seen as workers that stood still for ever). So the courier waits for it and keeps the client for as long as that takes;
    /// the producer that is made anew after the doubt fences it.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], member: &GroupMembership) -> Result<(), BrokerError> {
        // The engine opens no turn with an invalid membership; the first start of a group is nobody's on purpose.
        let list = offsets_to_commit(offsets)?;
        let alone = self.ended.take();
        if let Some(ended) = alone {
            thread::sleep(self.markers.wait().saturating_sub(ended.elapsed()));
        }
        let began = Instant::now();
        let (client, member, limit) = (Arc::clone(&self.client), member.clone(), self.transaction_limit);
        let (tell, told) = mpsc::sync_channel(1);
        let errand = move || {
            let sent = native::send_offsets(client.client(), &list, &member, limit);
            drop(client);
            // Nobody hears it who has given up.
            let _ = tell.send(sent);
        };
        // A courier that is gone drops the errand, and nobody tells.
        let _ = self.courier.send(Box::new(errand));
        let no_answer = |_| Err(unavailable("cannot send offsets to the transaction: no answer in time"));
        let sent = told.recv_timeout(limit + GRACE).unwrap_or_else(no_answer);
        if alone.is_some() {
            self.markers.felt(began.elapsed());
        }
        sent
    }

    fn commit(&mut self) -> Result<(), BrokerError> {
        let committed = self.client.commit_transaction(self.transaction_limit);
        self.ended = Some(Instant::now());
        committed.map_err(|error| broker_error("commit", &error))
    }

    /// librdkafka waits until the reports of purged records and of those on their way have been served, which nobody does
    /// while this thread waits for it: without the second thread every such abort lasted until its time limit.
    fn abort(&mut self) -> Result<(), BrokerError> {
        let ended = AtomicBool::new(false);
        let aborted = thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    self.client.poll(Duration::from_millis(1));
                }
            });
            let aborted = self.client.abort_transaction(self.transaction_limit);
            ended.store(true, Ordering::Relaxed);
            aborted
        });
        self.ended = Some(Instant::now());
        aborted.map_err(|error| broker_error("abort", &error))
    }
}

/// A thread that ends with its producer, or after it where a call has not returned. One for all errands: to start one for each took 0.2 ms of every turn, and
/// small turns take 5.
fn courier() -> Result<mpsc::Sender<Errand>, BrokerError> {
    let (sender, errands) = mpsc::channel::<Errand>();
    let started = thread::Builder::new()
        .name("send-offsets".to_owned())
        .spawn(move || errands.iter().for_each(|errand| errand()));
    started.map_err(|error| unavailable(&format!("cannot start a thread that sends offsets: {error}")))?;
    Ok(sender)
}

/// Whether this is an error of the transaction itself, and not one of having asked in the wrong moment.
fn failed(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(detail) if detail.is_fatal() || detail.txn_requires_abort())
}

fn refused(to: TopicPartition, code: RDKafkaErrorCode) -> BrokerError {
    coded(&format!("send to {to}"), code, &code.to_string())
}

fn kafka_headers(headers: &[Header]) -> OwnedHeaders {
    let all = OwnedHeaders::new_with_capacity(headers.len());
    headers
        .iter()
        .fold(all, |all, header| all.insert(KafkaHeader { key: &header.name, value: Some(header.value.as_slice()) }))
}

fn offsets_to_commit(offsets: &[OffsetToCommit]) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for OffsetToCommit { partition, offset, metadata } in offsets {
        let mut element = list.add_partition(partition.topic, partition.partition);
        element
            .set_offset(Offset::Offset(*offset))
            .map_err(|error| broker_error(&format!("commit offset {offset} of {partition}"), &error))?;
        element.set_metadata(metadata);
    }
    Ok(list)
}
