//! What is pinned, with the reason beside it, and what a user may set: everything else librdkafka knows, TLS and SASL included.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::config::ClientConfig;

use super::failure::broker_error;
use crate::engine::broker::{BrokerError, ErrorKind, Member};

/// librdkafka sends a lost EndTxn or AddOffsetsToTxn again after this long, give or take a fifth, without a word. Long, so
/// that a normal slow answer (1-30 ms) is never taken for a silently retried one.
pub const RETRY_BACKOFF: Duration = Duration::from_secs(1);

/// Where the cluster is and how to talk to it.
#[derive(Clone)]
pub struct Settings {
    limits: TimeLimits,
    given: BTreeMap<String, String>,
}

/// Numbers that belong together: the broker must end a dead worker's transaction before the group gives its partitions away.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    pub heartbeat: Duration,
    pub session: Duration,
    pub transaction: Duration,
    pub message: Duration,
    pub socket: Duration,
    pub max_poll_interval: Duration,
    /// How often the broker looks for transactions that are over their time (a setting of the broker).
    pub broker_cleanup: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        TimeLimits {
            // A member that keeps its partitions hears only by a heartbeat that the group is dealt out anew, and what moves waits for it:
            // with 3 s, librdkafka's default, a partition stood still for up to 3 s whenever a worker came.
            heartbeat: Duration::from_secs(1),
            session: Duration::from_secs(45),
            transaction: Duration::from_secs(20),
            message: Duration::from_secs(15),
            // librdkafka's default is 60 s: one lost answer would outlive the transaction.
            socket: Duration::from_secs(5),
            max_poll_interval: Duration::from_secs(120),
            broker_cleanup: Duration::from_secs(10),
        }
    }
}

impl TimeLimits {
    /// For a broker that looks for dead transactions every second, as `dev/up` sets it.
    pub fn short() -> Self {
        TimeLimits {
            heartbeat: Duration::from_secs(1),
            session: Duration::from_secs(10),
            transaction: Duration::from_secs(8),
            message: Duration::from_secs(6),
            socket: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(30),
            broker_cleanup: Duration::from_secs(1),
        }
    }

