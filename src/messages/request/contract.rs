//! One contract of a request -> a contract of the domain, or the path of the value that prevents it.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::interest::financing;
use super::scalar::{Number, Raw, date, number, optional_number, optional_text, shortened, text, word};
use super::{InvalidValue, Path};
use crate::domain::jobs::contract::{Contract, ContractLot, ContractPosition, Leg, LotKind, LotStatus, Unsupported};
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::key::ContractId;
use crate::domain::lots::method::ReliefMethod;
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, LotId, PositionId, Symbol};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireContract<'a> {
    #[serde(borrow)]
    pub contract_id: Raw<'a>,
    #[serde(borrow)]
    underlying: Raw<'a>,
    #[serde(borrow)]
    index: Raw<'a>,
    #[serde(borrow, rename = "type")]
    product: Raw<'a>,
    #[serde(borrow)]
    currency: Raw<'a>,
    #[serde(borrow)]
    start_date: Raw<'a>,
    #[serde(borrow)]
    end_date: Raw<'a>,
    #[serde(borrow)]
    total_notional_amount: Raw<'a>,
    #[serde(borrow)]
    positions: Option<Vec<WirePosition<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition<'a> {
    #[serde(borrow)]
    position_id: Raw<'a>,
    #[serde(borrow)]
    product: Raw<'a>,
    #[serde(borrow)]
    underlying: Raw<'a>,
    #[serde(borrow)]
    notional_amount: Raw<'a>,
    #[serde(borrow)]
    currency: Raw<'a>,
    #[serde(borrow, rename = "type")]
    leg: Raw<'a>,
    #[serde(borrow)]
    interest_leg: Raw<'a>,
    #[serde(borrow)]
    lots: Option<Vec<WireLot<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLot<'a> {
    #[serde(borrow)]
    lot_id: Raw<'a>,
    #[serde(borrow)]
    contract_id: Raw<'a>,
    #[serde(borrow)]
    position_id: Raw<'a>,
    #[serde(borrow)]
    underlying: Raw<'a>,
    #[serde(borrow)]
    quantity: Raw<'a>,
    #[serde(borrow)]
    cost_price: Raw<'a>,
    #[serde(borrow)]
    cost_date: Raw<'a>,
    #[serde(borrow)]
    settlement_date: Raw<'a>,
    #[serde(borrow)]
    lot_type: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    unwinding_method: Raw<'a>,
}

/// What a contract's positions take from it.
struct Defaults {
    id: ContractId,
    underlying: Option<Symbol>,
    index: Option<IndexName>,
    currency: Currency,
}

/// The contract, and a row for each lot that claims to belong elsewhere.
pub(super) fn contract(wire: WireContract<'_>, path: &Path) -> Result<(Contract, Vec<Notice>), InvalidValue> {
    let at = |field| move |problem: String| path.field(field).invalid(problem);
    let defaults = Defaults {
        id: text(wire.contract_id).and_then(|id| named(ContractId::new(&id))).map_err(at("contractId"))?,
        underlying: symbol(wire.underlying).map_err(at("underlying"))?,
        index: optional_text(wire.index)
            .and_then(|index| index.map(|index| named(IndexName::new(&index))).transpose())
            .map_err(at("index"))?,
        currency: currency(wire.currency).and_then(|found| found.ok_or("missing".into())).map_err(at("currency"))?,
    };
    let mut notices = Vec::new();
    let mut positions = Vec::new();
    let list = path.field("positions");
    for (index, wire) in wire.positions.unwrap_or_default().into_iter().enumerate() {
        positions.push(position(wire, &defaults, &list.item(index), path, &mut notices)?);
    }
    let (start, end) = (date(wire.start_date).map_err(at("startDate"))?, date(wire.end_date).map_err(at("endDate"))?);
    if end < start {
        return Err(path.field("endDate").invalid(format!("{end} is before startDate {start}")));
    }
    let contract = Contract {
        id: defaults.id,
        unsupported: unsupported(wire.product).map_err(at("type"))?,
        currency: defaults.currency,
        start,
        end,
        total_notional: notional(wire.total_notional_amount).map_err(at("totalNotionalAmount"))?,
        positions,
    };
    Ok((contract, notices))
}

fn position(
    wire: WirePosition<'_>,
    defaults: &Defaults,
    path: &Path,
    of_contract: &Path,
    notices: &mut Vec<Notice>,
) -> Result<ContractPosition, InvalidValue> {
    let at = |field| move |problem: String| path.field(field).invalid(problem);
    let id = text(wire.position_id).and_then(|id| named(PositionId::new(&id))).map_err(at("positionId"))?;
    let currency = currency(wire.currency).map_err(at("currency"))?.unwrap_or(defaults.currency);
    let underlying = symbol(wire.underlying).map_err(at("underlying"))?.or_else(|| defaults.underlying.clone());
    let underlying = underlying.ok_or_else(|| path.field("underlying").invalid("missing, here and in the contract"))?;
    let leg = match text(wire.leg.or(wire.product)).map_err(at("type"))?.as_ref() {
        "EQUITY_LEG" => Ok(Leg::Equity),
        "DIVIDEND_LEG" => Ok(Leg::Dividend { payout_ratio: Decimal::ONE }),
        "INTEREST_LEG" => financing(wire.interest_leg, defaults.index.as_ref(), currency, path, of_contract)
            .map(Leg::Interest)
            .map(Ok)?,
        other => Err(Unsupported(shortened(other).into())),
    };
    let place = Place::of(&defaults.id).position(&id);
    let list = path.field("lots");
    let mut lots = Vec::with_capacity(wire.lots.as_ref().map_or(0, Vec::len));
    for (index, wire) in wire.lots.unwrap_or_default().into_iter().enumerate() {
        let path = || list.item(index);
        let elsewhere = elsewhere(&wire, &defaults.id, &id, &underlying, path)?;
        let lot = lot(wire, path)?;
        match elsewhere {
            None => lots.push(lot),
            Some((field, named)) => notices.push(place.lot(&lot.id).error(
                NoticeCode::LotElsewhere,
                field,
                format!(
                    "the lot names {} but is listed under {} {id} {underlying}; it is not counted",
                    shortened(&named),
                    defaults.id
                ),
            )),
        }
    }
    let notional = notional(wire.notional_amount).map_err(at("notionalAmount"))?;
    Ok(ContractPosition { id, leg, underlying, currency, notional, lots })
}

