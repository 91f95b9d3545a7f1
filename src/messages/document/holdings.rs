//! What is held under a document's contract: trades that make lots, or lots as they are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::object::{Item, Object};
use super::transfers::{Transfers, transfers};
use crate::domain::key::{InvalidName, PositionKey, Timestamp, TradeId};
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::lots::happening::{Happening, What};
use crate::domain::lots::method::{Instruction, ReliefMethod, ReliefPolicy};
use crate::domain::names::{LotId, Symbol};
use crate::domain::swap::agreement::{Held, ReferencePrice};
use crate::domain::swap::terms::Swap;
use crate::domain::trade::{Side, Terms, Trade, TradeEvent};
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// Account, book and source of trades that come from a document.
pub(super) const DOCUMENT: &str = "document";

/// What stands under a contract.
pub(super) struct Holdings {
    pub held: Held,
    pub happenings: Vec<Happening>,
    pub references: BTreeMap<TradeId, ReferencePrice>,
}

/// `relief`: a method for all closing trades, or a list of methods with the day since when each is agreed. Absent, oldest first.
pub(super) fn relief(contract: &Object<'_>) -> Result<ReliefPolicy, InvalidValue> {
    let Some(item) = contract.optional("relief") else { return Ok(ReliefPolicy::default()) };
    if item.is_text() {
        return Ok(ReliefPolicy::new(item.word(&METHODS)?, Vec::new()));
    }
    let mut changes = Vec::new();
    for item in item.list()? {
        let object = item.object()?;
        changes.push((object.member("since")?.date()?, object.member("method")?.word(&METHODS)?));
        object.end()?;
    }
    Ok(ReliefPolicy::new(ReliefMethod::default(), changes))
}

/// The methods by the words of contracts.
pub const METHODS: [(&str, ReliefMethod); 8] = [
    ("FIFO", ReliefMethod::Fifo),
    ("LIFO", ReliefMethod::Lifo),
    ("HIFO", ReliefMethod::Hifo),
    ("LOFO", ReliefMethod::Lofo),
    ("AVERAGE", ReliefMethod::Average),
    ("MAX_LOSS", ReliefMethod::MaxLoss),
    ("MIN_GAIN", ReliefMethod::MinGain),
    ("MAX_GAIN", ReliefMethod::MaxGain),
];

/// The position of a contract.
pub(super) fn key(contract: &Object<'_>, swap: &Swap) -> Result<PositionKey, InvalidValue> {
    position(&swap.underlier).map_err(|problem| contract.path.field("underlier").invalid(problem.to_string()))
}

/// The position in a security, as documents name it.
pub(super) fn position(security: &Symbol) -> Result<PositionKey, InvalidName> {
    PositionKey::new(DOCUMENT, DOCUMENT, security.as_str())
}

/// Exactly one of the members `trades` and `lots`, the transfers, and what the issuer does.
pub(super) fn holdings(
    contract: &Object<'_>,
    swap: &Swap,
    key: &PositionKey,
    mut happenings: Vec<Happening>,
) -> Result<Holdings, InvalidValue> {
    let moved = contract.optional("transfers");
    match (contract.optional("trades"), contract.optional("lots")) {
        (Some(item), None) => {
            let trades = trades(item, swap, key)?;
            let Transfers { happenings: moved, references } =
                moved.map_or(Ok(Transfers::default()), |item| transfers(item, swap, key))?;
            happenings.extend(moved);
            let taken = |happening: &&Happening| trades.iter().any(|trade| trade.id == happening.id);
            if let Some(twice) = happenings.iter().find(taken) {
                let problem = format!("{} is the id of a trade and of what happens to its lots", twice.id.trade_id());
                return Err(contract.path.field("trades").invalid(problem));
            }
            Ok(Holdings { held: Held::Trades(trades), happenings, references })
        }
        (None, Some(item)) => {
            if let Some(item) = moved {
                return Err(item.path.invalid("move lots that trades have made; allowed: of a contract with trades"));
            }
            let lots_path = item.path.clone();
            let foreign = |happening: &&Happening| match &happening.what {
                What::Action(action) => !GivenLot::follows(action),
                _ => false,
            };
            if let Some(foreign) = happenings.iter().find(foreign) {
                let id = foreign.id.trade_id();
                let problem = format!("are given, and the corporate action {id} needs the position; allowed: trades");
                return Err(lots_path.invalid(problem));
            }
            let held = Held::Lots(lots(item, &happenings)?);
            Ok(Holdings { held, happenings, references: BTreeMap::new() })
        }
        _ => Err(contract.invalid("has nothing under it, or both kinds; allowed: one of trades, lots")),
    }
}

/// What is ordered for one close or transfer: a method, or lots with their units.
pub(super) fn instruction(item: Item<'_>) -> Result<Instruction, InvalidValue> {
    if item.is_text() {
        return Ok(Instruction::Method(item.word(&METHODS)?));
    }
    let mut lots = Vec::new();
    for item in item.list()? {
        let object = item.object()?;
        let id = object.member("lotId")?.named(|id| TradeId::new(DOCUMENT, id))?;
        lots.push((id, object.member("quantity")?.above_zero(Number::Quantity)?));
        object.end()?;
    }
    Ok(Instruction::Lots(lots))
}

