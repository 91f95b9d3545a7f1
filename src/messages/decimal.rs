//! Avro decimals: the unscaled number in two's complement, most significant byte first; exact or refused, never rounded.

use rust_decimal::Decimal;

/// Quantities and prices: decimal(28,10).
pub const QUANTITY_SCALE: u32 = 10;
/// Rates, exchange rates and factors: decimal(28,12).
pub const RATE_SCALE: u32 = 12;
/// Digits that every decimal of ours may have.
pub const PRECISION: u32 = 28;

const UNSCALED_END: i128 = TENS[PRECISION as usize];
/// Powers of ten up to that of a decimal's last place: looked up for every number that is written.
const TENS: [i128; 29] = {
    let mut tens = [1; 29];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = 10 * tens[power - 1];
        power += 1;
    }
    tens
};
const UNSCALED_BYTES_MAX: usize = 16;

/// Why a number does not fit its decimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("{0} has more than {1} decimal places")]
    TooFine(Decimal, u32),
    #[error("{0} has more than {PRECISION} digits at {1} decimal places")]
    TooLarge(Decimal, u32),
    #[error("decimal without digits")]
    Empty,
    #[error("decimal of {0} bytes has more than {PRECISION} digits")]
    TooLong(usize),
}

/// Appends the unscaled bytes of `value` with their length in front.
pub fn write(value: Decimal, scale: u32, out: &mut Vec<u8>) -> Result<(), DecimalError> {
    write_integer(unscaled(value, scale)?, out);
    Ok(())
}

/// Appends the bytes of a whole number with their length in front.
pub fn write_integer(unscaled: i128, out: &mut Vec<u8>) {
    let significant_bits = 129 - (unscaled ^ (unscaled >> 127)).leading_zeros() as usize;
    let length = significant_bits.div_ceil(8);
    out.push(2 * length as u8); // the zigzag form of a length below 64
    out.extend_from_slice(&unscaled.to_be_bytes()[UNSCALED_BYTES_MAX - length..]);
}

/// Reads unscaled bytes (without their length) as a number without trailing zeros.
pub fn read(bytes: &[u8], scale: u32) -> Result<Decimal, DecimalError> {
    let unscaled = integer(bytes)?;
    if unscaled.unsigned_abs() >= UNSCALED_END.unsigned_abs() {
        return Err(DecimalError::TooLong(bytes.len()));
    }
    Ok(shortest(unscaled, scale))
}

/// The unscaled number itself, of up to 38 digits.
pub fn integer(bytes: &[u8]) -> Result<i128, DecimalError> {
    let (Some(first), true) = (bytes.first(), bytes.len() <= UNSCALED_BYTES_MAX) else {
        return Err(if bytes.is_empty() { DecimalError::Empty } else { DecimalError::TooLong(bytes.len()) });
    };
    let mut extended = [if first & 0x80 == 0 { 0 } else { 0xff }; UNSCALED_BYTES_MAX];
    extended[UNSCALED_BYTES_MAX - bytes.len()..].copy_from_slice(bytes);
    Ok(i128::from_be_bytes(extended))
}

fn unscaled(value: Decimal, scale: u32) -> Result<i128, DecimalError> {
    let (mantissa, places) = (value.mantissa(), value.scale());
    // Nearly every number fits 64 bits at its field's scale, and is then small enough.
    if let (Ok(narrow), Some(zeros)) = (i64::try_from(mantissa), scale.checked_sub(places))
        && let Some(unscaled) = i64::try_from(TENS[zeros as usize]).ok().and_then(|power| narrow.checked_mul(power))
    {
        return Ok(unscaled.into());
    }
    let unscaled = if places <= scale {
        mantissa.checked_mul(TENS[(scale - places) as usize]).ok_or(DecimalError::TooLarge(value, scale))?
    } else {
        let excess = TENS[(places - scale) as usize];
        if mantissa % excess != 0 {
            return Err(DecimalError::TooFine(value, scale));
        }
        mantissa / excess
    };
    if unscaled.abs() < UNSCALED_END { Ok(unscaled) } else { Err(DecimalError::TooLarge(value, scale)) }
}

