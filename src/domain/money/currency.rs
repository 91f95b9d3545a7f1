//! Currencies: codes of ISO 4217 with their minor units, and the last day of those that have ended.

use std::cmp::Ordering;
use std::fmt;

use chrono::NaiveDate;

/// An ISO 4217 currency; it knows how many decimals its amounts have.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
}

/// The text is not the code of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCurrency(pub String);

/// A currency that was no money any more on the day in question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    pub currency: Currency,
    pub last_day: NaiveDate,
}

impl Currency {
    /// By its code, in capitals as ISO 4217 writes it.
    pub fn new(code: &str) -> Result<Currency, UnknownCurrency> {
        let unknown = || UnknownCurrency(code.chars().take(20).collect());
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        let decimals = decimals_of(&bytes).ok_or_else(unknown)?;
        Ok(Currency { code: bytes, decimals })
    }

    /// Its three capitals.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("a code of the table is ASCII")
    }

    /// Digits after the point of an amount in this currency: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        u32::from(self.decimals)
    }

    /// Refuses a day after its last one: what is told of that is in another currency, whatever it says.
    #[inline]
    pub fn money_on(self, date: NaiveDate) -> Result<(), Ended> {
        match self.last_day() {
            Some(last_day) if date > last_day => Err(Ended { currency: self, last_day }),
            _ => Ok(()),
        }
    }

    /// Those that have ended and that the ECB had reference rates of: the past is still calculated in them.
    fn last_day(self) -> Option<NaiveDate> {
        let (year, month, day) = match &self.code {
            b"TRL" => (2004, 12, 31),
            b"ROL" => (2005, 6, 30),
            b"SIT" => (2006, 12, 31),
            b"CYP" | b"MTL" => (2007, 12, 31),
            b"SKK" => (2008, 12, 31),
            b"EEK" => (2010, 12, 31),
            b"LVL" => (2013, 12, 31),
            b"LTL" => (2014, 12, 31),
            b"HRK" => (2022, 12, 31),
            b"BGN" => (2025, 12, 31),
            _ => return None,
        };
        NaiveDate::from_ymd_opt(year, month, day)
    }
}

fn decimals_of(code: &[u8; 3]) -> Option<u8> {
    Some(DECIMALS[place(code)?]).filter(|decimals| *decimals != UNUSED)
}

/// The place of a code among all codes of three capitals.
const fn place(code: &[u8; 3]) -> Option<usize> {
    let mut place = 0;
    let mut index = 0;
    while index < code.len() {
        if !code[index].is_ascii_uppercase() {
            return None;
        }
        place = place * 26 + (code[index] - b'A') as usize;
        index += 1;
    }
    Some(place)
}

const UNUSED: u8 = u8::MAX;

/// By place: every trade that is decoded asks, so that a search through the codes would be felt.
static DECIMALS: [u8; 26 * 26 * 26] = {
    let mut table = [UNUSED; 26 * 26 * 26];
    let mut list = 0;
    while list < BY_DECIMALS.len() {
        let (decimals, codes) = BY_DECIMALS[list];
        let codes = codes.as_bytes();
        let mut start = 0;
        while start < codes.len() {
            let place = place(&[codes[start], codes[start + 1], codes[start + 2]]);
            table[place.expect("the lists hold codes of three capitals, one blank between two")] = decimals;
            start += 4;
        }
        list += 1;
    }
    table
};

/// Digits after the point -> codes: ISO 4217, list one, as of 2026; the most traded first.
///
/// Left out are codes without a minor unit (metals, bond market units, the SDR, test codes) and what has been withdrawn, such as ANG (XCG
/// since 2025), ZWL (ZWG since 2024), SLL (SLE), CUC and VEF, but for those that have a last day above. Units of account that do have one
/// (CHE, CLF, MXV, UYW and their like) are in.
const BY_DECIMALS: [(u8, &str); 6] = [
    (
        2,
        "USD EUR GBP CHF CAD AUD HKD SEK NOK DKK SGD CNY INR BRL MXN ZAR NZD PLN TRY ILS THB TWD IDR MYR PHP CZK \
         HUF RON AED SAR QAR EGP ARS COP PEN AFN ALL AMD AOA AWG AZN BAM BBD BDT BMD BND BOB BOV BSD BTN BWP BYN \
         BZD CDF CHE CHW COU CRC CUP CVE DOP DZD ERN ETB FJD FKP GEL GHS GIP GMD GTQ GYD HNL HTG IRR JMD KES KGS \
         KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXV MZN NAD NGN NIO NPR \
         PAB PGK PKR RSD RUB SBD SCR SDG SHP SLE SOS SRD SSP STN SVC SYP SZL TJS TMT TOP TTD TZS UAH USN UYU UZS \
         VED VES WST XCD XCG YER ZMW ZWG",
    ),
    (0, "JPY KRW CLP ISK VND BIF DJF GNF KMF PYG RWF UGX UYI VUV XAF XOF XPF"),
    (3, "KWD BHD JOD OMR TND IQD LYD"),
    (4, "CLF UYW"),
    // With a last day, as the standard had them.
    (2, "BGN CYP EEK HRK LTL LVL MTL SIT SKK"),
    (0, "ROL TRL"),
];

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

impl fmt::Display for UnknownCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an ISO 4217 currency", self.0)
    }
}

impl std::error::Error for UnknownCurrency {}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was money up to {}", self.currency, self.last_day)
    }
}

impl std::error::Error for Ended {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_no_currency_is_not_known() {
        for unknown in ["", "US", "usd", "USDX", "XXX", "XAU", "GBX", " EU", "D E", "€", "ANG", "ZWL", "CUC"] {
            assert!(Currency::new(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_currency_that_has_ended_is_money_up_to_its_last_day() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let [lev, dollar] = ["BGN", "USD"].map(|code| Currency::new(code).expect("a currency"));
        assert_eq!(lev.money_on(day("2025-12-31")), Ok(()));
        let ended = lev.money_on(day("2026-01-01")).expect_err("the euro has followed");
        assert_eq!(ended.to_string(), "BGN was money up to 2025-12-31");
        assert_eq!(dollar.money_on(NaiveDate::MAX), Ok(()));
        let ended: Vec<_> = BY_DECIMALS[4..].iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        for (_, codes) in BY_DECIMALS {
            for code in codes.split(' ') {
                let known = Currency::new(code).expect("it is listed");
                assert_eq!(known.last_day().is_some(), ended.contains(&code), "{code}");
            }
        }
    }

    #[test]
    fn a_currency_has_the_minor_unit_of_the_standard() {
        for (code, decimals) in [
            ("USD", 2),
            ("ZWG", 2),
            ("XCG", 2),
            ("MGA", 2),
            ("MRU", 2),
            ("HUF", 2),
            ("TWD", 2),
            ("IDR", 2),
            ("JPY", 0),
            ("XPF", 0),
            ("ISK", 0),
            ("UYI", 0),
            ("BHD", 3),
            ("IQD", 3),
            ("CLF", 4),
            ("UYW", 4),
            ("HRK", 2),
            ("TRL", 0),
        ] {
            assert_eq!(Currency::new(code).map(Currency::decimals), Ok(decimals), "{code}");
        }
    }

    #[test]
    fn every_code_is_listed_once() {
        let codes: Vec<_> = BY_DECIMALS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())));
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        assert_eq!(codes.len(), 175);
    }
}
