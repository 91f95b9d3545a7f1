//! Slices whose close settles before the valuation they started from: for financing they never started.

use chrono::NaiveDate;

use super::slice::{ClosedBy, Edge, End, OpenedBy, Reference, Slice};
use super::units::part_of;

/// Brings the slices of a lot into the order in which they settle. A valuation switches the notional on its settlement date; what was closed after the
/// valuation and settles before that date stands on the notional of before until it settles, and no longer.
pub fn by_settlement<Id: Copy>(slices: &mut Vec<Slice<Id>>) {
    while let Some(early) = slices.iter().position(settles_before_it_starts) {
        let closed = slices.remove(early);
        let Some(before) = slices.iter().position(|slice| ends_at(slice, closed.start)) else { continue };
        let stood = slices[before];
        // What was closed, in units of the valuation, and of what all of it came of.
        let quantity = closed.reference.quantity;
        let referred = part_of(stood.reference.quantity, quantity, stood.quantity);
        slices[before].quantity -= quantity;
        slices[before].reference.quantity -= referred;
        if slices[before].quantity.is_zero() {
            slices.remove(before);
        }
        let Slice { start, opened_by, reference: Reference { date, .. }, .. } = stood;
        let reference = Reference { date, quantity: referred };
        slices.insert(before, Slice { quantity: closed.quantity, start, reference, opened_by, end: closed.end });
    }
}

fn settles_before_it_starts<Id: Copy>(slice: &Slice<Id>) -> bool {
    let settled = |end: &End<Id>| -> NaiveDate { end.edge.settle_date };
    let leaves = |end: &&End<Id>| end.by.pays_out() || matches!(end.by, ClosedBy::Move(_));
    let closed = slice.end.as_ref().filter(leaves);
    slice.opened_by == OpenedBy::Reset && closed.is_some_and(|end| settled(end) < slice.start.settle_date)
}

fn ends_at<Id>(slice: &Slice<Id>, reset: Edge) -> bool {
    slice.end.as_ref().is_some_and(|end| matches!(end.by, ClosedBy::Reset) && end.edge == reset)
}
