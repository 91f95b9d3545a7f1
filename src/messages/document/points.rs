//! A document as what is sent piece by piece: terms of contracts, market and reference data, each with its path or the reason why it is none.

use std::borrow::Cow;

use chrono::NaiveDate;
use compact_str::CompactString;
use serde_json::value::RawValue;

use super::accounts::account;
use super::actions::action;
use super::calendars::{Calendars, given};
use super::object::{Item, Object};
use super::securities::settling;
use super::standing::any_underlier;
use super::{market, name};
use crate::domain::balance::AccountId;
use crate::domain::key::ContractId;
use crate::domain::lots::happening::What;
use crate::domain::market::carry::Quote;
use crate::domain::market::fx::FixName;
use crate::domain::names::{IndexName, Symbol};
use crate::messages::data_point::{DataKind, Value};
use crate::messages::request::scalar::Number;
use crate::messages::request::{InvalidValue, Path};

/// What a value is about, whatever its version.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct About {
    pub kind: DataKind,
    pub name: CompactString,
    pub detail: CompactString,
    pub date: Option<NaiveDate>,
}

/// Something that a file states, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Stated<A, V> {
    pub path: String,
    pub about: A,
    /// None: whatever comes next.
    pub version: Option<u32>,
    pub value: V,
}

impl<A, V> Stated<A, V> {
    pub fn map<W>(self, map: impl FnOnce(V) -> W) -> Stated<A, W> {
        Stated { path: self.path, about: self.about, version: self.version, value: map(self.value) }
    }
}

pub type StatedPoint = Stated<About, Value>;
/// JSON of the terms, without spaces and without the version.
pub type StatedTerms = Stated<ContractId, Box<str>>;

/// The member `marketData` of a document, or that object alone.
pub fn market_data(json: &[u8]) -> Result<Vec<Result<StatedPoint, InvalidValue>>, InvalidValue> {
    let document = whole(json)?.object()?;
    let object = match document.optional("marketData") {
        Some(item) => item.object()?,
        None => document,
    };
    let mut points = Points::default();
    points.series(object.optional("prices"), DataKind::Price, Number::Quantity, Symbol::new);
    points.series(object.optional("feeRates"), DataKind::FeeRate, Number::Published, Symbol::new);
    points.fixings(object.optional("indices"));
    points.fx(object.optional("fx"));
    points.listed(object.optional("dividends"), dividend);
    points.listed(object.optional("disruptedDays"), disruption);
    // Reference data: sent by another command.
    object.optional("corporateActions");
    if let Some(item) = object.optional("fallbackPrices") {
        points.0.push(Err(item.path.invalid("fallback prices do not reach positions; leave them out")));
    }
    object.end()?;
    Ok(points.0)
}

/// Calendars, indices and corporate actions of a document, or of an object that also has `securities`, `accounts` and `businessDate`.
/// What is known of calendars grows by what the document brings.
pub fn reference_data(
    json: &[u8],
    calendars: &mut Calendars,
) -> Result<Vec<Result<StatedPoint, InvalidValue>>, InvalidValue> {
    let object = whole(json)?.object()?;
    let mut points = Points::default();
    points.named(object.optional("calendars"), DataKind::Calendar, |name, item| {
        if name.is_empty() || name.contains('+') {
            return Err(item.path.invalid("a + joins calendars; allowed: a name without it"));
        }
        given(name, item.clone())?;
        calendars.give(name, item);
        Ok(())
    });
    let mut index = |name: &str, item: Item<'_>| {
        let named = IndexName::new(name).map_err(|problem| item.path.clone().invalid(problem.to_string()))?;
        market::index(&named, item, calendars).map(drop)
    };
    points.named(object.optional("indices"), DataKind::Index, &mut index);
    points.listed(object.optional("corporateActions"), corporate_action);
    if let Some(item) = object.optional("marketData") {
        let object = item.object()?;
        points.named(object.optional("indices"), DataKind::Index, index);
        points.listed(object.optional("corporateActions"), corporate_action);
    }
    points.named(object.optional("securities"), DataKind::Security, |name, item| {
        Symbol::new(name).map_err(|problem| item.path.clone().invalid(problem.to_string()))?;
        settling(item, calendars).map(drop)
    });
    points.named(object.optional("accounts"), DataKind::Account, |name, item| {
        AccountId::new(name).map_err(|problem| item.path.clone().invalid(problem.to_string()))?;
        account(item).map(drop)
    });
    if let Some(item) = object.optional("businessDate") {
        let path = item.path.to_string();
        points.0.push(item.date().map(|date| business_date(path, date)));
    }
    // What else a document has is sent by other commands.
    object.optional("contracts");
    object.optional("valuationDate");
    object.end()?;
    Ok(points.0)
}