fn lot(wire: WireLot<'_>, path: impl Fn() -> Path) -> Result<ContractLot, InvalidValue> {
    let at = |field| {
        let path = &path;
        move |problem: String| path().field(field).invalid(problem)
    };
    let lot = ContractLot {
        id: text(wire.lot_id).and_then(|id| named(LotId::new(&id))).map_err(at("lotId"))?,
        quantity: number(wire.quantity, Number::Quantity).map_err(at("quantity"))?,
        cost_price: number(wire.cost_price, Number::Price).map_err(at("costPrice"))?,
        cost_date: date(wire.cost_date).map_err(at("costDate"))?,
        settlement_date: date(wire.settlement_date).map_err(at("settlementDate"))?,
        kind: match wire.lot_type {
            None => LotKind::New,
            given => word(given, &LOT_KINDS).map_err(at("lotType"))?,
        },
        status: match wire.status {
            None => LotStatus::Active,
            given => word(given, &LOT_STATUSES).map_err(at("status"))?,
        },
        unwinding: unwinding(wire.unwinding_method).map_err(at("unwindingMethod"))?,
    };
    if lot.settlement_date < lot.cost_date {
        let problem = format!("{} is before costDate {}", lot.settlement_date, lot.cost_date);
        return Err(at("settlementDate")(problem));
    }
    Ok(lot)
}

const LOT_KINDS: [(&str, LotKind); 3] =
    [("NEW_LOT", LotKind::New), ("ADJUSTMENT_LOT", LotKind::Adjustment), ("CLOSING_LOT", LotKind::Closing)];

const LOT_STATUSES: [(&str, LotStatus); 3] =
    [("ACTIVE", LotStatus::Active), ("CLOSED", LotStatus::Closed), ("ADJUSTED", LotStatus::Adjusted)];

/// The field and the name with which a lot claims to belong to another contract, position or underlying than it is listed under.
fn elsewhere<'a>(
    wire: &WireLot<'a>,
    contract: &ContractId,
    position: &PositionId,
    underlying: &Symbol,
    path: impl Fn() -> Path,
) -> Result<Option<(&'static str, Cow<'a, str>)>, InvalidValue> {
    for (field, raw, allowed) in [
        // The replaced service compared a lot's contractId with the position's id, so its users learnt to write that there.
        ("contractId", wire.contract_id, [contract.as_str(), position.as_str()]),
        ("positionId", wire.position_id, [position.as_str(); 2]),
        ("underlying", wire.underlying, [underlying.as_str(); 2]),
    ] {
        let named = optional_text(raw).map_err(|problem| path().field(field).invalid(problem))?;
        if let Some(named) = named.filter(|named| !allowed.contains(&named.as_ref())) {
            return Ok(Some((field, named)));
        }
    }
    Ok(None)
}

/// The type of a contract whose pay-off is not that of its legs alone.
fn unsupported(raw: Raw<'_>) -> Result<Option<Unsupported>, String> {
    let product = text(raw)?;
    let of_legs = matches!(product.as_ref(), "EQUITY_SWAP" | "INTEREST_RATE_SWAP");
    Ok((!of_legs).then(|| Unsupported(shortened(&product).into())))
}

fn unwinding(raw: Raw<'_>) -> Result<Result<ReliefMethod, Unsupported>, String> {
    Ok(match optional_text(raw)?.as_deref() {
        None | Some("FIFO") => Ok(ReliefMethod::Fifo),
        Some("LIFO") => Ok(ReliefMethod::Lifo),
        Some("HIFO" | "HICO") => Ok(ReliefMethod::Hifo), // highest cost by its other name
        Some("LOFO") => Ok(ReliefMethod::Lofo),
        Some("AVERAGE") => Ok(ReliefMethod::Average),
        Some("MAX_LOSS") => Ok(ReliefMethod::MaxLoss),
        Some("MIN_GAIN") => Ok(ReliefMethod::MinGain),
        Some("MAX_GAIN") => Ok(ReliefMethod::MaxGain),
        Some(other) => Err(Unsupported(shortened(other).into())),
    })
}

fn symbol(raw: Raw<'_>) -> Result<Option<Symbol>, String> {
    optional_text(raw)?.map(|symbol| named(Symbol::new(&symbol))).transpose()
}

fn currency(raw: Raw<'_>) -> Result<Option<Currency>, String> {
    optional_text(raw)?.map(|code| named(Currency::new(&code))).transpose()
}

fn notional(raw: Raw<'_>) -> Result<Option<Decimal>, String> {
    optional_number(raw, Number::Quantity)
}

fn named<T, E: std::fmt::Display>(name: Result<T, E>) -> Result<T, String> {
    name.map_err(|error| error.to_string())
}
