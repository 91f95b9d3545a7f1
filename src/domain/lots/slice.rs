//! Slices: a lot cut wherever its notional or its fate changes, so that financing and performance add up slice by slice.
//!
//! Resets and spin-offs end what is open and start it anew. A close ends only what it takes: that part runs beside what stays open, from the same
//! start. So the open quantity of a lot at any time is the sum of its slices, and each unit of it is in a chain of slices that touch and do not
//! overlap. A split ends nothing: it changes the units that a slice is counted in, neither its notional nor its result, so that compounding goes
//! on and flows keep their names when a split becomes known late. A slice is told by its lot, its start date and cause, and the trade that closed
//! it, if one did: never by an ordinal, so it keeps its name when others are restated.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::cost::signed_like;
use super::settlement::by_settlement;
use super::units::{Units, part_of};
use crate::domain::trade::WHOLE_LIMIT;

/// A quantity of a lot with one notional and one fate. `Id` names what closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice<Id> {
    /// Signed: below zero is a short. In units of its end, or of the last step of the life while it is open.
    pub quantity: Decimal,
    /// Its price and rate are the reference that performance and notional are measured from.
    pub start: Edge,
    pub reference: Reference,
    pub opened_by: OpenedBy,
    /// `None` while it is open.
    pub end: Option<End<Id>>,
}

/// The day of the opening or valuation that a slice is measured from, and its signed quantity in the units of that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub date: NaiveDate,
    pub quantity: Decimal,
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

/// Where a slice ends, and what ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<Id> {
    pub edge: Edge,
    pub by: ClosedBy<Id>,
}

/// What a slice starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenedBy {
    Open,
    Reset,
    Action,
    /// It came from another position, and goes on from what it was measured from there.
    Arrival,
}

/// What ended a slice; `Id` names the trade, the action or the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClosedBy<Id> {
    Close(Id),
    /// A corporate action that left a fraction, which was paid in cash.
    CashInLieu(Id),
    Reset,
    /// A spin-off; it realises nothing.
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
    /// The day that its opening price is of: its trade date, or an earlier one of a lot whose life before it arrived is not told.
    pub priced: NaiveDate,
    pub steps: Vec<Step<Id>>,
}

/// One thing that happened to a lot. Steps of a day stand as the day goes: actions and moves at its start, then closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<Id> {
    /// So many units, not signed, were closed.
    Close { by: Id, units: Decimal, edge: Edge },
    /// So many units, not signed, that a corporate action left were paid in cash.
    CashInLieu { by: Id, units: Decimal, edge: Edge },
    /// At the start of the day the open quantity, signed, became another one, and its cost did not change.
    Split { date: NaiveDate, before: Decimal, after: Decimal },
    /// At the start of the day the open quantity kept `kept` of its cost: the rest is that of units of another security.
    SpinOff { by: Id, date: NaiveDate, kept: Decimal },
    /// So many units, not signed, went to another position at the start of the day.
    Move { by: Id, date: NaiveDate, units: Decimal },
    /// From the day on it is in this position: what came before happened in others.
    Arrive { date: NaiveDate },
}

/// A valuation at the close of a day: performance starts anew from its price, financing from its settlement date, which the contract says.
pub type Reset = Edge;

impl<Id> Life<Id> {
    /// The same life with other names for what closed it.
    pub fn renamed<Name>(self, name: impl Fn(Id) -> Name) -> Life<Name> {
        let renamed = |step| match step {
            Step::Close { by, units, edge } => Step::Close { by: name(by), units, edge },
            Step::CashInLieu { by, units, edge } => Step::CashInLieu { by: name(by), units, edge },
            Step::Split { date, before, after } => Step::Split { date, before, after },
            Step::SpinOff { by, date, kept } => Step::SpinOff { by: name(by), date, kept },
            Step::Move { by, date, units } => Step::Move { by: name(by), date, units },
            Step::Arrive { date } => Step::Arrive { date },
        };
        let Life { quantity, opened, priced, steps } = self;
        Life { quantity, opened, priced, steps: steps.into_iter().map(renamed).collect() }
    }
}