/// The day at whose end results stand.
pub fn business_date(path: String, date: NaiveDate) -> StatedPoint {
    let about = About { kind: DataKind::BusinessDate, name: "".into(), detail: "".into(), date: Some(date) };
    Stated { path, about, version: None, value: Value::Terms("{}".into()) }
}

/// The contracts of a document, a contract alone, or a contract a line. Schedules are tried as of `day`, without it as of the effective date.
pub fn contracts(
    json: &[u8],
    calendars: &mut Calendars,
    day: Option<NaiveDate>,
) -> Result<Vec<Result<StatedTerms, InvalidValue>>, InvalidValue> {
    let first = json.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let several = whole(json).is_err() && first.is_some_and(|line| whole(line).is_ok());
    if several {
        return Ok(lines(json).map(|item| item.and_then(|item| terms(item, calendars, day))).collect());
    }
    let item = whole(json)?;
    let object = item.clone().object()?;
    let list = match object.optional("contracts") {
        Some(list) => list.list()?,
        None => vec![item],
    };
    Ok(list.into_iter().map(|item| terms(item, calendars, day)).collect())
}

fn whole(json: &[u8]) -> Result<Item<'_>, InvalidValue> {
    parsed(json, Path::default())
}

fn parsed(json: &[u8], path: Path) -> Result<Item<'_>, InvalidValue> {
    match serde_json::from_slice::<&RawValue>(json) {
        Ok(raw) => Ok(Item::new(path, raw)),
        Err(error) => Err(path.invalid(format!("is not JSON: {error}"))),
    }
}

fn lines(json: &[u8]) -> impl Iterator<Item = Result<Item<'_>, InvalidValue>> {
    let lines = json.split(|byte| *byte == b'\n').zip(1..);
    lines
        .filter(|(line, _)| !line.trim_ascii().is_empty())
        .map(|(line, number)| parsed(line, Path::root(&format!("line {number}"))))
}

fn terms(item: Item<'_>, calendars: &mut Calendars, day: Option<NaiveDate>) -> Result<StatedTerms, InvalidValue> {
    let path = item.path.to_string();
    let without_held = item.clone().object()?;
    for held in ["trades", "lots"] {
        if let Some(item) = without_held.optional(held) {
            let next =
                "does not belong to terms; send what is held as trades with contract_id, by `bookflow submit trades`";
            return Err(item.path.invalid(next));
        }
    }
    let object = item.clone().object()?;
    let (id, version) = (name(&object)?, version(&object)?);
    let plain = without(object, &["version"]);
    let raw: &RawValue = serde_json::from_str(&plain).expect("it was JSON with more in it");
    any_underlier(Item::new(item.path, raw), day, calendars)?;
    Ok(Stated { path, about: id, version, value: plain })
}

fn version(object: &Object<'_>) -> Result<Option<u32>, InvalidValue> {
    match object.count("version")? {
        Some(0) => Err(object.path.field("version").invalid("0 is too low; allowed: 1 and more")),
        version => Ok(version),
    }
}

#[derive(Default)]
struct Points(Vec<Result<StatedPoint, InvalidValue>>);

