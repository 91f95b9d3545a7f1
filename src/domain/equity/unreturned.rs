//! Ex dates inside a price return: the price falls by a dividend that nobody pays, which is a common break.

use chrono::NaiveDate;

use super::terms::ReturnType;

impl ReturnType {
    /// Whether a span of this return contains an ex date and leaves the dividend out. The close of `start` is still with the dividend, so the
    /// span contains the ex dates after `start` up to and including `end`.
    pub fn leaves_out(self, start: NaiveDate, end: NaiveDate, ex_date: NaiveDate) -> bool {
        self == ReturnType::Price && start < ex_date && ex_date <= end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_return_leaves_out_what_goes_ex_after_its_start_up_to_its_end() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April");
        let leaves_out = |terms: ReturnType| [1, 15, 30].map(|ex_date| terms.leaves_out(day(1), day(30), day(ex_date)));
        assert_eq!(leaves_out(ReturnType::Price), [false, true, true]);
        assert_eq!(leaves_out(ReturnType::Total), [false; 3]);
    }
}