    fn check(&self) -> Result<(), BrokerError> {
        let rules = [
            (self.heartbeat * 3 <= self.session, "session must be at least three heartbeats"),
            (
                self.transaction + self.broker_cleanup < self.session,
                "transaction + broker_cleanup must be below session",
            ),
            (self.message < self.transaction, "message must be below transaction"),
            (self.socket < self.message, "socket must be below message"),
            (self.session <= self.max_poll_interval, "session must not be above max_poll_interval"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(refused(format!("time limits do not belong together: {rule}, have {self:?}"))),
            None => Ok(()),
        }
    }
}

/// What a client is for.
pub(super) enum Use<'a> {
    Consuming(&'a Member),
    Producing(&'a str),
    Reading,
    Asking,
}

/// Pinned for every client, for consuming ones, for producing ones: name, value, reason. No value: set from `TimeLimits`
/// or by the worker.
type Pin = (&'static str, Option<&'static str>, &'static str);

const CONSUMING: &[Pin] = &[
    ("isolation.level", Some("read_committed"), "aborted and open transactions must not be seen"),
    ("enable.auto.commit", Some("false"), "offsets are committed by the transaction only"),
    ("enable.auto.offset.store", Some("false"), "offsets are committed by the transaction only"),
    ("auto.offset.reset", Some("error"), "a missing offset is a loss, never a reason to start somewhere else"),
    ("check.crcs", Some("true"), "a record damaged on the wire must not be booked"),
    ("allow.auto.create.topics", Some("false"), "a mistyped topic must fail, not be created"),
    ("enable.partition.eof", Some("false"), "nobody reads these events"),
    ("group.protocol", Some("classic"), "turns depend on the client-side cooperative protocol"),
    ("partition.assignment.strategy", Some("cooperative-sticky"), "tasks that stay keep running through a rebalance"),
    ("session.timeout.ms", None, "belongs to the other time limits"),
    ("heartbeat.interval.ms", None, "belongs to the other time limits"),
    ("max.poll.interval.ms", None, "belongs to the other time limits"),
    ("group.id", None, "named by the stage"),
    ("group.instance.id", None, "named by the worker"),
];

const PRODUCING: &[Pin] = &[
    ("enable.idempotence", Some("true"), "a repeated request must not write twice"),
    ("acks", Some("all"), "an acknowledged record must survive the loss of a broker"),
    ("max.in.flight", Some("5"), "the most that an idempotent producer may have"),
    ("delivery.report.only.error", Some("false"), "the turn mark needs each record's offset"),
    ("retry.backoff.ms", None, "a slow answer is told from a silently retried one by this"),
    ("retry.backoff.max.ms", None, "must not be below retry.backoff.ms"),
    ("transaction.timeout.ms", None, "belongs to the other time limits"),
    ("message.timeout.ms", None, "belongs to the other time limits"),
    ("transactional.id", None, "named by the worker: it must be stable and unique"),
];

const EVERY: &[Pin] = &[("socket.timeout.ms", None, "belongs to the other time limits")];

/// librdkafka's other names for pinned settings.
const ALIASES: &[(&str, &str)] = &[
    ("request.required.acks", "acks"),
    ("max.in.flight.requests.per.connection", "max.in.flight"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

/// Ours, but a user may know better.
const DEFAULTS: &[(&str, &str)] = &[
    // A lone record waits for this before it leaves: with 1 instead of 5 its turn took 12 ms instead of 23, and full turns
    // cost the same.
    ("linger.ms", "1"),
    // librdkafka's default of a million bytes holds the small records behind it up in the broker: the 99th percentile of one-lot
    // requests beside a job of 160,000 contracts was 97 and 85 ms with it and 74 and 65 with this, in turn; captures were as quick.
    ("batch.size", "131072"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "524288"),
    // What the largest topic takes; the topic's own limit decides.
    ("message.max.bytes", "8388608"),
    // The default of a second would let a quick worker run dry behind a full queue.
    ("fetch.queue.backoff.ms", "20"),
    // A resumed or moved partition joins the next request only after the current one has been answered.
    ("fetch.wait.max.ms", "100"),
    ("queued.max.messages.kbytes", "65536"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.nagle.disable", "true"),
];

impl Settings {
    pub fn new(bootstrap: &str) -> Self {
        let given = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap.to_owned())]);
        Settings { limits: TimeLimits::default(), given }
    }

    pub fn limits(mut self, limits: TimeLimits) -> Result<Self, BrokerError> {
        limits.check()?;
        self.limits = limits;
        Ok(self)
    }

    /// Sets one of librdkafka's properties; a pinned one is refused with the reason.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, BrokerError> {
        let known = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
        if let Some((_, _, reason)) = pins().find(|(pinned, _, _)| *pinned == known) {
            return Err(refused(format!("kafka setting {name} is pinned: {reason}; remove it")));
        }
        self.given.insert(name.to_owned(), value.to_owned());
        Ok(self)
    }

    /// The name under which readers appear: they join no group, but an access rule may need the name.
    pub const READER_GROUP: &'static str = "bookflow.reader";

    /// Whom a client asks first.
    pub(super) fn bootstrap(&self) -> &str {
        &self.given["bootstrap.servers"]
    }

    pub(super) fn time_limits(&self) -> &TimeLimits {
        &self.limits
    }

    pub(super) fn client(&self, r#use: Use<'_>) -> Result<ClientConfig, BrokerError> {
        let mut config = ClientConfig::new();
        let limits = &self.limits;
        set_ms(&mut config, "socket.timeout.ms", limits.socket);
        let given =
            DEFAULTS.iter().copied().chain(self.given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in given {
            if fits(name, &r#use) {
                config.set(name, value);
            }
        }
        match r#use {
            Use::Consuming(member) => {
                pin(&mut config, CONSUMING);
                set_ms(&mut config, "session.timeout.ms", limits.session);
                set_ms(&mut config, "heartbeat.interval.ms", limits.heartbeat);
                set_ms(&mut config, "max.poll.interval.ms", limits.max_poll_interval);
                config.set("group.id", &member.group).set("client.id", &member.client_id);
                if let Some(instance) = &member.instance_id {
                    config.set("group.instance.id", instance);
                }
            }
            Use::Producing(transactional_id) => {
                pin(&mut config, PRODUCING);
                set_ms(&mut config, "retry.backoff.ms", RETRY_BACKOFF);
                set_ms(&mut config, "retry.backoff.max.ms", RETRY_BACKOFF);
                set_ms(&mut config, "transaction.timeout.ms", limits.transaction);
                set_ms(&mut config, "message.timeout.ms", limits.message);
                config.set("transactional.id", transactional_id).set("client.id", transactional_id);
            }
            Use::Reading => {
                pin(&mut config, CONSUMING);
                config.set("group.id", Self::READER_GROUP);
            }
            // As it is, uncommitted records included; librdkafka's own default is committed only.
            Use::Asking => {
                config.set("isolation.level", "read_uncommitted");
            }
        }
        // An unknown name or a wrong value is told here, before anything connects.
        config
            .create_native_config()
            .map_err(|error| refused(broker_error("use these kafka settings", &error).message))?;
        Ok(config)
    }
}

/// Values may be secrets: only names are shown, and where the cluster is.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.given.keys().map(String::as_str).collect();
        f.debug_struct("Settings")
            .field("bootstrap", &self.bootstrap())
            .field("limits", &self.limits)
            .field("given", &names)
            .finish()
    }
}

