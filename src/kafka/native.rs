//! The few accessors that only the C library has. The one file in which `unsafe` is allowed: rdkafka offers no safe way to
//! read a member's generation, to send offsets under a membership that was taken earlier, to ask for a topic's id, to ask
//! something without waiting for the answer, to tell a running client of brokers, to queue many records at once, to hear that reports
//! have come, or to be told positions without waiting for another thread.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::context::Deliveries;
use super::failure::{coded, unavailable};
use crate::engine::broker::{BrokerError, GroupMembership, TopicInfo};

/// The generation and member id that a consumer has now; `None` before it has a group.
pub(super) fn generation_and_member<C: ClientContext>(client: &Client<C>) -> Option<(i32, String)> {
    // SAFETY: the client lives as long as the borrow. The metadata are a copy that is ours to destroy, once; what is read
    // from them is copied before that.
    unsafe {
        let metadata = c::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let generation = c::rd_kafka_consumer_group_metadata_generation_id(metadata);
        let member = text(c::rd_kafka_consumer_group_metadata_member_id(metadata));
        c::rd_kafka_consumer_group_metadata_destroy(metadata);
        Some((generation, member))
    }
}

/// Sends offsets to the open transaction under the membership that the turn was opened with.
pub(super) fn send_offsets<C: ClientContext>(
    client: &Client<C>,
    offsets: &TopicPartitionList,
    member: &GroupMembership,
    wait: Duration,
) -> Result<(), BrokerError> {
    let group = c_string(&member.group)?;
    let member_id = c_string(&member.member_id)?;
    let instance = member.instance_id.as_deref().map(c_string).transpose()?;
    let instance = instance.as_ref().map_or(ptr::null(), |instance| instance.as_ptr());
    // SAFETY: client, list and strings outlive the call; the library copies what it keeps. Metadata and error are ours to
    // destroy, once each; the error's text is copied before that.
    unsafe {
        let metadata = c::rd_kafka_consumer_group_metadata_new_with_genid(
            group.as_ptr(),
            member.generation,
            member_id.as_ptr(),
            instance,
        );
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let error = c::rd_kafka_send_offsets_to_transaction(client.native_ptr(), offsets.ptr(), metadata, wait);
        c::rd_kafka_consumer_group_metadata_destroy(metadata);
        if error.is_null() {
            return Ok(());
        }
        let code = RDKafkaErrorCode::from(c::rd_kafka_error_code(error));
        let detail = text(c::rd_kafka_error_string(error));
        c::rd_kafka_error_destroy(error);
        Err(coded("send offsets to the transaction", code, &detail))
    }
}

/// Tells the client's context whenever something comes for a poll that has had nothing.
pub(super) fn tell_of_reports(client: &Client<Deliveries>) {
    unsafe extern "C" fn tell(_: *mut c::rd_kafka_t, deliveries: *mut c_void) {
        // SAFETY: the client's context, see below, which any thread may use.
        unsafe { &*deliveries.cast::<Deliveries>() }.reported();
    }
    let deliveries = Arc::as_ptr(client.context()).cast_mut().cast();
    // SAFETY: the client keeps its context until its last thread has ended. The queue's handle is given back once.
    unsafe {
        let queue = c::rd_kafka_queue_get_main(client.native_ptr());
        c::rd_kafka_queue_cb_event_enable(queue, Some(tell), deliveries);
        c::rd_kafka_queue_destroy(queue);
    }
}

/// Sets the offset of each of these to the one that the client hands out next. rdkafka's own call first asks a thread of the library for the
/// assignment, and waits for it.
pub(super) fn positions<C: ClientContext>(client: &Client<C>, list: &TopicPartitionList) {
    // SAFETY: client and list outlive the call, which writes nothing but offsets and errors of the list's elements.
    unsafe { c::rd_kafka_position(client.native_ptr(), list.ptr()) };
}

/// A topic as a producer knows it: looked up once, not by its name for each record.
pub(super) struct ProducerTopic {
    native: *mut c::rd_kafka_topic_t,
}

// SAFETY: the library's handles may be used from any thread.
unsafe impl Send for ProducerTopic {}

impl ProducerTopic {
    /// To be dropped before its client.
    pub(super) fn new<C: ClientContext>(client: &Client<C>, name: &str) -> Result<Self, BrokerError> {
        let topic = c_string(name)?;
        // SAFETY: the client is alive, the name is copied; no configuration means the client's own.
        let native = unsafe { c::rd_kafka_topic_new(client.native_ptr(), topic.as_ptr(), ptr::null_mut()) };
        if native.is_null() {
            return Err(BrokerError::new(
                crate::engine::broker::ErrorKind::Fatal,
                format!("topic {name} has a bad name"),
            ));
        }
        Ok(ProducerTopic { native })
    }
}

