//! The corporate actions of a document -> what happens to the position in a security.

use rust_decimal::Decimal;

use super::holdings::{DOCUMENT, position};
use super::object::{Item, Object};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use crate::domain::lots::happening::{Happening, What};
use crate::domain::names::Symbol;
use crate::domain::number::ratio::Ratio;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// What a contract agrees on units that are no whole ones.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum FractionPolicy {
    #[default]
    Keep,
    CashInLieu,
}

/// `fractions` of a contract: kept when absent.
pub(super) fn agreed(contract: &Object<'_>) -> Result<FractionPolicy, InvalidValue> {
    Ok(contract.word("fractions", &AGREED)?.unwrap_or_default())
}

/// All versions of the actions on one security.
pub(super) fn actions(item: Item<'_>) -> Result<Vec<Happening>, InvalidValue> {
    item.list()?.into_iter().map(action).collect()
}

/// An action under a contract; the problem when the action does not say what the contract needs of it.
pub fn under(mut happening: Happening, agreed: FractionPolicy) -> Result<Happening, String> {
    let id = happening.id.trade_id().to_owned();
    let What::Action(CorporateAction { kind, .. }) = &mut happening.what else { return Ok(happening) };
    let spun_off = matches!(kind, ActionKind::SpinOff { .. });
    match (kind.fractions(), agreed) {
        (Some(fractions), FractionPolicy::Keep) => *fractions = Fractions::Keep,
        (Some(_), FractionPolicy::CashInLieu) if spun_off => {
            return Err(format!("CASH_IN_LIEU is not calculated for a spin-off, as {id} is one; allowed: KEEP"));
        }
        (Some(Fractions::Keep), FractionPolicy::CashInLieu) => {
            return Err(format!("CASH_IN_LIEU needs a price; add cashInLieu to the corporate action {id}, or KEEP"));
        }
        _ => {}
    }
    Ok(happening)
}

pub(super) fn action(item: Item<'_>) -> Result<Happening, InvalidValue> {
    let object = item.object()?;
    let id = object.member("actionId")?.named(|id| TradeId::new(DOCUMENT, id))?;
    let version = object.count("version")?.unwrap_or(1);
    let action = CorporateAction { ex_date: object.member("exDate")?.date()?, kind: kind(&object)? };
    let what = match object.word("status", &STATUSES)?.unwrap_or(Status::Confirmed) {
        Status::Confirmed => What::Action(action),
        Status::Cancelled => What::Withdrawn,
    };
    object.end()?;
    Ok(Happening { id, version, what })
}

fn kind(object: &Object<'_>) -> Result<ActionKind, InvalidValue> {
    let price = object.above_zero("cashInLieu", Number::Price)?;
    let fractions = price.map_or(Fractions::Keep, |price| Fractions::CashInLieu { price });
    let of_unit = |name| object.member(name)?.not_below_zero(Number::Price);
    Ok(match object.member("kind")?.word(&KINDS)? {
        Kind::Split => ActionKind::Split { ratio: ratio(object)?, fractions },
        Kind::StockDividend => ActionKind::StockDividend { per_unit: per_unit(object)?, fractions },
        Kind::SpinOff => ActionKind::SpinOff {
            to: to(object)?,
            ratio: ratio(object)?,
            parent_close: above_zero(object, "parentClose")?,
            child_close: above_zero(object, "childClose")?,
            fractions,
        },
        Kind::MergerCash => ActionKind::MergerCash { price: of_unit("cash")? },
        Kind::MergerStock => ActionKind::MergerStock { to: to(object)?, ratio: ratio(object)?, fractions },
        Kind::MergerMixed => ActionKind::MergerMixed {
            cash: above_zero(object, "cash")?,
            to: to(object)?,
            ratio: ratio(object)?,
            price: above_zero(object, "newPrice")?,
            fractions,
        },
        Kind::SymbolChange => ActionKind::SymbolChange { to: to(object)? },
    })
}

fn above_zero(object: &Object<'_>, name: &'static str) -> Result<Decimal, InvalidValue> {
    object.member(name)?.above_zero(Number::Price)
}

/// `newUnits` for `oldUnits`.
fn ratio(object: &Object<'_>) -> Result<Ratio, InvalidValue> {
    let (new, old) = (object.member("newUnits")?.count()?, object.member("oldUnits")?.count()?);
    Ratio::new(new.into(), old.into()).ok_or_else(|| object.invalid("newUnits and oldUnits are above zero"))
}

fn per_unit(object: &Object<'_>) -> Result<Ratio, InvalidValue> {
    let item = object.member("perUnit")?;
    let path = item.path.clone();
    let number = item.above_zero(Number::Quantity)?;
    Ratio::decimal(number).ok_or_else(|| path.invalid(format!("{number} has too many digits")))
}

fn to(object: &Object<'_>) -> Result<PositionKey, InvalidValue> {
    object.member("newSecurity")?.named(|name| position(&Symbol::new(name)?))
}

#[derive(Clone, Copy)]
enum Kind {
    Split,
    StockDividend,
    SpinOff,
    MergerCash,
    MergerStock,
    MergerMixed,
    SymbolChange,
}

const KINDS: [(&str, Kind); 7] = [
    ("SPLIT", Kind::Split),
    ("STOCK_DIVIDEND", Kind::StockDividend),
    ("SPIN_OFF", Kind::SpinOff),
    ("MERGER_CASH", Kind::MergerCash),
    ("MERGER_STOCK", Kind::MergerStock),
    ("MERGER_MIXED", Kind::MergerMixed),
    ("SYMBOL_CHANGE", Kind::SymbolChange),
];

#[derive(Clone, Copy)]
enum Status {
    Confirmed,
    Cancelled,
}

const STATUSES: [(&str, Status); 2] = [("CONFIRMED", Status::Confirmed), ("CANCELLED", Status::Cancelled)];

const AGREED: [(&str, FractionPolicy); 2] =
    [("KEEP", FractionPolicy::Keep), ("CASH_IN_LIEU", FractionPolicy::CashInLieu)];
