//! `submit job` with a document by reference: positions that are here, calculated again. Every partition of `book` gets the request, all in one
//! transaction with the job's announcement.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::changes;
use super::job::Submission;
use super::series::dashed;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::snapshots;
use crate::domain::flows::id::first_128_bits;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind, Selection};
use crate::domain::key::{ContractId, Timestamp};
use crate::domain::market::snapshot::{Moment, SnapshotName};
use crate::domain::swap::product::Product;
use crate::engine::broker::Broker;
use crate::engine::clock::{Clock, SystemClock};
use crate::messages::calculation_request::Asked;
use crate::messages::schemas::Schemas;

/// What a file asks for.
pub struct Document {
    pub job: JobId,
    pub request: u128,
    selection: Selection,
    stated: StatedJob,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatedJob {
    /// The command line may name the job instead.
    request_id: Option<String>,
    r#type: Kind,
    selection: Select,
    /// As things stand now without it.
    snapshot: Option<String>,
    since: Option<String>,
    from: Option<String>,
    to: Option<String>,
    changes: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Full,
    Incremental,
    Historical,
    WhatIf,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "selection is \"ALL\", or an object with any of accounts, books, securities, contracts, products, each a list of names"
)]
enum Select {
    All(All),
    Some(SelectSome),
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum All {
    All,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct SelectSome {
    accounts: Option<BTreeSet<String>>,
    books: Option<BTreeSet<String>>,
    securities: Option<BTreeSet<String>>,
    contracts: Option<BTreeSet<String>>,
    products: Option<BTreeSet<String>>,
}

/// A request has to fit a record, and with it the changes of a WHAT_IF.
const BYTES_MAX: u64 = 900_000;
/// Ten years; a longer series is several jobs.
const DAYS_MAX: i64 = 3_660;

/// The document in a file, if it is one by reference: an object that selects something.
pub fn document(file: &mut File, name: Option<&JobId>) -> Result<Option<Document>, Failure> {
    if file.metadata()?.len() > BYTES_MAX {
        return Ok(None);
    }
    let mut json = Vec::new();
    file.read_to_end(&mut json)?;
    file.rewind()?;
    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json);
    match object.is_ok_and(|object| object.contains_key("selection")) {
        true => read(&json, name).map(Some),
        false => Ok(None),
    }
}

/// Reads a document by reference; a name goes before its own.
pub fn read(json: &[u8], name: Option<&JobId>) -> Result<Document, Failure> {
    let stated: StatedJob = serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
    let own = || {
        let missing = || invalid("requestId is missing; it or --idempotency-key names the job".into());
        let own = stated.request_id.as_deref().ok_or_else(missing)?;
        JobId::new(own).map_err(|error| invalid(format!("requestId: {error}")))
    };
    let job = name.cloned().map_or_else(own, Ok)?;
    let selection = selected(&stated.selection)?;
    Ok(Document { job, request: first_128_bits(Sha256::new().chain_update(json)), selection, stated })
}

pub(super) fn invalid(problem: String) -> Failure {
    Failure::new(Exit::Partial, problem).next("docs/jobs.md has the form of jobs by reference")
}

/// Announces the job and hands it to every partition.
pub fn submit(
    document: &Document,
    broker: &dyn Broker,
    schemas: &Schemas,
    submission: &mut Submission,
    timeout: Duration,
) -> Result<(), Failure> {
    let StatedJob { r#type, since, from, to, changes: stated, snapshot, .. } = &document.stated;
    let only = |named: bool, member: &str, of: &str| match named {
        true => Err(invalid(format!("{member} belongs to {of}"))),
        false => Ok(()),
    };
    let needs = |member: &str| invalid(format!("{member} is missing"));
    let moment = moment(snapshot.as_deref(), broker, schemas)?;
    let kind = match r#type {
        Kind::Full => RecalculationKind::Full,
        Kind::Incremental => {
            let since = JobId::new(since.as_ref().ok_or_else(|| needs("since"))?);
            RecalculationKind::Incremental { since: since.map_err(|error| invalid(format!("since: {error}")))? }
        }
        Kind::Historical => {
            let (from, to) = from.as_ref().zip(to.as_ref()).ok_or_else(|| needs("from or to"))?;
            let (from, to) = (day(from)?, day(to)?);
            if to < from || (to - from).num_days() >= DAYS_MAX || to > moment.day {
                let day = moment.day;
                return Err(invalid(format!("{from} to {to} is no range of up to {DAYS_MAX} days that ends by {day}")));
            }
            RecalculationKind::Historical { from, to }
        }
        Kind::WhatIf => RecalculationKind::WhatIf,
    };
    only(since.is_some() && !matches!(r#type, Kind::Incremental), "since", "INCREMENTAL")?;
    only((from.is_some() || to.is_some()) && !matches!(r#type, Kind::Historical), "from and to", "HISTORICAL")?;
    only(stated.is_some() && !matches!(r#type, Kind::WhatIf), "changes", "WHAT_IF")?;
    if let RecalculationKind::Incremental { since } = &kind {
        earlier(since, &moment, broker, schemas)?;
    }
    let (contracts, points) = match (r#type, stated) {
        (Kind::WhatIf, Some(stated)) => changes::read(stated.get().as_bytes(), broker, schemas)?,
        (Kind::WhatIf, None) => return Err(needs("changes")),
        _ => (Vec::new(), Vec::new()),
    };
    let timeout = i64::try_from(timeout.as_micros()).expect("bounded to days");
    let deadline = Timestamp(SystemClock::start().now_us().saturating_add(timeout));
    let selection = document.selection.clone();
    let recalculation = Recalculation { request: document.request, deadline, kind, selection, moment };
    submission.recalculate(Asked { recalculation, contracts, points })
}

fn moment(snapshot: Option<&str>, broker: &dyn Broker, schemas: &Schemas) -> Result<Moment, Failure> {
    let Some(name) = snapshot else { return snapshots::now(broker, schemas) };
    let name = SnapshotName::new(name).map_err(|error| invalid(error.to_string()))?;
    let known = snapshots::named(broker, schemas, &name)?;
    known.map(|known| known.snapshot.moment).ok_or_else(|| {
        Failure::new(Exit::Precondition, format!("no snapshot {name} is known"))
            .next(format!("take it: `bookflow submit snapshot {name}`"))
    })
}

/// An earlier job must have come to its end, and before what this one knows.
fn earlier(job: &JobId, moment: &Moment, broker: &dyn Broker, schemas: &Schemas) -> Result<(), Failure> {
    let refused =
        |problem: String| Err(Failure::new(Exit::Precondition, problem).next("name a FULL job that is complete"));
    let Some((asked, _)) = crate::cli::recalculations::asked(broker, schemas, job)? else {
        return refused(format!("no job by reference {job} is known"));
    };
    if matches!(asked.recalculation.kind, RecalculationKind::Historical { .. } | RecalculationKind::WhatIf) {
        return refused(format!("job {job} was neither FULL nor INCREMENTAL"));
    }
    let outcome = crate::cli::known_job::known(broker, schemas, job)?.outcome;
    if !outcome.is_some_and(|outcome| outcome.ending.complete()) {
        return refused(format!("job {job} is not complete"));
    }
    match asked.recalculation.moment.known.ahead_of(moment.known) {
        true => refused(format!("job {job} knew more than the snapshot of this one")),
        false => Ok(()),
    }
}

fn day(text: &str) -> Result<NaiveDate, Failure> {
    dashed(text).map_err(invalid)
}

fn selected(selection: &Select) -> Result<Selection, Failure> {
    let Select::Some(stated) = selection else { return Ok(Selection::default()) };
    Ok(Selection {
        accounts: names("accounts", &stated.accounts, named)?,
        books: names("books", &stated.books, named)?,
        securities: names("securities", &stated.securities, named)?,
        contracts: names("contracts", &stated.contracts, |name| {
            ContractId::new(name).map_err(|error| error.to_string())
        })?,
        products: names("products", &stated.products, product)?,
    })
}

/// None where the list is left out, which stands for all; what is written must name something.
fn names<T, S: FromIterator<T>>(
    field: &str,
    list: &Option<BTreeSet<String>>,
    name: impl Fn(&String) -> Result<T, String>,
) -> Result<S, Failure> {
    let Some(list) = list else { return Ok(S::from_iter([])) };
    if list.is_empty() {
        return Err(invalid(format!("selection.{field} names nothing: left out, it stands for all")));
    }
    list.iter().map(name).collect::<Result<S, _>>().map_err(|error| invalid(format!("selection.{field}: {error}")))
}

fn named(name: &String) -> Result<CompactString, String> {
    Ok(name.into())
}

fn product(name: &String) -> Result<CompactString, String> {
    match Product::NAMES.iter().any(|(known, _)| known == name) {
        true => named(name),
        false => Err(format!("{name} is none of {}", Product::NAMES.map(|(name, _)| name).join(", "))),
    }
}
