//! What an entitled quantity gets of a dividend: gross, paid, and what lies between them.

use rust_decimal::Decimal;

use super::declared::{Declared, SourceTax};
use super::terms::{Payout, Share};
use super::withholding::{self, Treatment, after_tax, left_after_tax, tax};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::{Pad, Silent};
use crate::domain::explain::{Fact, Observed};
use crate::domain::market::fx::FxRate;
use crate::domain::money::amount::Amount;
use crate::domain::money::{Currency, Money};

/// A dividend of a slice; `+` = the client receives. A short has negative amounts: it pays, manufactured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DividendAmount {
    /// Before any tax.
    pub gross: Money,
    /// The agreed part of it, or what the tax leaves.
    pub paid: Amount,
    /// gross - paid: information, no cash.
    pub withheld: Money,
}

/// The amounts of an entitled signed quantity in `currency`, converted at `fx` where the dividend is in another one.
pub fn amount<P: Pad>(
    pad: &mut P,
    quantity: Decimal,
    declared: &Declared,
    payout: Payout,
    fx: Option<FxRate<'_>>,
    currency: Currency,
) -> Result<DividendAmount, Blocked> {
    let share = payout.of(quantity, declared)?;
    let per_share = per_share(pad, declared, fx, currency)?;
    let quantity = pad.given(|| Fact::Lot("entitled quantity"), quantity);
    match share {
        Share::Ratio(ratio) => {
            let net = payout.declared_net();
            let rate = if net || declared.source_tax.is_some() { Some(tax_rate(pad, declared)?) } else { None };
            let left = rate.filter(|_| net).map(|rate| left_after_tax(pad, rate)).transpose()?;
            let gross = withholding::gross(pad, "gross dividend", quantity, per_share, left, currency)?;
            let per_share = paid_per_share(pad, per_share, ratio)?;
            let paid = withholding::gross(pad, "dividend", quantity, per_share, left, currency)?;
            DividendAmount::new(gross.money, paid)
        }
        Share::AfterTax(treatment) => {
            let rate = if treatment == Treatment::Exempt {
                pad.given(|| Fact::Term("withholding rate of who is exempt"), Decimal::ZERO)
            } else {
                tax_rate(pad, declared)?
            };
            let taxed = tax(pad, quantity, per_share, rate, treatment, currency)?;
            DividendAmount::new(taxed.gross, taxed.cash)
        }
    }
}

/// What one unit is paid on one side of a contract: the same for all lots, so that of a lot one product is left.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PerUnit {
    paid: Decimal,
    /// What the tax leaves of one, where `paid` is what is left of a gross amount.
    left: Option<Decimal>,
}

impl PerUnit {
    /// Of `share`, as [`amount`] has it.
    pub fn of(
        share: Share,
        declared: &Declared,
        payout: Payout,
        fx: Option<FxRate<'_>>,
        currency: Currency,
    ) -> Result<PerUnit, Blocked> {
        let pad = &mut Silent;
        let gross = per_share(pad, declared, fx, currency)?;
        match share {
            Share::Ratio(ratio) => {
                let rate = payout.declared_net().then(|| tax_rate(pad, declared)).transpose()?;
                let left = rate.map(|rate| left_after_tax(pad, rate)).transpose()?;
                Ok(PerUnit { paid: paid_per_share(pad, gross, ratio)?, left })
            }
            Share::AfterTax(Treatment::Exempt) => Ok(PerUnit { paid: gross, left: None }),
            Share::AfterTax(treatment) => {
                let rate = tax_rate(pad, declared)?;
                Ok(PerUnit { paid: after_tax(pad, gross, rate, treatment)?, left: None })
            }
        }
    }

