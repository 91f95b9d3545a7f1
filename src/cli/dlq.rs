//! `dlq`: the dead letters, grouped by reason or one by one with what can be read of the original.

use std::collections::BTreeMap;

use serde_json::json;

use super::exit::Exit;
use super::failure::{Failure, chain};
use super::output::{Ink, line};
use super::parts;
use super::session::Session;
use super::tail::{From, Tail};
use super::watch;
use crate::domain::trade::captured::Place;
use crate::engine::batch::Record;
use crate::engine::broker::Broker;
use crate::messages::dead_letter::{DeadLetter, Original};
use crate::messages::schemas::Schemas;
use crate::messages::view;
use crate::pipeline::topics::{DEAD_LETTERS, coded};

/// Looks at records that could not be processed
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// How many there are, by stage and reason
    List,
    /// The letters themselves: reason, place, original
    Show {
        /// Only those with this reason
        #[arg(long)]
        reason: Option<String>,
        /// Only the one at PARTITION@OFFSET of dead-letters
        #[arg(long, value_name = "PARTITION@OFFSET", value_parser = place)]
        at: Option<(i32, i64)>,
        /// End after this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        max: u64,
    },
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let broker = parts::broker(&config)?;
    let schemas = parts::schemas(&config)?;
    match command {
        Command::List => list(session, broker.as_ref(), &schemas),
        Command::Show { reason, at, max } => {
            let mut left = *max;
            letters(broker.as_ref(), &schemas, |record, letter| {
                let here = at.is_none_or(|at| at == (record.from.partition, record.offset));
                let wanted = here && reason.as_ref().is_none_or(|reason| *reason == letter.1.reason);
                if wanted && left > 0 {
                    left -= 1;
                    show(record, &letter, session, &schemas)?;
                }
                Ok(())
            })?;
            Ok(Exit::Ok)
        }
    }
}

/// One group of `list`.
struct Group {
    count: u64,
    first_us: i64,
    last_us: i64,
    message: String,
}

fn list(session: &Session, broker: &dyn Broker, schemas: &Schemas) -> Result<Exit, Failure> {
    let mut groups = BTreeMap::<(String, String), Group>::new();
    letters(broker, schemas, |_, (_, letter)| {
        let seen = letter.first_seen.0;
        let group = groups.entry((letter.stage, letter.reason)).or_insert(Group {
            count: 0,
            first_us: seen,
            last_us: seen,
            message: letter.message,
        });
        group.count += 1;
        (group.first_us, group.last_us) = (group.first_us.min(seen), group.last_us.max(seen));
        Ok(())
    })?;
    let total: u64 = groups.values().map(|group| group.count).sum();
    let rows: Vec<_> = groups
        .iter()
        .map(|((stage, reason), group)| {
            json!({
                "stage": stage, "reason": reason, "count": group.count,
                "first_seen": watch::instant(group.first_us), "last_seen": watch::instant(group.last_us),
                "example": group.message,
            })
        })
        .collect();
    let mut lines = vec![format!("{total} dead letters")];
    for ((stage, reason), group) in &groups {
        lines.push(format!("{:>8}  {stage}  {reason}  e.g. {}", group.count, line(&group.message)));
    }
    session.output.say(json!({ "dead_letters": total, "groups": rows }), lines.join("\n"))?;
    Ok(Exit::Ok)
}

fn show(
    record: &Record<'_>,
    (place, letter): &(Place, DeadLetter),
    session: &Session,
    schemas: &Schemas,
) -> Result<(), Failure> {
    let source = format!("{}-{}@{}", coded(place.topic).unwrap_or("unknown topic"), place.partition, place.offset);
    let original = match &letter.value {
        Original::Tombstone => json!(null),
        Original::Bytes(bytes) => watch::value(Some(bytes), schemas).0,
        Original::TooLarge { length, sha256 } => json!({ "bytes": length, "sha256": view::bytes(sha256) }),
    };
    let at = format!("{}@{}", record.from.partition, record.offset);
    let key = letter.key.as_ref().map(|key| view::bytes(key));
    let human = format!(
        "{at} {} {} {source} {}\n  key {}\n  {original}",
        letter.stage,
        session.output.ink(Ink::Bad, line(&letter.reason)),
        line(&letter.message),
        key.as_ref().map_or("(none)".into(), ToString::to_string),
    );
    let json = json!({
        "at": at, "stage": letter.stage, "reason": letter.reason, "message": letter.message, "source": source,
        "attempts": letter.attempts, "first_seen": watch::instant(letter.first_seen.0), "key": key, "original": original,
    });
    session.output.say(json, human)
}

/// Every dead letter that is there now.
fn letters(
    broker: &dyn Broker,
    schemas: &Schemas,
    mut take: impl FnMut(&Record<'_>, (Place, DeadLetter)) -> Result<(), Failure>,
) -> Result<(), Failure> {
    Tail::open(broker, DEAD_LETTERS, From::Start)?.to_end(|record| {
        let Some(value) = record.value else { return Ok(()) };
        let letter = schemas.decode::<DeadLetter>(value).map_err(|error| {
            Failure::new(Exit::Failed, chain(&error)).during(format!("{}@{}", record.from, record.offset))
        })?;
        take(record, letter)
    })
}

fn place(text: &str) -> Result<(i32, i64), String> {
    let parsed =
        text.split_once('@').and_then(|(partition, offset)| Some((partition.parse().ok()?, offset.parse().ok()?)));
    parsed.ok_or_else(|| "must be PARTITION@OFFSET, such as 3@1024".into())
}
