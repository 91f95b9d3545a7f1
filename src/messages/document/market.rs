//! The market of a document -> series by name. What cannot be read leaves its whole series out: half a series gives wrong amounts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::actions::actions;
use super::calendars::Calendars;
use super::dates;
use super::object::{Item, Object};
use crate::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind, Jurisdiction, SourceTax};
use crate::domain::financing::coupon::Rates;
use crate::domain::key::InvalidName;
use crate::domain::lots::happening::Happening;
use crate::domain::market::carry::Quote;
use crate::domain::market::fx::{FixName, InvalidPair, Pair};
use crate::domain::market::{Market, Quotes};
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, Symbol};
use crate::domain::rates::fixings::{Fixing, Fixings};
use crate::domain::rates::index::Index;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::{Number, parse_date, shortened};

/// What issuers do, by security. Contracts on a security whose actions cannot be read cannot be read either.
pub(super) type Actions = BTreeMap<Symbol, Result<Vec<Happening>, InvalidValue>>;

/// The market, the corporate actions, and a row for every series that is left out.
pub(super) fn market(
    item: Option<Item<'_>>,
    calendars: &mut Calendars,
) -> Result<(Market, Actions, Vec<InvalidValue>), InvalidValue> {
    let Some(item) = item else { return Ok((Market::default(), Actions::new(), Vec::new())) };
    let object = item.object()?;
    let rows = &mut Vec::new();
    let market = Market {
        prices: by_name(object.optional("prices"), Symbol::new, rows, |_, item| quotes(item, Number::Quantity))?,
        fallback_prices: by_name(object.optional("fallbackPrices"), Symbol::new, rows, |_, item| {
            quotes(item, Number::Quantity)
        })?,
        disrupted_days: disrupted_days(object.optional("disruptedDays"))?,
        rates: Rates {
            indices: by_name(object.optional("indices"), IndexName::new, rows, |name, item| {
                index(name, item, calendars)
            })?,
        },
        fx: fx(object.optional("fx"), rows)?,
        dividends: by_name(object.optional("dividends"), Symbol::new, rows, dividends)?,
        fee_rates: by_name(object.optional("feeRates"), Symbol::new, rows, |_, item| quotes(item, Number::Published))?,
    };
    let listed = |_: &Symbol, item| Ok(actions(item));
    let actions = by_name(object.optional("corporateActions"), Symbol::new, rows, listed)?;
    object.end()?;
    Ok((market, actions, std::mem::take(rows)))
}

/// Series by their names.
fn by_name<'a, K: Ord, V>(
    item: Option<Item<'a>>,
    name: impl Fn(&str) -> Result<K, InvalidName>,
    rows: &mut Vec<InvalidValue>,
    mut read: impl FnMut(&K, Item<'a>) -> Result<V, InvalidValue>,
) -> Result<BTreeMap<K, V>, InvalidValue> {
    let mut found = BTreeMap::new();
    for (text, item) in entries(item)? {
        let named = name(&text).map_err(|problem| item.path.clone().invalid(problem.to_string()));
        match named.and_then(|name| Ok((read(&name, item)?, name))) {
            Ok((series, name)) => {
                found.insert(name, series);
            }
            Err(invalid) => rows.push(invalid),
        }
    }
    Ok(found)
}

/// `{"ACME": ["2025-04-30"]}`. One that cannot be read is an error of the document: without it a valuation would stand that does not.
fn disrupted_days(item: Option<Item<'_>>) -> Result<BTreeMap<Symbol, BTreeSet<NaiveDate>>, InvalidValue> {
    let mut found = BTreeMap::new();
    for (text, item) in entries(item)? {
        let of = Symbol::new(&text).map_err(|problem| item.path.clone().invalid(problem.to_string()))?;
        found.insert(of, dates::ascending(item)?.into_iter().collect());
    }
    Ok(found)
}

/// The members of an object whose names are data; none when it is absent.
fn entries(item: Option<Item<'_>>) -> Result<Vec<(Cow<'_, str>, Item<'_>)>, InvalidValue> {
    item.map_or(Ok(Vec::new()), |item| Ok(item.object()?.entries().collect()))
}

/// `{"2025-04-30": "52.50", "2025-05-02": {"value": "52.75", "version": 2}}`.
fn quotes(item: Item<'_>, kind: Number) -> Result<Quotes, InvalidValue> {
    series(item, |date, item| quote(date, item, kind))
}

