//! When a healed history has worked everything off, and whether all is as it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use bookflow::cli::verify::audit;
use bookflow::cli::verify::report::Report;
use bookflow::domain::jobs::job::Outcome;
use bookflow::engine::broker::{Broker, Member, TopicPartition};
use bookflow::engine::stage::Cause;
use bookflow::memory::LogEntry;
use bookflow::messages::dead_letter::DeadLetter;
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::flows::NOT_CALCULATED;
use bookflow::pipeline::topics::{
    self, CALCULATION_OUTCOMES, CAPTURED_ACTIONS, CASH_FLOWS, DEAD_LETTERS, JOB_CONTROL, JOB_PROGRESS,
};

use super::facts::{Facts, add};
use super::history::{History, SCHEMAS};
use super::mischief::{REJECTED_LATE, SPOILS_ITS_TURN};
use super::witness::{Evidence, Place};

impl History {
    /// Input partitions that are not consumed to their end, jobs that have not ended.
    pub(super) fn backlog(&self) -> Vec<String> {
        let mut behind = Vec::new();
        let stages: BTreeSet<_> = self.seats.iter().map(|seat| seat.stage).collect();
        for stage in stages {
            let spec = self.topology.stage(stage).expect("a stage of ours");
            let member = Member { group: spec.group(), client_id: "judge".into(), instance_id: None };
            let mut consumer = self.broker.consumer(&member).expect("nothing goes wrong any more");
            let inputs: Vec<_> = (0..self.swarm.partitions).flat_map(|partition| spec.inputs(partition)).collect();
            let Ok(committed) = consumer.committed(&inputs, Duration::ZERO) else {
                behind.push(format!("{stage}: offsets pending"));
                continue;
            };
            for (input, committed) in inputs.into_iter().zip(committed) {
                let next = committed.map_or(0, |committed| committed.offset);
                if self.unread(input, next) {
                    behind.push(format!("{input} at {next}"));
                }
            }
        }
        if behind.is_empty() {
            behind.extend(self.not_ended().map(|job| format!("job {job} has not ended")));
        }
        behind.extend(self.shares_under_way());
        behind
    }

    /// What cannot be proved yet: cash flows that are still to be told. Differences are for the verdict.
    pub(super) fn owed(&self) -> Vec<String> {
        self.audit().map_or_else(|wrong| vec![wrong], |report| report.unproved)
    }

    /// Whether a committed record stands at or after this offset; markers do not count.
    fn unread(&self, input: TopicPartition, next: i64) -> bool {
        let entries = self.broker.entries(input).expect("a topic of ours");
        entries.iter().any(|entry| matches!(entry, LogEntry::Record { offset, .. } if *offset >= next))
    }

    fn not_ended(&self) -> Option<String> {
        let keys = |topic| -> BTreeSet<_> { self.records(topic).filter_map(|(key, _)| key).collect() };
        // Of one that ended long ago only the outcome is left.
        let (begun, ended) = (keys(JOB_PROGRESS), keys(CALCULATION_OUTCOMES));
        let job = begun.difference(&ended).find(|job| !self.unheard(job))?;
        Some(String::from_utf8_lossy(job).into_owned())
    }

    /// Whether a word about a job has become a dead letter: without its announcement or its plan it does not end before its deadline, or never.
    pub(super) fn unheard(&self, job: &[u8]) -> bool {
        self.letters(JOB_CONTROL).any(|letter| letter.key.as_deref() == Some(job))
    }

    /// Dead letters of a topic's records.
    pub(super) fn letters(&self, topic: &'static str) -> impl Iterator<Item = DeadLetter> {
        let letters = self.records(DEAD_LETTERS).filter_map(|(_, value)| value);
        let read = letters.map(|value| SCHEMAS.decode::<DeadLetter>(&value).expect("a letter"));
        read.filter(move |(place, _)| topics::cause(*place).topic == topic).map(|(_, letter)| letter)
    }

    /// Keys and values of a topic's committed records.
    pub(super) fn records(&self, topic: &'static str) -> impl Iterator<Item = (Option<Vec<u8>>, Option<Vec<u8>>)> {
        let entries = (0..self.swarm.partitions).flat_map(move |partition| {
            self.broker.entries(TopicPartition { topic, partition }).expect("a topic of ours")
        });
        entries.filter_map(|entry| match entry {
            LogEntry::Record { key, value, .. } => Some((key, value)),
            _ => None,
        })
    }

    fn audit(&self) -> Result<Report, String> {
        audit(&self.broker, &SCHEMAS, 10).map_err(|failure| format!("audit: {failure:?}"))
    }

