//! a x b / c with one rounding at the end: the product in between has 256 bits and loses nothing.

use std::cmp::Ordering;

use super::rounding::Rounding;

/// The exact product of magnitudes: `high` x 2^128 + `low`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::domain) struct Product {
    high: u128,
    low: u128,
}

impl Product {
    pub(in crate::domain) fn of(left: u128, right: u128) -> Product {
        let (low, high) = left.carrying_mul(right, 0);
        Product { high, low }
    }

    /// `None` for one of more than 128 bits.
    pub(in crate::domain) fn to_u128(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }

    /// One factor more; `None` beyond 256 bits.
    pub(in crate::domain) fn times(self, factor: u128) -> Option<Product> {
        let (low, carry) = self.low.carrying_mul(factor, 0);
        let high = self.high.checked_mul(factor)?.checked_add(carry)?;
        Some(Product { high, low })
    }

    /// The product over a divisor above zero, rounded once; `None` when the quotient has more than 128 bits.
    pub(in crate::domain) fn divide(self, divisor: u128, rounding: Rounding) -> Option<u128> {
        let (quotient, rest) = self.quotient_and_rest(divisor);
        quotient.rounded(rest.cmp(&(divisor - rest)), rounding)
    }

    /// The product over `divisor * 10^zeros`, at most 76 zeros, which together may have more than 128 bits.
    pub(in crate::domain) fn divide_scaled(self, divisor: u128, zeros: u32, rounding: Rounding) -> Option<u128> {
        if let Some(divisor) = POWERS_OF_10.get(zeros as usize).and_then(|power| divisor.checked_mul(*power)) {
            return self.divide(divisor, rounding);
        }
        let last = zeros.min(38);
        let (quotient, first_rest) = self.quotient_and_rest(divisor);
        let (quotient, second_rest) = quotient.quotient_and_rest(POWERS_OF_10[(zeros - last) as usize]);
        let power = POWERS_OF_10[last as usize];
        let (quotient, rest) = quotient.quotient_and_rest(power);
        // The last divisor is even, so that what was cut off before can only tip what looks like a half.
        let earlier = (first_rest | second_rest).cmp(&0);
        quotient.rounded(rest.cmp(&(power - rest)).then(earlier), rounding)
    }

    /// `rest` is what was cut off against half a unit.
    fn rounded(self, rest: Ordering, rounding: Rounding) -> Option<u128> {
        let up = rounding.up(self.low % 2 == 1, rest);
        self.to_u128()?.checked_add(u128::from(up))
    }

    /// Rounded down, and what is left over.
    pub(in crate::domain) fn quotient_and_rest(self, divisor: u128) -> (Product, u128) {
        if self.high == 0 {
            let (quotient, rest) = short(self.low, divisor);
            return (Product { high: 0, low: quotient }, rest);
        }
        let (top, high) = if self.high < divisor { (0, self.high) } else { (self.high / divisor, self.high % divisor) };
        // The long division below needs the divisor's highest bit set; both sides are shifted alike.
        let shift = divisor.leading_zeros();
        let divisor = divisor << shift;
        let carried = self.low.checked_shr(128 - shift).unwrap_or(0);
        let (high, low) = (high << shift | carried, self.low << shift);
        let (first, rest) = digit(high, low >> 64, divisor);
        let (second, rest) = digit(rest, low & LOW_64, divisor);
        (Product { high: top, low: first << 64 | second }, rest >> shift)
    }
}

/// `left x right / 10^zeros`, rounded once, where everything fits 64 bits, so that the division is one instruction: so it does for most amounts.
/// `None` says that something does not.
#[inline(always)]
pub(in crate::domain) fn short_product(left: u128, right: u128, zeros: u32, rounding: Rounding) -> Option<u64> {
    let short = |number: u128| u64::try_from(number).ok();
    let (number, power) = (short(left)?.checked_mul(short(right)?)?, short(*POWERS_OF_10.get(zeros as usize)?)?);
    let (quotient, rest) = (number / power, number % power);
    quotient.checked_add(rounding.up(quotient % 2 == 1, rest.cmp(&(power - rest))).into())
}

