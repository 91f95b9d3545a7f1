//! `market-data` and `reference-data`: one version of one value.

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// One version of one value; what it means is for `document` to say.
#[derive(Clone, PartialEq, Debug)]
pub struct DataPoint {
    pub kind: DataKind,
    pub name: CompactString,
    /// Of an exchange rate the fix, of a dividend and a corporate action the id.
    pub detail: CompactString,
    pub date: Option<NaiveDate>,
    /// The highest counts, whatever came last.
    pub version: u32,
    pub value: Value,
}

/// A number, or JSON as documents have it; `Withdrawn` for a day that was not disrupted after all.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Number(Decimal),
    Terms(Box<str>),
    Withdrawn,
}

/// What a point is about. In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DataKind {
    Price,
    Fixing,
    Fx,
    FeeRate,
    Dividend,
    CorporateAction,
    /// A day on which an instrument was not traded.
    Disruption,
    Calendar,
    Index,
    Security,
    Account,
    BusinessDate,
}

pub(super) const KINDS: [DataKind; 12] = [
    DataKind::Price,
    DataKind::Fixing,
    DataKind::Fx,
    DataKind::FeeRate,
    DataKind::Dividend,
    DataKind::CorporateAction,
    DataKind::Disruption,
    DataKind::Calendar,
    DataKind::Index,
    DataKind::Security,
    DataKind::Account,
    DataKind::BusinessDate,
];

impl DataKind {
    /// Whether it belongs on `market-data`; the others are reference data.
    pub fn is_market(self) -> bool {
        self <= DataKind::Disruption && self != DataKind::CorporateAction
    }
}

impl DataPoint {
    /// The day that it says is the business date. Its value says nothing, but that it is withdrawn.
    pub fn business_date(&self) -> Option<NaiveDate> {
        self.date.filter(|_| self.kind == DataKind::BusinessDate && self.value != Value::Withdrawn)
    }

    /// The record key: every version has its own, so that none is compacted away.
    pub fn key(&self) -> String {
        let encode = |name: &str| name.replace('%', "%25").replace('|', "%7C");
        let date = self.date.map(|date| date.to_string()).unwrap_or_default();
        format!("{:?}|{}|{}|{date}|{}", self.kind, encode(&self.name), encode(&self.detail), self.version)
    }
}

impl Message for DataPoint {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::DataPoint;

    fn write(&self, out: &mut Encoder) {
        let (number, terms) = match &self.value {
            Value::Number(number) => (Some(*number), None),
            Value::Terms(terms) => (None, Some(terms.as_ref())),
            Value::Withdrawn => (None, None),
        };
        out.symbol(&KINDS, &self.kind);
        out.text(&self.name);
        out.text(&self.detail);
        out.optional(self.date, Encoder::date);
        out.number(self.version);
        out.optional(number, Encoder::rate);
        out.optional(terms, Encoder::text);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let (kind, name, detail) = (input.symbol(&KINDS, "kind")?, input.text()?.into(), input.text()?.into());
        let (date, version) = (input.optional(Decoder::date)?, input.number()?);
        let number = input.optional(Decoder::rate)?;
        let value = match (number, input.optional(|input| input.text().map(Box::from))?) {
            (Some(number), None) => Value::Number(number),
            (None, Some(terms)) => Value::Terms(terms),
            (None, None) => Value::Withdrawn,
            (Some(_), Some(_)) => return Err(invalid("number")("a value is a number or terms, not both")),
        };
        Ok(DataPoint { kind, name, detail, date, version, value })
    }
}
