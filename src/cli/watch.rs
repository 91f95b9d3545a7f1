//! `watch`: the records of a topic decoded, or how a job stands.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::known_job;
use super::output::{Ink, Output};
use super::parts;
use super::session::Session;
use super::tail::{From, Tail};
use crate::domain::jobs::collect::{Progress, Stage};
use crate::domain::jobs::job::JobId;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::schemas::Schemas;
use crate::messages::view;
use crate::pipeline::topics;

/// Shows committed records of a topic decoded, or a job until it ends
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Name of a topic, or `job`
    what: String,
    /// Name of the job
    #[arg(required_if_eq("what", "job"))]
    job: Option<String>,
    /// Where to begin; `end` follows
    #[arg(long, value_enum, default_value = "start")]
    from: From,
    /// Go on when everything that is there has been shown
    #[arg(short, long)]
    follow: bool,
    /// End after this many records
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// Only records with this key
    #[arg(long)]
    key: Option<String>,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    if arguments.what != "job"
        && let Some(extra) = &arguments.job
    {
        return Err(Failure::usage(format!(
            "{extra}: a topic takes no further name; did you mean `watch job {extra}`?"
        )));
    }
    let topic = match &arguments.what {
        what if what == "job" => None,
        what => Some(topics::named(what).ok_or_else(|| {
            let names: Vec<_> = topics::all().collect();
            Failure::usage(format!("{what} is neither `job` nor a topic; topics: {}", names.join(", ")))
        })?),
    };
    let config = session.config()?;
    let broker = parts::broker(&config)?;
    let schemas = parts::schemas(&config)?;
    match (topic, &arguments.job) {
        (None, Some(job)) => watch_job(job, session, broker.as_ref(), &schemas),
        (Some(topic), _) => watch_topic(arguments, topic, session, broker.as_ref(), &schemas),
        (None, None) => Err(Failure::usage("watch job: which one?")),
    }
}

fn watch_topic(
    arguments: &Arguments,
    topic: &'static str,
    session: &Session,
    broker: &dyn Broker,
    schemas: &Arc<Schemas>,
) -> Result<Exit, Failure> {
    let follow = arguments.follow || arguments.from == From::End;
    let most = arguments.max.unwrap_or(u64::MAX);
    let mut tail = match &arguments.key {
        Some(key) => Tail::of_key(broker, topic, key.as_bytes(), arguments.from)?,
        None => Tail::open(broker, topic, arguments.from)?,
    };
    let mut shown = 0;
    while shown < most && (follow || !tail.caught_up()) {
        tail.round(|record| {
            let wanted = arguments.key.as_ref().is_none_or(|key| record.key == Some(key.as_bytes()));
            if wanted && shown < most {
                shown += 1;
                say(record, schemas, &session.output)?;
            }
            Ok(())
        })?;
    }
    Ok(Exit::Ok)
}

fn say(record: &Record<'_>, schemas: &Schemas, output: &Output) -> Result<(), Failure> {
    let (value, good) = value(record.value, schemas);
    let place = format!("{}@{}", record.from, record.offset);
    let key = record.key.map_or(Value::Null, view::bytes);
    let human = || {
        let ink = if good { Ink::Faint } else { Ink::Bad };
        format!("{} {} {value}", output.ink(ink, &place), key.as_str().unwrap_or("(no key)"))
    };
    let human = human();
    let headers: Map<_, _> =
        record.headers.iter().map(|header| (header.name.clone(), view::bytes(&header.value))).collect();
    let json = json!({
        "topic": record.from.topic,
        "partition": record.from.partition,
        "offset": record.offset,
        "timestamp": instant(record.timestamp_us),
        "key": key,
        "headers": headers,
        "value": value,
    });
    output.say(json, human)
}

/// A value decoded, or what it is instead; and whether it could be decoded.
pub fn value(bytes: Option<&[u8]>, schemas: &Schemas) -> (Value, bool) {
    let Some(bytes) = bytes else { return (Value::Null, true) };
    match view::record(schemas, bytes) {
        Ok(value) => (value, true),
        Err(error) => (json!({ "undecodable": error.to_string(), "bytes": view::bytes(bytes) }), false),
    }
}

pub fn instant(us: i64) -> Value {
    DateTime::from_timestamp_micros(us)
        .map_or(us.into(), |instant| instant.to_rfc3339_opts(SecondsFormat::Micros, true).into())
}

fn watch_job(name: &str, session: &Session, broker: &dyn Broker, schemas: &Schemas) -> Result<Exit, Failure> {
    let job = JobId::new(name).map_err(|error| Failure::usage(error.to_string()))?;
    let known = known_job::known(broker, schemas, &job)?;
    if known.request.is_none() && known.outcome.is_none() {
        return Err(Failure::new(Exit::Precondition, format!("no job {job} is known"))
            .next("`bookflow watch job-control` lists all jobs that were submitted"));
    }
    let output = &session.output;
    let mut exit = Exit::Ok;
    known_job::follow(broker, schemas, &job, |progress| {
        match &progress.stage {
            Stage::Ended(outcome) => {
                exit = known_job::show(outcome, output)?;
                return Ok(true);
            }
            Stage::Collecting(_) => say_progress(&progress, output)?,
        }
        Ok(false)
    })?;
    Ok(exit)
}

fn say_progress(progress: &Progress, output: &Output) -> Result<(), Failure> {
    let Stage::Collecting(collecting) = &progress.stage else { return Ok(()) };
    let received = collecting.received.count();
    let chunks = collecting.planned.map(|(chunks, _)| chunks);
    let of = chunks.map_or("an unknown number of".into(), |chunks| chunks.to_string());
    let flows = collecting.totals.flows;
    output.say(
        json!({ "job": progress.job.as_str(), "state": "RUNNING", "chunks_done": received, "chunks": chunks, "flows": flows }),
        format!("{} {received} of {of} chunks, {flows} flows", progress.job),
    )
}
