//! Currencies with their ISO 4217 minor units, and money as a whole number of them.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;

/// An ISO 4217 currency; it knows how many decimals its amounts have.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
}

/// The text is not the code of a currency in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCurrency(pub String);

/// An amount in minor units of its currency (cents, yen), seen by the client: plus is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Currency {
    pub fn new(code: &str) -> Result<Currency, UnknownCurrency> {
        let unknown = || UnknownCurrency(code.chars().take(20).collect());
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        let decimals = decimals_of(&bytes).ok_or_else(unknown)?;
        Ok(Currency { code: bytes, decimals })
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("a code of the table is ASCII")
    }

    /// Digits after the point of an amount in this currency: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        u32::from(self.decimals)
    }
}

impl Money {
    pub fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    /// Rounds half away from zero to minor units; `None` when the result does not fit.
    pub fn round(amount: Decimal, currency: Currency) -> Option<Money> {
        let minor = round_to_minor(amount.mantissa(), amount.scale(), currency)?;
        Some(Money { minor, currency })
    }

    /// `left * right` rounded once: the product is exact before that, which `Decimal`'s own product is not beyond 28 digits.
    /// `None` when the exact product or the result does not fit.
    pub fn product(left: Decimal, right: Decimal, currency: Currency) -> Option<Money> {
        let (left, right) = (left.normalize(), right.normalize());
        let mantissa = left.mantissa().checked_mul(right.mantissa())?;
        let minor = round_to_minor(mantissa, left.scale() + right.scale(), currency)?;
        Some(Money { minor, currency })
    }

    /// `left * right / divisor` rounded once, exact before that: a day count fraction would otherwise be cut off after 28 digits, and a half
    /// with it. `None` when the exact product or the result does not fit, or for a divisor of 0.
    pub fn quotient(left: Decimal, right: Decimal, divisor: Decimal, currency: Currency) -> Option<Money> {
        let (left, right, divisor) = (left.normalize(), right.normalize(), divisor.normalize());
        let product = left.mantissa().checked_mul(right.mantissa())?.checked_mul(divisor.mantissa().signum())?;
        let scale = (left.scale() + right.scale()) as i32 - (divisor.scale() + currency.decimals()) as i32;
        let shift = |number: i128, digits: i32| number.checked_mul(10_i128.checked_pow(digits.max(0) as u32)?);
        let minor = divide_half_up(shift(product, -scale)?, shift(divisor.mantissa().checked_abs()?, scale)?)?;
        Some(Money { minor, currency })
    }

    /// `None` when the currencies differ or the sum does not fit.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    /// `None` when the currencies differ or the difference does not fit.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        let minor = self.minor.checked_sub(other.minor)?;
        (self.currency == other.currency).then_some(Money { minor, ..self })
    }

    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.minor, self.currency.decimals())
    }
}

fn round_to_minor(mantissa: i128, scale: u32, currency: Currency) -> Option<i64> {
    let decimals = currency.decimals();
    if scale <= decimals {
        return mantissa.checked_mul(10_i128.pow(decimals - scale))?.try_into().ok();
    }
    // Beyond 38 digits the unit is larger than twice any mantissa: the amount rounds to zero.
    let Some(unit) = 10_i128.checked_pow(scale - decimals) else { return Some(0) };
    divide_half_up(mantissa, unit)
}

/// A half goes away from zero. The divisor is above zero; for 0 there is no result.
fn divide_half_up(number: i128, divisor: i128) -> Option<i64> {
    let (whole, rest) = (number.checked_div(divisor)?, number % divisor);
    let away = if rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) { rest.signum() } else { 0 };
    (whole + away).try_into().ok()
}

fn decimals_of(code: &[u8; 3]) -> Option<u8> {
    let listed = |codes: &str| codes.as_bytes().chunks(4).any(|entry| entry.starts_with(code));
    if listed(WITH_2) {
        Some(2)
    } else if listed(WITH_0) {
        Some(0)
    } else if listed(WITH_3) {
        Some(3)
    } else if listed(WITH_4) {
        Some(4)
    } else {
        None
    }
}

