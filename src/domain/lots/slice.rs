//! Slices: a lot cut wherever its notional or its fate changes, so that financing and performance add up slice by slice.
//!
//! Resets and corporate actions end what is open and start it anew. A close ends only what it takes: that part runs beside what stays open, from
//! the same start. So the open quantity of a lot at any time is the sum of its slices, and each unit of it is in a chain of slices that touch and do
//! not overlap. A slice is told by its lot, its start date and cause, and the trade that closed it, if one did: never by an ordinal, so it keeps its
//! name when others are restated.

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A quantity of a lot with one notional and one fate. `Id` names what closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice<Id> {
    /// Signed: below zero is a short.
    pub quantity: Decimal,
    /// Its price and rate are the reference that performance and notional are measured from.
    pub start: Edge,
    pub opened_by: OpenedBy,
    /// `None` while it is open.
    pub end: Option<End<Id>>,
}

/// One end of a slice. Performance runs from date to date, financing from settlement to settlement; neither counts its last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub date: NaiveDate,
    pub settle_date: NaiveDate,
    /// Per unit, in the currency of the price.
    pub price: Decimal,
    /// Units of settlement currency for one unit of the price's.
    pub fx: Decimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<Id> {
    pub edge: Edge,
    pub by: ClosedBy<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenedBy {
    Open,
    Reset,
    Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClosedBy<Id> {
    Close(Id),
    Reset,
    /// A corporate action; it realises nothing.
    Action(Id),
    /// The lot went on in another position; it realises nothing.
    Move(Id),
}

/// All that happened to a lot, in business order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life<Id> {
    /// Signed, as opened.
    pub quantity: Decimal,
    pub opened: Edge,
    pub steps: Vec<Step<Id>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<Id> {
    /// So many units, not signed, were closed.
    Close { by: Id, units: Decimal, edge: Edge },
    /// At the start of the day the open quantity became another one, and it kept `kept` of its cost.
    Action { by: Id, date: NaiveDate, quantity: Decimal, kept: Decimal },
    /// So many units, not signed, went to another position at the start of the day.
    Move { by: Id, date: NaiveDate, units: Decimal },
}

/// A valuation at the close of a day: performance starts anew from its price, financing from its settlement date, which the contract says.
pub type Reset = Edge;

impl<Id> Life<Id> {
    /// The same life with other names for what closed it.
    pub fn renamed<Name>(self, name: impl Fn(Id) -> Name) -> Life<Name> {
        let renamed = |step| match step {
            Step::Close { by, units, edge } => Step::Close { by: name(by), units, edge },
            Step::Action { by, date, quantity, kept } => Step::Action { by: name(by), date, quantity, kept },
            Step::Move { by, date, units } => Step::Move { by: name(by), date, units },
        };
        Life { quantity: self.quantity, opened: self.opened, steps: self.steps.into_iter().map(renamed).collect() }
    }
}

impl<Id: Copy> Life<Id> {
    /// The slices of the lot, in the order of their start; those that start together in the order of their end. Resets come in order of their
    /// dates; those after the lot was closed are of no effect.
    pub fn slices(&self, resets: &[Reset]) -> Vec<Slice<Id>> {
        let mut slices = Vec::new();
        self.slices_until(NaiveDate::MAX, resets, &mut slices);
        slices
    }

    /// The same as the lot stood at the end of a day: what happened later has cut nothing yet. They come in place of what was in `slices`, so that
    /// one lot after another needs no memory of its own.
    pub fn slices_until(&self, day: NaiveDate, resets: &[Reset], slices: &mut Vec<Slice<Id>>) {
        slices.clear();
        let mut cut = Cut { open: self.quantity, start: self.opened, opened_by: OpenedBy::Open, slices };
        let mut resets = resets.iter().filter(|reset| (self.opened.date..=day).contains(&reset.date)).peekable();
        for step in self.steps.iter().take_while(|step| step.date() <= day) {
            // A day begins with its actions, goes on with its trades and ends with its valuation.
            while let Some(reset) = resets.next_if(|reset| reset.date < step.date()) {
                cut.reset(*reset);
            }
            match *step {
                Step::Close { by, units, edge } => cut.close(by, units, edge),
                Step::Action { by, date, quantity, kept } => cut.act(by, date, quantity, kept),
                Step::Move { by, date, units } => cut.leave(by, date, units),
            }
        }
        resets.for_each(|reset| cut.reset(*reset));
        cut.part(cut.open, None);
        if self.quantity.is_zero() {
            // A lot of nothing is one slice of nothing: a true 0 is a result.
            slices.push(Slice { quantity: self.quantity, start: self.opened, opened_by: OpenedBy::Open, end: None });
        }
    }
}

/// The knife: what is open, and since when it is one piece.
struct Cut<'s, Id> {
    open: Decimal,
    start: Edge,
    opened_by: OpenedBy,
    slices: &'s mut Vec<Slice<Id>>,
}

impl<Id: Copy> Cut<'_, Id> {
    fn close(&mut self, by: Id, units: Decimal, edge: Edge) {
        let quantity = if self.open.is_sign_negative() { -units } else { units };
        self.part(quantity, Some(End { edge, by: ClosedBy::Close(by) }));
        self.open -= quantity;
    }

    fn leave(&mut self, by: Id, date: NaiveDate, units: Decimal) {
        let quantity = if self.open.is_sign_negative() { -units } else { units };
        let edge = self.unchanged(date);
        self.part(quantity, Some(End { edge, by: ClosedBy::Move(by) }));
        self.open -= quantity;
    }

    fn reset(&mut self, reset: Reset) {
        self.part(self.open, Some(End { edge: reset, by: ClosedBy::Reset }));
        (self.start, self.opened_by) = (reset, OpenedBy::Reset);
    }

    fn act(&mut self, by: Id, date: NaiveDate, quantity: Decimal, kept: Decimal) {
        let edge = self.unchanged(date);
        // Two actions on one day leave one slice between them that never was.
        if self.opened_by != OpenedBy::Action || self.start.date != date {
            self.part(self.open, Some(End { edge, by: ClosedBy::Action(by) }));
        }
        if !self.open.is_zero() {
            self.start = Edge { price: (edge.price * self.open * kept / quantity).normalize(), ..edge };
            (self.open, self.opened_by) = (quantity, OpenedBy::Action);
        }
    }

    /// The start, moved to a later day. What has not settled yet still settles when it would have.
    fn unchanged(&self, date: NaiveDate) -> Edge {
        Edge { date, settle_date: date.max(self.start.settle_date), ..self.start }
    }

    fn part(&mut self, quantity: Decimal, end: Option<End<Id>>) {
        if !quantity.is_zero() {
            self.slices.push(Slice { quantity, start: self.start, opened_by: self.opened_by, end });
        }
    }
}

impl<Id> Step<Id> {
    fn date(&self) -> NaiveDate {
        match self {
            Step::Close { edge, .. } => edge.date,
            Step::Action { date, .. } | Step::Move { date, .. } => *date,
        }
    }
}
