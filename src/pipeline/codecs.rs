//! How the stages' tables travel: record keys and messages of their changelog topics.

use std::sync::Arc;

use chrono::Datelike;

use super::book::TradeKey;
use super::topics::place;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::share::Share;
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::lot::Lot;
use crate::domain::lots::position::Position;
use crate::domain::trade::BusinessOrder;
use crate::domain::trade::captured::{CapturedTrade, Place};
use crate::engine::stage::Cause;
use crate::engine::table::Codec;
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::captured_action::CapturedAction;
use crate::messages::key::{parse_part_key, parse_trade_key, part_key, trade_key};
use crate::messages::message::Message;
use crate::messages::position_flows::PositionFlows;
use crate::messages::schemas::Schemas;

/// Entries with a key per trade or happening: captured trades, captured actions and lots.
pub struct Trades {
    schemas: Arc<Schemas>,
}

/// Entries with a key per position.
pub struct Positions {
    schemas: Arc<Schemas>,
}

/// The flows of a position, part by part.
pub struct FlowParts {
    schemas: Arc<Schemas>,
}

/// A part of a position's flows; 0 is the first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlowsKey {
    pub position: PositionKey,
    pub part: u32,
}

impl Trades {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Trades { schemas }
    }
}

impl FlowParts {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        FlowParts { schemas }
    }
}

impl Positions {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Positions { schemas }
    }
}

/// What names itself by trade.
pub trait OfTrade: Message<Cause = Place> {
    fn name(&self) -> (&PositionKey, &TradeId);

    /// Where it stands in the history of its position, if older ones leave memory.
    fn moment(&self) -> Option<BusinessOrder<'_>> {
        None
    }
}

/// What the orders of a position's entries begin with: no name has a control character.
pub fn history_of(position: &PositionKey) -> Vec<u8> {
    [position.as_str().as_bytes(), &[0]].concat()
}

impl OfTrade for CapturedTrade {
    fn name(&self) -> (&PositionKey, &TradeId) {
        (&self.key, &self.id)
    }

    fn moment(&self) -> Option<BusinessOrder<'_>> {
        self.order()
    }
}

impl OfTrade for CapturedAction {
    fn name(&self) -> (&PositionKey, &TradeId) {
        (&self.key, &self.happened.happening.id)
    }
}

impl OfTrade for Lot {
    fn name(&self) -> (&PositionKey, &TradeId) {
        (&self.key, &self.id)
    }
}

impl<V: OfTrade> Codec<TradeKey, V> for Trades {
    fn write_key(&self, key: &TradeKey, out: &mut Vec<u8>) {
        trade_key(&key.position, &key.trade, out);
    }

    fn write_value(&self, _: &TradeKey, value: &V, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        self.schemas.encode(value, place(cause), out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<TradeKey, String> {
        let (position, trade) = parse_trade_key(key).ok_or("the record key is not a trade's")?;
        Ok(TradeKey { position, trade })
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(TradeKey, V), String> {
        let (_, value): (Place, V) = self.schemas.decode(value).map_err(|error| error.to_string())?;
        let (position, trade) = value.name();
        Ok((TradeKey { position: position.clone(), trade: trade.clone() }, value))
    }

    fn order(&self, key: &TradeKey, value: &V, out: &mut Vec<u8>) {
        let Some((date, time, seq, id)) = value.moment() else { return };
        out.extend_from_slice(&history_of(&key.position));
        // Signed numbers sort as bytes once their sign is turned.
        out.extend_from_slice(&(date.num_days_from_ce() ^ i32::MIN).to_be_bytes());
        out.extend_from_slice(&(time.0 ^ i64::MIN).to_be_bytes());
        out.extend_from_slice(&seq.to_be_bytes());
        out.extend_from_slice(id.as_str().as_bytes());
    }
}

impl Codec<PositionKey, Position> for Positions {
    fn write_key(&self, key: &PositionKey, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_str().as_bytes());
    }

    fn write_value(&self, _: &PositionKey, value: &Position, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        self.schemas.encode(value, place(cause), out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<PositionKey, String> {
        let text = std::str::from_utf8(key).map_err(|error| error.to_string())?;
        PositionKey::parse(text).map_err(|error| error.to_string())
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(PositionKey, Position), String> {
        let (_, position): (Place, Position) = self.schemas.decode(value).map_err(|error| error.to_string())?;
        Ok((position.key.clone(), position))
    }
}

impl Codec<FlowsKey, PositionFlows> for FlowParts {
    fn write_key(&self, key: &FlowsKey, out: &mut Vec<u8>) {
        part_key(&key.position, key.part, out);
    }

    fn write_value(&self, _: &FlowsKey, value: &PositionFlows, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        self.schemas.encode(value, place(cause), out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<FlowsKey, String> {
        let (position, part) = parse_part_key(key).ok_or("the record key is not a position's part")?;
        Ok(FlowsKey { position, part })
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(FlowsKey, PositionFlows), String> {
        let (_, flows): (Place, PositionFlows) = self.schemas.decode(value).map_err(|error| error.to_string())?;
        Ok((FlowsKey { position: flows.key.clone(), part: flows.part }, flows))
    }
}

/// What is kept by job.
pub struct Jobs {
    schemas: Arc<Schemas>,
}

/// A job by reference, and the record that asked for it.
pub struct Requested {
    pub place: Place,
    pub asked: Asked,
}

impl Jobs {
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Jobs { schemas }
    }

    fn key(key: &[u8]) -> Result<JobId, String> {
        let text = std::str::from_utf8(key).map_err(|error| error.to_string())?;
        JobId::new(text).map_err(|error| error.to_string())
    }
}

impl Codec<JobId, Arc<Requested>> for Jobs {
    fn write_key(&self, key: &JobId, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_str().as_bytes());
    }

    fn write_value(&self, job: &JobId, value: &Arc<Requested>, _: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        let word = RequestWord::Calculate(Box::new(value.asked.clone()));
        let request = CalculationRequest { job: job.clone(), word };
        self.schemas.encode(&request, Some(value.place), out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<JobId, String> {
        Jobs::key(key)
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(JobId, Arc<Requested>), String> {
        let (cause, request) = self.schemas.decode::<CalculationRequest>(value).map_err(|error| error.to_string())?;
        match (cause, request.word) {
            (Some(place), RequestWord::Calculate(asked)) => {
                Ok((request.job, Arc::new(Requested { place, asked: *asked })))
            }
            _ => Err("it does not say what was asked, and where".to_owned()),
        }
    }
}

impl Codec<JobId, Share> for Jobs {
    fn write_key(&self, key: &JobId, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_str().as_bytes());
    }

    fn write_value(&self, _: &JobId, value: &Share, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        self.schemas.encode(value, place(cause), out).map_err(|error| error.to_string())
    }

    fn read_key(&self, key: &[u8]) -> Result<JobId, String> {
        Jobs::key(key)
    }

    fn read(&self, _: &[u8], value: &[u8]) -> Result<(JobId, Share), String> {
        let (_, share): (Place, Share) = self.schemas.decode(value).map_err(|error| error.to_string())?;
        Ok((share.job.clone(), share))
    }
}