    /// What an entitled signed quantity is paid, to the byte as [`amount`] has it. Gross amount and tax are information that nobody asks for here: what
    /// of them does not fit blocks nothing.
    #[inline(always)] // as `Amount::product`: numbers that a call hands over in memory are waited for
    pub fn paid<P: Pad>(&self, pad: &mut P, quantity: Decimal, currency: Currency) -> Result<Amount, Blocked> {
        let quantity = pad.given(|| Fact::Lot("entitled quantity"), quantity);
        let per_unit = pad.given(|| Fact::Table("paid per share"), self.paid);
        let left = self.left.map(|left| pad.given(|| Fact::Table("left after tax"), left));
        withholding::gross(pad, "dividend", quantity, per_unit, left, currency)
    }
}

impl DividendAmount {
    #[inline]
    fn new(gross: Money, paid: Amount) -> Result<DividendAmount, Blocked> {
        let withheld = gross.checked_sub(paid.money).ok_or_else(out_of_range("what is withheld"))?;
        Ok(DividendAmount { gross, paid, withheld })
    }
}

/// The issuer's tax rate on a pad.
fn tax_rate<P: Pad>(pad: &mut P, declared: &Declared) -> Result<P::Number, Blocked> {
    let (date, version) = (declared.ex_date, declared.version);
    let missing = || Blocked::MissingWithholding { of: declared.of.clone(), ex_date: date };
    let SourceTax { rate, jurisdiction } = declared.source_tax.as_ref().ok_or_else(missing)?;
    let key = || jurisdiction.as_str().into();
    let observed = || Fact::Observed(Observed { what: "withholding rate", key: key(), date, version });
    Ok(pad.given(observed, *rate))
}

/// The declared amount on a pad, in `currency`.
pub fn per_share<P: Pad>(
    pad: &mut P,
    declared: &Declared,
    fx: Option<FxRate<'_>>,
    currency: Currency,
) -> Result<P::Number, Blocked> {
    let (date, version) = (declared.ex_date, declared.version);
    let observed = || Fact::Observed(Observed { what: "dividend", key: declared.id.as_str().into(), date, version });
    let amount = pad.given(observed, declared.gross);
    if declared.currency == currency {
        return Ok(amount);
    }
    let missing = Blocked::MissingFx { price: declared.currency, settlement: currency, date };
    let rate = fx.ok_or(missing)?.number(pad)?;
    pad.multiply("converted dividend", amount, rate).ok_or_else(out_of_range("the converted dividend"))
}

/// gross x payout ratio.
pub fn paid_per_share<P: Pad>(pad: &mut P, gross: P::Number, ratio: Decimal) -> Result<P::Number, Blocked> {
    let ratio = pad.given(|| Fact::Term("payout ratio"), ratio);
    pad.multiply("paid per share", gross, ratio).ok_or_else(out_of_range("the dividend per share"))
}

