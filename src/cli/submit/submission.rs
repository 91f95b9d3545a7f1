//! What a file states -> what is sent, unchanged, corrected or rejected; on a dry run with the positions that it would reach.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::json;

use super::known::{self, Known, Reference};
use super::radius::{Radius, radius};
use super::rejected::Rejected;
use super::sender::Sender;
use super::series::Row;
use super::versions::{Verdict, Versions};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::partitions;
use crate::domain::trade::captured::Place;
use crate::engine::broker::Broker;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::points::{About, Stated, StatedPoint, with_version};
use crate::messages::message::Message;
use crate::messages::request::InvalidValue;
use crate::messages::schemas::Schemas;
use crate::pipeline::knowledge::Subject;

/// A topic that is about to be written to.
pub struct Submission {
    pub broker: Arc<dyn Broker>,
    pub schemas: Arc<Schemas>,
    topic: &'static str,
    partitions: i32,
    /// None: only looked at.
    sender: Option<Sender>,
    rejected: Rejected,
    new: u64,
    corrected: u64,
    unchanged: u64,
    subjects: HashSet<Subject>,
    value: Vec<u8>,
}

impl Submission {
    pub fn open(session: &Session, topic: &'static str, file: &str, dry_run: bool) -> Result<Submission, Failure> {
        let config = session.config()?;
        let broker = parts::broker(&config)?;
        Ok(Submission {
            schemas: parts::schemas(&config)?,
            topic,
            partitions: partitions(broker.as_ref(), topic)?,
            sender: if dry_run { None } else { Some(Sender::open(broker.as_ref())?) },
            rejected: Rejected::beside(file),
            new: 0,
            corrected: 0,
            unchanged: 0,
            subjects: HashSet::new(),
            value: Vec::new(),
            broker,
        })
    }

