//! The transfers under a document's contract: lots that leave for another book, and lots that come with their cost and dates.

use std::collections::{BTreeMap, BTreeSet};

use super::holdings::{DOCUMENT, instruction};
use super::object::{Item, Object};
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::lots::happening::{Arrival, Departure, Happening, Phase, What};
use crate::domain::lots::lot::Lot;
use crate::domain::swap::agreement::ReferencePrice;
use crate::domain::swap::terms::Swap;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// Transfers of a day count after its trades, in the order of the document.
const AFTER_TRADES: u64 = 1 << 32;

/// Transfers, and what lots that come are measured from where it is not their price.
#[derive(Default)]
pub(super) struct Transfers {
    pub happenings: Vec<Happening>,
    pub references: BTreeMap<TradeId, ReferencePrice>,
}

pub(super) fn transfers(item: Item<'_>, swap: &Swap, key: &PositionKey) -> Result<Transfers, InvalidValue> {
    let mut transfers = Transfers::default();
    let mut seen = BTreeSet::new();
    for (index, item) in item.list()?.into_iter().enumerate() {
        let object = item.object()?;
        let id = object.member("transferId")?.named(|id| TradeId::new(DOCUMENT, id))?;
        if !seen.insert(id.clone()) {
            let problem = "is listed before; give each transfer its own id";
            return Err(object.path.field("transferId").invalid(problem));
        }
        let place = AFTER_TRADES + index as u64;
        let what = match object.member("direction")?.word(&DIRECTIONS)? {
            Direction::Out => What::Departure(departure(&object, key, place)?),
            Direction::In => {
                if let Some(reference) = reference(&object)? {
                    transfers.references.insert(id.clone(), reference);
                }
                What::Arrival(Box::new(arrival(&object, &id, swap, key, place)?))
            }
        };
        object.end()?;
        transfers.happenings.push(Happening { id, version: 1, what });
    }
    Ok(transfers)
}

fn departure(object: &Object<'_>, key: &PositionKey, source_seq: u64) -> Result<Departure, InvalidValue> {
    let to = object.member("to")?.named(|book| PositionKey::new(DOCUMENT, book, &key.security()))?;
    let quantity = object.member("quantity")?.above_zero(Number::Quantity)?;
    let date = object.member("date")?.date()?;
    let instruction = object.optional("relief").map(instruction).transpose()?;
    Ok(Departure { to, quantity, date, exec_time: Timestamp::default(), source_seq, instruction })
}

fn arrival(
    object: &Object<'_>,
    id: &TradeId,
    swap: &Swap,
    key: &PositionKey,
    source_seq: u64,
) -> Result<Arrival, InvalidValue> {
    let quantity_item = object.member("quantity")?;
    let path = quantity_item.path.clone();
    let quantity = quantity_item.number(Number::Quantity)?;
    if quantity.is_zero() {
        return Err(path.invalid("0 is nothing that comes; allowed: above zero for a long, below zero for a short"));
    }
    let trade_date = object.member("tradeDate")?.date()?;
    let lot = Lot {
        id: id.clone(),
        key: key.clone(),
        contract: Some(swap.id.clone()),
        opened: quantity,
        remaining: quantity,
        price: object.member("price")?.not_below_zero(Number::Price)?,
        shared: None,
        currency: swap.currencies.price,
        trade_date,
        settle_date: Some(object.member("settlementDate")?.not_before(trade_date)?),
        exec_time: Timestamp::default(),
        source_seq,
        revision: 0,
    };
    let date = object.member("date")?.not_before(trade_date)?;
    Ok(Arrival { date, phase: Phase::Trade, exec_time: Timestamp::default(), source_seq, lot, origin: None })
}

/// What the legs measure the lot from: the last valuation of the contract it comes from.
fn reference(object: &Object<'_>) -> Result<Option<ReferencePrice>, InvalidValue> {
    let Some(price) = object.optional("referencePrice") else { return Ok(None) };
    let price = price.not_below_zero(Number::Price)?;
    Ok(Some(ReferencePrice { date: object.member("referenceDate")?.date()?, price }))
}

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

const DIRECTIONS: [(&str, Direction); 2] = [("IN", Direction::In), ("OUT", Direction::Out)];
