//! Interest: notional x rate x days over the days of a year, at one notional or marked each night.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::coupon::{Coupon, UnitInterest};
use super::notional::{Financed, Marks};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::Fact;
use crate::domain::explain::pad::Pad;
use crate::domain::lots::units::Units;
use crate::domain::money::Currency;
use crate::domain::money::amount::Amount;
use crate::domain::rates::schedule::Period;
use crate::domain::rates::table::Path;

/// Interest from the client's view, not yet divided by the days of a year: a long pays it, so what it bears is turned in sign.
#[derive(Clone, Copy, Debug)]
pub struct Interest<N> {
    /// Sum of signed notional x rate x days.
    pub notional_rate_days: N,
    pub year_days: i64,
    /// A fixing that was not published stands in it.
    pub provisional: bool,
}

/// What answers for the interest on one unit of notional: a coupon, or whoever remembers what it said.
pub trait OnOne {
    /// Interest on one unit that stands over `slice`, from its start to `to` or its end, whichever is earlier, within an interest period.
    fn unit<P: Pad>(
        &self,
        pad: &mut P,
        interest_period: Period,
        slice: Period,
        to: NaiveDate,
    ) -> Result<UnitInterest<P::Number>, Blocked>;
}

/// Interest at one notional from the start of its period to `to`, within an interest period: `- quantity x price x fx x R x DCF`.
///
/// `to` is not counted; a later one than the end of the financed period comes to the same as the end.
pub fn interest<P: Pad>(
    pad: &mut P,
    on_one: &impl OnOne,
    interest_period: Period,
    financed: &Financed,
    to: NaiveDate,
) -> Result<Interest<P::Number>, Blocked> {
    let slice = within(financed.period, interest_period);
    let to = to.clamp(slice.start, slice.end);
    let quantity = pad.given(|| Fact::Lot("quantity"), financed.quantity);
    let notional = financed.price.notional(pad, || Fact::Lot("reference price"), quantity).ok_or_else(too_large)?;
    let unit = on_one.unit(pad, interest_period, slice, to)?;
    Interest::of(pad, notional, unit).ok_or_else(too_large)
}

/// Interest on a notional that is marked each night: the sum over nights of `quantity x close x fx` times what the night adds to the
/// interest on one unit, which is accrued from the start of the part (or of the interest period, by the compounding base). At a price that
/// never moves it is the interest at one notional. A close counts for the units of its day, so that a split changes nothing.
pub fn marked_interest<P: Pad>(
    pad: &mut P,
    coupon: &Coupon,
    interest_period: Period,
    units: &Units,
    settled: Period,
    marks: &Marks,
    to: NaiveDate,
) -> Result<Interest<P::Number>, Blocked> {
    let slice = within(settled, interest_period);
    let to = to.clamp(slice.start, slice.end);
    let compounded = if coupon.terms.compounds_from_period_start() { interest_period } else { slice };
    let (path, mut counted) = (&mut Path::new(), None);
    let mut so_far = coupon.cumulative(pad, path, interest_period, compounded, slice.start)?;
    let mut total = Interest::nothing(pad, so_far.year_days);
    let mut night = slice.start;
    while night < to {
        let mark = marks.on(night)?;
        let held = *units.on(mark.date);
        let quantity = match counted {
            Some((units, number)) if units == held => number,
            _ => pad.given(|| Fact::Lot("quantity"), held),
        };
        counted = Some((held, quantity));
        let next = marks.unchanged_until(night, to);
        let until_next = coupon.cumulative(pad, path, interest_period, compounded, next)?;
        let notional = mark.price.notional(pad, || marks.fact(mark), quantity).ok_or_else(too_large)?;
        let added = until_next.minus(pad, so_far)?;
        let interest = Interest::of(pad, notional, added).ok_or_else(too_large)?;
        total = total.plus(pad, interest).ok_or_else(too_large)?;
        (night, so_far) = (next, until_next);
    }
    Ok(total)
}

fn within(part: Period, interest_period: Period) -> Period {
    let start = part.start.clamp(interest_period.start, interest_period.end);
    Period { start, end: part.end.clamp(start, interest_period.end) }
}

impl<N: Copy> Interest<N> {
    #[inline(always)] // as `Amount::product`
    fn of<P: Pad<Number = N>>(pad: &mut P, notional: N, unit: UnitInterest<N>) -> Option<Interest<N>> {
        let notional_rate_days = pad.multiply("notional x rate x days", notional, unit.rate_days)?;
        Some(Interest { notional_rate_days, year_days: unit.year_days, provisional: unit.provisional })
    }

    fn nothing<P: Pad<Number = N>>(pad: &mut P, year_days: i64) -> Interest<N> {
        let notional_rate_days = pad.given(|| Fact::Count("nothing accrued"), Decimal::ZERO);
        Interest { notional_rate_days, year_days, provisional: false }
    }

    /// The sum of two amounts with the same days of a year; also of pieces of one part, for an amount that is rounded once.
    pub fn plus<P: Pad<Number = N>>(self, pad: &mut P, other: Interest<N>) -> Option<Interest<N>> {
        let provisional = self.provisional || other.provisional;
        if self.year_days == other.year_days {
            let sum = pad.add("sum of notional x rate x days", self.notional_rate_days, other.notional_rate_days)?;
            return Some(Interest { notional_rate_days: sum, provisional, ..self });
        }
        let (left, right) = (self.borne(pad)?, other.borne(pad)?);
        let sum = pad.add("interest borne", left, right)?;
        Some(Interest { notional_rate_days: sum, year_days: 1, provisional })
    }

    /// The amount as a flow carries it: `+` is received. A long pays and a short receives, so the sign of the notional is turned.
    pub fn amount<P: Pad<Number = N>>(&self, pad: &mut P, currency: Currency) -> Result<Amount, Blocked> {
        let year = pad.given(|| Fact::Count("days of a year"), Decimal::from(self.year_days));
        let sign = pad.given(|| Fact::Term("a long pays"), Decimal::NEGATIVE_ONE);
        Amount::quotient(pad, "the interest", self.notional_rate_days, sign, year, currency)
    }

    fn borne<P: Pad<Number = N>>(&self, pad: &mut P) -> Option<N> {
        let year = pad.given(|| Fact::Count("days of a year"), Decimal::from(self.year_days));
        pad.divide("interest borne", self.notional_rate_days, year)
    }
}

fn too_large() -> Blocked {
    out_of_range("the interest")()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::pad::Silent;

    fn interest(notional_rate_days: i64, year_days: i64, provisional: bool) -> Interest<Decimal> {
        Interest { notional_rate_days: Decimal::from(notional_rate_days), year_days, provisional }
    }

    #[test]
    fn a_sum_is_provisional_when_a_part_of_it_is() {
        for (left, right) in [(false, true), (true, false)] {
            let sum = interest(360, 360, left).plus(&mut Silent, interest(720, 360, right)).expect("it fits");
            assert!(sum.provisional);
        }
    }

    #[test]
    fn amounts_over_different_years_add_up() {
        let sum = interest(360, 360, false).plus(&mut Silent, interest(730, 365, false)).expect("it fits");
        let usd = Currency::new("USD").expect("a currency");
        assert_eq!(sum.amount(&mut Silent, usd).map(|amount| amount.unrounded), Ok(Decimal::from(-3)));
    }
}
