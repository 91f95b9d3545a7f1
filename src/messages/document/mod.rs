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
pub mod accounts; // when the day of an account ends
pub mod securities; // market, currency and settlement of a security
pub mod standing; // terms and values that come one by one
pub mod points; // a document as terms and values that are sent one by one
mod object; // one JSON object: members by name, unknown ones refused
pub mod stream; // a document whose contracts are read one after another
mod cut; // what some of its contracts name of the rest
pub mod split; // its contracts -> chunks of a job

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::value::RawValue;

use self::calendars::Calendars;
pub use self::holdings::METHODS;
use self::market::Actions;
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
    let raw: &RawValue = serde_json::from_slice(json).map_err(malformed)?;
    let object = Item::new(Path::default(), raw).object()?;
    let mut around = Around::of(&object)?;
    let contracts = object.member("contracts")?.list()?;
    object.end()?;
    let contracts: Vec<_> = contracts.into_iter().map(|item| around.agreement(item)).collect();
    contracts.iter().flatten().for_each(|agreement| around.prepare(agreement));
    let Around { valuation_date, market, unreadable_series, .. } = around;
    Ok(Document { valuation_date, contracts, market, unreadable_series })
}

/// A document without its contracts.
pub struct Around {
    pub valuation_date: NaiveDate,
    pub market: Market,
    /// Series that are left out of the market.
    pub unreadable_series: Vec<InvalidValue>,
    calendars: Calendars,
    actions: Actions,
    /// Of the contracts that were read.
    names: BTreeSet<ContractId>,
}

impl Around {
    /// Reads the JSON of a document that has no contracts in it.
    pub fn read(json: &str) -> Result<Around, InvalidValue> {
        let raw: &RawValue = serde_json::from_str(json).map_err(malformed)?;
        let object = Item::new(Path::default(), raw).object()?;
        let around = Around::of(&object)?;
        object.end()?;
        Ok(around)
    }

    fn of(object: &Object<'_>) -> Result<Around, InvalidValue> {
        let valuation_date = object.member("valuationDate")?.date()?;
        let mut calendars = Calendars::new(object.optional("calendars"))?;
        let (market, actions, unreadable_series) = market::market(object.optional("marketData"), &mut calendars)?;
        Ok(Around { valuation_date, market, unreadable_series, calendars, actions, names: BTreeSet::new() })
    }

    /// Reads a contract that stands among others at this place, from 0.
    pub fn contract(&mut self, json: &str, place: usize) -> Result<Agreement, Unreadable> {
        let path = Path::root("contracts").item(place);
        match serde_json::from_str(json) {
            Ok(raw) => self.agreement(Item::new(path, raw)),
            Err(error) => Err(Unreadable { contract: None, invalid: path.invalid(format!("is not JSON: {error}")) }),
        }
    }

    fn agreement(&mut self, item: Item<'_>) -> Result<Agreement, Unreadable> {
        let nameless = |invalid| Unreadable { contract: None, invalid };
        let object = item.object().map_err(nameless)?;
        let id = name(&object).map_err(nameless)?;
        let unreadable = |invalid| Unreadable { contract: Some(id.clone()), invalid };
        if !self.names.insert(id.clone()) {
            let problem = format!("{id} is listed before; give each contract its own id");
            return Err(unreadable(object.path.field("contractId").invalid(problem)));
        }
        let disrupted = &self.market.disrupted_days;
        contract::agreement(object, &id, self.valuation_date, &mut self.calendars, disrupted, &self.actions)
            .map_err(unreadable)
    }

    /// Prepares the market for a contract, which must be before its flows are calculated.
    pub fn prepare(&mut self, agreement: &Agreement) {
        if let Some(financing) = &agreement.swap.financing {
            self.market.rates.prepare(&financing.long);
            self.market.rates.prepare(&financing.short);
        }
    }
}

fn malformed(error: serde_json::Error) -> InvalidValue {
    Path::default().invalid(format!("is not JSON: {error}"))
}

fn name(object: &Object<'_>) -> Result<ContractId, InvalidValue> {
    object.member("contractId")?.named(ContractId::new)
}

#[cfg(test)]
mod tests;
