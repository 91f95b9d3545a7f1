//! A quantity over time: splits change the units it is counted in.

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A signed quantity in the units of each day. Without a split it is one number, and needs no memory of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Units {
    first: Decimal,
    /// Ascending; each counts from its day on.
    changes: Vec<(NaiveDate, Decimal)>,
}

impl Units {
    /// The same signed quantity on every day.
    pub fn constant(quantity: Decimal) -> Units {
        Units { first: quantity, changes: Vec::new() }
    }

    /// A part of something that splits made from one quantity into another: of the part, what it was before the first of them and after the last
    /// is known. Two splits on one day are one.
    pub fn new(first: Decimal, splits: impl Iterator<Item = (NaiveDate, Decimal, Decimal)>, last: Decimal) -> Units {
        let mut units = Units::constant(first).then(splits);
        if let Some((_, quantity)) = units.changes.last_mut() {
            *quantity = last;
        }
        units
    }

    /// With later splits.
    pub fn then(mut self, splits: impl Iterator<Item = (NaiveDate, Decimal, Decimal)>) -> Units {
        for (date, before, after) in splits {
            let quantity = part_of(after, self.last(), before);
            self.changes.pop_if(|(known, _)| *known == date);
            self.changes.push((date, quantity));
        }
        self
    }

    /// At the end of a day.
    pub fn on(&self, date: NaiveDate) -> &Decimal {
        let since = self.changes.partition_point(|(since, _)| *since <= date);
        self.changes[..since].last().map_or(&self.first, |(_, quantity)| quantity)
    }

    fn last(&self) -> Decimal {
        self.changes.last().map_or(self.first, |(_, quantity)| *quantity)
    }
}

/// `whole x part / of`, exact where a decimal can say it; all of it for all of it. What is beyond a decimal is the largest one: no lot that is
/// calculated comes to it (`Life::fits`).
pub fn part_of(whole: Decimal, part: Decimal, of: Decimal) -> Decimal {
    if part == of {
        return whole;
    }
    if whole == of {
        return part;
    }
    let exact = whole.checked_mul(part).and_then(|product| product.checked_div(of));
    let rounded = || whole.checked_mul(part.checked_div(of)?);
    exact.or_else(rounded).unwrap_or(Decimal::MAX).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_with_each_split_and_the_last_is_as_it_was_counted() {
        let day = |day| NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April");
        let number = Decimal::from;
        let third = "33.3333333333".parse().expect("a number");
        let splits = [(day(10), number(200), number(400)), (day(20), number(400), number(300))];
        let units = Units::new(number(50), splits.into_iter(), number(75));
        let on = |date| *units.on(day(date));
        assert_eq!((on(9), on(10), on(19), on(20)), (number(50), number(100), number(100), number(75)));
        let kept = Units::new(number(100), [(day(10), number(300), number(100))].into_iter(), third);
        assert_eq!(*kept.on(day(10)), third);
    }
}
