//! Pieces of a document that come one by one: a contract's terms, a value of the market, a calendar.

use chrono::NaiveDate;
use serde_json::value::RawValue;

use super::accounts::{self, Account};
use super::actions::{self, FractionPolicy};
use super::calendars::Calendars;
use super::contract::{self, DisruptedDays};
use super::holdings;
use super::market;
use super::object::Item;
use super::securities::{self, Security};
use crate::domain::dividends::declared::Declared;
use crate::domain::key::ContractId;
use crate::domain::lots::happening::Happening;
use crate::domain::lots::method::ReliefPolicy;
use crate::domain::names::{IndexName, Symbol};
use crate::domain::rates::index::Index;
use crate::domain::swap::terms::Swap;
use crate::messages::request::{InvalidValue, Path};

/// Reads a contract for a position of `underlier`, with every schedule resolved to dates as they stand on a day, those that `disrupted` days
/// postpone included.
pub fn read_terms(
    json: &str,
    id: &ContractId,
    underlier: &Symbol,
    day: NaiveDate,
    calendars: &mut Calendars,
    disrupted: &DisruptedDays,
) -> Result<Swap, InvalidValue> {
    let object = item(json)?.object()?;
    let named = object.member("contractId")?.named(ContractId::new)?;
    if named != *id {
        return Err(object.path.field("contractId").invalid(format!("is {named} in the terms of {id}")));
    }
    contract::standing(object, id, underlier, day, calendars, disrupted)
}

/// Reads a contract as of a day, or without one as of its effective date, whatever the position holds.
pub fn read_any_underlier(json: &str, day: Option<NaiveDate>, calendars: &mut Calendars) -> Result<Swap, InvalidValue> {
    any_underlier(item(json)?, day, calendars)
}

pub(super) fn any_underlier(
    item: Item<'_>,
    day: Option<NaiveDate>,
    calendars: &mut Calendars,
) -> Result<Swap, InvalidValue> {
    let object = item.object()?;
    let id = object.member("contractId")?.named(ContractId::new)?;
    let underlier = object.optional("underlier").map(|item| item.named(Symbol::new)).transpose()?;
    // Terms that leave their underlier open are the same for all.
    let underlier = underlier.unwrap_or_else(|| Symbol::new("ANY").expect("it is a name"));
    let day = day.map_or_else(|| object.member("effectiveDate")?.date(), Ok)?;
    contract::standing(object, &id, &underlier, day, calendars, &DisruptedDays::default())
}

/// What a contract says of the lots under it. This depends on no calendar and no day.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OnLots {
    /// Which of them its closes take.
    pub relief: ReliefPolicy,
    /// What becomes of units that are no whole ones.
    pub fractions: FractionPolicy,
}

/// Reads of a contract what it says of the lots under it.
pub fn read_on_lots(json: &str) -> Result<OnLots, InvalidValue> {
    let object = item(json)?.object()?;
    Ok(OnLots { relief: holdings::relief(&object)?, fractions: actions::agreed(&object)? })
}

/// Reads one corporate action.
pub fn read_action(json: &str) -> Result<Happening, InvalidValue> {
    actions::action(item(json)?)
}

/// Reads one dividend of an instrument.
pub fn read_dividend(of: &Symbol, json: &str) -> Result<Declared, InvalidValue> {
    market::declared(of, item(json)?.object()?)
}

/// Reads an index; its fixings come one by one.
pub fn read_index(name: &IndexName, json: &str, calendars: &mut Calendars) -> Result<Index, InvalidValue> {
    market::index(name, item(json)?, calendars)
}

/// Takes in a calendar in place of what was known by its name.
pub fn give_calendar(name: &str, json: &str, calendars: &mut Calendars) -> Result<(), InvalidValue> {
    calendars.give(name, item(json)?);
    Ok(())
}

/// Reads what is on record of a security.
pub fn read_security(json: &str) -> Result<Security, InvalidValue> {
    securities::security(item(json)?)
}

/// Reads when the day of an account ends.
pub fn read_account(json: &str) -> Result<Account, InvalidValue> {
    accounts::account(item(json)?)
}

fn item(json: &str) -> Result<Item<'_>, InvalidValue> {
    let malformed = |error: serde_json::Error| Path::default().invalid(format!("is not JSON: {error}"));
    let raw: &RawValue = serde_json::from_str(json).map_err(malformed)?;
    Ok(Item::new(Path::default(), raw))
}
