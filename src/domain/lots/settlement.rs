//! Slices whose close settles before the valuation they started from: for financing they never started.

use chrono::NaiveDate;

use super::slice::{ClosedBy, Edge, End, OpenedBy, Slice};

/// Brings the slices of a lot into the order in which they settle. A valuation switches the notional on its settlement date; what was closed after the
/// valuation and settles before that date stands on the notional of before until it settles, and no longer.
pub fn by_settlement<Id: Copy>(slices: &mut Vec<Slice<Id>>) {
    while let Some(early) = slices.iter().position(settles_before_it_starts) {
        let closed = slices.remove(early);
        let Some(before) = slices.iter().position(|slice| ends_at(slice, closed.start)) else { continue };
        let stood = slices[before];
        slices[before].quantity -= closed.quantity;
        if slices[before].quantity.is_zero() {
            slices.remove(before);
        }
        let Slice { start, opened_by, .. } = stood;
        slices.insert(before, Slice { quantity: closed.quantity, start, opened_by, end: closed.end });
    }
}

fn settles_before_it_starts<Id>(slice: &Slice<Id>) -> bool {
    let settled = |end: &End<Id>| -> NaiveDate { end.edge.settle_date };
    let closed = slice.end.as_ref().filter(|end| matches!(end.by, ClosedBy::Close(_)));
    slice.opened_by == OpenedBy::Reset && closed.is_some_and(|end| settled(end) < slice.start.settle_date)
}

fn ends_at<Id>(slice: &Slice<Id>, reset: Edge) -> bool {
    slice.end.as_ref().is_some_and(|end| matches!(end.by, ClosedBy::Reset) && end.edge == reset)
}