impl Points {
    /// The members of an object whose names are data; what is no object is one refusal.
    fn entries<'a>(&mut self, item: Option<Item<'a>>) -> Vec<(Cow<'a, str>, Item<'a>)> {
        match item.map(Item::object).transpose() {
            Ok(object) => object.into_iter().flat_map(Object::entries).collect(),
            Err(invalid) => {
                self.0.push(Err(invalid));
                Vec::new()
            }
        }
    }

    fn series<T, E: std::fmt::Display>(
        &mut self,
        item: Option<Item<'_>>,
        kind: DataKind,
        number: Number,
        checked: impl Fn(&str) -> Result<T, E>,
    ) {
        for (name, item) in self.entries(item) {
            match checked(&name) {
                Ok(_) => self.quotes(item, kind, &name, "", |date, item| market::quote(date, item, number)),
                Err(problem) => self.0.push(Err(item.path.invalid(problem.to_string()))),
            }
        }
    }

    /// `{"2025-04-30": "52.50", "2025-05-02": {"value": "52.75", "version": 2}}`.
    fn quotes(
        &mut self,
        item: Item<'_>,
        kind: DataKind,
        name: &str,
        detail: &str,
        read: impl Fn(&str, Item<'_>) -> Result<Quote, InvalidValue>,
    ) {
        for (date, item) in self.entries(Some(item)) {
            let path = item.path.to_string();
            self.0.push(read(&date, item).map(|quote| Stated {
                path,
                about: About { kind, name: name.into(), detail: detail.into(), date: Some(quote.date) },
                version: (quote.version > 0).then_some(quote.version),
                value: Value::Number(quote.value),
            }));
        }
    }

    /// The fixings of indices; their terms are reference data.
    fn fixings(&mut self, item: Option<Item<'_>>) {
        for (name, item) in self.entries(item) {
            let path = item.path.clone();
            let fixings = item.object().map(|object| object.optional("fixings"));
            match fixings.and_then(|fixings| {
                IndexName::new(&name).map_err(|problem| path.invalid(problem.to_string()))?;
                Ok(fixings)
            }) {
                Ok(Some(item)) => self.quotes(item, DataKind::Fixing, &name, "", |date, item| {
                    market::quote(date, item, Number::Published)
                }),
                Ok(None) => {}
                Err(invalid) => self.0.push(Err(invalid)),
            }
        }
    }

    /// `{"WM-4PM": {"EUR/USD": {"2025-04-30": "1.1375"}}}`: dollars for one euro.
    fn fx(&mut self, item: Option<Item<'_>>) {
        for (fix, item) in self.entries(item) {
            if let Err(problem) = FixName::new(&fix) {
                self.0.push(Err(item.path.invalid(problem.to_string())));
                continue;
            }
            for (pair, item) in self.entries(Some(item)) {
                match market::pair(&pair, &item) {
                    Ok(of) => self.quotes(item, DataKind::Fx, &pair, &fix, |date, item| market::rate(of, date, item)),
                    Err(invalid) => self.0.push(Err(invalid)),
                }
            }
        }
    }

    /// `{"ACME": [...]}`.
    fn listed(&mut self, item: Option<Item<'_>>, read: impl Fn(&str, Item<'_>) -> Result<StatedPoint, InvalidValue>) {
        for (of, item) in self.entries(item) {
            match item.list() {
                Ok(list) => self.0.extend(list.into_iter().map(|item| read(&of, item))),
                Err(invalid) => self.0.push(Err(invalid)),
            }
        }
    }

    /// Terms by name, each tried by the reader that will read them.
    fn named(
        &mut self,
        item: Option<Item<'_>>,
        kind: DataKind,
        mut tried: impl FnMut(&str, Item<'_>) -> Result<(), InvalidValue>,
    ) {
        for (name, item) in self.entries(item) {
            let read = || {
                let path = item.path.to_string();
                let plain = without(item.clone().object()?, &["version", "fixings"]);
                let version = version(&item.clone().object()?)?;
                let raw: &RawValue = serde_json::from_str(&plain).expect("it was JSON with more in it");
                tried(&name, Item::new(item.path.clone(), raw))?;
                let about = About { kind, name: name.as_ref().into(), detail: "".into(), date: None };
                Ok(Stated { path, about, version, value: Value::Terms(plain) })
            };
            self.0.push({ read }());
        }
    }
}

fn dividend(of: &str, item: Item<'_>) -> Result<StatedPoint, InvalidValue> {
    let path = item.path.clone();
    let symbol = Symbol::new(of).map_err(|problem| path.invalid(problem.to_string()))?;
    let (path, version) = (item.path.to_string(), version(&item.clone().object()?)?);
    let declared = market::declared(&symbol, item.clone().object()?)?;
    let detail = declared.id.as_str().into();
    let about = About { kind: DataKind::Dividend, name: of.into(), detail, date: None };
    Ok(Stated { path, about, version, value: Value::Terms(without(item.object()?, &["version"])) })
}

fn corporate_action(of: &str, item: Item<'_>) -> Result<StatedPoint, InvalidValue> {
    let path = item.path.clone();
    Symbol::new(of).map_err(|problem| path.clone().invalid(problem.to_string()))?;
    let version = version(&item.clone().object()?)?;
    let happening = action(item.clone())?;
    if let What::Action(action) = &happening.what
        && action.to().is_some_and(|to| to.security() == of)
    {
        return Err(path.field("newSecurity").invalid(format!("is {of} itself; name another security")));
    }
    let detail = happening.id.trade_id().into();
    let about = About { kind: DataKind::CorporateAction, name: of.into(), detail, date: None };
    let value = Value::Terms(without(item.object()?, &["version"]));
    Ok(Stated { path: path.to_string(), about, version, value })
}

