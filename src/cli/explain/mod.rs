//! `explain`: a published flow of a position, calculated again from the log, compared byte by byte, and shown line by line.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::calculate::answer::Step;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Ink, Output};
use super::parts;
use super::session::Session;
use super::tail::{From, Tail};
use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{FlowRow, Snapshot};
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::lots::happen::Happen;
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::position::Position;
use crate::domain::lots::shelf::Shelf;
use crate::domain::names::Symbol;
use crate::domain::trade::capture::Capture;
use crate::domain::trade::captured::{CapturedTrade, Place};
use crate::engine::broker::Broker;
use crate::engine::view::ViewTable;
use crate::messages::captured_action::CapturedAction;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;
use crate::pipeline::flows::{arrived_under, explained, flows};
use crate::pipeline::knowledge::{Knowledge, TOPICS};
use crate::pipeline::topics::{self, CAPTURED_ACTIONS, CAPTURED_TRADES, CASH_FLOWS, CONTRACTS, MARKET_DATA, POSITIONS};

/// Calculates a published flow of a position again from the log and shows how
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Id of the flow: 32 hexadecimal digits
    #[arg(value_parser = flow_id)]
    flow: FlowId,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let explained = explain(parts::broker(&config)?.as_ref(), &parts::schemas(&config)?, arguments.flow)?;
    session.output.say(explained.json(), explained.text(&session.output))?;
    Ok(if explained.same { Exit::Ok } else { Exit::Mismatch })
}

/// Calculates the position again that has the flow, with what was known when it was told, and explains the flow.
pub fn explain(broker: &dyn Broker, schemas: &Arc<Schemas>, id: FlowId) -> Result<Explained, Failure> {
    let log = Log { broker, schemas };
    let (cause, told) = log.telling_with(id)?;
    let shelf = log.position(&told.key)?;
    let knowledge = log.knowledge(told.snapshot)?;
    let security = Symbol::new(&told.key.security()).map_err(damaged)?;
    let mut contracts: BTreeSet<ContractId> =
        shelf.trades_from_latest().filter_map(|trade| trade.terms()?.contract.clone()).collect();
    contracts.extend(shelf.happened_from_latest().filter_map(arrived_under).cloned());
    let again = flows(&shelf, contracts.iter(), &security, &knowledge, None)
        .map(|again| again.records(&told.key, told.revision, &knowledge, &[]))
        .transpose()
        .map_err(damaged)?
        .unwrap_or_default();
    let same = again.iter().any(|part| part.part == told.part && part.rows == told.rows);
    let revision = shelf.position.as_ref().map_or(0, |position| position.revision);
    if !same && revision != told.revision {
        let (key, of) = (&told.key, told.revision);
        let message = format!("position {key} is at revision {revision}, its flows at {of}: they are being told anew");
        return Err(Failure::new(Exit::Temporary, message).next("ask again in a moment"));
    }
    let rows = told.rows.read().map_err(damaged)?.1;
    let row = rows.into_iter().find(|row| row.id == id).expect("the telling was looked for by it");
    let explanation = explained(&shelf, &row.contract, &security, &knowledge, id);
    Ok(Explained { told, cause, steps: explanation.iter().flat_map(Step::all).collect(), row, same })
}

/// A flow, and how it came to be.
pub struct Explained {
    pub told: PositionFlows,
    pub cause: Place,
    pub row: FlowRow,
    /// None of a flow that is blocked.
    pub steps: Vec<Step>,
    /// Whether the same bytes came out again.
    pub same: bool,
}

impl Explained {
    fn json(&self) -> Value {
        let Explained { told, cause, row, steps, same } = self;
        let steps: Vec<Value> =
            steps.iter().map(|step| json!({ "name": step.name, "origin": step.origin, "value": step.value })).collect();
        json!({
            "flow": row.id.to_string(), "contract": row.contract.as_str(), "kind": row.kind.name(), "stage": row.stage.name(),
            "of": row.of.as_str(), "position": told.key.as_str(), "revision": told.revision,
            "day": told.day.map(|day| day.to_string()),
            "snapshot": {
                "contracts": told.snapshot.contracts,
                "market_data": told.snapshot.market_data,
                "reference_data": told.snapshot.reference_data,
            },
            "cause": place(*cause),
            "amount": row.result.as_ref().ok().map(|amount| amount.minor),
            "currency": row.currency.code(),
            "blocked": row.result.as_ref().err().map(|obstacle| obstacle.message.as_str()),
            "steps": steps, "same_bytes": same,
        })
    }

