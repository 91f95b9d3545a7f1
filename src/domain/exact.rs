//! a x b / c with one rounding at the end: the product in between has 256 bits and loses nothing.

use super::rounding::Rounding;

/// The exact product of two magnitudes: `high` x 2^128 + `low`.
#[derive(Clone, Copy)]
pub(super) struct Product {
    high: u128,
    low: u128,
}

impl Product {
    pub(super) fn of(left: u128, right: u128) -> Product {
        let (low, high) = left.carrying_mul(right, 0);
        Product { high, low }
    }

    /// The product over a divisor above zero, rounded once; `None` when the quotient has more than 128 bits.
    pub(super) fn divide(self, divisor: u128, rounding: Rounding) -> Option<u128> {
        let (quotient, rest) = self.quotient_and_rest(divisor)?;
        let up = rounding.up(quotient % 2 == 1, rest.cmp(&(divisor - rest)));
        quotient.checked_add(u128::from(up))
    }

    /// Rounded down, and what is left over; `None` when the quotient has more than 128 bits.
    fn quotient_and_rest(self, divisor: u128) -> Option<(u128, u128)> {
        if self.high >= divisor {
            return None;
        }
        if self.high == 0 {
            return Some((self.low / divisor, self.low % divisor));
        }
        // The long division below needs the divisor's highest bit set; both sides are shifted alike.
        let shift = divisor.leading_zeros();
        let divisor = divisor << shift;
        let carried = self.low.checked_shr(128 - shift).unwrap_or(0);
        let (high, low) = (self.high << shift | carried, self.low << shift);
        let (first, rest) = digit(high, low >> 64, divisor);
        let (second, rest) = digit(rest, low & LOW_64, divisor);
        Some((first << 64 | second, rest >> shift))
    }
}

const LOW_64: u128 = u64::MAX as u128;

/// One digit to the base 2^64 of a long division, and the rest: Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D.
/// `divisor` has its highest bit set and is above `high`.
fn digit(high: u128, next: u128, divisor: u128) -> (u128, u128) {
    let (leading, trailing) = (divisor >> 64, divisor & LOW_64);
    let mut guess = high / leading;
    let mut rest = high - guess * leading;
    // The guess from the leading digit alone is too large by two at most.
    while guess > LOW_64 || guess * trailing > (rest << 64 | next) {
        guess -= 1;
        rest += leading;
        if rest > LOW_64 {
            break;
        }
    }
    // What was cut off above 128 bits is the same on both sides.
    (guess, (high << 64 | next).wrapping_sub(guess.wrapping_mul(divisor)))
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;

    /// Magnitudes of every length, and those around powers of two, where a guess is wrong.
    fn magnitude() -> impl Strategy<Value = u128> {
        let edge = (0_u32..128, 0_u128..3).prop_map(|(bit, near)| (1_u128 << bit).wrapping_add(near).wrapping_sub(1));
        prop_oneof![edge, (any::<u128>(), 0_u32..128).prop_map(|(number, cut)| number >> cut)]
    }

    proptest! {
        #[test]
        fn a_quotient_is_that_of_whole_numbers_of_any_size(a in magnitude(), b in magnitude(), c in magnitude()) {
            let divisor = c.max(1);
            let product = BigUint::from(a) * b;
            let expected = (&product / divisor, &product % divisor);
            match Product::of(a, b).quotient_and_rest(divisor) {
                Some((quotient, rest)) => prop_assert_eq!((quotient.into(), rest.into()), expected),
                None => prop_assert!(expected.0 > BigUint::from(u128::MAX)),
            }
        }

        #[test]
        fn a_half_goes_where_the_mode_sends_it(whole in 0_u128..1_000_000, half in 2_u128..u128::MAX >> 32) {
            let divide = |rest: u128, rounding| {
                Product { high: 0, low: rest }.plus(Product::of(whole, 2 * half)).divide(2 * half, rounding)
            };
            prop_assert_eq!(divide(half, Rounding::HalfUp), Some(whole + 1));
            prop_assert_eq!(divide(half, Rounding::HalfEven), Some(whole + whole % 2));
            prop_assert_eq!(divide(half, Rounding::Down), Some(whole));
            for rounding in [Rounding::HalfUp, Rounding::HalfEven] {
                prop_assert_eq!(divide(half - 1, rounding), Some(whole));
                prop_assert_eq!(divide(half + 1, rounding), Some(whole + 1));
            }
        }
    }

    impl Product {
        fn plus(self, other: Product) -> Product {
            let (low, carry) = self.low.overflowing_add(other.low);
            Product { high: self.high + other.high + u128::from(carry), low }
        }
    }
}