/// Trades of one day count in the order of the document; a later version of a trade keeps the place of its first.
fn trades(item: Item<'_>, swap: &Swap, key: &PositionKey) -> Result<Vec<Trade>, InvalidValue> {
    let mut places = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut trades = Vec::new();
    for (index, item) in item.list()?.into_iter().enumerate() {
        let object = item.object()?;
        let id = object.member("tradeId")?.named(|id| TradeId::new(DOCUMENT, id))?;
        let version = object.count("version")?.unwrap_or(1);
        if !seen.insert((id.clone(), version)) {
            let problem =
                "this version of the trade is listed before; give each trade its own id, each version its number";
            return Err(object.path.field("tradeId").invalid(problem));
        }
        let place = *places.entry(id.clone()).or_insert(index as u64);
        let event = event(&object, swap, place)?;
        object.end()?;
        trades.push(Trade { key: key.clone(), id, version, event });
    }
    Ok(trades)
}

#[derive(Clone, Copy)]
enum Event {
    New,
    Amend,
    Cancel,
}

const EVENTS: [(&str, Event); 3] = [("NEW", Event::New), ("AMEND", Event::Amend), ("CANCEL", Event::Cancel)];

fn event(object: &Object<'_>, swap: &Swap, place: u64) -> Result<TradeEvent, InvalidValue> {
    Ok(match object.word("event", &EVENTS)?.unwrap_or(Event::New) {
        Event::New => TradeEvent::New(terms(object, swap, place)?),
        Event::Amend => TradeEvent::Amend(terms(object, swap, place)?),
        Event::Cancel => TradeEvent::Cancel,
    })
}

fn terms(object: &Object<'_>, swap: &Swap, place: u64) -> Result<Terms, InvalidValue> {
    let deal = deal(object)?;
    let terms = Terms {
        contract: Some(swap.id.clone()),
        side: object.member("side")?.word(&SIDES)?,
        quantity: object.member("quantity")?.number(Number::Quantity)?,
        price: deal.price,
        currency: swap.currencies.price,
        trade_date: deal.trade_date,
        exec_time: Timestamp::default(),
        source_seq: place,
        settle_date: Some(deal.settle_date),
        relief: object.optional("relief").map(instruction).transpose()?.map(Box::new),
    };
    terms.checked().map_err(|problem| object.invalid(problem.to_string()))
}

fn deal(object: &Object<'_>) -> Result<Deal, InvalidValue> {
    let trade_date = object.member("tradeDate")?.date()?;
    let settle_date = object.member("settlementDate")?.not_before(trade_date)?;
    Ok(Deal { trade_date, settle_date, price: object.member("price")?.number(Number::Price)? })
}

const SIDES: [(&str, Side); 2] = [("BUY", Side::Buy), ("SELL", Side::Sell)];

fn lots(item: Item<'_>, happenings: &[Happening]) -> Result<Vec<GivenLot>, InvalidValue> {
    let mut seen = BTreeSet::new();
    item.list()?.into_iter().map(|item| lot(item, happenings, &mut seen)).collect()
}

fn lot(item: Item<'_>, happenings: &[Happening], seen: &mut BTreeSet<LotId>) -> Result<GivenLot, InvalidValue> {
    let object = item.object()?;
    let quantity_item = object.member("quantity")?;
    let quantity_path = quantity_item.path.clone();
    let quantity = quantity_item.number(Number::Quantity)?;
    if quantity.is_zero() {
        return Err(quantity_path.invalid("0 opens nothing; allowed: above zero for a long, below zero for a short"));
    }
    let (id, opened) = (lot_id(&object, seen)?, deal(&object)?);
    let mut closes = Vec::new();
    let mut seen_closes = BTreeSet::new();
    for item in object.optional("closes").map_or(Ok(Vec::new()), Item::list)? {
        closes.push(close(item, opened.trade_date, &mut seen_closes)?);
    }
    closes.sort_by(|left, right| (left.deal.trade_date, &left.id).cmp(&(right.deal.trade_date, &right.id)));
    let lot = GivenLot { id, quantity, opened, closes };
    if lot.life_under(happenings, None).is_err() {
        let closed: Decimal = lot.closes.iter().map(|close| close.quantity).sum();
        let problem = format!("close {closed} of a lot of {}; allowed: what is open", quantity.abs());
        return Err(object.path.field("closes").invalid(problem));
    }
    object.end()?;
    Ok(lot)
}

fn close(item: Item<'_>, opened: NaiveDate, seen: &mut BTreeSet<LotId>) -> Result<GivenClose, InvalidValue> {
    let object = item.object()?;
    let quantity = object.member("quantity")?.above_zero(Number::Quantity)?;
    object.member("tradeDate")?.not_before(opened)?;
    let close = GivenClose { id: lot_id(&object, seen)?, quantity, deal: deal(&object)? };
    object.end()?;
    Ok(close)
}

fn lot_id(object: &Object<'_>, seen: &mut BTreeSet<LotId>) -> Result<LotId, InvalidValue> {
    let id = object.member("lotId")?.named(LotId::new)?;
    if !seen.insert(id.clone()) {
        return Err(object.path.field("lotId").invalid(format!("{id} is listed before; give each lot its own id")));
    }
    Ok(id)
}
