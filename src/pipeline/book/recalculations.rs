//! Jobs by reference that a partition knows, and where the one at the front stands. The source of truth for its share of each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind};
use crate::domain::jobs::share::{Share, ShareEnd};
use crate::domain::key::{PositionKey, Timestamp};
use crate::engine::broker::TopicPartition;
use crate::engine::index::Index;
use crate::engine::stage::Cause;
use crate::engine::table::{Table, Undoable};
use crate::engine::view::Past;
use crate::messages::calculation_request::Asked;
use crate::messages::message::Message;
use crate::messages::schemas::Schemas;
use crate::messages::wire::Unwritable;
use crate::pipeline::codecs::{Jobs, Requested};
use crate::pipeline::due::Number;
use crate::pipeline::knowledge::{KNOWLEDGE, Knowledge, Subject, TOPICS, end};
use crate::pipeline::topics::{self, CONTRACTS, MARKET_DATA, RECALCULATION_SHARES, RECALCULATIONS, REFERENCE_DATA};

pub struct Recalculations {
    requests: Table<JobId, Arc<Requested>>,
    shares: Table<JobId, Share>,
    /// Those that have not ended, in the order in which they were asked for.
    open: Index<(), (i64, JobId), ()>,
    /// Those that have, by when.
    ended: Index<(), (Timestamp, JobId), ()>,
    kept: TimeDelta,
    pub front: Option<Front>,
}

/// What the job at the front needs beside its state; made anew whenever it is not there.
pub struct Front {
    pub job: JobId,
    pub requested: Arc<Requested>,
    /// The views that it calculates with: as they were, and of WHAT_IF with what it changes.
    pub as_it_was: Past,
    pub changed: Option<Past>,
    /// Selected positions in the order of keys, and how many positions have been looked at.
    line: Vec<(PositionKey, Number)>,
    seen: usize,
    /// Of INCREMENTAL: what the earlier job leaves to be done; none where it is no help.
    pub since: Option<Since>,
}

/// What cannot have changed since an earlier job need not be calculated.
pub struct Since {
    /// Everything that flows depend on and that has changed.
    pub changed: HashSet<Subject>,
}

impl Recalculations {
    pub fn new(schemas: &Arc<Schemas>, kept: Duration) -> Self {
        Recalculations {
            requests: Table::new(RECALCULATIONS, Jobs::new(schemas.clone())),
            shares: Table::new(RECALCULATION_SHARES, Jobs::new(schemas.clone())),
            open: Index::default(),
            ended: Index::default(),
            kept: TimeDelta::from_std(kept).unwrap_or(TimeDelta::MAX),
            front: None,
        }
    }

    pub fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.requests);
        visit(&mut self.shares);
        visit(&mut self.open);
        visit(&mut self.ended);
    }

    pub fn on_restored(&mut self) {
        self.open.clear();
        self.ended.clear();
        self.front = None;
        for (_, job, requested) in self.requests.iter() {
            match self.shares.get(job).and_then(|share| share.end) {
                Some(end) => self.ended.put(&(), (end.at, job.clone()), ()),
                None => self.open.put(&(), (requested.place.offset, job.clone()), ()),
            }
        }
    }

    /// Takes a job in; the first request of a name stands.
    pub fn ask(&mut self, job: JobId, asked: Asked, cause: Cause) {
        if self.requests.get(&job).is_some() {
            return;
        }
        let requested = Requested { place: topics::place(cause), asked };
        self.open.put(&(), (requested.place.offset, job.clone()), ());
        self.requests.put(job.clone(), Arc::new(requested), cause);
        self.shares.put(job.clone(), Share::new(job), cause);
    }

    /// Nobody waits for a job any more.
    pub fn cancel(&mut self, job: &JobId, at: Timestamp) {
        if let Some(share) = self.shares.get(job).filter(|share| share.end.is_none()) {
            let end = Some(ShareEnd { at, complete: false });
            self.keep(Share { end, ..share.clone() });
        }
    }

    /// The job that is worked on.
    pub fn first(&self) -> Option<(Arc<Requested>, Share)> {
        let ((_, job), ()) = self.open.scan(&()).next()?;
        Some((self.requests.get(job)?.clone(), self.shares.get(job)?.clone()))
    }

    /// A job whose share here is complete.
    pub fn completed(&self, job: &JobId) -> Option<&Recalculation> {
        self.shares.get(job)?.end.filter(|end| end.complete)?;
        self.requests.get(job).map(|requested| &requested.asked.recalculation)
    }

    pub fn keep(&mut self, share: Share) {
        let Some(requested) = self.requests.get(&share.job) else { return };
        if let Some(end) = share.end {
            self.open.delete(&(), &(requested.place.offset, share.job.clone()));
            self.ended.put(&(), (end.at, share.job.clone()), ());
        }
        self.shares.put(share.job.clone(), share, topics::cause(requested.place));
    }

    /// Forgets one job that ended long ago.
    pub fn forget(&mut self, now: Timestamp) {
        let oldest = self.ended.scan(&()).next().map(|((at, job), ())| (*at, job.clone()));
        let kept_us = self.kept.num_microseconds().unwrap_or(i64::MAX);
        let Some((at, job)) = oldest.filter(|(at, _)| at.0.saturating_add(kept_us) <= now.0) else { return };
        let Some(cause) = self.requests.get(&job).map(|requested| topics::cause(requested.place)) else { return };
        self.ended.delete(&(), &(at, job.clone()));
        self.requests.delete(&job, cause);
        self.shares.delete(&job, cause);
    }
}