// The most traded stand first, because the search is from the front. Metals, test codes and funds are left out.
const WITH_2: &str = "USD EUR GBP CHF CAD AUD HKD SEK NOK DKK SGD CNY INR BRL MXN ZAR NZD PLN TRY ILS THB TWD IDR MYR PHP CZK \
     HUF RON AED SAR QAR EGP ARS COP PEN AFN ALL AMD ANG AOA AWG AZN BAM BBD BDT BGN BMD BND BOB BSD BTN BWP BYN BZD CDF \
     CRC CUP CVE DOP DZD ERN ETB FJD FKP GEL GHS GIP GMD GTQ GYD HNL HTG IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD \
     LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MZN NAD NGN NIO NPR PAB PGK PKR RSD RUB SBD SCR SDG SHP SLE SOS SRD \
     SSP STN SVC SYP SZL TJS TMT TOP TTD TZS UAH UYU UZS VED VES WST XCD XCG YER ZMW ZWG";
const WITH_0: &str = "JPY KRW CLP ISK VND BIF DJF GNF KMF PYG RWF UGX VUV XAF XOF XPF";
const WITH_3: &str = "KWD BHD JOD OMR TND IQD LYD";
const WITH_4: &str = "CLF UYW";

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> Ordering {
        self.code.cmp(&other.code)
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

impl fmt::Display for UnknownCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an ISO 4217 currency", self.0)
    }
}

impl std::error::Error for UnknownCurrency {}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).expect("the test names a currency")
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    #[test]
    fn a_half_rounds_away_from_zero_on_both_sides() {
        for (amount, code, minor) in [
            ("0.005", "USD", 1),
            ("-0.005", "USD", -1),
            ("0.0049999999999999999999999999", "USD", 0),
            ("-0.0049", "USD", 0),
            ("2.5", "JPY", 3),
            ("-2.5", "JPY", -3),
            ("1.2345", "KWD", 1235),
            ("1.23455", "CLF", 12346),
            ("7", "USD", 700),
        ] {
            assert_eq!(
                Money::round(decimal(amount), currency(code)).map(|money| money.minor),
                Some(minor),
                "{amount} {code}"
            );
        }
    }

    #[test]
    fn a_product_is_exact_before_it_is_rounded() {
        // 0.5 less 5e-31: the half that `Decimal`'s own product cuts it to would round up.
        let (left, right) = (decimal("0.4999999999999995"), decimal("1.000000000000001"));
        assert_eq!(left * right, decimal("0.5"));
        assert_eq!(Money::product(left, right, currency("JPY")).map(|money| money.minor), Some(0));
        assert_eq!(Money::product(decimal("-3"), decimal("0.005"), currency("USD")).map(|money| money.minor), Some(-2));
    }

    #[test]
    fn a_quotient_is_exact_before_it_is_rounded() {
        let quotient = |left, right, divisor, code| {
            Money::quotient(decimal(left), decimal(right), decimal(divisor), currency(code)).map(|money| money.minor)
        };
        // -2.275: a third cut off after 28 digits would lose the half.
        assert_eq!(quotient("-7.5", "0.91", "3", "USD"), Some(-228));
        assert_eq!(quotient("7.5", "0.91", "-3", "USD"), Some(-228));
        assert_eq!(quotient("100", "1", "0.03", "JPY"), Some(3333));
        assert_eq!(quotient("1", "1", "0", "USD"), None);
        assert_eq!(quotient("79228162514264337593543950335", "1", "1", "USD"), None);
    }

    #[test]
    fn an_amount_that_does_not_fit_is_refused() {
        assert_eq!(Money::round(decimal("92233720368547758.08"), currency("USD")), None);
        assert_eq!(Money::product(Decimal::MAX, Decimal::MAX, currency("USD")), None);
        let most = Money { minor: i64::MAX, currency: currency("USD") };
        assert_eq!(most.checked_add(Money { minor: 1, ..most }), None);
        assert_eq!(Money::zero(currency("USD")).checked_add(Money::zero(currency("EUR"))), None);
    }

    #[test]
    fn only_currencies_in_use_are_known() {
        for unknown in ["", "US", "usd", "USDX", "XXX", "GBX", " EU", "D E", "€"] {
            assert!(Currency::new(unknown).is_err(), "{unknown}");
        }
        assert_eq!(currency("ZWG").decimals(), 2);
        assert_eq!(currency("XPF").decimals(), 0);
    }

    #[test]
    fn money_is_written_with_the_decimals_of_its_currency() {
        assert_eq!(Money { minor: -5, currency: currency("USD") }.to_string(), "-0.05 USD");
        assert_eq!(Money { minor: 1200, currency: currency("JPY") }.to_string(), "1200 JPY");
    }
}