fn pins() -> impl Iterator<Item = &'static Pin> {
    EVERY.iter().chain(CONSUMING).chain(PRODUCING)
}

fn pin(config: &mut ClientConfig, pins: &[Pin]) {
    for (name, value, _) in pins {
        if let Some(value) = value {
            config.set(*name, *value);
        }
    }
}

/// librdkafka warns about a producer's property on a consumer and the other way round.
fn fits(name: &str, r#use: &Use<'_>) -> bool {
    let producing = matches!(name, "linger.ms" | "compression.type" | "batch.size" | "batch.num.messages")
        || name.starts_with("queue.buffering.");
    let consuming = name.starts_with("fetch.") || name.starts_with("queued.");
    match r#use {
        Use::Producing(_) => !consuming,
        Use::Consuming(_) | Use::Reading | Use::Asking => !producing,
    }
}

fn set_ms(config: &mut ClientConfig, name: &str, time: Duration) {
    config.set(name, time.as_millis().to_string());
}

fn refused(message: String) -> BrokerError {
    BrokerError::new(ErrorKind::Fatal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_setting_is_refused_with_the_reason_under_each_of_its_names() {
        for name in ["acks", "request.required.acks", "isolation.level", "transaction.timeout.ms", "socket.timeout.ms"]
        {
            let refusal = Settings::new("localhost:1").set(name, "1").expect_err(name);
            assert!(refusal.message.contains("is pinned: "), "{refusal}");
        }
    }

    #[test]
    fn an_unknown_setting_is_named_before_anything_connects() {
        let settings = Settings::new("localhost:1").set("isolation.levle", "x").expect("not pinned");
        let refusal = settings.client(Use::Reading).expect_err("unknown");
        assert!(refusal.message.contains("isolation.levle"), "{refusal}");
    }

    #[test]
    fn a_transaction_that_outlives_the_session_is_refused() {
        let limits = TimeLimits { session: Duration::from_secs(25), ..TimeLimits::default() };
        assert!(Settings::new("localhost:1").limits(limits).is_err());
        for limits in [TimeLimits::default(), TimeLimits::short()] {
            Settings::new("localhost:1").limits(limits).expect("belong together");
        }
    }

    #[test]
    fn tls_and_scram_are_compiled_in() {
        let settings = Settings::new("localhost:1")
            .set("security.protocol", "SASL_SSL")
            .and_then(|settings| settings.set("sasl.mechanism", "SCRAM-SHA-512"))
            .and_then(|settings| settings.set("sasl.username", "u"))
            .and_then(|settings| settings.set("sasl.password", "hush"))
            .expect("not pinned");
        assert!(!format!("{settings:?}").contains("hush"));
        super::super::KafkaBroker::new(settings).expect("librdkafka has TLS and SCRAM");
    }
}
