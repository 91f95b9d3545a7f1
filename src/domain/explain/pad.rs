//! What a formula is calculated on: silently, or with every line kept, so that the same code calculates and explains.
//!
//! A formula takes a [`Pad`] and writes its arithmetic on it. On [`Silent`] a number is a `Decimal` and nothing is kept; the compiler
//! leaves the bare arithmetic, as long as what lies between a formula and its numbers is inlined. A call hands numbers over in memory, where they
//! are read in other pieces than they were written in, and waited for; so is a `Result` that a call writes its reason into, which is why on the
//! way of most flows a `Result` is taken apart before another one is made. On [`Kept`] every observation and step becomes a line of an
//! [`Explanation`], which can be printed, and recomputed from its givens alone.

use rust_decimal::Decimal;

use crate::domain::explain::{Explanation, Fact, Line, LineNo, Operation, Value, rounded};
use crate::domain::money::{Money, Unit};
use crate::domain::number::wide::Wide;

/// Paper to calculate on. Every operation gives `None` when the result does not fit 28 digits (or, of money, 64 bits of minor units).
pub trait Pad {
    /// Whether lines are kept; a formula that can look up what it could also derive derives it then.
    const KEEPS: bool;

    type Number: Copy;

    /// A compounding factor: more decimals than a number has.
    type Factor: Copy;

    /// A number that is not calculated: a term, a quantity, an observation. `fact` is only asked where lines are kept.
    fn given(&mut self, fact: impl FnOnce() -> Fact, value: Decimal) -> Self::Number;

    fn value(&self, number: Self::Number) -> Decimal;

    fn step(
        &mut self,
        name: &'static str,
        operation: Operation,
        left: Self::Number,
        right: Self::Number,
    ) -> Option<Self::Number>;

    /// `left * right` in minor units: exact before it is rounded once.
    fn amount(
        &mut self,
        name: &'static str,
        left: Self::Number,
        right: Self::Number,
        to: impl Into<Unit>,
    ) -> Option<Money>;

    /// `left * right / divisor` in minor units: exact before it is rounded once. Divide here and not earlier, as a third loses its half.
    fn amount_per(
        &mut self,
        name: &'static str,
        left: Self::Number,
        right: Self::Number,
        divisor: Self::Number,
        to: impl Into<Unit>,
    ) -> Option<Money>;

    /// `number` in minor units, rounded once.
    fn money(&mut self, name: &'static str, number: Self::Number, to: impl Into<Unit>) -> Option<Money>;

    /// `number` to so many decimals, a half away from zero: ISDA 2021 section 4.8.1, ISDA 2006 section 8.1.
    fn round(&mut self, name: &'static str, number: Self::Number, decimals: u32) -> Self::Number;

    /// A factor that was calculated before, for others, too.
    fn factor(&mut self, fact: impl FnOnce() -> Fact, value: Wide) -> Self::Factor;

    /// `factor x (1 + rate x days / basis)`.
    fn compound(
        &mut self,
        name: &'static str,
        factor: Self::Factor,
        rate: Self::Number,
        days: i64,
        basis: i64,
    ) -> Option<Self::Factor>;

    /// `(end / start - 1) x year_days`: compounded rate x days, to 24 decimals.
    fn growth(
        &mut self,
        name: &'static str,
        end: Self::Factor,
        start: Self::Factor,
        year_days: i64,
    ) -> Option<Self::Number>;

    /// The amount that was calculated last, received where it was paid and paid where it was received.
    fn turn(&mut self, name: &'static str, amount: Money) -> Option<Money>;

    #[inline(always)]
    fn add(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::Add, left, right)
    }

    #[inline(always)]
    fn subtract(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::Subtract, left, right)
    }

    #[inline(always)]
    fn multiply(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::Multiply, left, right)
    }

    fn divide(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::Divide, left, right)
    }

    /// The larger of two.
    fn at_least(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::AtLeast, left, right)
    }

    /// The smaller of two.
    fn at_most(&mut self, name: &'static str, left: Self::Number, right: Self::Number) -> Option<Self::Number> {
        self.step(name, Operation::AtMost, left, right)
    }
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

/// Keeps every line.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    lines: Vec<Line>,
}

