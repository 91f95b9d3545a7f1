//! The document that `calculate` reads: contracts with all their terms, what is held under them, and the market, as JSON.
//! In reading order:

mod contract; // one contract
mod equity; // its equity leg
mod fx; // its exchange rates
mod financing; // its interest leg
mod dividends; // its dividends
mod fees; // its fees
mod holdings; // the trades or lots under it
mod transfers; // lots that come and go
pub mod actions; // corporate actions
mod dates; // lists of dates, and periods
mod rule; // dates at regular distances
mod market; // prices, fixings, exchange rates, dividends
pub mod calendars; // business days by name
pub mod standing; // terms and values that come one by one
pub mod points; // a document as terms and values that are sent one by one
mod object; // one JSON object: members by name, unknown ones refused

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::value::RawValue;

use self::calendars::Calendars;
pub use self::holdings::METHODS;
use self::object::{Item, Object};
use crate::domain::key::ContractId;
use crate::domain::market::Market;
use crate::domain::swap::agreement::Agreement;
use crate::messages::request::{InvalidValue, Path};

/// A document as it was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Results stand at the end of this day.
    pub valuation_date: NaiveDate,
    /// In the order of the document, with what cannot be read in its place.
    pub contracts: Vec<Result<Agreement, Unreadable>>,
    /// Prepared for all contracts.
    pub market: Market,
    /// Series that are left out of the market, because half a series gives wrong amounts.
    pub unreadable_series: Vec<InvalidValue>,
}

/// A contract that cannot be read; it has its name where that much can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    pub contract: Option<ContractId>,
    pub invalid: InvalidValue,
}

/// Reads a document. What is wrong with one contract or one series is kept in its place; an error is one of the document as a whole.
pub fn read_document(json: &[u8]) -> Result<Document, InvalidValue> {
    let malformed = |error: serde_json::Error| Path::default().invalid(format!("is not JSON: {error}"));
    let raw: &RawValue = serde_json::from_slice(json).map_err(malformed)?;
    let object = Item::new(Path::default(), raw).object()?;
    let valuation_date = object.member("valuationDate")?.date()?;
    let mut calendars = Calendars::new(object.optional("calendars"))?;
    let (mut market, actions, unreadable_series) = market::market(object.optional("marketData"), &mut calendars)?;
    let mut names = BTreeSet::new();
    let mut contracts = Vec::new();
    for item in object.member("contracts")?.list()? {
        contracts.push(agreement(item, valuation_date, &mut calendars, (&market, &actions), &mut names));
    }
    object.end()?;
    for financing in contracts.iter().flatten().filter_map(|agreement| agreement.swap.financing.as_ref()) {
        market.rates.prepare(&financing.long);
        market.rates.prepare(&financing.short);
    }
    Ok(Document { valuation_date, contracts, market, unreadable_series })
}

fn agreement(
    item: Item<'_>,
    valuation_date: NaiveDate,
    calendars: &mut Calendars,
    (market, actions): (&Market, &market::Actions),
    names: &mut BTreeSet<ContractId>,
) -> Result<Agreement, Unreadable> {
    let nameless = |invalid| Unreadable { contract: None, invalid };
    let object = item.object().map_err(nameless)?;
    let id = name(&object).map_err(nameless)?;
    let unreadable = |invalid| Unreadable { contract: Some(id.clone()), invalid };
    if !names.insert(id.clone()) {
        let problem = format!("{id} is listed before; give each contract its own id");
        return Err(unreadable(object.path.field("contractId").invalid(problem)));
    }
    contract::agreement(object, &id, valuation_date, calendars, &market.disrupted_days, actions).map_err(unreadable)
}

fn name(object: &Object<'_>) -> Result<ContractId, InvalidValue> {
    object.member("contractId")?.named(ContractId::new)
}

#[cfg(test)]
mod tests;
