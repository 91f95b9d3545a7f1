//! The handle: a whole cluster in this process, cheap to clone.

use std::sync::Arc;

use super::consumer::MemoryConsumer;
use super::interference::{CallKind, Interference, Undisturbed};
use super::producer::MemoryProducer;
use super::reader::MemoryReader;
use super::settings::Settings;
use super::shared::{Shared, Waits};
use crate::engine::broker::{Broker, BrokerError, Consumer, Member, Producer, Reader, TopicInfo};
use crate::engine::clock::{Clock, SystemClock};

#[derive(Clone)]
pub struct MemoryBroker {
    pub(super) shared: Arc<Shared>,
}

impl MemoryBroker {
    /// For threads: on the machine's clock, undisturbed.
    pub fn new(settings: Settings) -> MemoryBroker {
        MemoryBroker::disturbed(settings, Arc::new(Undisturbed))
    }

    /// For threads, with interference.
    pub fn disturbed(settings: Settings, interference: Arc<dyn Interference>) -> MemoryBroker {
        MemoryBroker::build(settings, Arc::new(SystemClock::start()), Waits::Sleeps, interference)
    }

    /// For a simulation: no call waits. A poll returns at once; what must repeat itself or is slow calls `clock.sleep`,
    /// which has to let the time pass.
    pub fn simulated(settings: Settings, clock: Arc<dyn Clock>, interference: Arc<dyn Interference>) -> MemoryBroker {
        MemoryBroker::build(settings, clock, Waits::TurnsTheClock, interference)
    }

    /// Lets happen what is due on the broker's clock, and says when the next thing will be.
    pub fn tick(&self) -> Option<i64> {
        self.shared.change(|cluster, _| cluster.next_due())
    }

    fn build(
        settings: Settings,
        clock: Arc<dyn Clock>,
        waits: Waits,
        interference: Arc<dyn Interference>,
    ) -> MemoryBroker {
        MemoryBroker { shared: Arc::new(Shared::new(settings, clock, waits, interference)) }
    }
}

impl Broker for MemoryBroker {
    fn consumer(&self, member: &Member) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(MemoryConsumer::new(self.shared.clone(), member)))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, BrokerError> {
        Ok(Box::new(MemoryProducer::new(self.shared.clone(), transactional_id)?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, BrokerError> {
        Ok(Box::new(MemoryReader::new(self.shared.clone())))
    }

    fn cluster_id(&self) -> Result<String, BrokerError> {
        self.shared.attempt("", CallKind::Metadata)?;
        Ok(super::admin::CLUSTER_ID.to_owned())
    }

    fn topic(&self, name: &str) -> Result<Option<TopicInfo>, BrokerError> {
        self.shared.attempt("", CallKind::Metadata)?;
        Ok(self.shared.with(|cluster, _| {
            cluster.topics.get(name).map(|topic| TopicInfo { id: topic.id.clone(), partitions: topic.partitions() })
        }))
    }
}