impl Front {
    pub fn new(job: JobId, requested: Arc<Requested>, schemas: &Schemas) -> Result<Front, Unwritable> {
        let Asked { recalculation, contracts, points } = &requested.asked;
        let mut then = Vec::new();
        for contract in contracts {
            then.push((CONTRACTS, encoded(schemas, contract)?));
        }
        for point in points {
            let topic = if point.kind.is_market() { MARKET_DATA } else { REFERENCE_DATA };
            then.push((topic, encoded(schemas, point)?));
        }
        let known = recalculation.moment.known;
        let ends = TOPICS.map(|topic| (TopicPartition { topic, partition: 0 }, end(&known, topic))).to_vec();
        let past = |then: Vec<_>| Past { view: KNOWLEDGE, ends: ends.clone(), then: then.into() };
        let changed = (recalculation.kind == RecalculationKind::WhatIf).then(|| past(then));
        let as_it_was = past(Vec::new());
        Ok(Front { job, requested, as_it_was, changed, line: Vec::new(), seen: 0, since: None })
    }

    /// Takes in positions that it has not seen yet, where the selection has them and they are not passed already.
    pub fn line_up(&mut self, keys: &[PositionKey], after: Option<&PositionKey>) {
        let selection = &self.requested.asked.recalculation.selection;
        let new = keys.iter().zip(0..).skip(self.seen);
        let new = new.filter(|(key, _)| selection.has_position(key) && after.is_none_or(|after| *key > after));
        let before = self.line.len();
        self.line.extend(new.map(|(key, number)| (key.clone(), number)));
        self.seen = keys.len();
        if self.line.len() > before {
            // What is there already is one run.
            self.line.sort();
        }
    }

    /// The positions behind one, in order.
    pub fn behind(&self, after: Option<&PositionKey>) -> &[(PositionKey, Number)] {
        let passed = after.map_or(0, |after| self.line.partition_point(|(key, _)| key <= after));
        &self.line[passed..]
    }
}

impl Since {
    /// What has changed between an earlier job's moment and now. What has changed after this job's own counts, too: what was told may be of then.
    pub fn new(earlier: &Recalculation, knowledge: &Knowledge) -> Since {
        let known = earlier.moment.known;
        let changed = knowledge.changed_after(0).filter(|(_, cause)| cause.offset >= end(&known, cause.topic));
        Since { changed: changed.map(|(subject, _)| subject.clone()).collect() }
    }
}

fn encoded<M: Message<Cause = Option<crate::domain::trade::captured::Place>>>(
    schemas: &Schemas,
    message: &M,
) -> Result<Vec<u8>, Unwritable> {
    let mut value = Vec::new();
    schemas.encode(message, None, &mut value)?;
    Ok(value)
}