impl<Id> Life<Id> {
    /// Whether a decimal holds its units and what one of them costs, whatever happened to it. Records from outside may say otherwise.
    pub fn fits(&self) -> bool {
        let mut price = Some(self.opened.price);
        let held = |units: Decimal| units.abs() < WHOLE_LIMIT;
        let fits = self.steps.iter().all(|step| {
            let fits = match *step {
                Step::Split { before, after, .. } => {
                    if !after.is_zero() {
                        price = price.and_then(|price| price.checked_mul(before)?.checked_div(after));
                    }
                    held(before) && held(after)
                }
                Step::SpinOff { kept, .. } => {
                    price = price.and_then(|price| price.checked_mul(kept));
                    (Decimal::ZERO..=Decimal::ONE).contains(&kept)
                }
                Step::Close { .. } | Step::CashInLieu { .. } | Step::Move { .. } | Step::Arrive { .. } => true,
            };
            fits && price.is_some()
        });
        fits && held(self.quantity)
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
        self.cut(self.steps.iter(), day, resets, slices);
    }

    /// The same in the order in which they settle, as financing sees them: from the opening on, wherever the lot was. A notional that was switched
    /// elsewhere may settle here.
    pub fn financed_until(&self, day: NaiveDate, resets: &[Reset], slices: &mut Vec<Slice<Id>>) {
        self.cut(self.steps.iter().filter(|step| !matches!(step, Step::Arrive { .. })), day, resets, slices);
        by_settlement(slices);
    }

    fn cut<'s>(
        &'s self,
        steps: impl Iterator<Item = &'s Step<Id>>,
        day: NaiveDate,
        resets: &[Reset],
        slices: &mut Vec<Slice<Id>>,
    ) where
        Id: 's,
    {
        slices.clear();
        let reference = Reference { date: self.priced, quantity: self.quantity };
        let (open, start, settled) = (self.quantity, self.opened, self.opened.settle_date);
        let mut cut = Cut { open, start, settled, reference, opened_by: OpenedBy::Open, slices };
        let mut resets = resets.iter().filter(|reset| (self.opened.date..=day).contains(&reset.date)).peekable();
        for step in steps.take_while(|step| step.date() <= day) {
            // A day begins with its actions, goes on with its trades and ends with its valuation.
            while let Some(reset) = resets.next_if(|reset| reset.date < step.date()) {
                cut.reset(*reset);
            }
            match *step {
                Step::Close { by, units, edge } => cut.end(units, End { edge, by: ClosedBy::Close(by) }),
                Step::CashInLieu { by, units, edge } => cut.end(units, End { edge, by: ClosedBy::CashInLieu(by) }),
                Step::Split { date, after, .. } => cut.split(date, after),
                Step::SpinOff { by, date, kept } => cut.spin_off(by, date, kept),
                Step::Move { by, date, units } => {
                    cut.end(units, End { edge: cut.moved(date), by: ClosedBy::Move(by) });
                }
                Step::Arrive { date } => cut.arrive(date),
            }
        }
        resets.for_each(|reset| cut.reset(*reset));
        cut.part(cut.open, cut.reference.quantity, None);
        if self.quantity.is_zero() {
            // A lot of nothing is one slice of nothing: a true 0 is a result.
            let (quantity, start) = (self.quantity, self.opened);
            slices.push(Slice { quantity, start, reference, opened_by: OpenedBy::Open, end: None });
        }
    }

    /// From when on it is in this position.
    pub fn since(&self) -> NaiveDate {
        let arrived = self.steps.iter().find_map(|step| match step {
            Step::Arrive { date } => Some(*date),
            _ => None,
        });
        arrived.unwrap_or(self.opened.date)
    }

    /// The quantity over time of one of its slices, up to its end or to a day.
    pub fn units(&self, slice: &Slice<Id>, day: NaiveDate) -> Units {
        let last = slice.end.as_ref().map_or(day, |end| end.edge.date);
        let splits = self.steps.iter().filter_map(|step| match *step {
            Step::Split { date, before, after } if slice.reference.date < date && date <= last => {
                Some((date, before, after))
            }
            _ => None,
        });
        Units::new(slice.reference.quantity, splits, slice.quantity)
    }

    /// The opening price for a slice of so many units at its reference, and how many units those were at the opening: as it was agreed, less what
    /// spin-offs took of it.
    pub fn opening(&self, slice: &Slice<Id>) -> (Decimal, Decimal) {
        let (mut quantity, mut price) = (slice.reference.quantity, self.opened.price);
        for step in self.steps.iter().rev() {
            match *step {
                Step::Split { date, before, after } if date <= slice.reference.date => {
                    quantity = part_of(before, quantity, after);
                }
                Step::SpinOff { date, kept, .. } if date <= slice.start.date => {
                    price = part_of(price, kept, Decimal::ONE)
                }
                _ => {}
            }
        }
        (quantity, price)
    }
}