/// Without trailing zeros: arithmetic on short mantissas is faster, and products keep all their digits.
fn shortest(unscaled: i128, mut scale: u32) -> Decimal {
    let mut wide = unscaled;
    while scale > 0 && i64::try_from(wide).is_err() && wide % 10 == 0 {
        wide /= 10;
        scale -= 1;
    }
    // Nearly every number fits 64 bits, where division by a constant is cheap.
    let Ok(mut narrow) = i64::try_from(wide) else {
        return Decimal::from_i128_with_scale(wide, scale);
    };
    strip::<100_000_000>(8, &mut narrow, &mut scale);
    strip::<10_000>(4, &mut narrow, &mut scale);
    strip::<100>(2, &mut narrow, &mut scale);
    strip::<10>(1, &mut narrow, &mut scale);
    Decimal::new(narrow, scale)
}

#[inline]
fn strip<const FACTOR: i64>(zeros: u32, number: &mut i64, scale: &mut u32) {
    while *scale >= zeros && *number % FACTOR == 0 {
        *number /= FACTOR;
        *scale -= zeros;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: &str, scale: u32) -> Result<Vec<u8>, DecimalError> {
        let mut out = Vec::new();
        write(value.parse().expect("a number"), scale, &mut out)?;
        assert_eq!(usize::from(out[0]), 2 * (out.len() - 1));
        Ok(out.split_off(1))
    }

    #[test]
    fn unscaled_bytes_are_those_of_a_java_big_integer() {
        assert_eq!(written("0", 10), Ok(vec![0]));
        assert_eq!(written("0.0000000001", 10), Ok(vec![1]));
        assert_eq!(written("-0.0000000001", 10), Ok(vec![0xff]));
        assert_eq!(written("0.0000000127", 10), Ok(vec![0x7f]));
        assert_eq!(written("0.0000000128", 10), Ok(vec![0, 0x80]));
        assert_eq!(written("-0.0000000128", 10), Ok(vec![0x80]));
        assert_eq!(written("-0.0000000129", 10), Ok(vec![0xff, 0x7f]));
        assert_eq!(written("155.25", 10), Ok(1_552_500_000_000i64.to_be_bytes()[2..].to_vec()));
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused_not_rounded() {
        assert!(matches!(written("0.00000000001", 10), Err(DecimalError::TooFine(_, 10))));
        assert!(matches!(written("1000000000000000000", 10), Err(DecimalError::TooLarge(_, 10))));
        assert!(matches!(written("79228162514264337593543950335", 12), Err(DecimalError::TooLarge(_, 12))));
        assert!(written("999999999999999999.9999999999", 10).is_ok());
        assert!(written("1.50000000000000000", 10).is_ok(), "zeros beyond the scale carry nothing");
    }

    #[test]
    fn hostile_bytes_are_refused() {
        assert_eq!(read(&[], 10), Err(DecimalError::Empty));
        assert_eq!(read(&[0x7f; 17], 10), Err(DecimalError::TooLong(17)));
        assert_eq!(read(&[0x7f; 16], 10), Err(DecimalError::TooLong(16)));
        assert_eq!(read(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10), Err(DecimalError::TooLong(16)));
        assert_eq!(read(&UNSCALED_END.to_be_bytes(), 10), Err(DecimalError::TooLong(16)));
        assert_eq!(read(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100], 2), Ok(Decimal::ONE));
    }

    proptest! {
        #[test]
        fn every_number_that_fits_comes_back_equal_and_short(unscaled in -UNSCALED_END + 1..UNSCALED_END, scale in 0u32..=12) {
            let value = Decimal::from_i128_with_scale(unscaled, scale);
            let mut out = Vec::new();
            if write(value, 12, &mut out).is_ok() {
                let back = read(&out[1..], 12).expect("written by ourselves");
                prop_assert_eq!(back, value);
                prop_assert_eq!(back.scale(), value.normalize().scale());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(value) = read(&bytes, 10) {
                let mut out = Vec::new();
                write(value, 10, &mut out).expect("read within the bounds");
                prop_assert_eq!(read(&out[1..], 10), Ok(value));
            }
        }
    }
}