fn series(
    item: Item<'_>,
    read: impl Fn(&str, Item<'_>) -> Result<Quote, InvalidValue>,
) -> Result<Quotes, InvalidValue> {
    Ok(Quotes::new(item.object()?.entries().map(|(date, item)| read(&date, item)).collect::<Result<_, _>>()?))
}

pub(super) fn quote(date: &str, item: Item<'_>, kind: Number) -> Result<Quote, InvalidValue> {
    let no_date = || item.path.clone().invalid(format!("{} is not a date; write it as 2024-01-31", shortened(date)));
    let date = parse_date(date).ok_or_else(no_date)?;
    if !item.is_object() {
        return Ok(Quote { date, value: item.number(kind)?, version: 0 });
    }
    let object = item.object()?;
    let quote =
        Quote { date, value: object.member("value")?.number(kind)?, version: object.count("version")?.unwrap_or(0) };
    object.end()?;
    Ok(quote)
}

pub(super) fn index(name: &IndexName, item: Item<'_>, calendars: &mut Calendars) -> Result<Index, InvalidValue> {
    let object = item.object()?;
    let year_days = object.optional("yearDays").map_or(Ok(360), Item::year_days)?;
    let days = calendars.find(object.member("calendar")?)?.days.as_ref().clone();
    let mut fixings = Fixings::new(name.clone(), year_days.into(), days);
    for (date, item) in
        object.optional("fixings").map_or(Ok(Vec::new()), |item| Ok(item.object()?.entries().collect()))?
    {
        let path = item.path.clone();
        let Quote { date, value: rate, version } = quote(&date, item, Number::Published)?;
        fixings.publish(date, Fixing { rate, version }).map_err(|problem| path.invalid(problem.to_string()))?;
    }
    object.end()?;
    Ok(Index::new(fixings))
}

/// `{"WM-4PM": {"EUR/USD": {"2025-04-30": "1.1375"}}}`: dollars for one euro.
fn fx(item: Option<Item<'_>>, rows: &mut Vec<InvalidValue>) -> Result<BTreeMap<(FixName, Pair), Quotes>, InvalidValue> {
    let mut found = BTreeMap::new();
    for (fix, item) in entries(item)? {
        let read = FixName::new(&fix).map_err(|problem| item.path.clone().invalid(problem.to_string()));
        let pairs = read.and_then(|fix| Ok((fix, entries(Some(item))?)));
        let Ok((fix, pairs)) = pairs.map_err(|invalid| rows.push(invalid)) else { continue };
        for (text, item) in pairs {
            match pair(&text, &item).and_then(|pair| Ok((pair, series(item, |date, item| rate(pair, date, item))?))) {
                Ok((pair, quotes)) => {
                    found.insert((fix.clone(), pair), quotes);
                }
                Err(invalid) => rows.push(invalid),
            }
        }
    }
    Ok(found)
}

/// A quote of a day on which both currencies are money.
pub(super) fn rate(pair: Pair, date: &str, item: Item<'_>) -> Result<Quote, InvalidValue> {
    let path = item.path.clone();
    let rate = quote(date, item, Number::Exchange)?;
    pair.money_on(rate.date).map_err(|ended| path.invalid(ended.to_string()))?;
    Ok(rate)
}

pub(super) fn pair(text: &str, item: &Item<'_>) -> Result<Pair, InvalidValue> {
    text.parse().map_err(|problem| {
        item.path.clone().invalid(match problem {
            InvalidPair::Form => format!("{} {problem}", shortened(text)),
            InvalidPair::Currency(problem) => problem.to_string(),
        })
    })
}

/// The highest version of each dividend, by ex date.
fn dividends(of: &Symbol, item: Item<'_>) -> Result<Vec<Declared>, InvalidValue> {
    let mut latest = BTreeMap::<DividendId, Declared>::new();
    for item in item.list()? {
        let declared = declared(of, item.object()?)?;
        let earlier = latest.get(&declared.id).is_none_or(|known| known.version <= declared.version);
        if earlier {
            latest.insert(declared.id.clone(), declared);
        }
    }
    let mut dividends: Vec<Declared> = latest.into_values().collect();
    dividends.sort_by_key(|declared| declared.ex_date);
    Ok(dividends)
}

pub(super) fn declared(of: &Symbol, object: Object<'_>) -> Result<Declared, InvalidValue> {
    let ex_date = object.member("exDate")?.date()?;
    let record_date: Option<NaiveDate> = object.optional("recordDate").map(Item::date).transpose()?;
    let declared = Declared {
        id: object.member("dividendId")?.named(DividendId::new)?,
        version: object.count("version")?.unwrap_or(1),
        of: of.clone(),
        kind: object.word("kind", &KINDS)?.unwrap_or(DividendKind::Ordinary),
        status: object.word("status", &STATUSES)?.unwrap_or(Declaration::Confirmed),
        gross: object.member("gross")?.number(Number::Price)?,
        currency: object.member("currency")?.named(Currency::new)?,
        ex_date,
        record_date: record_date.unwrap_or(ex_date),
        pay_date: object.optional("payDate").map(Item::date).transpose()?,
        source_tax: object.optional("withholding").map(source_tax).transpose()?,
    };
    object.end()?;
    Ok(declared)
}

/// `{"rate": "0.15", "jurisdiction": "US"}`.
fn source_tax(item: Item<'_>) -> Result<SourceTax, InvalidValue> {
    let object = item.object()?;
    let rate = object.member("rate")?;
    let path = rate.path.clone();
    let tax = SourceTax {
        rate: rate.not_below_zero(Number::Rate)?,
        jurisdiction: object.member("jurisdiction")?.named(Jurisdiction::new)?,
    };
    object.end()?;
    if tax.rate >= Decimal::ONE {
        return Err(path.invalid(format!("{} leaves nothing; allowed: a fraction below 1, 0.15 is 15 %", tax.rate)));
    }
    Ok(tax)
}

const KINDS: [(&str, DividendKind); 4] = [
    ("ORDINARY", DividendKind::Ordinary),
    ("SPECIAL", DividendKind::Special),
    ("STOCK", DividendKind::Stock),
    ("RETURN_OF_CAPITAL", DividendKind::ReturnOfCapital),
];

const STATUSES: [(&str, Declaration); 4] = [
    ("CONFIRMED", Declaration::Confirmed),
    ("ANNOUNCED", Declaration::Announced),
    ("PAID", Declaration::Paid),
    ("CANCELLED", Declaration::Cancelled),
];