fn disruption(of: &str, item: Item<'_>) -> Result<StatedPoint, InvalidValue> {
    let path = item.path.clone();
    Symbol::new(of).map_err(|problem| path.clone().invalid(problem.to_string()))?;
    let about = About { kind: DataKind::Disruption, name: of.into(), detail: "".into(), date: Some(item.date()?) };
    Ok(Stated { path: path.to_string(), about, version: None, value: Value::Terms("{}".into()) })
}

/// The JSON of an object without spaces and without some of its members.
fn without(object: Object<'_>, left_out: &[&str]) -> Box<str> {
    let mut json = String::from("{");
    for (name, item) in object.entries().filter(|(name, _)| !left_out.contains(&name.as_ref())) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::to_string(&name).expect("a text is JSON"));
        json.push(':');
        push_compact(item.json(), &mut json);
    }
    json.push('}');
    json.into()
}

/// Spaces between values say nothing, and would make a correction of the same terms written otherwise.
fn push_compact(json: &str, out: &mut String) {
    let (mut text, mut escaped) = (false, false);
    for char in json.chars() {
        if !text && char.is_ascii_whitespace() {
            continue;
        }
        text ^= char == '"' && !escaped;
        escaped = text && char == '\\' && !escaped;
        out.push(char);
    }
}

