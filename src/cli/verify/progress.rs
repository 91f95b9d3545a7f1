//! What `collect` keeps of jobs, against what it has published and what it has read.

use std::collections::BTreeMap;

use super::commits;
use super::jobs::{Seen, sum, summary};
use super::report::{Damage, Report};
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::jobs::collect::{Collecting, Progress, Stage};
use crate::domain::jobs::job::{JobId, Outcome};
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_OUTCOMES, JOB_CONTROL, JOB_PROGRESS};

/// Of tasks that stand still: others may have published since. A job that is not kept was forgotten some time after its end.
pub struct Progresses<'a> {
    snapshot: &'a Snapshot,
    kept: BTreeMap<JobId, Progress>,
}

impl<'a> Progresses<'a> {
    pub fn read(
        broker: &dyn Broker,
        schemas: &Schemas,
        snapshot: &'a Snapshot,
        report: &mut Report,
    ) -> Result<Progresses<'a>, Failure> {
        let mut kept = BTreeMap::new();
        for lead in snapshot.partitions(JOB_CONTROL).filter(|lead| snapshot.stand(*lead).still) {
            let state = TopicPartition { topic: JOB_PROGRESS, ..lead };
            for (key, value) in commits::latest(broker, snapshot, snapshot.stand(lead), state)? {
                match schemas.decode::<Progress>(&value) {
                    Ok((_, progress)) => drop(kept.insert(progress.job.clone(), progress)),
                    Err(error) => {
                        let key = String::from_utf8_lossy(&key);
                        report.differs(Damage::Torn, state, key, "how a job stands", error);
                    }
                }
            }
        }
        Ok(Progresses { snapshot, kept })
    }

    /// What is kept of a job that has ended is what was published.
    pub fn endings(&self, published: &BTreeMap<JobId, Seen>, report: &mut Report) {
        let mut partitions = self.snapshot.partitions(CALCULATION_OUTCOMES);
        let whole = partitions.all(|partition| self.snapshot.bounds(partition).start == 0);
        for (job, Progress { stage, first, .. }) in &self.kept {
            let outcomes = published.get(job).map_or(&[][..], |seen| seen.outcomes.as_slice());
            match (stage, outcomes.first()) {
                (Stage::Ended(kept), None) if whole => {
                    report.differs(Damage::Lost, CALCULATION_OUTCOMES, job, shown(kept), "no outcome");
                }
                (Stage::Ended(kept), Some((told, _))) if outcomes.iter().all(|(told, _)| told != kept) => {
                    report.differs(Damage::Torn, JOB_PROGRESS, job, shown(told), shown(kept));
                }
                // A name that comes again once it is forgotten begins after its outcome; a late result of a job that is forgotten announces nothing.
                (Stage::Collecting(kept), Some((told, written))) if kept.started.is_some() && first <= written => {
                    report.differs(Damage::Torn, JOB_PROGRESS, job, shown(told), "a job that has not ended");
                }
                _ => {}
            }
        }
    }

    /// Whether a job is kept as one that has ended.
    pub fn ended(&self, job: &JobId) -> bool {
        self.kept.get(job).is_some_and(|progress| matches!(progress.stage, Stage::Ended(_)))
    }

    /// What is kept of a job that has not ended is what was read of it. One that nobody has announced is forgotten some time after its first record.
    pub fn running(&self, job: &JobId, read: &Seen, report: &mut Report) {
        if read.deadline.is_none() || !self.still(job) {
            return;
        }
        let collecting = match self.kept.get(job).map(|progress| &progress.stage) {
            Some(Stage::Collecting(collecting)) => collecting,
            _ => &Collecting::default(),
        };
        let deadline = collecting.started.as_ref().map(|started| started.deadline);
        let received = collecting.received.0.iter().flat_map(|(&first, &last)| first..=last);
        let totals = sum(&read.results);
        let same = (deadline, collecting.planned) == (read.deadline, read.planned)
            && received.eq(read.results.keys().copied())
            && collecting.totals == totals;
        if !same {
            let expected = format!("{} results, {}", read.results.len(), summary(&totals));
            let found = format!("{} results, {}", collecting.received.count(), summary(&collecting.totals));
            report.differs(Damage::Torn, JOB_PROGRESS, job, expected, found);
        }
    }

    /// Whether the task that collects a job stands still.
    fn still(&self, job: &JobId) -> bool {
        self.snapshot.stand(self.snapshot.home(JOB_CONTROL, job.as_str())).still
    }
}

fn shown(outcome: &Outcome) -> String {
    format!("{} with {}", outcome.ending.name(), summary(&outcome.totals))
}
