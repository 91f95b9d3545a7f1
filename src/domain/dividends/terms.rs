//! What a contract says about dividends: FpML `dividendConditions`, CDM `DividendReturnTerms`.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::declared::{Declaration, Declared, DividendKind};
use super::withholding::Treatment;
use crate::domain::blocked::Blocked;
use crate::domain::money::Currency;

/// The dividend terms of a contract.
#[derive(Clone, PartialEq, Debug)]
pub struct DividendTerms {
    pub entitlement: Entitlement,
    pub amount_type: AmountType,
    pub period: DividendPeriod,
    pub payout: Payout,
    pub payment: PaymentRule,
    /// Paid dividends buy units instead of being paid: 2002 ISDA Equity Definitions section 10.4.
    pub reinvested: bool,
    pub currency: Currency,
    pub fx_trigger: FxTrigger,
    pub special: SpecialDividends,
}

/// Whose shares count: FpML `dividendEntitlement`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entitlement {
    /// Traded by the close of the exchange business day before the ex date.
    ExDate,
    /// Settled by the close of the record date.
    RecordDate,
}

/// Which date of a dividend puts it into a dividend period: 2002 ISDA Equity Definitions section 10.1(a) to (c).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmountType {
    Record,
    Ex,
    Paid,
}

/// What a dividend period is: 2002 ISDA Equity Definitions section 10.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DividendPeriod {
    /// From a payment date (counted) to the next one (not counted).
    First,
    /// From a valuation date (not counted) to the next one (counted).
    Second,
}

/// What of a dividend is passed on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Payout {
    /// What a long receives; none where the terms forgot it, which blocks the dividend.
    pub long: Option<Share>,
    /// The part of the gross dividend that a short pays. None: all of it, manufactured, because whoever lent the share has not got it from
    /// the issuer.
    pub short: Option<Decimal>,
}

/// What a holder gets of a dividend.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Share {
    /// An agreed part of the gross dividend, whatever tax was withheld.
    Ratio(Decimal),
    /// What the tax at source leaves of it.
    AfterTax(Treatment),
}

/// When a dividend is paid: the first rules of CDM `DividendDateReferenceEnum`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentRule {
    /// So many business days after the issuer pays.
    SharePayment {
        offset: u32,
    },
    /// With the equity amount of the dividend period that its amount type puts it into.
    CashSettlement,
    /// With the equity amount of the dividend period of its ex date.
    CashSettlementExDiv,
    /// In one sum with all that went ex in the dividend period, with its equity amount.
    CumulativeEquityExDiv,
    /// In one sum with all that issuers paid in the dividend period, with its equity amount.
    CumulativeEquityPaid,
    /// In one sum with all that went ex in the period, with the interest.
    CumulativeInterestExDiv,
    /// Each unwind after the ex date pays its share; the rest is paid with the next equity amount.
    UnwindOrEquityExDiv,
    /// On the first of the agreed dates, ascending, on or after the date its amount type names.
    AdHoc(Vec<NaiveDate>),
    TerminationDate,
}

/// The day whose exchange rate converts a dividend: FpML `dividendFxTriggerDate`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FxTrigger {
    Ex,
    Record,
    /// The issuer's pay date.
    Pay,
    /// The date the contract pays it.
    PaymentDate,
}

/// Whether special dividends are passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecialDividends {
    Included,
    Excluded,
}

impl DividendTerms {
    /// Whether a dividend is cash that this contract passes on. What is not is worth 0, and restates to it if it was worth more before.
    pub fn passes_on(&self, declared: &Declared) -> bool {
        let kind = match declared.kind {
            DividendKind::Ordinary | DividendKind::ReturnOfCapital => true,
            DividendKind::Special => self.special == SpecialDividends::Included,
            DividendKind::Stock => false,
        };
        kind && declared.status != Declaration::Cancelled
    }

    /// The day whose exchange rate counts; none while that day is not known.
    pub fn fx_date(&self, declared: &Declared, payment_date: Option<NaiveDate>) -> Option<NaiveDate> {
        match self.fx_trigger {
            FxTrigger::Ex => Some(declared.ex_date),
            FxTrigger::Record => Some(declared.record_date),
            FxTrigger::Pay => declared.pay_date,
            FxTrigger::PaymentDate => payment_date,
        }
    }
}