    /// Keeps what was read; the rest is rejected with its path and reason.
    pub fn read<T>(&mut self, rows: Vec<Result<T, InvalidValue>>) -> Result<Vec<T>, Failure> {
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(row) => read.push(row),
                Err(invalid) => self.reject(&invalid.path.to_string(), &invalid.problem)?,
            }
        }
        Ok(read)
    }

    /// The same for rows of CSV.
    pub fn read_rows(&mut self, rows: Vec<Row>) -> Result<Vec<StatedPoint>, Failure> {
        let mut read = Vec::with_capacity(rows.len());
        for row in rows {
            match row.read {
                Ok(point) => read.push(point),
                Err(reason) => self.rejected.add(row.line, &reason, &row.text)?,
            }
        }
        Ok(read)
    }

    fn reject(&mut self, path: &str, reason: &str) -> Result<(), Failure> {
        Ok(self.rejected.add_at(path, reason)?)
    }

    /// Sends values of the market, each version once.
    pub fn send_points(&mut self, stated: Vec<StatedPoint>) -> Result<(), Failure> {
        let mut known = known::nothing(stated.iter().map(|point| &point.about));
        known::points(self.broker.as_ref(), &self.schemas, self.topic, &mut known)?;
        self.send_known(stated, &mut known)
    }

    /// Sends reference data. Of business dates the one that was sent last counts: going back to one is a version of its own.
    pub fn send_reference(&mut self, mut stated: Vec<StatedPoint>, day: Option<NaiveDate>) -> Result<(), Failure> {
        let mut known = known::nothing(stated.iter().map(|point| &point.about));
        known::points(self.broker.as_ref(), &self.schemas, self.topic, &mut known)?;
        for point in &mut stated {
            if point.about.kind == DataKind::BusinessDate && point.about.date != day {
                point.version = known.get(&point.about).map(Versions::next);
            }
        }
        self.send_known(stated, &mut known)
    }

    fn send_known(&mut self, stated: Vec<StatedPoint>, known: &mut Known<About, Value>) -> Result<(), Failure> {
        let subject = |about: &About| Subject::of(about.kind, &about.name, &about.detail);
        self.send(stated, known, subject, |about, version, value| {
            let About { kind, name, detail, date } = about;
            // Dividends and corporate actions name their version themselves.
            let value = match value {
                Value::Terms(json) if matches!(kind, DataKind::Dividend | DataKind::CorporateAction) => {
                    Value::Terms(with_version(&json, version))
                }
                value => value,
            };
            let point = DataPoint { kind, name, detail, date, version, value };
            (point.key(), point)
        })
    }

    /// Sends what differs from what is known.
    pub fn send<A: Hash + Eq, V: PartialEq + Clone, M: Message<Cause = Option<Place>>>(
        &mut self,
        stated: Vec<Stated<A, V>>,
        known: &mut Known<A, V>,
        subject: impl Fn(&A) -> Result<Option<Subject>, String>,
        message: impl Fn(A, u32, V) -> (String, M),
    ) -> Result<(), Failure> {
        for Stated { path, about, version, value } in stated {
            let judged = subject(&about).and_then(|subject| {
                let versions = known.get_mut(&about).expect("everything in the file was looked up");
                Ok((subject, versions.judge(version, &value)?))
            });
            let (subject, version) = match judged {
                Err(reason) => {
                    self.reject(&path, &reason)?;
                    continue;
                }
                Ok((_, Verdict::Unchanged)) => {
                    self.unchanged += 1;
                    continue;
                }
                Ok((subject, Verdict::New(version))) => {
                    self.new += 1;
                    (subject, version)
                }
                Ok((subject, Verdict::Corrected(version))) => {
                    self.corrected += 1;
                    (subject, version)
                }
            };
            self.subjects.extend(subject);
            let Some(sender) = &mut self.sender else { continue };
            let (key, message) = message(about, version, value);
            self.value.clear();
            let encoded = self.schemas.encode(&message, None, &mut self.value);
            encoded.map_err(|error| Failure::new(Exit::Failed, format!("{path}: {error}")))?;
            sender.send(self.topic, self.partitions, key.as_bytes(), &self.value)?;
        }
        Ok(())
    }

    /// Ends the last transaction and reports.
    pub fn finish(mut self, session: &Session) -> Result<Exit, Failure> {
        let reached = match &mut self.sender {
            Some(sender) => {
                sender.finish().map_err(|failure| {
                    let again = "submit the same file again: what is on the topic already is not sent twice";
                    failure.next(again)
                })?;
                None
            }
            None => {
                let mut reference = Reference::read(self.broker.as_ref(), &self.schemas)?;
                Some(radius(self.broker.as_ref(), &self.schemas, &self.subjects, &mut reference)?)
            }
        };
        self.rejected.finish()?;
        let Submission { new, corrected, unchanged, ref rejected, .. } = self;
        let file = (rejected.count > 0).then(|| rejected.path.display().to_string());
        let mut json = json!({
            "dry_run": reached.is_some(), "sent": new + corrected, "corrected": corrected, "unchanged": unchanged,
            "rejected": rejected.count, "rejected_file": file,
        });
        let would = if reached.is_some() { "would be " } else { "" };
        let mut human =
            format!("{} {would}sent, {corrected} of them corrections; {unchanged} unchanged", new + corrected);
        if let Some(file) = &file {
            human += &format!("; {} rejected: see {file}", rejected.count);
        }
        if let Some(Radius { positions, contracts }) = &reached {
            let by_contract: Vec<_> = contracts
                .iter()
                .map(|(contract, positions)| json!({ "contract": contract.as_str(), "positions": positions }))
                .collect();
            json["positions"] = (*positions).into();
            json["contracts"] = by_contract.into();
            human += &format!("\nreaches {positions} positions under {} contracts", contracts.len());
            for (contract, positions) in contracts {
                human += &format!("\n  {contract:<32} {positions:>8}");
            }
        }
        if new + corrected + unchanged + rejected.count == 0 {
            session.output.note(format!(
                "nothing in it belongs on {}: `submit contracts`, `submit market-data` and `submit reference-data` each take their own part of \
                 a document",
                self.topic
            ));
        }
        session.output.say(json, human)?;
        Ok(if rejected.count == 0 { Exit::Ok } else { Exit::Partial })
    }
}
