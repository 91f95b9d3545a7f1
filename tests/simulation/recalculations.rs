//! Jobs by reference: asked for as `submit` does it, in the middle of everything, and what must become of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bookflow::cli::exit::Exit;
use bookflow::cli::failure::Failure;
use bookflow::cli::snapshots;
use bookflow::cli::submit::job::Submission;
use bookflow::cli::submit::snapshot::take;
use bookflow::cli::verify::outcome::{AddedUp, add_up};
use bookflow::domain::jobs::job::{JobId, Outcome};
use bookflow::domain::jobs::notice::{Notice, NoticeCode, Severity};
use bookflow::domain::jobs::recalculation::{Recalculation, RecalculationKind, Selection};
use bookflow::domain::jobs::share::Share;
use bookflow::domain::jobs::totals::ControlTotals;
use bookflow::domain::key::Timestamp;
use bookflow::domain::market::snapshot::{Moment, SnapshotName};
use bookflow::engine::broker::{Outgoing, TopicPartition};
use bookflow::engine::clock::Clock;
use bookflow::messages::calculation_request::Asked;
use bookflow::pipeline::topics::{
    CALCULATION_REQUESTS, CASH_FLOWS, HISTORICAL_FLOWS, RECALCULATION_SHARES, WHAT_IF_FLOWS,
};
use chrono::Days;
use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;

use super::history::{History, SCHEMAS};
use super::input;

/// What somebody at a command line wants. What is refused there is not asked for again.
pub enum Wish {
    /// A name for what is known.
    Snapshot,
    Job(u32),
    Cancel(u32),
}

/// In their order; when each comes is rolled at every step.
pub fn wishes(jobs: u32, dice: &mut SmallRng) -> VecDeque<Wish> {
    let mut wishes = VecDeque::new();
    for number in 0..jobs {
        wishes.push_back(Wish::Job(number));
        wishes.extend(dice.random_ratio(1, 8).then_some(Wish::Cancel(number)));
    }
    if jobs > 0 {
        wishes.insert(dice.random_range(0..=wishes.len()), Wish::Snapshot);
    }
    wishes
}

/// Asked for once there is nothing else to do: what may have changed since an earlier job, and everything.
const LAST_SINCE: &str = "LAST-SINCE";
const LAST: &str = "LAST";
const HOUR_US: i64 = 3_600_000_000;

impl History {
    pub(super) fn wish(&mut self, wish: Wish) {
        let job = |number| JobId::new(&format!("JOB-{number}")).expect("a name");
        let done = match wish {
            Wish::Snapshot => take(&self.broker, &SCHEMAS, early()).map(drop),
            Wish::Job(number) => self.ask(job(number)),
            Wish::Cancel(number) => self.cancel(&job(number)),
        };
        // Such as that there is no business date yet.
        let refused = |failure: &Failure| failure.exit == Exit::Precondition;
        assert!(done.as_ref().err().is_none_or(refused), "{done:?}");
    }

    fn ask(&mut self, job: JobId) -> Result<(), Failure> {
        let known = snapshots::named(&self.broker, &SCHEMAS, &early())?;
        let moment = match known.filter(|_| self.dice.random_ratio(1, 3)) {
            Some(known) => known.snapshot.moment,
            None => snapshots::now(&self.broker, &SCHEMAS)?,
        };
        let time = if self.dice.random_ratio(1, 8) { self.dice.random_range(0..3_000_000) } else { HOUR_US };
        let kind = match (self.dice.random_range(0..8), self.earlier(&moment)) {
            (0..=4, Some(since)) => RecalculationKind::Incremental { since },
            (0..=5, _) => RecalculationKind::Full,
            (6, _) => {
                let to = moment.day - Days::new(self.dice.random_range(0..=2));
                RecalculationKind::Historical { from: to - Days::new(self.dice.random_range(0..=15)), to }
            }
            _ => RecalculationKind::WhatIf,
        };
        let mut selection = Selection::default();
        if self.dice.random_ratio(1, 4) {
            selection.securities.insert("SEC0001".into());
        }
        if self.dice.random_ratio(1, 20) {
            self.garble(&job);
        }
        self.submit(job, kind, selection, moment, time)
    }