    fn text(&self, output: &Output) -> String {
        let Explained { told, cause, row, steps, same } = self;
        let mut text = format!("{}  {} {} {}\n", row.id, row.contract, row.kind.name(), row.of);
        let day = told.day.map_or("-".into(), |day| day.to_string());
        text +=
            &format!("position {} revision {}, end of {day}, because of {}\n", told.key, told.revision, place(*cause));
        if let Err(obstacle) = &row.result {
            text += &format!("blocked: {}: {}\n", obstacle.reason, obstacle.message);
        }
        for (number, step) in steps.iter().enumerate() {
            text += &format!("{:>4}  {step}\n", number + 1);
        }
        text + &match same {
            true => output.ink(Ink::Good, "calculated again from the log: the same bytes"),
            false => output.ink(Ink::Bad, "calculated again from the log: OTHER bytes"),
        }
    }
}

fn place(place: Place) -> String {
    format!("{}-{}@{}", topics::coded(place.topic).unwrap_or("?"), place.partition, place.offset)
}

fn damaged(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Mismatch, format!("a record cannot be read: {error}")).next("run `bookflow verify`")
}

fn flow_id(text: &str) -> Result<FlowId, String> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    id.map(FlowId).ok_or_else(|| "an id has 32 hexadecimal digits".to_owned())
}

/// What a flow was calculated from, as the topics have it.
struct Log<'a> {
    broker: &'a dyn Broker,
    schemas: &'a Arc<Schemas>,
}

impl Log<'_> {
    /// The last record of a position that has the flow in it.
    fn telling_with(&self, id: FlowId) -> Result<(Place, PositionFlows), Failure> {
        let mut found: Option<(Place, PositionFlows)> = None;
        Tail::open(self.broker, CASH_FLOWS, From::Start)?.to_end(|record| {
            let Some(value) = record.value else { return Ok(()) };
            let (cause, told) = self.schemas.decode::<PositionFlows>(value).map_err(damaged)?;
            let replaces = found.as_ref().is_some_and(|(_, known)| (&known.key, known.part) == (&told.key, told.part));
            let has_it = told.rows.read().map_err(damaged)?.1.iter().any(|row| row.id == id);
            match (has_it, replaces) {
                (true, _) => found = Some((cause, told)),
                (false, true) => found = None,
                (false, false) => {}
            }
            Ok(())
        })?;
        found.ok_or_else(|| {
            let next = "`bookflow flows` lists those of a position; one that was restated away is in none";
            Failure::new(Exit::Failed, "no position has a flow with this id now").next(next)
        })
    }

    /// The position with its trades as they are.
    fn position(&self, key: &PositionKey) -> Result<Shelf, Failure> {
        let mut shelf = Shelf::default();
        Tail::of_key(self.broker, CAPTURED_TRADES, key.as_str().as_bytes(), From::Start)?.to_end(|record| {
            let Some(value) = record.value else { return Ok(()) };
            let (_, trade) = self.schemas.decode::<CapturedTrade>(value).map_err(damaged)?;
            if trade.key == *key {
                shelf.keep(Capture { trades: vec![trade], ..Capture::default() });
            }
            Ok(())
        })?;
        Tail::of_key(self.broker, CAPTURED_ACTIONS, key.as_str().as_bytes(), From::Start)?.to_end(|record| {
            let Some(value) = record.value else { return Ok(()) };
            let (_, action) = self.schemas.decode::<CapturedAction>(value).map_err(damaged)?;
            if action.key == *key {
                shelf.keep_happen(Happen { happened: vec![action.happened], ..Happen::default() });
            }
            Ok(())
        })?;
        Tail::of_key(self.broker, POSITIONS, key.as_str().as_bytes(), From::Start)?.to_end(|record| {
            let Some(value) = record.value else { return Ok(()) };
            let (_, position) = self.schemas.decode::<Position>(value).map_err(damaged)?;
            if position.key == *key {
                shelf.position = Some(position);
            }
            Ok(())
        })?;
        Ok(shelf)
    }

    /// What was known when the flows were calculated.
    fn knowledge(&self, snapshot: Snapshot) -> Result<Knowledge, Failure> {
        let mut knowledge = Knowledge::new(self.schemas.clone());
        for topic in TOPICS {
            let end = match topic {
                CONTRACTS => snapshot.contracts,
                MARKET_DATA => snapshot.market_data,
                _ => snapshot.reference_data,
            };
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
}
