//! Topics that a broker does not know: for a while, as those do that come back, or for ever.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;

use super::native;
use crate::engine::broker::{BrokerError, ErrorKind};

/// Brokers that come back know their topics by then.
const WHILE: Duration = Duration::from_secs(45);
/// How long the question whether a topic is still there may take; without an answer it is asked again.
const QUESTION: Duration = Duration::from_secs(5);

/// librdkafka says once that a topic is not known, and is silent about it from then on: without a second look a reader of a
/// topic that was deleted would wait for ever.
#[derive(Default)]
pub(super) struct Missing {
    since: Option<Instant>,
}

impl Missing {
    pub(super) fn reported(&mut self) {
        tracing::warn!(target: "librdkafka", "a broker does not know a topic or partition that is read; it is asked again");
        self.since.get_or_insert_with(Instant::now);
    }

    /// An error once one of these topics is known to be gone.
    pub(super) fn look<C: ClientContext>(
        &mut self,
        client: &Client<C>,
        topics: impl Iterator<Item = &'static str>,
    ) -> Result<(), BrokerError> {
        if self.since.is_none_or(|since| since.elapsed() < WHILE) {
            return Ok(());
        }
        for topic in topics.collect::<BTreeSet<_>>() {
            match native::describe_topic(client, topic, QUESTION) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let message = format!(
                        "topic {topic} has been deleted: `bookflow topics apply` makes an empty one, what was in it is to be restored"
                    );
                    return Err(BrokerError::new(ErrorKind::Fatal, message));
                }
                Err(_) => {
                    self.since = Some(Instant::now());
                    return Ok(());
                }
            }
        }
        self.since = None;
        Ok(())
    }
}