impl Drop for ProducerTopic {
    fn drop(&mut self) {
        // SAFETY: made by `new`, given back once.
        unsafe { c::rd_kafka_topic_destroy(self.native) }
    }
}

/// Records of one partition on their way into the producer's queue, in order.
pub(super) struct Run<'a> {
    messages: Vec<c::rd_kafka_message_t>,
    /// How many of them are in the queue.
    queued: usize,
    bytes: PhantomData<&'a [u8]>,
}

/// Why a run is not in the queue as a whole.
pub(super) enum Unqueued {
    Full,
    Refused(RDKafkaErrorCode),
}

impl<'a> Run<'a> {
    pub(super) fn with_capacity(records: usize) -> Self {
        Run { messages: Vec::with_capacity(records), queued: 0, bytes: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.queued = 0;
    }

    /// `opaque` comes back with the delivery report.
    pub(super) fn push(&mut self, key: Option<&'a [u8]>, value: Option<&'a [u8]>, opaque: usize) {
        let (key, key_len) = parts(key);
        let (payload, len) = parts(value);
        self.messages.push(c::rd_kafka_message_t {
            err: c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: 0,
            payload,
            len,
            key,
            key_len,
            offset: 0,
            _private: opaque as *mut c_void,
        });
    }

    /// Queues what is not queued yet, up to the first record that does not go in.
    pub(super) fn queue(&mut self, topic: &ProducerTopic, partition: i32) -> Result<(), Unqueued> {
        let rest = &mut self.messages[self.queued..];
        let count = i32::try_from(rest.len()).expect("a run is short");
        // SAFETY: the topic is alive; the bytes live as long as the run and are copied before the call returns; the library writes
        // nothing but the error of each message.
        unsafe {
            c::rd_kafka_produce_batch(topic.native, partition, c::RD_KAFKA_MSG_F_COPY, rest.as_mut_ptr(), count);
        }
        let failed = |message: &c::rd_kafka_message_t| RDKafkaErrorCode::from(message.err) != RDKafkaErrorCode::NoError;
        let Some(first) = rest.iter().position(failed) else { return Ok(()) };
        self.queued += first;
        match RDKafkaErrorCode::from(rest[first].err) {
            // Whatever follows a full queue has not gone in either.
            RDKafkaErrorCode::QueueFull => Err(Unqueued::Full),
            code => Err(Unqueued::Refused(code)),
        }
    }
}

fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()))
}

