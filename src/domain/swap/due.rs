//! What is due under a swap: every flow with what its amount is calculated from, nothing calculated yet.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::breaks::Break;
use super::flow::{Calculated, FlowName, Kind};
use super::terms::{DailyFeeTerms, Swap};
use super::valuation::Valuation;
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::dividends::amount::amount as dividend_amount;
use crate::domain::dividends::declared::Declared;
use crate::domain::dividends::terms::DividendTerms;
use crate::domain::equity::performance::{Span, performance};
use crate::domain::explain::pad::Pad;
use crate::domain::fees::daily::{DailyFee, DailyFeeKind};
use crate::domain::fees::trade::{Sides, TradeFee, TradeFeeKind, Traded};
use crate::domain::financing::coupon::Coupon;
use crate::domain::financing::interest::{interest, marked_interest};
use crate::domain::financing::notional::Financed;
use crate::domain::financing::terms::NotionalBasis;
use crate::domain::flows::status::Stage;
use crate::domain::market::fx::Pair;
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;
use crate::domain::rates::schedule::Period;
use crate::domain::trade::Side;

/// One flow that is due.
pub struct Due<'a, Id> {
    pub name: FlowName<'a, Id>,
    pub stage: Stage,
    pub payment_date: Option<NaiveDate>,
    pub currency: Currency,
    pub matter: Result<Matter<'a>, Blocked>,
}

/// What the amount is calculated from.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for every flow, and none lives longer than its calculation"
)]
pub enum Matter<'a> {
    Equity { quantity: Decimal, span: Span<'a> },
    Interest(InterestMatter<'a>),
    Dividend { quantity: Decimal, declared: &'a Declared, terms: &'a DividendTerms, fx_date: NaiveDate },
    TradeFee { fee: &'a TradeFee, traded: Traded },
    NightFee { fee: &'a DailyFeeTerms, quantity: Decimal, nights: Period },
    Break(Break),
}

/// Interest of a part of a lot within one interest period.
pub struct InterestMatter<'a> {
    pub coupon: Coupon<'a>,
    pub interest_period: Period,
    pub financed: Financed,
    /// Interest runs up to this date, which is not counted.
    pub to: NaiveDate,
}

impl<'a> Matter<'a> {
    /// The amount on a pad; `+` = the client receives.
    pub fn amount<P: Pad>(
        &self,
        pad: &mut P,
        valuation: &Valuation<'a>,
        currency: Currency,
    ) -> Result<Calculated, Blocked> {
        match self {
            Matter::Equity { quantity, span } => {
                let Swap { equity, currencies, .. } = valuation.swap;
                let amount = performance(pad, *quantity, span, equity.notional, equity.fx, *currencies)?;
                Ok(Calculated { amount, provisional: span.start.provisional() || span.end.provisional() })
            }
            Matter::Interest(matter) => matter.amount(pad, valuation, currency),
            Matter::Dividend { quantity, declared, terms, fx_date } => {
                let pair = Pair { price: declared.currency, settlement: currency };
                let fx = if pair.price == pair.settlement { None } else { Some(valuation.fx(pair, *fx_date)?) };
                let provisional = fx.is_some_and(|fx| fx.provisional());
                let amount = dividend_amount(pad, *quantity, declared, terms.payout, fx, currency)?.paid;
                Ok(Calculated { amount, provisional })
            }
            Matter::TradeFee { fee, traded } => {
                let charge = fee.charge(pad, traded)?.ok_or_else(out_of_range("the fee of a side that pays none"))?;
                paid(pad, charge)
            }
            Matter::Break(ended) => {
                let charge = ended.charge(pad, currency)?;
                paid(pad, charge)
            }
            Matter::NightFee { fee, quantity, nights } => {
                let swap = valuation.swap;
                let accrual = DailyFee {
                    kind: fee.kind,
                    year_days: fee.year_days,
                    of: &swap.underlier,
                    quantity: *quantity,
                    from: nights.start,
                    to: nights.end,
                    currency,
                };
                let charge = accrual.accrue(pad, &valuation.nights(fee), |_| {})?;
                paid(pad, charge)
            }
        }
    }
}

impl InterestMatter<'_> {
    fn amount<P: Pad>(
        &self,
        pad: &mut P,
        valuation: &Valuation<'_>,
        currency: Currency,
    ) -> Result<Calculated, Blocked> {
        let borne = if self.coupon.terms.notional == NotionalBasis::DailyMtm {
            let Financed { quantity, period, .. } = self.financed;
            let marks =
                valuation.closes(Period { start: period.start.max(self.interest_period.start), end: self.to })?;
            marked_interest(pad, &self.coupon, self.interest_period, quantity, period, &marks, self.to)?
        } else {
            interest(pad, &self.coupon, self.interest_period, &self.financed, self.to)?
        };
        let range = out_of_range("the interest");
        let unrounded = borne.unrounded(pad).map(|number| pad.value(number)).ok_or_else(&range)?;
        let money = borne.money(pad, currency).ok_or_else(range)?;
        Ok(Calculated { amount: Amount { unrounded, money }, provisional: borne.provisional })
    }
}

/// A charge as a flow: the client pays it.
fn paid<P: Pad>(pad: &mut P, charge: Amount) -> Result<Calculated, Blocked> {
    let money = pad.turn("paid by the client", charge.money).ok_or_else(out_of_range("the fee"))?;
    Ok(Calculated { amount: Amount { unrounded: -charge.unrounded, money }, provisional: false })
}

impl TradeFee {
    pub(super) fn is_due_of(&self, side: Side) -> bool {
        self.sides == Sides::Both || self.sides == Sides::Only(side)
    }

    /// What tells its flow from those of another fee of the same trade.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            TradeFeeKind::Commission => "COMMISSION",
            TradeFeeKind::Clearing => "CLEARING",
            TradeFeeKind::TransactionTax => "TRANSACTION_TAX",
            TradeFeeKind::Regulatory => "REGULATORY",
            TradeFeeKind::Ticket => "TICKET",
        }
    }

    pub(super) fn flow_kind(&self) -> Kind {
        if self.kind == TradeFeeKind::Commission { Kind::Commission } else { Kind::Fee }
    }
}

impl DailyFeeTerms {
    /// What tells its flows from those of another fee of the same nights.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            DailyFeeKind::Borrow => "BORROW",
            DailyFeeKind::Custody => "CUSTODY",
            DailyFeeKind::Administration => "ADMINISTRATION",
        }
    }

    pub(super) fn flow_kind(&self) -> Kind {
        match self.kind {
            DailyFeeKind::Borrow => Kind::BorrowFee,
            DailyFeeKind::Custody | DailyFeeKind::Administration => Kind::Fee,
        }
    }
}
