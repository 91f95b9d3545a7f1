//! A swap on a day: the terms beside the market values they name, found once for all lots.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::dues::Lot;
use super::terms::{DailyFeeRate, DailyFeeTerms, Swap};
use crate::domain::blocked::Blocked;
use crate::domain::dividends::amount::PerUnit;
use crate::domain::dividends::declared::Declared;
use crate::domain::dividends::entitlement::CutOff;
use crate::domain::dividends::payment::{Due, Payment, Schedule};
use crate::domain::dividends::terms::DividendTerms;
use crate::domain::equity::mark::{Mark, Price};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::{Pad, Silent};
use crate::domain::fees::daily::Nights;
use crate::domain::financing::coupon::{Coupon, UnitInterest};
use crate::domain::financing::interest::OnOne;
use crate::domain::financing::notional::{Mark as NightMark, Marks as ClosesOf, Price as Notional};
use crate::domain::financing::terms::{FinancingTerms, NotionalBasis};
use crate::domain::lots::slice::{Edge, OpenedBy, Reset, Slice};
use crate::domain::lots::units::Units;
use crate::domain::market::Market;
use crate::domain::market::carry::{Accepted, Quote};
use crate::domain::market::fx::{FxMode, FxRate, Pair};
use crate::domain::rates::schedule::Period;
use crate::domain::schedule::Disrupted;

/// Old units and new ones, by ex date.
pub type Splits = Vec<(NaiveDate, Decimal, Decimal)>;

/// Everything a swap's amounts on a day are calculated from.
pub struct Valuation<'a> {
    pub swap: &'a Swap,
    pub market: &'a Market,
    /// Results stand at the end of this day; interest has run up to it and not through its night.
    pub day: NaiveDate,
    /// A price of before it says nothing about the units after it.
    splits: Splits,
    /// Valuation dates until the day as the equity leg sees them: performance starts anew on each. Those that cannot be told are in `blocked`.
    pub resets: Vec<Reset>,
    /// The same as each side's financing sees them: its notional changes on the switch dates of its terms.
    pub long: Option<Side<'a>>,
    pub short: Option<Side<'a>>,
    pub(super) blocked: BTreeMap<NaiveDate, Blocked>,
    /// All valuation dates with their payments, as far as calendars reach.
    pub equity_payments: Vec<Payment>,
    pub interest_payments: Vec<Payment>,
    /// The dividends that the terms pass on.
    pub dividends: Vec<Passed<'a>>,
    /// The market at the close of the day.
    pub today: Result<Mark<'a>, Blocked>,
    /// The closes that a notional is marked to each night; none unless a side is.
    marks: NightMarks,
}

/// A dividend that is passed on, with what of it is the same for all lots.
pub struct Passed<'a> {
    pub terms: &'a DividendTerms,
    pub declared: &'a Declared,
    /// While a calendar keeps it unknown, by the ex date itself; `dates` are blocked then.
    pub cut_off: CutOff,
    /// Of what is held through it.
    pub dates: Result<Due, Blocked>,
    /// What a unit of a long and of a short is paid, where no exchange rate counts: calculated once for all lots.
    per_unit: [OnceCell<Result<PerUnit, Blocked>>; 2],
}

impl Passed<'_> {
    /// What one unit of a signed quantity is paid in the dividend's own currency.
    #[inline]
    pub fn per_unit(&self, quantity: Decimal) -> Result<&PerUnit, &Blocked> {
        let Passed { terms, declared, .. } = self;
        let side = usize::from(quantity.is_sign_negative());
        let known = self.per_unit[side].get_or_init(|| {
            let share = terms.payout.of([Decimal::ONE, Decimal::NEGATIVE_ONE][side], declared)?;
            PerUnit::of(share, declared, terms.payout, None, terms.currency)
        });
        known.as_ref()
    }
}

/// Closes by exchange day, and the days whose close or rate is not known.
#[derive(Default)]
struct NightMarks {
    closes: Vec<NightMark>,
    missing: BTreeMap<NaiveDate, Blocked>,
    /// From one close to the last night that stands on it.
    age_days_max: i64,
}

/// The financing of one direction.
pub struct Side<'a> {
    pub terms: &'a FinancingTerms,
    pub coupon: Result<Coupon<'a>, Blocked>,
    pub resets: Vec<Reset>,
    /// Interest on one unit by interest period, slice and date: calculated once for all lots that stand over the same days.
    on_one: RefCell<BTreeMap<(Period, Period, NaiveDate), UnitInterest<Decimal>>>,
}

