//! A total over parts so that the parts add up to it: the method of the largest remainder.

use std::cmp::Reverse;

use rust_decimal::Decimal;

use super::Money;
use crate::domain::number::exact::{POWERS_OF_10, Product};

impl Money {
    /// This amount over parts in proportion to their weights, in the order of `parts`.
    ///
    /// Each part first gets its share rounded towards zero; the minor units that are left go one by one to the parts whose share lost most,
    /// the lesser id first where two lost the same. So the parts add up to the amount, and no part is off by a whole unit.
    ///
    /// Weights need not add up to 1. `None` when one is below zero, when all are zero, or when together they have more than 38 digits.
    pub fn allocate<Id: Ord>(self, parts: &[(Id, Decimal)]) -> Option<Vec<Money>> {
        let weights = whole_weights(parts.iter().map(|(_, weight)| *weight))?;
        let total = weights.iter().try_fold(0_u128, |sum, weight| sum.checked_add(*weight)).filter(|sum| *sum > 0)?;
        let mut shares = Vec::with_capacity(parts.len());
        let mut left = self.minor.unsigned_abs();
        for weight in &weights {
            let (share, lost) = Product::of(self.minor.unsigned_abs().into(), *weight).quotient_and_rest(total);
            let share =
                share.to_u128().and_then(|share| share.try_into().ok()).expect("a share is not more than the whole");
            left -= share;
            shares.push((share, lost));
        }
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|index| (Reverse(shares[*index].1), &parts[*index].0));
        for index in order.into_iter().take(left as usize) {
            shares[index].0 += 1;
        }
        let money = |magnitude: u64| Money { minor: magnitude as i64 * self.minor.signum(), ..self };
        Some(shares.into_iter().map(|(share, _)| money(share)).collect())
    }
}

/// The same proportions in whole numbers.
fn whole_weights(weights: impl Iterator<Item = Decimal> + Clone) -> Option<Vec<u128>> {
    let scale = weights.clone().map(|weight| weight.normalize().scale()).max().unwrap_or(0);
    let whole = |weight: Decimal| {
        let weight = weight.normalize();
        u128::try_from(weight.mantissa()).ok()?.checked_mul(POWERS_OF_10[(scale - weight.scale()) as usize])
    };
    weights.map(whole).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Currency;
    use super::*;

    fn dollars(minor: i64) -> Money {
        Money { minor, currency: Currency::new("USD").expect("in use") }
    }

    fn minors(total: i64, parts: &[(&str, i64)]) -> Option<Vec<i64>> {
        let parts: Vec<_> = parts.iter().map(|(id, weight)| (*id, Decimal::new(*weight, 1))).collect();
        Some(dollars(total).allocate(&parts)?.iter().map(|money| money.minor).collect())
    }

    #[test]
    fn a_tie_goes_to_the_lesser_id_wherever_it_stands() {
        assert_eq!(minors(100, &[("c", 1), ("a", 1), ("b", 1)]), Some(vec![33, 34, 33]));
        assert_eq!(minors(-101, &[("c", 1), ("a", 1), ("b", 1)]), Some(vec![-33, -34, -34]));
    }

    #[test]
    fn the_part_that_lost_most_comes_first() {
        assert_eq!(minors(10, &[("a", 26), ("b", 34), ("c", 40)]), Some(vec![3, 3, 4]));
        assert_eq!(minors(10, &[("a", 0), ("b", 5)]), Some(vec![0, 10]));
    }

    #[test]
    fn nothing_can_be_spread_over_no_weight_or_a_negative_one() {
        assert_eq!(minors(1, &[]), None);
        assert_eq!(minors(1, &[("a", 0)]), None);
        assert_eq!(minors(1, &[("a", 3), ("b", -1)]), None);
        let padded =
            [("a", Decimal::new(1, 0)), ("b", Decimal::from_i128_with_scale(10_i128.pow(28), 28)), ("c", Decimal::MAX)];
        assert!(dollars(1).allocate(&padded).is_some(), "zeros at the end are no digits");
        let all_digits = [("a", Decimal::MAX), ("b", Decimal::new(1, 28))];
        assert_eq!(dollars(1).allocate(&all_digits), None);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_off_by_a_unit(total in any::<i64>(), weights in prop::collection::vec(0_i64..1_000_000_000, 1..50)) {
            prop_assume!(total != i64::MIN && weights.iter().any(|weight| *weight > 0));
            let parts: Vec<_> = weights.iter().enumerate().map(|(id, weight)| (id, Decimal::from(*weight))).collect();
            let shares = dollars(total).allocate(&parts).expect("some weight is above zero");
            prop_assert_eq!(shares.iter().map(|share| i128::from(share.minor)).sum::<i128>(), i128::from(total));
            let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (share, weight) in shares.iter().zip(&weights) {
                let off = i128::from(share.minor) * all - i128::from(total) * i128::from(*weight);
                prop_assert!(off.abs() < all);
            }
        }

        #[test]
        fn the_order_of_the_parts_changes_nothing(total in any::<i32>(), weights in prop::collection::vec(1_i64..9, 1..20)) {
            let mut parts: Vec<_> = weights.iter().enumerate().map(|(id, weight)| (id, Decimal::from(*weight))).collect();
            let shares = dollars(total.into()).allocate(&parts).expect("weights are above zero");
            parts.reverse();
            let mut reversed = dollars(total.into()).allocate(&parts).expect("weights are above zero");
            reversed.reverse();
            prop_assert_eq!(shares, reversed);
        }
    }
}