impl Payout {
    /// What is passed on of a signed quantity's dividend.
    #[inline]
    pub fn of(self, quantity: Decimal, declared: &Declared) -> Result<Share, Blocked> {
        if quantity.is_sign_negative() {
            return Ok(Share::Ratio(self.short.unwrap_or(Decimal::ONE)));
        }
        self.long.ok_or_else(|| Blocked::UnknownDividendRatio { of: declared.of.clone(), ex_date: declared.ex_date })
    }

    /// Whether dividends are declared net of the tax.
    pub fn declared_net(self) -> bool {
        self.long == Some(Share::AfterTax(Treatment::DeclaredNet))
    }
}

impl AmountType {
    /// The date that puts a dividend into a period; none while it is not known.
    pub fn date_of(self, declared: &Declared) -> Option<NaiveDate> {
        match self {
            AmountType::Record => Some(declared.record_date),
            AmountType::Ex => Some(declared.ex_date),
            AmountType::Paid => declared.pay_date,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dividends::declared::DividendId;
    use crate::domain::names::Symbol;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn declared(kind: DividendKind, status: Declaration) -> Declared {
        Declared {
            id: DividendId::new("D1").expect("a name"),
            version: 1,
            of: Symbol::new("ACME").expect("a name"),
            kind,
            status,
            gross: Decimal::ONE,
            currency: Currency::new("USD").expect("a currency in use"),
            ex_date: day(15),
            record_date: day(16),
            pay_date: Some(day(30)),
            source_tax: None,
        }
    }

    fn terms(special: SpecialDividends, fx_trigger: FxTrigger) -> DividendTerms {
        DividendTerms {
            entitlement: Entitlement::ExDate,
            amount_type: AmountType::Ex,
            period: DividendPeriod::Second,
            payout: Payout { long: None, short: None },
            payment: PaymentRule::CashSettlement,
            reinvested: false,
            currency: Currency::new("USD").expect("a currency in use"),
            fx_trigger,
            special,
        }
    }

    #[test]
    fn stock_is_no_cash_and_specials_follow_the_terms() {
        use DividendKind::{Ordinary, ReturnOfCapital, Special, Stock};
        for (kind, included, excluded) in
            [(Ordinary, true, true), (ReturnOfCapital, true, true), (Special, true, false), (Stock, false, false)]
        {
            let declared = declared(kind, Declaration::Announced);
            let passed_on = |special| terms(special, FxTrigger::Ex).passes_on(&declared);
            assert_eq!(passed_on(SpecialDividends::Included), included, "{kind:?}");
            assert_eq!(passed_on(SpecialDividends::Excluded), excluded, "{kind:?}");
        }
        let cancelled = declared(Ordinary, Declaration::Cancelled);
        assert!(!terms(SpecialDividends::Included, FxTrigger::Ex).passes_on(&cancelled));
    }

    #[test]
    fn the_trigger_names_the_day_of_the_exchange_rate() {
        let declared = declared(DividendKind::Ordinary, Declaration::Announced);
        for (trigger, date) in [
            (FxTrigger::Ex, Some(day(15))),
            (FxTrigger::Record, Some(day(16))),
            (FxTrigger::Pay, Some(day(30))),
            (FxTrigger::PaymentDate, None),
        ] {
            assert_eq!(terms(SpecialDividends::Included, trigger).fx_date(&declared, None), date, "{trigger:?}");
        }
    }

    #[test]
    fn a_short_manufactures_all_of_it_and_a_long_without_a_ratio_is_blocked() {
        let declared = declared(DividendKind::Ordinary, Declaration::Announced);
        let (long, short) = (Decimal::TEN, -Decimal::TEN);
        let silent_terms = Payout { long: None, short: None };
        let blocked = Blocked::UnknownDividendRatio { of: declared.of.clone(), ex_date: day(15) };
        assert_eq!(silent_terms.of(long, &declared), Err(blocked));
        assert_eq!(silent_terms.of(short, &declared), Ok(Share::Ratio(Decimal::ONE)));
        let agreed = Payout { long: Some(Share::Ratio(Decimal::ZERO)), short: Some(Decimal::new(9, 1)) };
        assert_eq!(agreed.of(long, &declared), Ok(Share::Ratio(Decimal::ZERO)), "a ratio of 0 is a ratio");
        assert_eq!(agreed.of(short, &declared), Ok(Share::Ratio(Decimal::new(9, 1))));
    }
}
