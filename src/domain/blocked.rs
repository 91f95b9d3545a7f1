//! Blocked, never wrong: why an amount cannot be calculated. A true 0 is a result; nothing missing ever becomes one.

use std::fmt;

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::Decimal;

use super::key::ContractId;
use super::money::{Currency, Ended};
use crate::domain::names::{IndexName, Symbol};

/// The input that keeps one amount from being calculated. The amount waits for it; its neighbours are calculated.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Blocked {
    /// No rate of an index on a date on which its schedule needs one.
    MissingFixing {
        index: IndexName,
        date: NaiveDate,
    },
    MissingPrice {
        of: Symbol,
        date: NaiveDate,
    },
    /// A valuation date was disrupted, and the price that counts instead is not known.
    MissingFallbackPrice {
        of: Symbol,
        date: NaiveDate,
    },
    /// No rate from `price` to `settlement` currency.
    MissingFx {
        price: Currency,
        settlement: Currency,
        date: NaiveDate,
    },
    /// A price or rate of a later day is in another currency.
    CurrencyEnded {
        currency: Currency,
        last_day: NaiveDate,
    },
    /// A calendar that is not known, or known only until before `date`.
    MissingCalendar {
        name: CompactString,
        date: NaiveDate,
    },
    /// The last observation is older than the carry-forward policy allows; an age counts calendar days.
    Stale {
        of: CompactString,
        observed: NaiveDate,
        age_days: i64,
    },
    NegativePrice {
        of: Symbol,
        date: NaiveDate,
        price: Decimal,
    },
    /// The terms name no payout ratio for the direction that is held.
    UnknownDividendRatio {
        of: Symbol,
        ex_date: NaiveDate,
    },
    /// The terms pass on what the tax at source leaves, and the rate of that is not known.
    MissingWithholding {
        of: Symbol,
        ex_date: NaiveDate,
    },
    /// No version of the terms is in force on a date.
    TermsGap {
        contract: ContractId,
        date: NaiveDate,
    },
    /// A closing trade names a lot that is not open, of the other direction, or too small.
    SpecificLotInvalid {
        lot: CompactString,
    },
    /// A version of a trade has come without the one before it.
    VersionGap {
        of: CompactString,
        missing: u32,
    },
    MissingContract {
        contract: ContractId,
    },
    /// The terms in force do not say something that the amount needs.
    MissingTerm {
        term: &'static str,
    },
    /// The named amount fits neither 28 digits nor 64 bits of minor units.
    OutOfRange {
        amount: &'static str,
    },
}

impl Blocked {
    /// The reason as it is written in rows and outcomes.
    pub fn code(&self) -> &'static str {
        match self {
            Blocked::MissingFixing { .. } => "MISSING_FIXING",
            Blocked::MissingPrice { .. } => "MISSING_PRICE",
            Blocked::MissingFallbackPrice { .. } => "MISSING_FALLBACK_PRICE",
            Blocked::MissingFx { .. } => "MISSING_FX",
            Blocked::CurrencyEnded { .. } => "CURRENCY_ENDED",
            Blocked::MissingCalendar { .. } => "MISSING_CALENDAR",
            Blocked::Stale { .. } => "STALE_PRICE",
            Blocked::NegativePrice { .. } => "NEGATIVE_PRICE",
            Blocked::UnknownDividendRatio { .. } => "UNKNOWN_DIVIDEND_RATIO",
            Blocked::MissingWithholding { .. } => "MISSING_WITHHOLDING",
            Blocked::TermsGap { .. } => "TERMS_GAP",
            Blocked::SpecificLotInvalid { .. } => "SPECIFIC_LOT_INVALID",
            Blocked::VersionGap { .. } => "VERSION_GAP",
            Blocked::MissingContract { .. } => "MISSING_CONTRACT",
            Blocked::MissingTerm { .. } => "MISSING_TERM",
            Blocked::OutOfRange { .. } => "OUT_OF_RANGE",
        }
    }
}

impl fmt::Display for Blocked {
    /// What is missing, and what unblocks the amount.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::MissingFixing { index, date } => write!(f, "no fixing of {index} for {date}; add it"),
            Blocked::MissingPrice { of, date } => write!(f, "no price of {of} for {date}; add it"),
            Blocked::MissingFallbackPrice { of, date } => {
                write!(f, "no fallback price of {of} for the disrupted valuation on {date}; add it")
            }
            Blocked::MissingFx { price, settlement, date } => {
                write!(f, "no rate of {settlement} per {price} for {date}; add it, or both legs of a configured cross")
            }
            Blocked::CurrencyEnded { currency, last_day } => {
                let ended = Ended { currency: *currency, last_day: *last_day };
                write!(f, "{ended}; end the contract by then, and go on under one in the currency that followed")
            }
            Blocked::MissingCalendar { name, date } => {
                write!(f, "calendar {name} does not reach {date}; add or extend it")
            }
            Blocked::Stale { of, observed, age_days } => {
                write!(f, "the last observation of {of} is of {observed}, {age_days} days old; add a newer one")
            }
            Blocked::NegativePrice { of, date, price } => {
                write!(f, "the price of {of} on {date} is {price}; correct it, or allow negative prices")
            }
            Blocked::UnknownDividendRatio { of, ex_date } => {
                write!(f, "no payout ratio for the dividend of {of} with ex date {ex_date}; add it to the terms")
            }
            Blocked::MissingWithholding { of, ex_date } => {
                write!(
                    f,
                    "no rate of withholding tax for the dividend of {of} with ex date {ex_date}; add it, 0 if there is none"
                )
            }
            Blocked::TermsGap { contract, date } => {
                write!(f, "no terms of contract {contract} are in force on {date}; add a version that is")
            }
            Blocked::SpecificLotInvalid { lot } => {
                write!(
                    f,
                    "lot {lot} cannot be closed as instructed; name an open lot of the position that is large enough"
                )
            }
            Blocked::VersionGap { of, missing } => write!(f, "version {missing} of {of} has not come; send it"),
            Blocked::MissingContract { contract } => write!(f, "contract {contract} is not known; send its terms"),
            Blocked::MissingTerm { term } => write!(f, "the terms do not state {term}; add it"),
            Blocked::OutOfRange { amount } => {
                write!(f, "{amount} does not fit 28 digits or 64 bits of minor units; check the size of its inputs")
            }
        }
    }
}

impl std::error::Error for Blocked {}

impl From<Ended> for Blocked {
    fn from(Ended { currency, last_day }: Ended) -> Blocked {
        Blocked::CurrencyEnded { currency, last_day }
    }
}

/// Names the amount that does not fit, where a calculation gives `None`.
#[inline]
pub fn out_of_range(amount: &'static str) -> impl Fn() -> Blocked {
    move || Blocked::OutOfRange { amount }
}