/// The units that a paid dividend buys at a price: a new lot and no cash. To 10 decimals, which is what a quantity has.
pub fn reinvest<P: Pad>(pad: &mut P, paid: Amount, price: P::Number) -> Result<P::Number, Blocked> {
    let paid = pad.given(|| Fact::Lot("paid dividend, unrounded"), paid.unrounded);
    let units = pad.divide("units", paid, price).ok_or_else(out_of_range("the reinvested units"))?;
    Ok(pad.round("units of the new lot", units, 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dividends::declared::{Declaration, DividendId, DividendKind, Jurisdiction};
    use crate::domain::flows::adjustment::{AdjustmentPolicy, PaymentDates, Restatement, restate};
    use crate::domain::flows::status::{Stage, Status};
    use crate::domain::names::Symbol;
    use chrono::NaiveDate;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).expect("a currency in use")
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    /// 0.40 euros a share.
    fn declared() -> Declared {
        Declared {
            id: DividendId::new("D1").expect("a name"),
            version: 1,
            of: Symbol::new("ACME").expect("a name"),
            kind: DividendKind::Ordinary,
            status: Declaration::Confirmed,
            gross: Decimal::new(40, 2),
            currency: currency("EUR"),
            ex_date: day(15),
            record_date: day(16),
            pay_date: None,
            source_tax: None,
        }
    }

    const PAYOUT: Payout = Payout { long: Some(Share::Ratio(Decimal::ONE)), short: None };

    fn paid(declared: &Declared, fx: Option<FxRate<'_>>, code: &str) -> Result<i64, Blocked> {
        let quantity = Decimal::from(10_000);
        amount(&mut Silent, quantity, declared, PAYOUT, fx, currency(code)).map(|amount| amount.paid.money.minor)
    }

    #[test]
    fn a_dividend_in_another_currency_is_converted_or_blocked() {
        assert_eq!(paid(&declared(), None, "EUR"), Ok(400_000));
        let rate = FxRate::Agreed(Decimal::new(110, 2));
        assert_eq!(paid(&declared(), Some(rate), "USD"), Ok(440_000));
        let missing = Blocked::MissingFx { price: currency("EUR"), settlement: currency("USD"), date: day(15) };
        assert_eq!(paid(&declared(), None, "USD"), Err(missing));
    }

    #[test]
    fn a_dividend_that_changes_or_is_cancelled_restates_by_its_delta() {
        let before = Money { minor: 400_000, currency: currency("EUR") };
        let changed = Declared { version: 2, gross: Decimal::new(42, 2), ..declared() };
        let now = Money { minor: paid(&changed, None, "EUR").expect("small numbers"), currency: currency("EUR") };
        let dates = PaymentDates { earliest: day(22), next: Some(day(30)), termination: None };
        let restated = |status, now| restate(&status, before, now, AdjustmentPolicy::NextPayment, dates);
        let euros = |minor| Money { minor, currency: currency("EUR") };
        assert_eq!(
            restated(Status::Open(Stage::Accrued), now),
            Some(Restatement::InPlace { now, delta: euros(20_000) })
        );
        assert_eq!(
            restated(Status::Settled, Money::zero(currency("EUR"))),
            Some(Restatement::Adjustment { delta: euros(-400_000), payment_date: Some(day(30)) })
        );
    }

    #[test]
    fn a_reinvested_dividend_buys_units_to_ten_decimals() {
        let paid = Amount { unrounded: Decimal::from(100), money: Money { minor: 10_000, currency: currency("EUR") } };
        let units = reinvest(&mut Silent, paid, Decimal::from(30)).expect("small numbers");
        assert_eq!(units.to_string(), "3.3333333333");
        assert!(reinvest(&mut Silent, paid, Decimal::ZERO).is_err(), "nothing is bought at no price");
    }

    proptest! {
        /// One product of a quantity and what a unit is paid is to the byte what the whole formula says.
        #[test]
        fn what_a_unit_is_paid_times_units_is_what_they_are_paid(
            gross in 1_i64..1_000_000_000_000, decimals in 0_u32..=10, digits in 1_i64..1_000_000_000_000_000_000,
            scale in 0_u32..=10, short in any::<bool>(), rate in 0_i64..1_000_000, share in 0_usize..6,
        ) {
            let tax = Some(SourceTax { rate: Decimal::new(rate, 6), jurisdiction: Jurisdiction::new("US").expect("a name") });
            let declared = Declared { gross: Decimal::new(gross, decimals), source_tax: tax, ..declared() };
            let share = [
                Share::Ratio(Decimal::new(rate, 6)),
                Share::Ratio(Decimal::ONE),
                Share::AfterTax(Treatment::Deducted),
                Share::AfterTax(Treatment::DeclaredNet),
                Share::AfterTax(Treatment::Exempt),
                Share::AfterTax(Treatment::Reclaimable),
            ][share];
            let payout = Payout { long: Some(share), short: Some(Decimal::new(rate, 6)) };
            let quantity = Decimal::new(if short { -digits } else { digits }, scale);
            let euro = currency("EUR");
            let share = payout.of(quantity, &declared).expect("both sides have one");
            let paid = PerUnit::of(share, &declared, payout, None, euro)
                .and_then(|per_unit| per_unit.paid(&mut Silent, quantity, euro));
            if let Ok(whole) = amount(&mut Silent, quantity, &declared, payout, None, euro) {
                prop_assert_eq!(paid, Ok(whole.paid));
            }
        }
    }
}