    pub(super) fn judge(&mut self) -> Result<(), String> {
        let report = self.audit()?;
        if !report.clean() {
            return Err(format!("{:#?}", report.differences));
        }
        if !report.proved() {
            return Err(format!("unproved: {}", report.unproved.join("; ")));
        }
        let condemned = self.condemned()?;
        add(&mut self.facts, condemned);
        self.tellings()?;
        self.endings()?;
        self.recalculated()?;
        let counts = report.counts;
        let (copies_read, copies_refused) = self.copies.counts();
        let counted = [
            ("records", counts.records),
            ("accepted", counts.accepted),
            ("duplicates", counts.duplicates),
            ("held", counts.held),
            ("dead_letters", counts.dead_letters),
            ("rebooks", counts.rebooks),
            ("jobs", counts.jobs),
            ("flows_calculated_again", counts.told),
            ("copy_read", copies_read),
            ("copy_refused", copies_refused),
            ("stalled", self.witness.stalls.load(Ordering::Relaxed)),
            ("share_resumed", self.witness.resumed.load(Ordering::Relaxed)),
            ("actions_captured", self.records(CAPTURED_ACTIONS).count() as u64),
            ("workers_started", self.started as u64),
        ];
        let counted = counted.into_iter().filter(|(_, times)| *times > 0);
        add(&mut self.facts, counted.map(|(fact, times)| (fact.into(), times)).collect::<Facts>());
        add(&mut self.facts, self.nemesis.facts());
        add(&mut self.facts, self.ear.heard());
        Ok(())
    }

    /// Whoever tells a position's cash flows knows at least what was known the last time. And no position here runs into a defect of the
    /// calculation: where a turn sees less than there is because a segment is spoilt, nothing of it is told.
    fn tellings(&mut self) -> Result<(), String> {
        let mut known = BTreeMap::new();
        let told: Vec<_> = self.records(CASH_FLOWS).filter_map(|(key, value)| Some((key?, value?))).collect();
        for (key, value) in &told {
            let (_, PositionFlows { snapshot, rows, .. }) =
                SCHEMAS.decode::<PositionFlows>(value).map_err(|error| error.to_string())?;
            let (blocked, _) = rows.read().map_err(|error| error.to_string())?;
            if let Some(defect) = blocked.iter().find(|blocked| blocked.obstacle.reason == NOT_CALCULATED) {
                return Err(format!("{}: {}", String::from_utf8_lossy(key), defect.obstacle.message));
            }
            let now = [snapshot.contracts, snapshot.market_data, snapshot.reference_data];
            if let Some(before) =
                known.insert(key, now).filter(|before| now.iter().zip(before).any(|(now, before)| now < before))
            {
                let key = String::from_utf8_lossy(key);
                return Err(format!("the flows of {key} were told with {now:?} of the views, after {before:?}"));
            }
        }
        *self.facts.entry("cash_flows_told".into()).or_default() += told.len() as u64;
        Ok(())
    }

    /// How jobs ended, as a fact each.
    fn endings(&mut self) -> Result<(), String> {
        self.outcomes()?.iter().for_each(|outcome| self.happened(outcome.ending.name()));
        Ok(())
    }

    pub(super) fn outcomes(&self) -> Result<Vec<Outcome>, String> {
        let values = self.records(CALCULATION_OUTCOMES).filter_map(|(_, value)| value);
        let read = |value: Vec<u8>| SCHEMAS.decode::<Outcome>(&value).map(|(_, outcome)| outcome);
        values.map(read).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    /// What records were condemned for, none of them in vain. The auditor believes such letters, and no generated record
    /// panics or kills; but now and then chance takes two processes in a row that had the same record alone in hand, and
    /// nobody can tell that from a record that kills.
    fn condemned(&self) -> Result<Facts, String> {
        let mut condemned = Facts::default();
        for value in self.records(DEAD_LETTERS).filter_map(|(_, value)| value) {
            let (place, letter) = SCHEMAS.decode::<DeadLetter>(&value).map_err(|error| error.to_string())?;
            let Cause { topic, partition, offset } = topics::cause(place);
            let record = (TopicPartition { topic, partition }, offset);
            let deserved = match letter.reason.as_str() {
                "kills_process" => self.witness.mischief.kills(record) || self.deserved(record),
                REJECTED_LATE => self.witness.mischief.rejects(record),
                SPOILS_ITS_TURN => self.witness.mischief.spoils(record),
                // No generated record is so large.
                "too_large" | "unencodable" | "out_of_range" => false,
                // The auditor works the others out.
                _ => continue,
            };
            if !deserved {
                return Err(format!("dead letter {} for {}@{offset}: {}", letter.reason, record.0, letter.message));
            }
            *condemned.entry(format!("condemned {}", letter.reason)).or_default() += 1;
        }
        Ok(condemned)
    }

    /// An attempt counts from its mark on. An owner can fall between that and the first touch only while the end of the
    /// mark's own transaction is in doubt.
    fn deserved(&self, record: Place) -> bool {
        let doubts = self.ear.count("txn_total ambiguous");
        match self.witness.evidence(record) {
            Evidence::Twice => true,
            Evidence::Once => doubts >= 1,
            Evidence::None => doubts >= 2,
        }
    }
}