/// The knife: what is open, and since when it is one piece.
struct Cut<'s, Id> {
    open: Decimal,
    start: Edge,
    /// When the opening settles.
    settled: NaiveDate,
    /// Of all that is open.
    reference: Reference,
    opened_by: OpenedBy,
    slices: &'s mut Vec<Slice<Id>>,
}

impl<Id: Copy> Cut<'_, Id> {
    /// Ends so many units of what is open.
    fn end(&mut self, units: Decimal, end: End<Id>) {
        let quantity = signed_like(self.open, units);
        let referred = part_of(self.reference.quantity, quantity, self.open);
        self.part(quantity, referred, Some(end));
        (self.open, self.reference.quantity) = (self.open - quantity, self.reference.quantity - referred);
    }

    fn reset(&mut self, reset: Reset) {
        self.part(self.open, self.reference.quantity, Some(End { edge: reset, by: ClosedBy::Reset }));
        (self.start, self.opened_by) = (reset, OpenedBy::Reset);
        self.reference = Reference { date: reset.date, quantity: self.open };
    }

    fn split(&mut self, date: NaiveDate, after: Decimal) {
        if self.reference.date == date && !self.open.is_zero() {
            // Nothing lies between them, and no day on which the old units count.
            self.start.price = part_of(self.start.price, self.open, after);
            self.reference.quantity = after;
        }
        self.open = after;
    }

    fn spin_off(&mut self, by: Id, date: NaiveDate, kept: Decimal) {
        let edge = self.unchanged(date);
        // Two of them on one day leave one slice between them that never was.
        if self.opened_by != OpenedBy::Action || self.start.date != date {
            self.part(self.open, self.reference.quantity, Some(End { edge, by: ClosedBy::Action(by) }));
        }
        (self.start, self.opened_by) =
            (Edge { price: part_of(edge.price, kept, Decimal::ONE), ..edge }, OpenedBy::Action);
    }

    /// The start, moved to a later day. What has not settled yet still settles when it would have.
    fn unchanged(&self, date: NaiveDate) -> Edge {
        Edge { date, settle_date: date.max(self.start.settle_date), ..self.start }
    }

    /// Where a position hands over to another: whoever holds the lot from the day on is paid and pays from then on, as soon as it has settled at all.
    fn moved(&self, date: NaiveDate) -> Edge {
        Edge { date, settle_date: date.max(self.settled), ..self.start }
    }

    fn arrive(&mut self, date: NaiveDate) {
        self.slices.clear();
        (self.start, self.opened_by) = (self.moved(date), OpenedBy::Arrival);
    }

    fn part(&mut self, quantity: Decimal, referred: Decimal, end: Option<End<Id>>) {
        if !quantity.is_zero() {
            let reference = Reference { quantity: referred, ..self.reference };
            self.slices.push(Slice { quantity, start: self.start, reference, opened_by: self.opened_by, end });
        }
    }
}

impl<Id> Step<Id> {
    /// What it leaves of an open quantity, signed.
    pub fn left(&self, open: Decimal) -> Decimal {
        match self {
            Step::Close { units, .. } | Step::CashInLieu { units, .. } | Step::Move { units, .. } => {
                open - signed_like(open, *units)
            }
            Step::Split { after, .. } => *after,
            Step::SpinOff { .. } | Step::Arrive { .. } => open,
        }
    }

    /// The business day on which it counts.
    pub fn date(&self) -> NaiveDate {
        match self {
            Step::Close { edge, .. } | Step::CashInLieu { edge, .. } => edge.date,
            Step::Split { date, .. } | Step::SpinOff { date, .. } | Step::Move { date, .. } | Step::Arrive { date } => {
                *date
            }
        }
    }
}

impl<Id: Copy> ClosedBy<Id> {
    /// Whether it realises the result at a price of its own: no reset, and nothing that goes on.
    pub fn pays_out(self) -> bool {
        matches!(self, ClosedBy::Close(_) | ClosedBy::CashInLieu(_))
    }

    /// What tells apart the parts of a lot that one corporate action ends in several ways.
    pub fn fate(self) -> Option<&'static str> {
        match self {
            ClosedBy::CashInLieu(_) => Some("FRACTION"),
            ClosedBy::Move(_) => Some("MOVED"),
            ClosedBy::Close(_) | ClosedBy::Action(_) | ClosedBy::Reset => None,
        }
    }

    /// What it was; resets have no name.
    pub fn name(self) -> Option<Id> {
        match self {
            ClosedBy::Close(id) | ClosedBy::CashInLieu(id) | ClosedBy::Action(id) | ClosedBy::Move(id) => Some(id),
            ClosedBy::Reset => None,
        }
    }
}