/// Puts a version into the JSON of an object without one.
pub fn with_version(json: &str, version: u32) -> Box<str> {
    let rest = json.strip_prefix('{').unwrap_or(json);
    let separator = if rest == "}" { "" } else { "," };
    format!(r#"{{"version":{version}{separator}{rest}"#).into()
}

/// The JSON of an object without its version.
pub fn without_version(json: &str) -> Result<Box<str>, InvalidValue> {
    Ok(without(whole(json.as_bytes())?.object()?, &["version"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_the_version_are_no_part_of_terms() {
        let json = r#"{ "a b": [1, 2],
            "version": 3, "text": "x \" y" }"#;
        let plain = without_version(json).expect("an object");
        assert_eq!(&*plain, r#"{"a b":[1,2],"text":"x \" y"}"#);
        assert_eq!(without_version(&with_version(&plain, 4)), Ok(plain));
        assert_eq!(&*with_version("{}", 1), r#"{"version":1}"#);
    }

    #[test]
    fn each_value_of_the_market_stands_alone_and_so_does_what_is_wrong_with_it() {
        let json = br#"{"marketData": {
            "prices": {"ACME": {"2025-03-10": "53", "2025-03-11": {"value": "54", "version": 2}, "11.3.": 1}},
            "indices": {"SOFR": {"calendar": "USNY", "fixings": {"2025-03-10": "0.0433"}}},
            "fx": {"ECB": {"EUR/USD": {"2025-03-10": "1.08"}, "EURUSD": {}, "EUR/HRK": {"2022-12-30": "7.5365", "2023-01-02": "7.5345"}}},
            "dividends": {"ACME": [{"dividendId": "D1", "version": 2, "gross": "0.4", "currency": "USD", "exDate": "2025-03-06"}]},
            "disruptedDays": {"ACME": ["2025-03-12"]}}}"#;
        let shown: Vec<_> = market_data(json)
            .expect("a document")
            .into_iter()
            .map(|point| match point {
                Ok(Stated { path, about, version, .. }) => format!("{path} {:?} {version:?}", about.kind),
                Err(invalid) => invalid.path.to_string(),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "marketData.prices.ACME.2025-03-10 Price None",
                "marketData.prices.ACME.2025-03-11 Price Some(2)",
                "marketData.prices.ACME.11.3.",
                "marketData.indices.SOFR.fixings.2025-03-10 Fixing None",
                "marketData.fx.ECB.EUR/USD.2025-03-10 Fx None",
                "marketData.fx.ECB.EURUSD",
                "marketData.fx.ECB.EUR/HRK.2022-12-30 Fx None",
                "marketData.fx.ECB.EUR/HRK.2023-01-02",
                "marketData.dividends.ACME[0] Dividend Some(2)",
                "marketData.disruptedDays.ACME[0] Disruption None",
            ]
        );
    }

    #[test]
    fn what_no_market_can_say_is_refused_alone() {
        let json = br#"{"prices": {"ACME": {"2025-03-10": "0", "2025-03-11": "-37"}}, "feeRates": {"GC": {"2025-03-10": "-1"}},
            "indices": {"ESTR": {"fixings": {"2025-03-10": "-0.0059", "2025-03-11": "-5"}}},
            "fx": {"ECB": {"EUR/USD": {"2025-03-10": "0", "2025-03-11": "1.08"}}}}"#;
        let read = market_data(json).expect("a document");
        let refused: Vec<_> =
            read.iter().filter_map(|row| row.as_ref().err()).map(|row| row.path.to_string()).collect();
        assert_eq!(refused, ["feeRates.GC.2025-03-10", "indices.ESTR.fixings.2025-03-11", "fx.ECB.EUR/USD.2025-03-10"]);
        assert_eq!(read.len(), 7);
    }

    #[test]
    fn corporate_actions_are_reference_data_wherever_a_document_has_them() {
        let json = br#"{
            "corporateActions": {"ACME": [
                {"actionId": "S1", "version": 2, "kind": "SPLIT", "newUnits": 3, "oldUnits": 1, "exDate": "2025-03-10"},
                {"actionId": "S2", "kind": "SYMBOL_CHANGE", "newSecurity": "ACME", "exDate": "2025-03-10"}]},
            "marketData": {"corporateActions": {"OTHER": [{"actionId": "M", "kind": "MERGER_CASH", "cash": 9, "exDate": "2025-03-11"}]}}}"#;
        let shown = |read: Vec<Result<StatedPoint, InvalidValue>>| -> Vec<String> {
            let row = |row: Result<StatedPoint, InvalidValue>| match row {
                Ok(Stated { about, version, .. }) => format!("{} {} {version:?}", about.name, about.detail),
                Err(invalid) => invalid.path.to_string(),
            };
            read.into_iter().map(row).collect()
        };
        let reference = reference_data(json, &mut Calendars::default()).expect("a document");
        assert_eq!(shown(reference), ["ACME S1 Some(2)", "corporateActions.ACME[1].newSecurity", "OTHER M None"]);
        assert_eq!(shown(market_data(json).expect("a document")), [""; 0]);
    }

    #[test]
    fn securities_and_accounts_stand_alone_and_so_does_what_is_wrong_with_them() {
        let json = br#"{
            "calendars": {"OURS": {"from": "2025-01-01", "to": "2025-12-31"}},
            "securities": {"A": {"version": 2, "market": "XNYS", "currency": "USD", "settlementDays": 0}, "B": {"market": "OURS", "settlementDays": 2},
                "C": {"market": "OURS"}, "D": {"market": "XNYZ"}, "E": {"market": "XNYS", "settlementDays": -1}, "F": {"market": "XNYS", "currency": "US"},
                "G": {"currency": "USD"}, "H": {"market": "XNYS", "market": "XLON"}, "I": "XNYS", "": {"market": "XNYS"}},
            "accounts": {"A": {"zone": "Europe/London", "cutOff": "16:30", "version": 3}, "B": {"zone": "Europe/London"}, "C": {"cutOff": "16:30"},
                "D": {"zone": "Nowhere", "cutOff": "16:30"}, "E": {"zone": "UTC", "cutOff": "00:00"}, "F": {"zone": "UTC", "cutOff": 1630}}}"#;
        let mut calendars = Calendars::default();
        let read = reference_data(json, &mut calendars).expect("a document");
        let shown: Vec<_> = read
            .into_iter()
            .map(|row| match row {
                Ok(Stated { about, version, .. }) => {
                    format!("{:?} {} {}", about.kind, about.name, version.unwrap_or(0))
                }
                Err(invalid) => invalid.path.to_string(),
            })
            .collect();
        assert_eq!(
            shown.join(", "),
            "Calendar OURS 0, Security A 2, Security B 0, securities.C.market, securities.D.market, securities.E.settlementDays, \
             securities.F.currency, securities.G.market, securities.H.market, securities.I, securities., Account A 3, accounts.B.cutOff, \
             accounts.C.zone, accounts.D.zone, accounts.E.cutOff, accounts.F.cutOff"
        );
    }

    #[test]
    fn a_contract_a_line_and_a_bad_line_does_not_hide_the_next() {
        let good = r#"{"contractId":"C","product":"CFD","priceCurrency":"USD","effectiveDate":"2025-03-03","calendars":{"exchange":"XNYS","payment":"USNY"}}"#;
        let input = format!("{good}\n{{oops\n\n{}\n", good.replace(r#"{"contractId""#, r#"{"version":0,"contractId""#));
        let read = contracts(input.as_bytes(), &mut Calendars::default(), None).expect("lines");
        let paths: Vec<_> = read.iter().map(|row| row.as_ref().err().map(|invalid| invalid.path.to_string())).collect();
        assert_eq!(paths, [None, Some("line 2".to_owned()), Some("line 4.version".to_owned())]);
    }
}
