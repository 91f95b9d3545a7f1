//! A file of trades or lots onto the topic `trades`; good rows go on, bad ones into a file with line and reason.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::rejected::Rejected;
use super::rows::{self, Form, Reading, Row};
use super::sender::Sender;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::cli::tail::partitions;
use crate::messages::schemas::Schemas;
use crate::messages::trade::Delivery;
use crate::pipeline::topics::TRADES;

/// Where rows come from, and whether they are sent.
#[derive(clap::Args, Debug)]
pub struct Source {
    /// The file, or - for standard input
    file: String,
    /// Form of the file
    #[arg(long, value_enum, default_value = "auto")]
    form: Form,
    /// Read and check only, send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Submits rows; `what` they are is said in the answer.
pub fn submit(source: &Source, what: &'static str, reading: &dyn Reading, session: &Session) -> Result<Exit, Failure> {
    let file = source.file.as_str();
    let (input, size) = open(file)?;
    let mut submission = Submission {
        target: if source.dry_run { None } else { Some(Target::open(session)?) },
        rejected: Rejected::beside(file),
        what,
        count: 0,
        last_line: 0,
        committed_line: 0,
    };
    let bar = session.output.progress(size, "bytes");
    let input = bar.wrap_read(input);
    let csv = source.form == Form::Csv || (source.form == Form::Auto && file.ends_with(".csv"));
    let take = |row| {
        reading.check()?;
        submission.take(row)
    };
    let read = match csv {
        true => rows::csv(input, reading, take),
        false => rows::ndjson(BufReader::with_capacity(1 << 18, input), reading, take),
    };
    let ended = read.and_then(|()| submission.finish());
    bar.finish_and_clear();
    submission.rejected.finish()?;
    ended.map_err(|failure| submission.explain(failure))?;
    submission.report(session)
}

/// The input, and its size where that is known.
fn open(file: &str) -> Result<(Box<dyn Read>, u64), Failure> {
    if file == "-" {
        return Ok((Box::new(io::stdin()), 0));
    }
    let opened = File::open(Path::new(file)).and_then(|opened| Ok((opened.metadata()?.len(), opened)));
    let (size, opened) = opened.map_err(|error| Failure::from(error).during(file))?;
    Ok((Box::new(opened), size))
}

struct Submission {
    /// None: only looked at.
    target: Option<Target>,
    rejected: Rejected,
    what: &'static str,
    count: u64,
    last_line: u64,
    /// All rows up to here are in committed transactions.
    committed_line: u64,
}

struct Target {
    schemas: Arc<Schemas>,
    sender: Sender,
    partitions: i32,
    value: Vec<u8>,
}

impl Target {
    fn open(session: &Session) -> Result<Target, Failure> {
        let config = session.config()?;
        let broker = parts::broker(&config)?;
        let partitions = partitions(broker.as_ref(), TRADES)?;
        let schemas = parts::schemas(&config)?;
        Ok(Target { schemas, sender: Sender::open(broker.as_ref())?, partitions, value: Vec::new() })
    }

    fn send(&mut self, delivery: &Delivery) -> Result<bool, Failure> {
        let key = delivery.key().as_str();
        self.value.clear();
        self.schemas
            .encode(delivery, None, &mut self.value)
            .map_err(|error| Failure::new(Exit::Failed, format!("a row for {key}: {error}")))?;
        self.sender.send(TRADES, self.partitions, key.as_bytes(), &self.value)
    }
}

impl Submission {
    fn take(&mut self, row: Row) -> Result<(), Failure> {
        match row.deliveries {
            Err(error) => self.rejected.add(row.line, &error.0, &row.text)?,
            Ok(deliveries) => {
                for delivery in &deliveries {
                    let committed = self.target.as_mut().map_or(Ok(false), |target| target.send(delivery))?;
                    // A row that became several trades may be cut by the end of a transaction.
                    if committed {
                        self.committed_line = self.last_line;
                    }
                }
                self.count += deliveries.len() as u64;
            }
        }
        self.last_line = row.line;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(target) = &mut self.target {
            target.sender.finish()?;
        }
        self.committed_line = self.last_line;
        Ok(())
    }

    fn explain(&self, failure: Failure) -> Failure {
        let what = format!("after line {} (all rows up to line {} are in)", self.last_line, self.committed_line);
        let next = failure.next.clone().unwrap_or_default();
        let again = "submit the same file again: what is in already changes nothing";
        let separator = if next.is_empty() { "" } else { "; then " };
        failure.during(what).next(format!("{next}{separator}{again}"))
    }

    fn report(&self, session: &Session) -> Result<Exit, Failure> {
        let Submission { what, count, rejected, .. } = self;
        let transactions = self.target.as_ref().map_or(0, |target| target.sender.committed);
        let file = (rejected.count > 0).then(|| rejected.path.display().to_string());
        let submitted = if self.target.is_some() { "submitted" } else { "would be submitted" };
        let human = match &file {
            None => format!("{count} {what} {submitted}"),
            Some(file) => format!("{count} {what} {submitted}, {} rows rejected: see {file}", rejected.count),
        };
        session.output.say(
            json!({ "submitted": transactions, what.to_owned(): count, "rejected": rejected.count, "rejected_file": file }),
            human,
        )?;
        Ok(if rejected.count == 0 { Exit::Ok } else { Exit::Partial })
    }
}
