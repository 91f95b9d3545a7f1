//! What was published, and what it was calculated from, as the topics have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Wanted, damaged};
use crate::cli::failure::Failure;
use crate::cli::tail::{From, Tail, partitions};
use crate::domain::flows::row::Snapshot;
use crate::domain::jobs::chunk::ContractFlows;
use crate::domain::jobs::job::JobId;
use crate::domain::key::PositionKey;
use crate::domain::lots::happen::Happen;
use crate::domain::lots::lot::{Lot, LotChange};
use crate::domain::lots::position::Position;
use crate::domain::lots::shelf::Shelf;
use crate::domain::trade::capture::Capture;
use crate::domain::trade::captured::{CapturedTrade, Place};
use crate::engine::batch::Record;
use crate::engine::broker::{Broker, TopicPartition};
use crate::engine::view::ViewTable;
use crate::messages::calculation_request::Asked;
use crate::messages::captured_action::CapturedAction;
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::key::{of_job, parse_trade_key};
use crate::messages::message::Message;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::knowledge::{Knowledge, TOPICS, end};
use crate::pipeline::topics::{
    self, CALCULATION_REQUESTS, CAPTURED_ACTIONS, CAPTURED_TRADES, CASH_FLOWS, CONTRACTS, JOB_CASH_FLOWS, LOTS,
    MARKET_DATA, POSITIONS, REFERENCE_DATA,
};

pub struct Log<'a> {
    pub broker: &'a dyn Broker,
    pub schemas: &'a Arc<Schemas>,
}

/// A position as it is.
#[derive(Default)]
pub struct Standing {
    pub shelf: Shelf,
    /// What its trades, lots and actions were worked out for.
    causes: Vec<Place>,
}

impl Standing {
    pub fn revision(&self) -> u64 {
        self.shelf.position.as_ref().map_or(0, |position| position.revision)
    }

    /// Whether other lots may have been there when flows were told: what contracts and issuers say of lots changes no revision.
    pub fn changed_since(&self, told: &PositionFlows, cause: Place) -> bool {
        let later = |other: &Place| match topics::cause(*other).topic {
            topic @ (CONTRACTS | REFERENCE_DATA) => other.offset >= end(&told.snapshot, topic),
            CALCULATION_REQUESTS => other.topic == cause.topic && other.offset > cause.offset,
            _ => false,
        };
        told.revision != self.revision() || self.causes.iter().any(later)
    }
}

