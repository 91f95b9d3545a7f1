//! What a cash flow was calculated from: givens and steps as lines that print as a table and can be calculated again.

pub mod pad; // what a formula is calculated on: silently, or every line kept
pub mod rounded; // a pad that rounds as a contract says

use std::cmp::Ordering;
use std::fmt;

use chrono::NaiveDate;
use compact_str::CompactString;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::money::{Money, Unit};
use crate::domain::number::wide::Wide;
use crate::domain::schedule::Disrupted;

/// The lines of a calculation in the order they were written; the last one is the result.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Explanation {
    pub lines: Vec<Line>,
}

/// The place of a line in its explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineNo(pub usize);

/// A number that was given, or one that was calculated from lines above it.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    Given {
        fact: Fact,
        value: Decimal,
    },
    /// A compounding factor of a table.
    Factor {
        fact: Fact,
        value: Wide,
    },
    Step {
        name: &'static str,
        operation: Operation,
        operands: Vec<LineNo>,
        value: Value,
    },
}

/// Where a given number comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// A term of the contract, by its name in the request: `spread`, `payoutRatio`.
    Term(&'static str),
    /// A fact of a lot, slice or trade: `quantity`, `reference price`.
    Lot(&'static str),
    /// A count that follows from dates alone: days, the basis of a day count.
    Count(&'static str),
    /// What was calculated before, for others, too: `factor on the first day`.
    Table(&'static str),
    /// A market value as it was published.
    Observed(Observed),
    /// What became of a disrupted valuation date, in days from it.
    Disrupted(Disrupted),
}

/// One observation: which series, for which day, and the version that counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// `price`, `fixing`, `fx`, `dividend`.
    pub what: &'static str,
    /// Instrument, index or pair.
    pub key: CompactString,
    pub date: NaiveDate,
    /// 0 when the source publishes no versions.
    pub version: u32,
}

/// What a line holds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    Number(Decimal),
    Money(Money),
    Factor(Wide),
}

/// How a step's value follows from its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The larger of two numbers.
    AtLeast,
    /// The smaller of two numbers.
    AtMost,
    /// One number up to the next multiple of another, away from zero; a multiple stays.
    RoundUp,
    /// One number to so many decimals, a half away from zero.
    Round(u32),
    /// A factor times `1 + rate x days / basis`.
    Compound {
        days: i64,
        basis: i64,
    },
    /// A factor over an earlier one, less 1, times the days of a year, to 24 decimals.
    Growth {
        year_days: i64,
    },
    /// The product of two numbers in minor units, exact before it is rounded once.
    Amount(Unit),
    /// The product of two numbers divided by a third in minor units, exact before it is rounded once.
    AmountPer(Unit),
    /// One number in minor units.
    Money(Unit),
    /// An amount with the other sign.
    Turn,
}

/// An explanation whose lines do not follow from one another; nobody can calculate from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {} does not follow from the lines above it", .0.0 + 1)]
pub struct Unfounded(pub LineNo);

impl Explanation {
    /// Calculates every step again from the givens alone. The result is the value of the last line; it has the same bytes as the
    /// explained one, because formulas are written on the same operations.
    pub fn recompute(&self) -> Result<Option<Value>, Unfounded> {
        let mut values: Vec<Value> = Vec::with_capacity(self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            let value = match line {
                Line::Given { value, .. } => Some(Value::Number(*value)),
                Line::Factor { value, .. } => Some(Value::Factor(*value)),
                Line::Step { operation, operands, .. } => operands
                    .iter()
                    .map(|operand| values.get(operand.0).copied())
                    .collect::<Option<Vec<Value>>>()
                    .and_then(|operands| operation.of(&operands)),
            };
            values.push(value.ok_or(Unfounded(LineNo(index)))?);
        }
        Ok(values.pop())
    }

    /// Of each line its name, where it comes from, and its value.
    pub fn entries(&self) -> impl Iterator<Item = (String, String, Value)> {
        self.lines.iter().map(|line| match line {
            Line::Given { fact, value } => (fact.to_string(), fact.origin().to_owned(), Value::Number(*value)),
            Line::Factor { fact, value } => (fact.to_string(), fact.origin().to_owned(), Value::Factor(*value)),
            Line::Step { name, operation, operands, value } => {
                ((*name).to_owned(), operation.formula(operands), *value)
            }
        })
    }
}