    fn submit(
        &mut self,
        job: JobId,
        kind: RecalculationKind,
        selection: Selection,
        moment: Moment,
        time_us: i64,
    ) -> Result<(), Failure> {
        let (contracts, points) = match kind {
            RecalculationKind::WhatIf => input::changes(moment.day),
            _ => Default::default(),
        };
        let deadline = Timestamp(self.clock.now_us() + time_us);
        let recalculation = Recalculation { request: 0, deadline, kind, selection, moment };
        let mut submission = Submission::open(&self.broker, SCHEMAS.clone(), &job)?;
        submission.recalculate(Asked { recalculation: recalculation.clone(), contracts, points })?;
        self.tell(|| format!("job {job} is asked for: {recalculation:?}"));
        self.asked.push((job, recalculation));
        Ok(())
    }

    /// Something else under a job's name. The partition answers it as what it cannot calculate, and works the request behind it off all the same.
    fn garble(&mut self, job: &JobId) {
        let partition = self.dice.random_range(0..self.swarm.partitions);
        let to = TopicPartition { topic: CALCULATION_REQUESTS, partition };
        let garbled = Outgoing { to, key: Some(job.as_str().as_bytes()), value: Some(b"?"), headers: &[] };
        self.broker.append(garbled).expect("the topic takes it");
        self.happened("garbled");
    }

    /// A job that an INCREMENTAL one may name: complete, and it knew nothing that this one does not. Whichever of them: the older it is, the more
    /// has changed since.
    fn earlier(&mut self, moment: &Moment) -> Option<JobId> {
        let outcomes = self.outcomes().expect("outcomes");
        let complete = |job: &JobId| outcomes.iter().any(|outcome| outcome.job == *job && outcome.ending.complete());
        let fits = |asked: &Recalculation| replaces(asked) && !asked.moment.known.ahead_of(moment.known);
        let fitting = self.asked.iter().filter(|(job, asked)| fits(asked) && complete(job));
        fitting.choose(&mut self.dice).map(|(job, _)| job.clone())
    }

    /// Whether a job was asked for that has not come to its end.
    pub(super) fn works_on_a_job(&self) -> bool {
        self.asked.len() > self.outcomes().expect("outcomes").len()
    }

    fn cancel(&mut self, job: &JobId) -> Result<(), Failure> {
        let ended = self.outcomes().expect("outcomes").iter().any(|outcome| outcome.job == *job);
        if ended || !self.asked.iter().any(|(asked, _)| asked == job) {
            return Ok(());
        }
        self.tell(|| format!("job {job} is cancelled"));
        Submission::open(&self.broker, SCHEMAS.clone(), job)?.cancel("no longer wanted".into(), true)
    }

    /// Everything once more, when nothing comes any more: it publishes nothing.
    pub(super) fn ask_for_all_again(&mut self) -> Result<(), String> {
        let told = self.records(CASH_FLOWS).count();
        let Ok(moment) = snapshots::now(&self.broker, &SCHEMAS) else { return Ok(()) };
        let since = self.earlier(&moment).map(|since| (LAST_SINCE, RecalculationKind::Incremental { since }));
        for (job, kind) in since.into_iter().chain([(LAST, RecalculationKind::Full)]) {
            let job = JobId::new(job).expect("a name");
            let asked = self.submit(job, kind, Selection::default(), moment, HOUR_US);
            asked.map_err(|failure| format!("{failure:?}"))?;
        }
        self.step_until(History::backlog)?;
        match self.records(CASH_FLOWS).count() - told {
            0 => Ok(()),
            more => Err(format!("{more} records were told by a job over what had been told")),
        }
    }

    /// Partitions that have not come to the end of a job yet.
    pub(super) fn shares_under_way(&self) -> Option<String> {
        let mut shares = BTreeMap::new();
        for value in self.records(RECALCULATION_SHARES).filter_map(|(_, value)| value) {
            let (place, share) = SCHEMAS.decode::<Share>(&value).expect("a share");
            shares.insert((share.job, place.partition), share.end);
        }
        let under_way = shares.into_iter().find(|(_, end)| end.is_none());
        under_way.map(|((job, partition), _)| format!("partition {partition} still works on {job}"))
    }