impl<'a> Valuation<'a> {
    /// The swap at the end of `day`. `splits` are all that its underlier ever had, ascending by ex date. The tables of its legs were prepared
    /// ([`Rates::prepare`](crate::domain::financing::coupon::Rates::prepare)); what the market does not know blocks what needs it, and nothing else.
    ///
    /// # Panics
    /// When the table of an overnight leg was not prepared.
    pub fn new(swap: &'a Swap, market: &'a Market, day: NaiveDate, splits: Splits) -> Valuation<'a> {
        let mut valuation = Valuation {
            swap,
            market,
            day,
            splits,
            resets: Vec::new(),
            long: swap.financing.as_ref().map(|financing| Side::new(&financing.long, swap, market)),
            short: swap.financing.as_ref().map(|financing| Side::new(&financing.short, swap, market)),
            blocked: BTreeMap::new(),
            equity_payments: Vec::new(),
            interest_payments: swap
                .interest_periods
                .iter()
                .filter_map(|interest| Some(Payment { valuation: interest.period.end, payment: interest.payment? }))
                .collect(),
            dividends: Vec::new(),
            today: Err(Blocked::MissingPrice { of: swap.underlier.clone(), date: day }),
            marks: NightMarks::default(),
        };
        valuation.today = valuation.close(day);
        if swap.marked_each_night() {
            valuation.marks = valuation.night_marks();
        }
        for date in swap.equity.valuation_dates.iter().copied() {
            let payment = valuation.payment_date(date, swap.equity.payment_offset);
            valuation
                .equity_payments
                .extend(payment.iter().map(|payment| Payment { valuation: date, payment: *payment }));
            if date <= day {
                valuation.reset(date, payment);
            }
        }
        if let Some(terms) = &swap.dividends {
            let declared = market.dividends.get(&swap.underlier).into_iter().flatten();
            let passed = declared.filter(|declared| terms.passes_on(declared));
            valuation.dividends = passed.map(|declared| valuation.passed(terms, declared)).collect();
        }
        valuation
    }

    fn passed(&self, terms: &'a DividendTerms, declared: &'a Declared) -> Passed<'a> {
        let days = &self.swap.exchange_days;
        let before = |date: NaiveDate| {
            let on_or_after = days.on_or_after(date)?;
            days.back(on_or_after, 1).map(|number| days.date(number))
        };
        let cut_off = terms.entitlement.cut_off(declared, before);
        let schedule = Schedule {
            equity: &self.equity_payments,
            interest: &self.interest_payments,
            termination: self.swap.termination,
        };
        let dates = terms.due(declared, schedule, |date, offset| self.payment_date(date, offset));
        let by_ex_date = CutOff::Traded(declared.ex_date);
        Passed {
            terms,
            declared,
            cut_off: cut_off.clone().unwrap_or(by_ex_date),
            dates: cut_off.and(dates),
            per_unit: Default::default(),
        }
    }

    fn reset(&mut self, date: NaiveDate, payment: Result<NaiveDate, Blocked>) {
        let known = payment.clone().and_then(|_| Ok((self.close_price(date)?.quote.value, self.notional_fx(date)?)));
        let (price, fx) = known.unwrap_or_else(|reason| {
            self.blocked.insert(date, reason);
            (Decimal::ZERO, None)
        });
        // Without a price the notional still changes when it would have: what stands before that is not blocked.
        let (payment, fx) = (payment.unwrap_or(date), fx.unwrap_or(Decimal::ONE));
        let reset = Edge { date, settle_date: payment, price, fx };
        self.resets.push(reset);
        for side in [&mut self.long, &mut self.short].into_iter().flatten() {
            if side.terms.notional == NotionalBasis::LotRefPrice {
                side.resets.push(Edge { settle_date: side.terms.switch_date(date, payment), ..reset });
            }
        }
    }

    /// The quantity of a slice over time. What is closed is still held until it settles, and a split that is known for later is seen ahead.
    pub fn units<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Units {
        let last = slice.end.as_ref().map_or(self.day, |end| end.edge.date);
        let later = self.splits.iter().filter(|(ex_date, ..)| *ex_date > last);
        lot.life.units(slice, self.day).then(later.copied())
    }

    /// The same where a split may change it; none where it is that of the slice on all days.
    #[inline]
    pub fn changed_units<Id: Copy>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Option<Units> {
        let split = !lot.life.steps.is_empty() || !self.splits.is_empty();
        split.then(|| self.units(lot, slice))
    }

    /// The valuation dates that a lot sees.
    pub fn resets<'l, Id>(&'l self, lot: &'l Lot<Id>) -> &'l [Reset] {
        lot.elsewhere.as_ref().map_or(&self.resets, |elsewhere| &elsewhere.resets)
    }

    /// The same as the financing of one of its sides sees them.
    pub fn switches<'l, Id>(&'l self, lot: &'l Lot<Id>, side: &'l Side<'_>) -> &'l [Reset] {
        let Some(elsewhere) = &lot.elsewhere else { return &side.resets };
        if lot.life.quantity.is_sign_negative() { &elsewhere.short } else { &elsewhere.long }
    }

    /// The financing of a signed quantity.
    pub fn side(&self, quantity: Decimal) -> Option<&Side<'a>> {
        if quantity.is_sign_negative() { self.short.as_ref() } else { self.long.as_ref() }
    }

    /// Whether the reference of a slice is known: its opening always, but not the last valuation date it was held over when that had no price or rate.
    pub fn referenced<Id>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Result<(), Blocked> {
        if slice.opened_by == OpenedBy::Open {
            return Ok(());
        }
        let start = slice.start.date;
        let blocked = lot.elsewhere.as_ref().map_or(&self.blocked, |elsewhere| &elsewhere.blocked);
        let Some((date, reason)) = blocked.range(lot.life.opened.date..=start).next_back() else { return Ok(()) };
        let later = self.resets(lot).iter().any(|reset| reset.date > *date && reset.date <= start);
        if later { Ok(()) } else { Err(reason.clone()) }
    }

    /// Whether the units of a slice are known until its end.
    pub fn known<Id>(&self, lot: &Lot<Id>, slice: &Slice<Id>) -> Result<(), Blocked> {
        lot.known_on(slice.end.as_ref().map_or(self.day, |end| end.edge.date)).map_err(Blocked::clone)
    }

    /// The close of a day by the price policy, or the fallback price of a disrupted valuation. A close of before a split is none for after it.
    pub fn close_price(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        self.swap.currencies.price.money_on(date)?;
        match self.swap.equity.disrupted.get(&date) {
            None | Some(Disrupted::Postponed { .. }) => {}
            Some(Disrupted::Determined { .. } | Disrupted::Fallback(_)) => return self.fallback_price(date),
            Some(Disrupted::Unagreed(_)) => {
                return Err(Blocked::MissingTerm {
                    term: "what becomes of a disrupted valuation date (equity.disruption)",
                });
            }
        }
        let last = self.market.prices.get(&self.swap.underlier).and_then(|quotes| quotes.last(date));
        let accepted = self.swap.prices.accept(&self.swap.underlier, last, date)?;
        if self.splits.iter().any(|(ex_date, ..)| accepted.quote.date < *ex_date && *ex_date <= date) {
            return Err(Blocked::MissingPrice { of: self.swap.underlier.clone(), date });
        }
        Ok(accepted)
    }

    fn fallback_price(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        let of = &self.swap.underlier;
        let last = self.market.fallback_prices.get(of).and_then(|quotes| quotes.last(date));
        let missing = || Blocked::MissingFallbackPrice { of: of.clone(), date };
        let quote = last.filter(|quote| quote.date == date).ok_or_else(missing)?;
        self.swap.prices.accept(of, Some(quote), date)
    }

    /// The rate of a pair on a date by the swap's policy.
    pub fn fx(&self, pair: Pair, date: NaiveDate) -> Result<FxRate<'a>, Blocked> {
        pair.money_on(date)?;
        let missing = || Blocked::MissingFx { price: pair.price, settlement: pair.settlement, date };
        self.swap.fix.as_ref().ok_or_else(missing)?.rate(self.market, pair, date)
    }

    /// What converts a notional; none where both currencies are one.
    #[inline]
    pub fn notional_fx(&self, date: NaiveDate) -> Result<Option<Decimal>, Blocked> {
        let pair = self.swap.currencies;
        if pair.price == pair.settlement {
            return Ok(None);
        }
        if let FxMode::Quanto(rate) = self.swap.equity.fx {
            return Ok(Some(rate));
        }
        Ok(Some(self.fx(pair, date)?.number(&mut Silent)?))
    }

    /// A price that was traded or is measured from, at the rate of its day where the FX mode compares rates.
    #[inline]
    pub fn priced(&self, what: &'static str, date: NaiveDate, price: Decimal) -> Result<Mark<'a>, Blocked> {
        Ok(Mark { date, price: Price::Traded { what, price }, fx: self.mode_fx(date)? })
    }

    /// The market at the close of a day: price, and the rate where the FX mode compares rates.
    pub fn close(&self, date: NaiveDate) -> Result<Mark<'a>, Blocked> {
        let disrupted = self.swap.equity.disrupted.get(&date);
        let price = Price::Observed { of: &self.swap.underlier, accepted: self.close_price(date)?, disrupted };
        Ok(Mark { date, price, fx: self.mode_fx(date)? })
    }

    /// So many business days of the settlement currency after a valuation date.
    pub fn payment_date(&self, valuation: NaiveDate, offset: u32) -> Result<NaiveDate, Blocked> {
        self.swap.payment_days.after(valuation, offset)
    }

    #[inline]
    fn mode_fx(&self, date: NaiveDate) -> Result<Option<FxRate<'a>>, Blocked> {
        match self.swap.equity.fx {
            FxMode::None | FxMode::Quanto(_) => Ok(None),
            FxMode::Composite | FxMode::CrossCurrency => self.fx(self.swap.currencies, date).map(Some),
        }
    }

    /// The closes for the nights from a date to another, or the first reason why one is not known. Nights of weekends and holidays stand on the
    /// close before.
    pub fn closes(&self, nights: Period) -> Result<ClosesOf<'_>, Blocked> {
        let first = self.swap.exchange_days.on_or_before(nights.start)?;
        let days = self.swap.exchange_days.date(first)..nights.end.max(nights.start);
        match self.marks.missing.range(days).next() {
            Some((_, reason)) => Err(reason.clone()),
            None => Ok(ClosesOf {
                of: &self.swap.underlier,
                closes: &self.marks.closes,
                age_days_max: self.marks.age_days_max,
                negative: self.swap.prices.negative,
            }),
        }
    }

    fn night_marks(&self) -> NightMarks {
        let days = &self.swap.exchange_days;
        let mut marks = NightMarks::default();
        for number in (0..days.count()).take_while(|number| days.date(*number) <= self.day) {
            let date = days.date(number);
            let known = self.close_price(date).and_then(|close| Ok((close.quote, self.notional_fx(date)?)));
            match known {
                Ok((Quote { value: price, version, .. }, fx)) => {
                    marks.closes.push(NightMark { date, version, price: Notional { price, fx } });
                }
                Err(reason) => {
                    marks.missing.insert(date, reason);
                }
            }
            marks.age_days_max = marks.age_days_max.max(days.until_next(number).unwrap_or(1));
        }
        marks
    }

    /// What the nights of a fee need.
    pub fn nights<'v>(&'v self, fee: &'v DailyFeeTerms) -> FeeNights<'v, 'a> {
        FeeNights { valuation: self, fee }
    }
}

