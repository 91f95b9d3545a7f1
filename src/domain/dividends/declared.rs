//! What an issuer declared: the facts of one dividend, one version at a time.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::key::{ID_LENGTH_MAX, PART_LENGTH_MAX};
use crate::domain::money::Currency;
use crate::domain::names::Symbol;
use crate::domain::names::name;

name! {
    /// Id of a dividend; a changed or cancelled one is a later version under the same id.
    DividendId, "dividendId", ID_LENGTH_MAX
}

name! {
    /// A country or another authority that takes a tax, such as `US`.
    Jurisdiction, "jurisdiction", PART_LENGTH_MAX
}

/// One version of a dividend.
#[derive(Clone, PartialEq, Debug)]
pub struct Declared {
    pub id: DividendId,
    pub version: u32,
    pub of: Symbol,
    pub kind: DividendKind,
    pub status: Declaration,
    /// Per share, before any tax unless the terms treat it as declared net of it.
    pub gross: Decimal,
    pub currency: Currency,
    /// The first day on which the share trades without it.
    pub ex_date: NaiveDate,
    pub record_date: NaiveDate,
    /// When the issuer pays; not known for every dividend that was announced.
    pub pay_date: Option<NaiveDate>,
    /// None: not known.
    pub source_tax: Option<SourceTax>,
}

/// The tax that the issuer's country withholds, by reference data; a currency says nothing about it.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceTax {
    /// A fraction: 0.15 is 15 %.
    pub rate: Decimal,
    pub jurisdiction: Jurisdiction,
}

/// What a dividend consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DividendKind {
    Ordinary,
    Special,
    /// Shares instead of cash: a corporate action, never a cash flow.
    Stock,
    ReturnOfCapital,
}

/// How certain a dividend is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Declaration {
    Announced,
    Confirmed,
    Paid,
    Cancelled,
}
