//! What is due under a swap: a flow, and what its amount is calculated from, nothing calculated yet.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::dues::Lot;
use super::flow::{Calculated, FlowName, Kind};
use super::terms::DailyFeeTerms;
use super::valuation::{Passed, Side, Valuation};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::dividends::amount::{PerUnit, amount as dividend_amount};
use crate::domain::dividends::payment::Due as Dates;
use crate::domain::equity::performance::{Span, performance};
use crate::domain::equity::terms::EquityNotional;
use crate::domain::explain::pad::Pad;
use crate::domain::fees::daily::{DailyFee, DailyFeeKind};
use crate::domain::fees::trade::{Sides, TradeFee, TradeFeeKind, Traded};
use crate::domain::financing::interest::{interest, marked_interest};
use crate::domain::financing::notional::{Financed, Price};
use crate::domain::financing::terms::NotionalBasis;
use crate::domain::flows::status::Stage;
use crate::domain::lots::slice::Slice;
use crate::domain::lots::units::Units;
use crate::domain::market::fx::Pair;
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;
use crate::domain::rates::schedule::Period;
use crate::domain::trade::Side as TradeSide;

/// One flow that is due.
#[derive(Clone, Copy)]
pub struct Due<'a, Id> {
    pub name: FlowName<'a, Id>,
    pub stage: Stage,
    pub payment_date: Option<NaiveDate>,
    pub currency: Currency,
}

/// What is told of every due, and decides which of them are calculated, and on which pad.
pub trait Statement<'a, Id> {
    fn enter(&mut self, due: Due<'a, Id>, matter: &impl Matter);
}

/// What an amount is calculated from. It lives no longer than the telling, so that nothing is moved about or allocated for a flow.
pub trait Matter {
    /// The amount on a pad; `+` = the client receives.
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked>;
}

pub(super) struct Performance<'v, 'a, Id> {
    pub valuation: &'v Valuation<'a>,
    pub lot: &'v Lot<Id>,
    pub slice: &'v Slice<Id>,
    /// Why the date on which it is paid cannot be told.
    pub unpayable: Option<&'v Blocked>,
}

/// Interest of a slice within one interest period.
pub(super) struct Interest<'v, 'a, Id> {
    pub valuation: &'v Valuation<'a>,
    pub lot: &'v Lot<Id>,
    pub slice: &'v Slice<Id>,
    pub side: &'v Side<'a>,
    pub interest_period: Period,
    /// The days of it in which the slice stands.
    pub period: Period,
}

#[derive(Clone, Copy)]
pub(super) struct Dividend<'v, 'a> {
    pub valuation: &'v Valuation<'a>,
    pub quantity: Result<Decimal, &'v Blocked>,
    pub passed: &'v Passed<'a>,
    pub dates: Result<Dates, &'v Blocked>,
}

/// What of a dividend buys units instead of being paid.
pub(super) struct Reinvestment<'v, 'a> {
    pub dividend: Dividend<'v, 'a>,
}

pub(super) struct FeeOfTrade<'a> {
    pub fee: &'a TradeFee,
    pub traded: Traded,
}

pub(super) struct FeeOfNights<'v, 'a> {
    pub valuation: &'v Valuation<'a>,
    pub fee: &'v DailyFeeTerms,
    pub units: Result<Units, Blocked>,
    pub nights: Period,
}

impl<Id: Copy> Matter for Performance<'_, '_, Id> {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let Performance { valuation, lot, slice, .. } = self;
        let swap = valuation.swap;
        let start = &valuation.start_mark(lot, slice);
        let start = start.as_ref().map_err(Blocked::clone)?;
        let ended = slice.end.as_ref().map(|end| valuation.end_mark(end)).transpose()?;
        let end = ended.as_ref().map_or(valuation.today.as_ref(), Ok).map_err(Blocked::clone)?;
        if let Some(reason) = self.unpayable {
            return Err(reason.clone());
        }
        let span = Span { start: (slice.reference.quantity, start), end: (slice.quantity, end) };
        let amount = match swap.equity.notional {
            EquityNotional::Reset => performance(pad, &span, None, swap.equity.fx, swap.currencies)?,
            EquityNotional::Constant => {
                let (quantity, price) = lot.life.opening(slice);
                let opening = valuation.priced("opening price", lot.life.priced, price)?;
                performance(pad, &span, Some((quantity, &opening)), swap.equity.fx, swap.currencies)?
            }
        };
        let elsewhere = lot.elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.provisional(slice));
        Ok(Calculated { amount, provisional: start.provisional() || end.provisional() || elsewhere })
    }
}

