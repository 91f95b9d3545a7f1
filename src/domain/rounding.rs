//! What becomes of the digits that are cut off.

use std::cmp::Ordering;

/// A rounding mode. Every mode treats a number and its negative alike, so that what one party pays the other receives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Rounding {
    /// To the nearest, a half away from zero: ISDA 2021 section 4.8.1, ISDA 2006 section 8.1, and what most contracts say.
    #[default]
    HalfUp,
    /// To the nearest, a half to the even neighbour, so that halves do not add up in one direction.
    HalfEven,
    /// Towards zero. ISDA's rule for amounts in yen (2006 section 8.1(b): fractions of a yen are disregarded).
    Down,
}

impl Rounding {
    /// Whether the magnitude that is kept grows by one unit. `odd` is its last digit, `rest` what was cut off against half a unit.
    pub(super) fn up(self, odd: bool, rest: Ordering) -> bool {
        match self {
            Rounding::HalfUp => rest != Ordering::Less,
            Rounding::HalfEven => rest == Ordering::Greater || (rest == Ordering::Equal && odd),
            Rounding::Down => false,
        }
    }
}
