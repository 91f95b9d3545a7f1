//! Which lots a closing trade takes first: relief methods, since when each is agreed, and orders for a single trade.

use std::cmp::Reverse;
use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::key::TradeId;
use crate::domain::trade::{InvalidTerms, SCALE_MAX, WHOLE_LIMIT};

/// How lots are chosen. Among equals the older lot goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReliefMethod {
    /// Oldest first: trade date, execution time, source's counter, id.
    #[default]
    Fifo,
    /// Newest first.
    Lifo,
    /// Highest unit cost first, on both sides: on a short it gives the largest gain.
    Hifo,
    /// Lowest unit cost first.
    Lofo,
    /// All lots of the position cost the same: relief cost = pool cost x quantity / pool quantity, and the last relief takes what is left. The
    /// lots themselves stay, for settlement dates and financing, and are relieved oldest first.
    Average,
    /// Least result per unit first: the greatest loss, and where there is none, the least gain. Interactive Brokers calls it "Highest Cost" (Tax
    /// Optimizer guide, Lot-Matching Methods) and has the same two rules in its "Maximize Loss" methods, apart from the holding periods that tax
    /// law knows.
    MaxLoss,
    /// The same order by its other name: who takes the greatest losses first realises the least gain, and no other order realises less.
    MinGain,
    /// Greatest result per unit first: the greatest gain, and where there is none, the least loss ("Maximize Gain" there).
    MaxGain,
}

/// Since when which method is agreed. It applies to closes with a trade date on or after its day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReliefPolicy {
    first: ReliefMethod,
    /// Ascending by day; the later of two on one day counts.
    changes: Vec<(NaiveDate, ReliefMethod)>,
}

/// What is ordered for one closing trade alone, whatever the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    Method(ReliefMethod),
    /// Specific lots, relieved as listed: they must be open and add up to what the trade closes.
    Lots(Vec<(TradeId, Decimal)>),
}

/// Why an instruction is not followed. The trade is captured all the same, by the policy's method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidInstruction {
    /// Listed twice, or not above zero.
    Quantity(TradeId),
    /// So much is not open of the lot, in the direction that the trade closes.
    NotOpen(TradeId),
    /// The list adds up to something else than the trade closes.
    Sum { listed: Decimal, closed: Decimal },
}

impl fmt::Display for InvalidInstruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidInstruction::Quantity(lot) => {
                write!(f, "lot {} is listed twice, or for no units", lot.trade_id())
            }
            InvalidInstruction::NotOpen(lot) => write!(f, "so much is not open of lot {}", lot.trade_id()),
            InvalidInstruction::Sum { listed, closed } => {
                write!(f, "the listed lots add up to {listed} units, and {closed} are taken")
            }
        }
    }
}

/// What the methods come down to for a position that is long or short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) enum Ranking {
    Oldest,
    Newest,
    Highest,
    Lowest,
}

/// The place of a lot in the order of relief: the least goes first. `A` is its age; the older, the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) enum Rank<A> {
    Oldest(A),
    Newest(Reverse<A>),
    Highest(Reverse<Decimal>, A),
    Lowest(Decimal, A),
}

/// Oldest first, always: what is agreed where nothing is said.
pub static FIFO: ReliefPolicy = ReliefPolicy { first: ReliefMethod::Fifo, changes: Vec::new() };

impl ReliefPolicy {
    /// A method from the beginning, and those that take its place, each from a day on; in any order.
    pub fn new(first: ReliefMethod, mut changes: Vec<(NaiveDate, ReliefMethod)>) -> ReliefPolicy {
        changes.sort_by_key(|&(since, _)| since); // stable: of one day the later listed stays the later
        ReliefPolicy { first, changes }
    }

    /// The method before all changes.
    pub fn first(&self) -> ReliefMethod {
        self.first
    }

    /// Later methods, ascending by the day since when they are agreed.
    pub fn changes(&self) -> &[(NaiveDate, ReliefMethod)] {
        &self.changes
    }

    /// The method for closes of that trade date.
    pub fn method_on(&self, trade_date: NaiveDate) -> ReliefMethod {
        let valid = self.changes.partition_point(|&(since, _)| since <= trade_date);
        self.changes[..valid].last().map_or(self.first, |&(_, method)| method)
    }
}

impl Instruction {
    /// The same with quantities in their shortest spelling, when they can travel. Whether it can be followed shows when it is its turn.
    pub fn checked(self) -> Result<Instruction, InvalidTerms> {
        let Instruction::Lots(mut lots) = self else { return Ok(self) };
        for (_, quantity) in &mut lots {
            *quantity = quantity.normalize();
            if quantity.scale() > SCALE_MAX {
                return Err(InvalidTerms::TooManyDecimals);
            }
            if quantity.abs() >= WHOLE_LIMIT {
                return Err(InvalidTerms::TooManyDigits);
            }
        }
        Ok(Instruction::Lots(lots))
    }
}

impl ReliefMethod {
    /// Result per unit falls as the cost of a long rises, and rises with that of a short.
    pub(in crate::domain) fn ranking(self, long: bool) -> Ranking {
        match (self, long) {
            (ReliefMethod::Fifo | ReliefMethod::Average, _) => Ranking::Oldest,
            (ReliefMethod::Lifo, _) => Ranking::Newest,
            (ReliefMethod::Hifo, _) => Ranking::Highest,
            (ReliefMethod::Lofo, _) => Ranking::Lowest,
            (ReliefMethod::MaxLoss | ReliefMethod::MinGain, true) | (ReliefMethod::MaxGain, false) => Ranking::Highest,
            (ReliefMethod::MaxLoss | ReliefMethod::MinGain, false) | (ReliefMethod::MaxGain, true) => Ranking::Lowest,
        }
    }
}

impl<A> Rank<A> {
    /// The unit cost is only asked for where it counts.
    pub fn of(ranking: Ranking, age: A, unit_cost: impl FnOnce() -> Decimal) -> Rank<A> {
        match ranking {
            Ranking::Oldest => Rank::Oldest(age),
            Ranking::Newest => Rank::Newest(Reverse(age)),
            Ranking::Highest => Rank::Highest(Reverse(unit_cost()), age),
            Ranking::Lowest => Rank::Lowest(unit_cost(), age),
        }
    }

    /// The age it was ranked with.
    pub fn age(self) -> A {
        match self {
            Rank::Oldest(age) | Rank::Newest(Reverse(age)) | Rank::Highest(_, age) | Rank::Lowest(_, age) => age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("the test writes a date")
    }

    #[test]
    fn a_method_counts_from_its_day_on() {
        let (march, april) = (day("2025-03-01"), day("2025-04-01"));
        let policy = ReliefPolicy::new(
            ReliefMethod::Fifo,
            vec![(april, ReliefMethod::Lofo), (march, ReliefMethod::Lifo), (april, ReliefMethod::Hifo)],
        );
        assert_eq!(policy.method_on(day("2025-02-28")), ReliefMethod::Fifo);
        assert_eq!(policy.method_on(march), ReliefMethod::Lifo);
        assert_eq!(policy.method_on(day("2025-03-31")), ReliefMethod::Lifo);
        assert_eq!(policy.method_on(april), ReliefMethod::Hifo);
    }
}