/// To so many decimals, a half away from zero.
pub(super) fn rounded(number: Decimal, decimals: u32) -> Decimal {
    number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

fn rounded_up(number: Decimal, step: Decimal) -> Option<Decimal> {
    let rest = number.checked_rem(step)?;
    let whole = number.checked_sub(rest)?;
    let step = step.abs();
    match rest.cmp(&Decimal::ZERO) {
        Ordering::Greater => whole.checked_add(step),
        Ordering::Less => whole.checked_sub(step),
        Ordering::Equal => Some(number),
    }
}

impl Operation {
    /// Of two numbers; `None` when the result does not fit 28 digits, or for an operation that does not give a number of two numbers.
    #[inline(always)] // the operation is known where a formula is written: of eight arithmetics one is left
    pub fn of_numbers(self, left: Decimal, right: Decimal) -> Option<Decimal> {
        match self {
            Operation::Add => left.checked_add(right),
            Operation::Subtract => left.checked_sub(right),
            Operation::Multiply => left.checked_mul(right),
            Operation::Divide => left.checked_div(right),
            Operation::AtLeast => Some(left.max(right)),
            Operation::AtMost => Some(left.min(right)),
            Operation::RoundUp => rounded_up(left, right),
            Operation::Amount(_)
            | Operation::AmountPer(_)
            | Operation::Money(_)
            | Operation::Turn
            | Operation::Round(_)
            | Operation::Compound { .. }
            | Operation::Growth { .. } => None,
        }
    }

    fn of(self, operands: &[Value]) -> Option<Value> {
        match (self, operands) {
            (Operation::Amount(unit), &[Value::Number(left), Value::Number(right)]) => {
                Money::product(left, right, unit).map(Value::Money)
            }
            (Operation::AmountPer(unit), &[Value::Number(left), Value::Number(right), Value::Number(divisor)]) => {
                Money::quotient(left, right, divisor, unit).map(Value::Money)
            }
            (Operation::Money(unit), &[Value::Number(number)]) => Money::round(number, unit).map(Value::Money),
            (Operation::Turn, &[Value::Money(amount)]) => {
                Money::zero(amount.currency).checked_sub(amount).map(Value::Money)
            }
            (Operation::Round(decimals), &[Value::Number(number)]) => Some(Value::Number(rounded(number, decimals))),
            (Operation::Compound { days, basis }, &[Value::Factor(factor), Value::Number(rate)]) => {
                factor.compound(rate, days, basis).map(Value::Factor)
            }
            (Operation::Growth { year_days }, &[Value::Factor(end), Value::Factor(start)]) => {
                end.growth(start, year_days).map(Value::Number)
            }
            (_, &[Value::Number(left), Value::Number(right)]) => self.of_numbers(left, right).map(Value::Number),
            _ => None,
        }
    }

    /// `#3 x #5`.
    fn formula(self, operands: &[LineNo]) -> String {
        let line = |index: usize| operands.get(index).map_or_else(String::new, |line| format!("#{}", line.0 + 1));
        match self {
            Operation::Add => format!("{} + {}", line(0), line(1)),
            Operation::Subtract => format!("{} - {}", line(0), line(1)),
            Operation::Multiply => format!("{} x {}", line(0), line(1)),
            Operation::Divide => format!("{} / {}", line(0), line(1)),
            Operation::AtLeast => format!("max({}, {})", line(0), line(1)),
            Operation::AtMost => format!("min({}, {})", line(0), line(1)),
            Operation::RoundUp => format!("{} up to a multiple of {}", line(0), line(1)),
            Operation::Round(decimals) => format!("{} to {decimals} decimals", line(0)),
            Operation::Compound { days, basis } => format!("{} x (1 + {} x {days}/{basis})", line(0), line(1)),
            Operation::Growth { year_days } => format!("({} / {} - 1) x {year_days}", line(0), line(1)),
            Operation::Amount(_) => format!("{} x {} rounded", line(0), line(1)),
            Operation::AmountPer(_) => format!("{} x {} / {} rounded", line(0), line(1), line(2)),
            Operation::Money(_) => format!("{} rounded", line(0)),
            Operation::Turn => format!("- {}", line(0)),
        }
    }
}

/// One line each: number, name, where it comes from, value.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, origin, value)) in self.entries().enumerate() {
            writeln!(f, "{:>4}  {name:<44}  {origin:<24}  {value:>32}", index + 1)?;
        }
        Ok(())
    }
}

impl Fact {
    /// Who says so.
    fn origin(&self) -> &'static str {
        match self {
            Fact::Term(_) => "contract",
            Fact::Lot(_) => "lot",
            Fact::Count(_) => "calendar",
            Fact::Table(_) => "table",
            Fact::Observed(_) | Fact::Disrupted(_) => "market",
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Term(name) | Fact::Lot(name) | Fact::Count(name) | Fact::Table(name) => f.write_str(name),
            Fact::Disrupted(disrupted) => disrupted.fmt(f),
            Fact::Observed(Observed { what, key, date, version: 0 }) => write!(f, "{what} {key} {date}"),
            Fact::Observed(Observed { what, key, date, version }) => write!(f, "{what} {key} {date} v{version}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => f.pad(&number.normalize().to_string()),
            Value::Money(money) => f.pad(&money.to_string()),
            Value::Factor(factor) => f.pad(&factor.to_string()),
        }
    }
}