/// A topic's id and number of partitions; `None` when there is no such topic.
pub(super) fn describe_topic<C: ClientContext>(
    client: &Client<C>,
    name: &str,
    wait: Duration,
) -> Result<Option<TopicInfo>, BrokerError> {
    let topic = c_string(name)?;
    let mut names = [topic.as_ptr()];
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    let broker = answering_broker(client, wait)?;
    // SAFETY: queue, options, collection and event are created here and destroyed here, once each; the event owns the
    // result, and nothing of it is kept as a pointer after the event's end. A null event means that nothing came in time.
    unsafe {
        let queue = c::rd_kafka_queue_new(client.native_ptr());
        let options =
            c::rd_kafka_AdminOptions_new(client.native_ptr(), c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        c::rd_kafka_AdminOptions_set_request_timeout(options, wait, ptr::null_mut(), 0);
        c::rd_kafka_AdminOptions_set_broker(options, broker, ptr::null_mut(), 0);
        let collection = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        c::rd_kafka_DescribeTopics(client.native_ptr(), collection, options, queue);
        let event = c::rd_kafka_queue_poll(queue, wait);
        let answer = if event.is_null() { Err(unavailable("no broker answers")) } else { description(event, name) };
        if !event.is_null() {
            c::rd_kafka_event_destroy(event);
        }
        c::rd_kafka_TopicCollection_destroy(collection);
        c::rd_kafka_AdminOptions_destroy(options);
        c::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// The number of a broker that has answered just now. A question for the controller or a leader that is away has librdkafka try to connect to it
/// thousands of times a second for as long as the question may take, and brokers name a controller for as long as its end is not known to all.
/// A worker took a processor that way which a broker of the same machine needed to start again.
fn answering_broker<C: ClientContext>(client: &Client<C>, wait: i32) -> Result<i32, BrokerError> {
    // The first answer comes from an address that has no number yet, and tells all brokers by theirs.
    for _ in 0..2 {
        let mut told = ptr::null();
        // SAFETY: the client lives as long as the borrow; what is told is read before it is given back, once.
        let (code, broker) = unsafe {
            let code = c::rd_kafka_metadata(client.native_ptr(), 0, ptr::null_mut(), &mut told, wait);
            let broker = if told.is_null() { -1 } else { (*told).orig_broker_id };
            if !told.is_null() {
                c::rd_kafka_metadata_destroy(told);
            }
            (code, broker)
        };
        match RDKafkaErrorCode::from(code) {
            RDKafkaErrorCode::NoError if broker >= 0 => return Ok(broker),
            RDKafkaErrorCode::NoError => {}
            code => return Err(coded("hear of brokers", code, &code.to_string())),
        }
    }
    Err(unavailable("only the first addresses answer"))
}

/// Whether what the client last heard of the cluster names a controller: it does unless it names no broker at all, or nothing was heard yet.
pub(super) fn knows_controller<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: the client lives as long as the borrow. Without time to wait, the library answers from what it keeps.
    unsafe { c::rd_kafka_controllerid(client.native_ptr(), 0) >= 0 }
}

/// Tells a client of brokers as `bootstrap.servers` does; those that it knows already stay as they are.
pub(super) fn add_brokers<C: ClientContext>(client: &Client<C>, list: &str) {
    let Ok(list) = c_string(list) else { return };
    // SAFETY: client and list outlive the call; the library copies what it keeps.
    unsafe {
        c::rd_kafka_brokers_add(client.native_ptr(), list.as_ptr());
    }
}

/// Asks which offsets partitions have at these times, and nobody waits for the answer.
pub(super) fn ask_for_offsets<C: ClientContext>(client: &Client<C>, times: &TopicPartitionList) {
    // SAFETY: client and list outlive the call; the library copies what it keeps. Queue and options are created and given back
    // here, once each; an answer that finds the queue gone is dropped by the library.
    unsafe {
        let queue = c::rd_kafka_queue_new(client.native_ptr());
        let options =
            c::rd_kafka_AdminOptions_new(client.native_ptr(), c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS);
        c::rd_kafka_ListOffsets(client.native_ptr(), times.ptr(), options, queue);
        c::rd_kafka_AdminOptions_destroy(options);
        c::rd_kafka_queue_destroy(queue);
    }
}

/// # Safety
/// `event` is the live, non-null answer to a request for one topic.
unsafe fn description(event: *mut c::rd_kafka_event_t, name: &str) -> Result<Option<TopicInfo>, BrokerError> {
    let tried = format!("describe topic {name}");
    // SAFETY: every pointer below belongs to the event, which the caller keeps alive; arrays are read within their counts.
    unsafe {
        let code = RDKafkaErrorCode::from(c::rd_kafka_event_error(event));
        if code != RDKafkaErrorCode::NoError {
            return Err(coded(&tried, code, &text(c::rd_kafka_event_error_string(event))));
        }
        let mut count = 0;
        let topics =
            c::rd_kafka_DescribeTopics_result_topics(c::rd_kafka_event_DescribeTopics_result(event), &mut count);
        if topics.is_null() || count == 0 {
            return Err(unavailable("the broker described nothing"));
        }
        let topic = *topics;
        let error = c::rd_kafka_TopicDescription_error(topic);
        match RDKafkaErrorCode::from(c::rd_kafka_error_code(error)) {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => return Ok(None),
            code => return Err(coded(&tried, code, &text(c::rd_kafka_error_string(error)))),
        }
        let mut partitions = 0;
        c::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let id = text(c::rd_kafka_Uuid_base64str(c::rd_kafka_TopicDescription_topic_id(topic)));
        Ok(Some(TopicInfo { id, partitions: i32::try_from(partitions).expect("a topic has at most 2^31 partitions") }))
    }
}

/// # Safety
/// `chars` is null or a NUL-terminated string that lives until this returns.
unsafe fn text(chars: *const c_char) -> String {
    if chars.is_null() {
        return String::new();
    }
    // SAFETY: see above.
    unsafe { CStr::from_ptr(chars) }.to_string_lossy().into_owned()
}

fn c_string(text: &str) -> Result<CString, BrokerError> {
    CString::new(text).map_err(|_| {
        BrokerError::new(crate::engine::broker::ErrorKind::Fatal, format!("name with a zero byte: {text:?}"))
    })
}
