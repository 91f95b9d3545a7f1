//! What a contract says about its equity leg.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::market::fx::FxMode;
use crate::domain::schedule::Disrupted;

/// The terms of an equity leg: FpML `returnLeg`, CDM `PerformancePayout`.
#[derive(Clone, PartialEq, Debug)]
pub struct EquityTerms {
    pub return_type: ReturnType,
    pub notional: EquityNotional,
    pub fx: FxMode,
    /// Ascending; interim ones and the final one, after every disruption. Prices of these days realise what was earned until then.
    pub valuation_dates: Vec<NaiveDate>,
    /// What brought a valuation to its date, where its scheduled one was disrupted.
    pub disrupted: BTreeMap<NaiveDate, Disrupted>,
    /// Business days of the settlement currency from a valuation date to its payment.
    pub payment_offset: u32,
    pub unwind_payment: UnwindPayment,
    pub commission: CommissionIn,
}

/// Whether dividends belong to the return: FpML `returnType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReturnType {
    Price,
    Total,
}

/// What stays the same when a valuation date has passed: 2002 ISDA Equity Definitions section 5.10, Equity Notional Reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EquityNotional {
    /// The notional follows the price and the number of shares stays: amounts telescope to quantity x (last - first).
    Reset,
    /// The notional stays and the number of shares follows the price: notional / price at the start of the period.
    Constant,
}

/// When a close-out is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnwindPayment {
    /// When the unwind settles.
    Settlement,
    /// With the first valuation on or after the unwind.
    NextPayment,
}

/// Where the commission of a trade goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommissionIn {
    /// Into the price: a purchase becomes dearer and a sale cheaper.
    Price,
    /// A cash flow of its own.
    OwnFlow,
}