impl<Id: Copy> Matter for Interest<'_, '_, Id> {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let Interest { valuation, lot, slice, side, interest_period, period } = self;
        valuation.known(lot, slice)?;
        if side.terms.notional == NotionalBasis::LotRefPrice {
            valuation.referenced(lot, slice)?;
        }
        let coupon = side.coupon.as_ref().map_err(Blocked::clone)?;
        let price = Price { price: slice.start.price, fx: valuation.notional_fx(slice.reference.date)? };
        let financed = Financed { quantity: slice.reference.quantity, price, period: *period };
        let to = valuation.day.clamp(period.start, period.end);
        let borne = if side.terms.notional == NotionalBasis::DailyMtm {
            let marks = valuation.closes(Period { start: period.start.max(interest_period.start), end: to })?;
            marked_interest(pad, coupon, *interest_period, &valuation.units(lot, slice), *period, &marks, to)?
        } else {
            interest(pad, *side, *interest_period, &financed, to)?
        };
        let amount = borne.amount(pad, valuation.swap.currencies.settlement)?;
        Ok(Calculated { amount, provisional: borne.provisional })
    }
}

impl Matter for Dividend<'_, '_> {
    #[inline(always)] // most flows of a lot are dividends; results are taken apart as `explain::pad` says
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let Passed { terms, declared, .. } = self.passed;
        let (quantity, dates) = match (self.quantity, self.dates) {
            (_, Err(reason)) | (Err(reason), _) => return Err(reason.clone()),
            (Ok(quantity), Ok(dates)) => (quantity, dates),
        };
        if P::KEEPS || declared.currency != terms.currency {
            let told = self.told(pad, quantity, dates.payment)?;
            return Ok(told);
        }
        let per_unit = match self.passed.per_unit(quantity) {
            Ok(per_unit) => per_unit,
            Err(reason) => return Err(reason.clone()),
        };
        let amount = per_unit.paid(pad, quantity, terms.currency)?;
        Ok(Calculated { amount, provisional: false })
    }
}

impl Dividend<'_, '_> {
    /// The amount with all that it consists of, converted where the dividend is in another currency.
    fn told<P: Pad>(self, pad: &mut P, quantity: Decimal, payment: Option<NaiveDate>) -> Result<Calculated, Blocked> {
        let Dividend { valuation, passed: Passed { terms, declared, .. }, .. } = self;
        let pair = Pair { price: declared.currency, settlement: terms.currency };
        let fx_date = || terms.fx_date(declared, payment).map_or(valuation.day, |date| date.min(valuation.day));
        let fx = if pair.price == pair.settlement { None } else { Some(valuation.fx(pair, fx_date())?) };
        let provisional = fx.is_some_and(|fx| fx.provisional());
        let told = dividend_amount(pad, quantity, declared, terms.payout, fx, terms.currency).map(|amount| amount.paid);
        let amount = told.or_else(|_| {
            let share = terms.payout.of(quantity, declared)?;
            PerUnit::of(share, declared, terms.payout, fx, terms.currency)?.paid(pad, quantity, terms.currency)
        })?;
        Ok(Calculated { amount, provisional })
    }
}

impl Matter for Reinvestment<'_, '_> {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let bought = self.dividend.buys(pad)?;
        let Calculated { amount, provisional } = self.dividend.amount(pad)?;
        let amount = amount.turned(pad, "spent on units")?;
        Ok(Calculated { amount, provisional: provisional || bought.is_some_and(|bought| bought.provisional) })
    }
}

impl Matter for FeeOfTrade<'_> {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let charge = self.fee.charge(pad, &self.traded)?;
        paid(pad, charge.ok_or_else(out_of_range("the fee of a side that pays none"))?)
    }
}

impl Matter for FeeOfNights<'_, '_> {
    fn amount<P: Pad>(&self, pad: &mut P) -> Result<Calculated, Blocked> {
        let FeeOfNights { valuation, fee, units, nights } = self;
        let accrual = DailyFee {
            kind: fee.kind,
            year_days: fee.year_days,
            of: &valuation.swap.underlier,
            units: units.as_ref().map_err(Blocked::clone)?,
            from: nights.start,
            to: nights.end,
            currency: valuation.swap.currencies.price,
        };
        let charge = accrual.accrue(pad, &valuation.nights(fee), |_| {})?;
        paid(pad, charge)
    }
}

/// A charge as a flow: the client pays it.
pub(super) fn paid<P: Pad>(pad: &mut P, charge: Amount) -> Result<Calculated, Blocked> {
    let amount = charge.turned(pad, "paid by the client")?;
    Ok(Calculated { amount, provisional: false })
}

impl TradeFee {
    pub(super) fn is_due_of(&self, side: TradeSide) -> bool {
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
