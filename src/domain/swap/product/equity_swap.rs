//! Equity swap: the performance of the underlier against interest, until an agreed date. Dividends, where they are passed on, are flows of
//! their own.

use super::{Broken, rule};
use crate::domain::swap::terms::Swap;

pub(super) fn check(swap: &Swap) -> Result<(), Broken> {
    rule(
        swap.termination.is_some(),
        "terminationDate",
        "a date: an equity swap ends; open-ended is a CFD or a TOTAL_RETURN_SWAP",
    )?;
    rule(swap.financing.is_some(), "financing", "the terms of the interest leg, which an equity swap has")
}
