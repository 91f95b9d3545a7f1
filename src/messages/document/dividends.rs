//! The dividend terms of a document's contract.

use super::dates;
use super::object::{Item, Object};
use crate::domain::dividends::terms::{
    AmountType, DividendPeriod, DividendTerms, Entitlement, FxTrigger, PaymentRule, Payout, Share, SpecialDividends,
};
use crate::domain::dividends::withholding::Treatment;
use crate::domain::money::Currency;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// `usual` is the currency when none is named.
pub(super) fn dividends(item: Item<'_>, usual: Currency) -> Result<DividendTerms, InvalidValue> {
    let object = item.object()?;
    let currency = object.optional("currency").map(|item| item.named(Currency::new)).transpose()?;
    let terms = DividendTerms {
        entitlement: object.word("entitlement", &ENTITLEMENTS)?.unwrap_or(Entitlement::ExDate),
        amount_type: object.word("amountType", &AMOUNT_TYPES)?.unwrap_or(AmountType::Ex),
        period: object.word("period", &PERIODS)?.unwrap_or(DividendPeriod::Second),
        payout: Payout { long: long(&object)?, short: ratio(&object, "payoutRatioShort")? },
        payment: payment(&object)?,
        reinvested: object.optional("reinvested").map_or(Ok(false), Item::flag)?,
        currency: currency.unwrap_or(usual),
        fx_trigger: object.word("fxTrigger", &FX_TRIGGERS)?.unwrap_or(FxTrigger::Ex),
        special: object.word("specialDividends", &SPECIALS)?.unwrap_or(SpecialDividends::Included),
    };
    object.end()?;
    Ok(terms)
}

/// At most one of `payoutRatioLong` and `withholding`.
fn long(object: &Object<'_>) -> Result<Option<Share>, InvalidValue> {
    let agreed = ratio(object, "payoutRatioLong")?;
    let after_tax = object.word("withholding", &Treatment::NAMES)?;
    match (agreed, after_tax) {
        (Some(_), Some(_)) => Err(object.invalid("has two measures; allowed: one of payoutRatioLong, withholding")),
        (agreed, after_tax) => Ok(agreed.map(Share::Ratio).or(after_tax.map(Share::AfterTax))),
    }
}

fn ratio(object: &Object<'_>, name: &'static str) -> Result<Option<rust_decimal::Decimal>, InvalidValue> {
    object.optional(name).map(|item| item.not_below_zero(Number::Rate)).transpose()
}

fn payment(object: &Object<'_>) -> Result<PaymentRule, InvalidValue> {
    let rule = object.word("payment", &RULES)?.unwrap_or(Rule::SharePayment);
    Ok(match rule {
        Rule::SharePayment => PaymentRule::SharePayment { offset: object.count("paymentOffset")?.unwrap_or(0) },
        Rule::CashSettlement => PaymentRule::CashSettlement,
        Rule::CashSettlementExDiv => PaymentRule::CashSettlementExDiv,
        Rule::CumulativeEquityExDiv => PaymentRule::CumulativeEquityExDiv,
        Rule::CumulativeEquityPaid => PaymentRule::CumulativeEquityPaid,
        Rule::CumulativeInterestExDiv => PaymentRule::CumulativeInterestExDiv,
        Rule::UnwindOrEquityExDiv => PaymentRule::UnwindOrEquityExDiv,
        Rule::AdHoc => PaymentRule::AdHoc(dates::ascending(object.member("paymentDates")?)?),
        Rule::TerminationDate => PaymentRule::TerminationDate,
    })
}

#[derive(Clone, Copy)]
enum Rule {
    SharePayment,
    CashSettlement,
    CashSettlementExDiv,
    CumulativeEquityExDiv,
    CumulativeEquityPaid,
    CumulativeInterestExDiv,
    UnwindOrEquityExDiv,
    AdHoc,
    TerminationDate,
}

const RULES: [(&str, Rule); 9] = [
    ("SHARE_PAYMENT", Rule::SharePayment),
    ("CASH_SETTLEMENT_PAYMENT_DATE", Rule::CashSettlement),
    ("CASH_SETTLEMENT_PAYMENT_DATE_EX_DIV", Rule::CashSettlementExDiv),
    ("CUMULATIVE_EQUITY_EX_DIV", Rule::CumulativeEquityExDiv),
    ("CUMULATIVE_EQUITY_PAID", Rule::CumulativeEquityPaid),
    ("CUMULATIVE_INTEREST_EX_DIV", Rule::CumulativeInterestExDiv),
    ("UNWIND_OR_EQUITY_EX_DIV", Rule::UnwindOrEquityExDiv),
    ("AD_HOC", Rule::AdHoc),
    ("TERMINATION_DATE", Rule::TerminationDate),
];

const ENTITLEMENTS: [(&str, Entitlement); 2] =
    [("EX_DATE", Entitlement::ExDate), ("RECORD_DATE", Entitlement::RecordDate)];

const AMOUNT_TYPES: [(&str, AmountType); 3] =
    [("EX", AmountType::Ex), ("RECORD", AmountType::Record), ("PAID", AmountType::Paid)];

const PERIODS: [(&str, DividendPeriod); 2] = [("SECOND", DividendPeriod::Second), ("FIRST", DividendPeriod::First)];

const FX_TRIGGERS: [(&str, FxTrigger); 4] = [
    ("EX", FxTrigger::Ex),
    ("RECORD", FxTrigger::Record),
    ("PAY", FxTrigger::Pay),
    ("PAYMENT_DATE", FxTrigger::PaymentDate),
];

const SPECIALS: [(&str, SpecialDividends); 2] =
    [("INCLUDED", SpecialDividends::Included), ("EXCLUDED", SpecialDividends::Excluded)];