impl Log<'_> {
    /// What counts now of positions and has the flow in it.
    pub fn now(&self, wanted: &Wanted<'_>) -> Result<Option<(Place, PositionFlows)>, Failure> {
        let mut found = BTreeMap::<PositionKey, (Place, PositionFlows)>::new();
        let position = wanted.position.map(str::as_bytes);
        let tail = position.map(|position| Tail::of_key(self.broker, CASH_FLOWS, position, From::Start));
        tail.unwrap_or_else(|| Tail::open(self.broker, CASH_FLOWS, From::Start))?.to_end(|record| {
            let Some(value) = record.value else { return Ok(()) };
            let (cause, told) = self.schemas.decode::<PositionFlows>(value).map_err(damaged)?;
            if wanted.is_in(&told)? {
                found.insert(told.key.clone(), (cause, told));
            } else if found.get(&told.key).is_some_and(|(_, known)| known.part == told.part) {
                found.remove(&told.key);
            }
            Ok(())
        })?;
        one(found)
    }

    /// The last record of a job by reference that has the flow in it.
    pub fn by_reference(
        &self,
        topic: &'static str,
        wanted: &Wanted<'_>,
    ) -> Result<Option<(Place, PositionFlows)>, Failure> {
        let mut found = BTreeMap::<PositionKey, (Place, PositionFlows)>::new();
        self.each_of(wanted.job, topic, |_, cause, told: PositionFlows| {
            if wanted.is_in(&told)? && wanted.day.is_none_or(|day| told.day == Some(day)) {
                // All that is published of a position is in one partition, in order.
                found.insert(told.key.clone(), (cause, told));
            }
            Ok(())
        })?;
        one(found)
    }

    /// The last record of a job that brought its contracts that has the flow in it.
    pub fn of_chunks(&self, wanted: &Wanted<'_>) -> Result<Option<(Place, JobCashFlows)>, Failure> {
        let id = wanted.id;
        let mut last: Option<(i64, Place, JobCashFlows)> = None;
        self.each_of(wanted.job, JOB_CASH_FLOWS, |at, cause, published: JobCashFlows| {
            let ContractFlows { flows, rows, .. } = &published.flows;
            let has_it = flows.iter().any(|flow| flow.id == id) || rows.iter().any(|row| row.id == id);
            if has_it && last.as_ref().is_none_or(|(known, ..)| *known <= at) {
                last = Some((at, cause, published));
            }
            Ok(())
        })?;
        Ok(last.map(|(_, cause, published)| (cause, published)))
    }

    /// Each record of a job, or of all jobs, with the time at which it was written and its cause.
    fn each_of<M: Message<Cause = Place>>(
        &self,
        job: Option<&JobId>,
        topic: &'static str,
        mut take: impl FnMut(i64, Place, M) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let beginning = job.map(of_job).unwrap_or_default().into_bytes();
        Tail::open(self.broker, topic, From::Start)?.to_end(|record| {
            let of_job = record.key.unwrap_or_default().starts_with(&beginning);
            let Some(value) = record.value.filter(|_| of_job) else { return Ok(()) };
            let (cause, message) = self.schemas.decode::<M>(value).map_err(damaged)?;
            take(record.timestamp_us, cause, message)
        })
    }

    /// The record at a place; none once retention has taken it.
    pub fn record<M: Message>(&self, place: Place) -> Result<Option<M>, Failure> {
        let at = topics::cause(place);
        if !(0..partitions(self.broker, at.topic)?).contains(&at.partition) {
            return Err(damaged(format!("{place:?} is no place of a record")));
        }
        let from = TopicPartition { topic: at.topic, partition: at.partition };
        let Some(mut tail) = Tail::of_record(self.broker, from, at.offset)? else { return Ok(None) };
        let mut found = None;
        tail.to_end(|record| {
            if let Some(value) = record.value.filter(|_| record.offset == at.offset) {
                found = Some(self.schemas.decode::<M>(value).map_err(damaged)?.1);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The position with its trades and lots as they are.
    pub fn position(&self, key: &PositionKey) -> Result<Standing, Failure> {
        let mut standing = Standing::default();
        let Standing { shelf, causes } = &mut standing;
        self.each(CAPTURED_TRADES, key, |cause, trade: CapturedTrade| {
            if trade.key == *key {
                causes.push(cause);
                shelf.keep(Capture { trades: vec![trade], ..Capture::default() });
            }
        })?;
        self.each(CAPTURED_ACTIONS, key, |cause, action: CapturedAction| {
            if action.key == *key {
                causes.push(cause);
                shelf.keep_happen(Happen { happened: vec![action.happened], ..Happen::default() });
            }
        })?;
        Tail::of_key(self.broker, LOTS, key.as_str().as_bytes(), From::Start)?.to_end(|record| {
            let of = record.key.and_then(parse_trade_key).filter(|(position, _)| position == key);
            let Some((_, id)) = of else { return Ok(()) };
            let lot = record.value.map(|value| self.schemas.decode::<Lot>(value)).transpose().map_err(damaged)?;
            let change = lot.map_or(LotChange::Close(id), |(_, lot)| LotChange::Put(lot));
            shelf.keep(Capture { lots: vec![change], ..Capture::default() });
            Ok(())
        })?;
        self.each(POSITIONS, key, |cause, position: Position| {
            if position.key == *key {
                causes.push(cause);
                shelf.policy = position.relief.clone();
                shelf.position = Some(position);
            }
        })?;
        Ok(standing)
    }

    /// Each record in the partition of a position.
    fn each<M: Message<Cause = Place>>(
        &self,
        topic: &'static str,
        key: &PositionKey,
        mut take: impl FnMut(Place, M),
    ) -> Result<(), Failure> {
        Tail::of_key(self.broker, topic, key.as_str().as_bytes(), From::Start)?.to_end(|record| {
            if let Some(value) = record.value {
                let (cause, message) = self.schemas.decode::<M>(value).map_err(damaged)?;
                take(cause, message);
            }
            Ok(())
        })
    }

    /// What was known when flows were calculated.
    pub fn knowledge(&self, snapshot: Snapshot) -> Result<Knowledge, Failure> {
        let mut knowledge = Knowledge::new(self.schemas.clone());
        for topic in TOPICS {
            let end = end(&snapshot, topic);
            Tail::open(self.broker, topic, From::Start)?.to_end(|record| {
                if record.offset < end {
                    // What the stage could not read counted for nothing there either.
                    let _ = knowledge.apply(record);
                }
                Ok(())
            })?;
        }
        Ok(knowledge)
    }

    /// The same with what a WHAT_IF job changes.
    pub fn changed(&self, asked: &Asked) -> Result<Knowledge, Failure> {
        let mut knowledge = self.knowledge(asked.recalculation.moment.known)?;
        let mut then = Vec::new();
        for contract in &asked.contracts {
            then.push((CONTRACTS, self.encoded(contract, None)?));
        }
        for point in &asked.points {
            let topic = if point.kind.is_market() { MARKET_DATA } else { REFERENCE_DATA };
            then.push((topic, self.encoded(point, None)?));
        }
        for (topic, value) in &then {
            let (from, offset) = (TopicPartition { topic, partition: 0 }, end(&knowledge.snapshot(), topic));
            let record = Record { from, offset, timestamp_us: 0, key: None, value: Some(value), headers: &[] };
            let _ = knowledge.apply(&record);
        }
        Ok(knowledge)
    }

    pub fn encoded<M: Message>(&self, message: &M, cause: M::Cause) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.schemas.encode(message, cause, &mut bytes).map_err(damaged)?;
        Ok(bytes)
    }
}

/// Lots have names of their own in each position alone: under one contract two positions may have flows of one id.
fn one(found: BTreeMap<PositionKey, (Place, PositionFlows)>) -> Result<Option<(Place, PositionFlows)>, Failure> {
    if found.len() > 1 {
        let positions: Vec<_> = found.keys().map(PositionKey::as_str).collect();
        return Err(Failure::usage(format!("several positions have a flow with this id: {}", positions.join(", ")))
            .next("say of which it is: --position"));
    }
    Ok(found.into_values().next())
}
