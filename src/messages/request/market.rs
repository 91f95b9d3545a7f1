//! Market data of a request -> series by name. What cannot be read leaves a row, and its whole name out: half a series gives wrong amounts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::scalar::{Number, Raw, date, number, optional_number, text, word};
use super::{InvalidValue, Path};
use crate::domain::dividends::withholding::Treatment;
use crate::domain::jobs::market::{Dividend, MarketData, Observation, Series, Withholding};
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, Symbol};

type Owned = Option<Box<RawValue>>;

#[derive(Deserialize)]
pub(super) struct WireMarketData {
    data: Option<WireData>,
}

#[derive(Deserialize)]
struct WireData {
    securities: Option<Vec<WireSecurity>>,
    rates: Option<Vec<WireRate>>,
    dividends: Option<Vec<WireDividends>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSecurity {
    symbol: Owned,
    base_price: Owned,
    base_date: Owned,
    changes: Option<Vec<WireChange>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRate {
    index: Owned,
    base_rate: Owned,
    base_date: Owned,
    changes: Option<Vec<WireChange>>,
}

#[derive(Deserialize)]
struct WireChange {
    date: Owned,
    price: Owned,
    rate: Owned,
}

#[derive(Deserialize)]
pub(super) struct WireDividends {
    symbol: Owned,
    dividends: Option<Vec<WireDividend>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDividend {
    ex_date: Owned,
    amount: Owned,
    currency: Owned,
    withholding_tax_rate: Owned,
    withholding_treatment: Owned,
}

pub(super) fn market_data(wire: WireMarketData, notices: &mut Vec<Notice>) -> MarketData {
    let Some(data) = wire.data else { return MarketData::default() };
    let path = Path::root("marketData").field("data");
    MarketData {
        prices: by_name(data.securities, &path.field("securities"), notices, security),
        rates: by_name(data.rates, &path.field("rates"), notices, rate),
        dividends: by_name(data.dividends, &path.field("dividends"), notices, dividends),
    }
}

/// Changes or dividends of one name: 270 years of days, and 2 MB in a chunk.
const VALUES_MAX: usize = 100_000;

fn not_too_many<T>(listed: Option<Vec<T>>, list: &Path) -> Result<Vec<T>, InvalidValue> {
    let listed = listed.unwrap_or_default();
    match listed.len() {
        0..=VALUES_MAX => Ok(listed),
        count => Err(list.clone().invalid(format!("has {count} entries; allowed: up to {VALUES_MAX}"))),
    }
}

/// A name that comes twice is left out as well: nobody can say which one is meant.
fn by_name<W, K: Ord + Clone, V>(
    wires: Option<Vec<W>>,
    path: &Path,
    notices: &mut Vec<Notice>,
    read: impl Fn(W, &Path) -> Result<(K, V), InvalidValue>,
) -> BTreeMap<K, V> {
    let mut found = BTreeMap::new();
    for (index, wire) in wires.unwrap_or_default().into_iter().enumerate() {
        let path = path.item(index);
        let invalid = match read(wire, &path) {
            Err(invalid) => invalid,
            Ok((name, value)) => match found.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(Some(value));
                    continue;
                }
                Entry::Occupied(mut place) => {
                    place.insert(None);
                    path.invalid("named before in this list; neither is used")
                }
            },
        };
        notices.push(Place::request().error(NoticeCode::Unreadable, &invalid.path.to_string(), invalid.problem));
    }
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

pub(super) fn security(wire: WireSecurity, path: &Path) -> Result<(Symbol, Series), InvalidValue> {
    let symbol = symbol(&wire.symbol, path)?;
    let base = base(&wire.base_price, &wire.base_date, "basePrice", Number::Price, path)?;
    let changes = changes(wire.changes, "price", Number::Price, |change| change.price.as_deref(), path)?;
    Ok((symbol, series(base, changes, path)?))
}

pub(super) fn rate(wire: WireRate, path: &Path) -> Result<(IndexName, Series), InvalidValue> {
    let index = text(wire.index.as_deref())
        .and_then(|index| IndexName::new(&index).map_err(|error| error.to_string()))
        .map_err(|problem| path.field("index").invalid(problem))?;
    let changes = changes(wire.changes, "rate", Number::Published, |change| change.rate.as_deref(), path)?;
    let base = base(&wire.base_rate, &wire.base_date, "baseRate", Number::Published, path)?;
    Ok((index, series(base, changes, path)?))
}

pub(super) fn dividends(wire: WireDividends, path: &Path) -> Result<(Symbol, Vec<Dividend>), InvalidValue> {
    let symbol = symbol(&wire.symbol, path)?;
    let list = path.field("dividends");
    let read = |(index, wire): (usize, WireDividend)| {
        let at = |field| {
            let path = list.item(index).field(field);
            move |problem: String| path.invalid(problem)
        };
        Ok(Dividend {
            ex_date: date(wire.ex_date.as_deref()).map_err(at("exDate"))?,
            per_share: number(wire.amount.as_deref(), Number::Price).map_err(at("amount"))?,
            currency: text(wire.currency.as_deref())
                .and_then(|code| Currency::new(&code).map_err(|error| error.to_string()))
                .map_err(at("currency"))?,
            withholding: withholding(&wire, &list.item(index))?,
        })
    };
    let mut dividends: Vec<Dividend> =
        not_too_many(wire.dividends, &list)?.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    // Their order says nothing, and one that comes twice counts once, as a price does.
    let order = |of: &Dividend| {
        let tax = of.withholding.map(|withholding| (withholding.rate, withholding.treatment.name()));
        (of.ex_date, of.currency, of.per_share, tax)
    };
    dividends.sort_by_key(order);
    dividends.dedup();
    Ok((symbol, dividends))
}

/// The rate is in percent, as the replaced service had it, and one without a treatment is deducted; without a rate nothing is withheld.
fn withholding(wire: &WireDividend, path: &Path) -> Result<Option<Withholding>, InvalidValue> {
    let at = |field| move |problem: String| path.field(field).invalid(problem);
    let percent =
        optional_number(wire.withholding_tax_rate.as_deref(), Number::Price).map_err(at("withholdingTaxRate"))?;
    let treatment = match wire.withholding_treatment.as_deref() {
        None => Treatment::Deducted,
        given => word(given, &Treatment::NAMES).map_err(at("withholdingTreatment"))?,
    };
    let Some(percent) = percent.filter(|percent| !percent.is_zero()) else { return Ok(None) };
    if percent < Decimal::ONE {
        let problem = format!("{percent}: a fraction? write {}", (percent * Decimal::ONE_HUNDRED).normalize());
        return Err(at("withholdingTaxRate")(problem));
    }
    if percent >= Decimal::ONE_HUNDRED {
        return Err(at("withholdingTaxRate")(format!("{percent} leaves nothing; allowed: below 100")));
    }
    Ok(Some(Withholding { rate: percent / Decimal::ONE_HUNDRED, treatment }))
}

fn symbol(raw: &Owned, path: &Path) -> Result<Symbol, InvalidValue> {
    text(raw.as_deref())
        .and_then(|symbol| Symbol::new(&symbol).map_err(|error| error.to_string()))
        .map_err(|problem| path.field("symbol").invalid(problem))
}

fn base(
    value: &Owned,
    day: &Owned,
    name: &str,
    kind: Number,
    path: &Path,
) -> Result<Option<Observation>, InvalidValue> {
    let Some(value) = optional_number(value.as_deref(), kind).map_err(|problem| path.field(name).invalid(problem))?
    else {
        return Ok(None);
    };
    let date = date(day.as_deref()).map_err(|problem| path.field("baseDate").invalid(problem))?;
    Ok(Some(Observation { date, value }))
}

fn changes(
    wires: Option<Vec<WireChange>>,
    name: &str,
    kind: Number,
    value: impl Fn(&WireChange) -> Raw<'_>,
    path: &Path,
) -> Result<Vec<Observation>, InvalidValue> {
    let list = path.field("changes");
    let read = |(index, wire): (usize, WireChange)| {
        Ok(Observation {
            date: date(wire.date.as_deref()).map_err(|problem| list.item(index).field("date").invalid(problem))?,
            value: number(value(&wire), kind).map_err(|problem| list.item(index).field(name).invalid(problem))?,
        })
    };
    not_too_many(wires, &list)?.into_iter().enumerate().map(read).collect()
}

fn series(base: Option<Observation>, changes: Vec<Observation>, path: &Path) -> Result<Series, InvalidValue> {
    Series::new(base, changes).map_err(|contradiction| {
        path.field("changes").invalid(format!("{} comes twice with different values", contradiction.date))
    })
}
