//! Interest periods that end when the equity leg is paid: what most total return swaps agree.

use chrono::NaiveDate;

use super::terms::InterestPeriod;
use crate::domain::rates::schedule::Period;

/// From the effective date to the first payment, from there to the next; each is paid at its end. An open-ended swap runs on after the last
/// payment, without a date on which that is paid, to `runs_until`. `payments` ascend.
pub fn between_payments(
    effective: NaiveDate,
    payments: &[NaiveDate],
    runs_until: Option<NaiveDate>,
) -> Vec<InterestPeriod> {
    let mut periods = Vec::with_capacity(payments.len() + 1);
    let mut start = effective;
    let ends = payments.iter().map(|payment| (*payment, Some(*payment))).chain(runs_until.map(|day| (day, None)));
    for (end, payment) in ends.filter(|(end, _)| *end > effective) {
        if end > start {
            periods.push(InterestPeriod { period: Period { start, end }, payment });
            start = end;
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn periods(payments: &[u32], runs_until: Option<u32>) -> Vec<(NaiveDate, NaiveDate, Option<NaiveDate>)> {
        let payments: Vec<NaiveDate> = payments.iter().map(|number| day(*number)).collect();
        let periods = between_payments(day(1), &payments, runs_until.map(day));
        periods.iter().map(|interest| (interest.period.start, interest.period.end, interest.payment)).collect()
    }

    #[test]
    fn periods_touch_and_end_with_payments() {
        let expected = [(day(1), day(10), Some(day(10))), (day(10), day(20), Some(day(20)))];
        assert_eq!(periods(&[10, 20], None), expected);
    }

    #[test]
    fn an_open_ended_swap_runs_on_without_a_payment() {
        assert_eq!(periods(&[10], Some(15)), [(day(1), day(10), Some(day(10))), (day(10), day(15), None)]);
        assert_eq!(periods(&[10], Some(10)), [(day(1), day(10), Some(day(10)))]);
        assert_eq!(periods(&[10], Some(5)), [(day(1), day(10), Some(day(10)))]);
    }
}