/// Up to the largest that 128 bits hold.
pub(in crate::domain) const POWERS_OF_10: [u128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

const LOW_64: u128 = u64::MAX as u128;

/// A quotient and its rest. What fits 64 bits takes one instruction for both.
fn short(number: u128, divisor: u128) -> (u128, u128) {
    if let (Ok(number), Ok(divisor)) = (u64::try_from(number), u64::try_from(divisor)) {
        return ((number / divisor).into(), (number % divisor).into());
    }
    let quotient = number / divisor;
    (quotient, number - quotient * divisor)
}

/// One digit to the base 2^64 of a long division, and the rest: Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D.
/// `divisor` has its highest bit set and is above `high`.
fn digit(high: u128, next: u128, divisor: u128) -> (u128, u128) {
    let (leading, trailing) = (divisor >> 64, divisor & LOW_64);
    let (mut guess, mut rest) = short(high, leading);
    // The guess from the leading digit alone is too large by two at most; it is 2^64 at most, so that its product fits.
    while guess * trailing > (rest << 64 | next) {
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

    fn big(product: Product) -> BigUint {
        (BigUint::from(product.high) << 128) + product.low
    }

    /// Rounded as taught at school: doubled, so that a half is a whole number.
    fn expected(number: &BigUint, divisor: &BigUint, rounding: Rounding) -> BigUint {
        let (quotient, twice) = (number / divisor, (number % divisor) * 2_u32);
        let odd = &quotient % 2_u32 == BigUint::from(1_u32);
        let up = match rounding {
            Rounding::HalfUp => twice >= *divisor,
            Rounding::HalfEven => twice > *divisor || (twice == *divisor && odd),
            Rounding::Down => false,
        };
        quotient + u32::from(up)
    }

    const MODES: [Rounding; 3] = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down];

    proptest! {
        #[test]
        fn a_quotient_is_that_of_whole_numbers_of_any_size(a in magnitude(), b in magnitude(), c in magnitude()) {
            let (divisor, product) = (c.max(1), BigUint::from(a) * b);
            let (quotient, rest) = Product::of(a, b).quotient_and_rest(divisor);
            prop_assert_eq!((big(quotient), BigUint::from(rest)), (&product / divisor, &product % divisor));

            let third = Product::of(a, b).times(c);
            prop_assert_eq!(third.map(big), Some(product * c).filter(|product| product.bits() <= 256));
        }

        #[test]
        fn a_quotient_is_rounded_once(a in magnitude(), b in magnitude(), c in magnitude(), zeros in 0_u32..=76) {
            let divisor = BigUint::from(c.max(1)) * BigUint::from(10_u32).pow(zeros);
            for rounding in MODES {
                let expected = expected(&(BigUint::from(a) * b), &divisor, rounding);
                let rounded = Product::of(a, b).divide_scaled(c.max(1), zeros, rounding);
                prop_assert_eq!(rounded.map(BigUint::from), Some(expected).filter(|quotient| quotient.bits() <= 128));
            }
        }

        #[test]
        fn a_short_product_is_the_long_one(a in magnitude(), b in magnitude(), cut in 0_u32..128, zeros in 0_u32..=76) {
            for (rounding, a) in MODES.into_iter().flat_map(|rounding| [(rounding, a), (rounding, a >> cut)]) {
                let long = Product::of(a, b >> cut).divide_scaled(1, zeros, rounding);
                match short_product(a, b >> cut, zeros, rounding) {
                    Some(short) => prop_assert_eq!(Some(short.into()), long),
                    None => prop_assert!(zeros > 19 || a > u64::MAX.into() || Product::of(a, b >> cut).low > u64::MAX.into() || (b >> cut) > u64::MAX.into()),
                }
            }
        }

        /// Halves, and their nearest neighbours, which a random product hardly ever meets.
        #[test]
        fn a_half_goes_where_the_mode_sends_it(whole in 0_u128..1_000_000, divisor in 2_u128..1 << 40, zeros in 0_u32..=50, off in 0_u32..3) {
            let divisors = BigUint::from(divisor * 2) * BigUint::from(10_u32).pow(zeros);
            let number = &divisors * whole + &divisors / 2_u32 + off - 1_u32;
            let low = &number % (BigUint::from(1_u32) << 128_u32);
            let product = Product {
                high: (&number >> 128_u32).try_into().expect("219 bits at most"),
                low: low.try_into().expect("128 bits"),
            };
            for rounding in MODES {
                let rounded = product.divide_scaled(divisor * 2, zeros, rounding);
                prop_assert_eq!(rounded.map(BigUint::from), Some(expected(&number, &divisors, rounding)));
            }
        }
    }
}