impl Pad for Silent {
    const KEEPS: bool = false;

    type Number = Decimal;
    type Factor = Wide;

    fn given(&mut self, _: impl FnOnce() -> Fact, value: Decimal) -> Decimal {
        value
    }

    fn value(&self, number: Decimal) -> Decimal {
        number
    }

    #[inline(always)] // as `of_numbers`
    fn step(&mut self, _: &'static str, operation: Operation, left: Decimal, right: Decimal) -> Option<Decimal> {
        operation.of_numbers(left, right)
    }

    #[inline(always)]
    fn amount(&mut self, _: &'static str, left: Decimal, right: Decimal, to: impl Into<Unit>) -> Option<Money> {
        Money::product(left, right, to)
    }

    fn amount_per(
        &mut self,
        _: &'static str,
        left: Decimal,
        right: Decimal,
        divisor: Decimal,
        to: impl Into<Unit>,
    ) -> Option<Money> {
        Money::quotient(left, right, divisor, to)
    }

    fn money(&mut self, _: &'static str, number: Decimal, to: impl Into<Unit>) -> Option<Money> {
        Money::round(number, to)
    }

    fn turn(&mut self, _: &'static str, amount: Money) -> Option<Money> {
        Money::zero(amount.currency).checked_sub(amount)
    }

    fn round(&mut self, _: &'static str, number: Decimal, decimals: u32) -> Decimal {
        rounded(number, decimals)
    }

    fn factor(&mut self, _: impl FnOnce() -> Fact, value: Wide) -> Wide {
        value
    }

    fn compound(&mut self, _: &'static str, factor: Wide, rate: Decimal, days: i64, basis: i64) -> Option<Wide> {
        factor.compound(rate, days, basis)
    }

    fn growth(&mut self, _: &'static str, end: Wide, start: Wide, year_days: i64) -> Option<Decimal> {
        end.growth(start, year_days)
    }
}

/// A number on a pad that keeps lines, or a factor: where it stands, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Written<V = Decimal> {
    line: LineNo,
    value: V,
}

impl Kept {
    /// What was written, in order; the last line is the result.
    pub fn explanation(self) -> Explanation {
        Explanation { lines: self.lines }
    }

    fn write(&mut self, line: Line) -> LineNo {
        self.lines.push(line);
        LineNo(self.lines.len() - 1)
    }

    fn write_step(&mut self, name: &'static str, operation: Operation, operands: Vec<LineNo>, value: Value) -> LineNo {
        self.write(Line::Step { name, operation, operands, value })
    }
}

impl Pad for Kept {
    const KEEPS: bool = true;

    type Number = Written;
    type Factor = Written<Wide>;

    fn given(&mut self, fact: impl FnOnce() -> Fact, value: Decimal) -> Written {
        Written { line: self.write(Line::Given { fact: fact(), value }), value }
    }

    fn value(&self, number: Written) -> Decimal {
        number.value
    }

    fn step(&mut self, name: &'static str, operation: Operation, left: Written, right: Written) -> Option<Written> {
        let value = operation.of_numbers(left.value, right.value)?;
        let line = self.write_step(name, operation, vec![left.line, right.line], Value::Number(value));
        Some(Written { line, value })
    }

    fn amount(&mut self, name: &'static str, left: Written, right: Written, to: impl Into<Unit>) -> Option<Money> {
        let unit = to.into();
        let value = Money::product(left.value, right.value, unit)?;
        self.write_step(name, Operation::Amount(unit), vec![left.line, right.line], Value::Money(value));
        Some(value)
    }

    fn amount_per(
        &mut self,
        name: &'static str,
        left: Written,
        right: Written,
        divisor: Written,
        to: impl Into<Unit>,
    ) -> Option<Money> {
        let unit = to.into();
        let value = Money::quotient(left.value, right.value, divisor.value, unit)?;
        let operands = vec![left.line, right.line, divisor.line];
        self.write_step(name, Operation::AmountPer(unit), operands, Value::Money(value));
        Some(value)
    }

    fn money(&mut self, name: &'static str, number: Written, to: impl Into<Unit>) -> Option<Money> {
        let unit = to.into();
        let value = Money::round(number.value, unit)?;
        self.write_step(name, Operation::Money(unit), vec![number.line], Value::Money(value));
        Some(value)
    }