impl<'a> Side<'a> {
    fn new(terms: &'a FinancingTerms, swap: &Swap, market: &'a Market) -> Side<'a> {
        let needed_from = swap.interest_periods.first().map_or(swap.effective, |interest| interest.period.start);
        Side { terms, coupon: market.rates.coupon(terms, needed_from), resets: Vec::new(), on_one: RefCell::default() }
    }
}

impl OnOne for Side<'_> {
    fn unit<P: Pad>(
        &self,
        pad: &mut P,
        interest_period: Period,
        slice: Period,
        to: NaiveDate,
    ) -> Result<UnitInterest<P::Number>, Blocked> {
        let coupon = self.coupon.as_ref().map_err(Blocked::clone)?;
        if P::KEEPS {
            return coupon.unit(pad, interest_period, slice, to);
        }
        let days = (interest_period, slice, to);
        let known = self.on_one.borrow().get(&days).copied();
        let UnitInterest { rate_days, year_days, provisional } = match known {
            Some(known) => known,
            None => {
                let calculated = coupon.unit(&mut Silent, interest_period, slice, to)?;
                *self.on_one.borrow_mut().entry(days).or_insert(calculated)
            }
        };
        let rate_days = pad.given(|| Fact::Table("rate x days"), rate_days);
        Ok(UnitInterest { rate_days, year_days, provisional })
    }
}

/// Closes and rates of a fee's nights.
pub struct FeeNights<'v, 'a> {
    valuation: &'v Valuation<'a>,
    fee: &'v DailyFeeTerms,
}

impl FeeNights<'_, '_> {
    /// The day whose values a night stands on.
    fn exchange_day(&self, night: NaiveDate) -> Result<NaiveDate, Blocked> {
        let days = &self.valuation.swap.exchange_days;
        days.on_or_before(night).map(|number| days.date(number))
    }
}

impl Nights for FeeNights<'_, '_> {
    fn close(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        self.valuation.close_price(self.exchange_day(date)?)
    }

    fn rate(&self, date: NaiveDate) -> Result<Accepted, Blocked> {
        match &self.fee.rate {
            DailyFeeRate::Agreed(rate) => {
                Ok(Accepted { quote: Quote { date, value: *rate, version: 0 }, provisional: false })
            }
            DailyFeeRate::Published(name) => {
                let date = self.exchange_day(date)?;
                let last = self.valuation.market.fee_rates.get(name).and_then(|quotes| quotes.last(date));
                self.valuation.swap.prices.accept(name, last, date)
            }
        }
    }
}