    /// Each job ended; its totals are those of what it has published, as far as that can be told; and a share has gone on just where it stood.
    pub(super) fn recalculated(&mut self) -> Result<(), String> {
        let outcomes = self.outcomes()?;
        for (job, asked) in self.asked.clone() {
            let of_job = outcomes.iter().find(|outcome| outcome.job == job);
            let Some(outcome @ Outcome { totals, rows, .. }) = of_job else {
                if self.unheard(job.as_str().as_bytes()) {
                    self.happened("unheard");
                    continue;
                }
                return Err(format!("job {job} has no outcome"));
            };
            let last = [LAST, LAST_SINCE].contains(&job.as_str());
            let kind = if last { job.as_str() } else { name(&asked.kind) };
            self.ended_as(kind, &asked, outcome);
            if rows.iter().any(broke_down) || (left_out(rows) && self.letters(CALCULATION_REQUESTS).next().is_none()) {
                return Err(format!("{kind} {job} has run into a defect: {rows:?}"));
            }
            match add_up(&job, &self.broker, &SCHEMAS) {
                Ok(AddedUp { same: true, .. }) => self.happened(&format!("{kind} added_up")),
                Ok(AddedUp { told, found, .. }) => {
                    return Err(format!("{kind} {job} does not add up: it told {told:?}, its flows are {found:?}"));
                }
                Err(failure) if failure.exit == Exit::Precondition && (!last || left_out(rows)) => {}
                Err(failure) => return Err(format!("{kind} {job}: {failure:?}")),
            }
            if last && totals.changed > 0 {
                return Err(format!("{job} is over what had been told, and has found {} differences", totals.changed));
            }
        }
        self.all_is_what_a_part_comes_to(&outcomes)?;
        for topic in [HISTORICAL_FLOWS, WHAT_IF_FLOWS] {
            let mut keys = BTreeSet::new();
            let mut told = self.records(topic).filter_map(|(key, _)| key);
            if let Some(twice) = told.find(|key| !keys.insert(key.clone())) {
                return Err(format!("{topic} has {} twice", String::from_utf8_lossy(&twice)));
            }
        }
        Ok(())
    }

    /// How a job ended, as facts; of an INCREMENTAL one also whether it had to calculate everything.
    fn ended_as(&mut self, kind: &str, asked: &Recalculation, outcome: &Outcome) {
        let Outcome { ending, totals, rows, .. } = outcome;
        let incremental = ending.complete() && matches!(asked.kind, RecalculationKind::Incremental { .. });
        let facts = [
            (ending.name(), true),
            ("complete", ending.complete()),
            ("spared", incremental && totals.calculated < totals.counts.positions),
            ("forgotten", incremental && forgotten(rows)),
        ];
        facts.iter().filter(|(_, so)| *so).for_each(|(fact, _)| self.happened(&format!("{kind} {fact}")));
    }

    /// What the last INCREMENTAL job did not calculate counts as it stands, which is what the last FULL one calculates.
    fn all_is_what_a_part_comes_to(&self, outcomes: &[Outcome]) -> Result<(), String> {
        let of = |name: &str| outcomes.iter().find(|outcome| outcome.job.as_str() == name && !left_out(&outcome.rows));
        let (Some(part), Some(all)) = (of(LAST_SINCE), of(LAST)) else { return Ok(()) };
        let counted = |totals: &ControlTotals| ControlTotals { warnings: 0, calculated: 0, ..totals.clone() };
        let rows = |rows: &[Notice]| rows.iter().filter(|row| row.field != "since").cloned().collect::<Vec<_>>();
        match counted(&part.totals) == counted(&all.totals) && rows(&part.rows) == rows(&all.rows) {
            true => Ok(()),
            false => Err(format!("an INCREMENTAL job comes to {part:?}, a FULL one to {all:?}")),
        }
    }
}

/// Whether an INCREMENTAL job spared nothing, because the earlier one is not known any more as one that calculated all of this.
fn forgotten(rows: &[Notice]) -> bool {
    rows.iter().any(|row| (row.severity, row.field.as_str()) == (Severity::Warning, "since"))
}

/// Whether a part was not calculated.
fn left_out(rows: &[Notice]) -> bool {
    rows.iter().any(|row| (row.severity, row.code) == (Severity::Error, NoticeCode::NotCalculated))
}

/// Whether a position has run into a defect of the calculation; of a turn that saw less than there is nothing is told.
fn broke_down(row: &Notice) -> bool {
    (row.code, row.field.as_str()) == (NoticeCode::NotCalculated, "position")
}

fn early() -> SnapshotName {
    SnapshotName::new("EARLY").expect("a name")
}

fn replaces(asked: &Recalculation) -> bool {
    matches!(asked.kind, RecalculationKind::Full | RecalculationKind::Incremental { .. })
}

fn name(kind: &RecalculationKind) -> &'static str {
    match kind {
        RecalculationKind::Full => "FULL",
        RecalculationKind::Incremental { .. } => "INCREMENTAL",
        RecalculationKind::Historical { .. } => "HISTORICAL",
        RecalculationKind::WhatIf => "WHAT_IF",
    }
}