    fn turn(&mut self, name: &'static str, amount: Money) -> Option<Money> {
        let value = Money::zero(amount.currency).checked_sub(amount)?;
        let last = LineNo(self.lines.len().checked_sub(1)?);
        self.write_step(name, Operation::Turn, vec![last], Value::Money(value));
        Some(value)
    }

    fn round(&mut self, name: &'static str, number: Written, decimals: u32) -> Written {
        let value = rounded(number.value, decimals);
        let line = self.write_step(name, Operation::Round(decimals), vec![number.line], Value::Number(value));
        Written { line, value }
    }

    fn factor(&mut self, fact: impl FnOnce() -> Fact, value: Wide) -> Written<Wide> {
        Written { line: self.write(Line::Factor { fact: fact(), value }), value }
    }

    fn compound(
        &mut self,
        name: &'static str,
        factor: Written<Wide>,
        rate: Written,
        days: i64,
        basis: i64,
    ) -> Option<Written<Wide>> {
        let value = factor.value.compound(rate.value, days, basis)?;
        let operands = vec![factor.line, rate.line];
        let line = self.write_step(name, Operation::Compound { days, basis }, operands, Value::Factor(value));
        Some(Written { line, value })
    }

    fn growth(
        &mut self,
        name: &'static str,
        end: Written<Wide>,
        start: Written<Wide>,
        year_days: i64,
    ) -> Option<Written> {
        let value = end.value.growth(start.value, year_days)?;
        let operands = vec![end.line, start.line];
        let line = self.write_step(name, Operation::Growth { year_days }, operands, Value::Number(value));
        Some(Written { line, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::Unfounded;
    use crate::domain::money::Currency;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    /// quantity x (price - cost) / 3, in cents.
    fn formula<P: Pad>(pad: &mut P) -> Option<Money> {
        let quantity = pad.given(|| Fact::Lot("quantity"), decimal("-7.5"));
        let price = pad.given(|| Fact::Term("price"), decimal("101.01"));
        let cost = pad.given(|| Fact::Term("cost"), decimal("100.10"));
        let three = pad.given(|| Fact::Count("three"), Decimal::from(3));
        let change = pad.subtract("change", price, cost)?;
        pad.amount_per("result", quantity, change, three, Currency::new("USD").expect("a currency"))
    }

    #[test]
    fn a_kept_calculation_gives_what_the_silent_one_gives_and_can_be_done_again() {
        let mut kept = Kept::default();
        let explained = formula(&mut kept).expect("it fits");
        let explanation = kept.explanation();
        assert_eq!(formula(&mut Silent), Some(explained));
        assert_eq!(explanation.recompute(), Ok(Some(Value::Money(explained))));
        assert_eq!(explained.minor, -228);
    }

    #[test]
    fn another_given_gives_another_result() {
        let mut kept = Kept::default();
        formula(&mut kept).expect("it fits");
        let mut explanation = kept.explanation();
        let Some(Line::Given { value, .. }) = explanation.lines.first_mut() else { panic!("quantity stands first") };
        *value = decimal("15");
        let result = explanation.recompute().expect("every line follows").map(|value| value.to_string());
        assert_eq!(result.as_deref(), Some("4.55 USD"));
    }

    #[test]
    fn a_line_that_does_not_follow_is_named() {
        let mut kept = Kept::default();
        formula(&mut kept).expect("it fits");
        let mut explanation = kept.explanation();
        explanation.lines.swap(0, 5);
        assert_eq!(explanation.recompute(), Err(Unfounded(LineNo(0))));
    }

    #[test]
    fn an_explanation_prints_as_a_table() {
        let mut kept = Kept::default();
        formula(&mut kept).expect("it fits");
        let table = kept.explanation().to_string();
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["1", "quantity", "lot", "-7.5"]);
        assert_eq!(words[4], ["5", "change", "#2", "-", "#3", "0.91"]);
        assert_eq!(words[5], ["6", "result", "#1", "x", "#5", "/", "#4", "rounded", "-2.28", "USD"]);
    }
}
