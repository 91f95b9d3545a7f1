//! Single values of a request: exact decimals, dates, names and words, or the reason why not.

use std::borrow::Cow;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// A value as it stands in the request.
pub(in crate::messages) type Raw<'a> = Option<&'a RawValue>;

/// What a number may be: of the 28 digits on the wire, 10 stand after the point, and 12 of a rate.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Quantity,
    /// Not below zero.
    Price,
    Rate,
    /// A rate of a year that somebody has published.
    Published,
    /// Units of a currency for one of another.
    Exchange,
}

/// 10,000 %: no market has ever seen as much (overnight lira came to some 6,200 % in 2001). What is beyond is no fraction.
const PUBLISHED_MAX: Decimal = Decimal::ONE_HUNDRED;

const DIGITS: u32 = 28;

/// A text, which must be there.
pub(in crate::messages) fn text<'a>(raw: Raw<'a>) -> Result<Cow<'a, str>, String> {
    optional_text(raw)?.ok_or_else(|| "missing".to_owned())
}

pub(super) fn optional_text<'a>(raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, String> {
    let Some(raw) = raw else { return Ok(None) };
    let json = raw.get();
    let quoted = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(plain) if !plain.contains('\\') => Ok(Some(Cow::Borrowed(plain))),
        Some(_) => serde_json::from_str(json)
            .map(|text: String| Some(Cow::Owned(text)))
            .map_err(|_| format!("{} is not a text", shortened(json))),
        None => Err(format!("{} is not a text", shortened(json))),
    }
}

pub(in crate::messages) fn date(raw: Raw<'_>) -> Result<NaiveDate, String> {
    let text = text(raw)?;
    parse_date(&text).ok_or_else(|| format!("{} is not a date; write it as 2024-01-31", shortened(&text)))
}

/// A number, exact or not at all: more decimals than are kept are refused, not rounded.
pub(in crate::messages) fn number(raw: Raw<'_>, kind: Number) -> Result<Decimal, String> {
    optional_number(raw, kind)?.ok_or_else(|| "missing".to_owned())
}

pub(super) fn optional_number(raw: Raw<'_>, kind: Number) -> Result<Option<Decimal>, String> {
    raw.map(|raw| exact(raw.get().trim_matches('"'), kind)).transpose()
}

/// The number that a text is, within what it may be.
pub(crate) fn exact(json: &str, kind: Number) -> Result<Decimal, String> {
    let value = parse_decimal(json).ok_or_else(|| no_number(json))?;
    let decimals = if matches!(kind, Number::Quantity | Number::Price) { 10 } else { 12 };
    if value.scale() > decimals {
        return Err(format!("{json} has {} decimals; allowed: {decimals}", value.scale()));
    }
    if value.trunc().mantissa().unsigned_abs() >= 10_u128.pow(DIGITS - decimals) {
        return Err(format!("{json} is too large; allowed: {} digits before the point", DIGITS - decimals));
    }
    match kind {
        Number::Price if value < Decimal::ZERO => {
            Err(format!("{json} is below zero; allowed: prices and amounts of 0 and more"))
        }
        Number::Exchange if value <= Decimal::ZERO => Err(format!(
            "{json} is no exchange rate; allowed: units of the second currency for one of the first, above 0"
        )),
        // At -100 % a year leaves nothing.
        Number::Published if value <= Decimal::NEGATIVE_ONE || value > PUBLISHED_MAX => Err(format!(
            "{json} is no rate of a year; allowed: fractions above -1 and up to {PUBLISHED_MAX}, 0.05 is 5 %"
        )),
        _ => Ok(value),
    }
}

pub(crate) fn no_number(text: &str) -> String {
    format!("{} is not an exact decimal number; write digits, as in 1234.56", shortened(text))
}

/// One of some words, by its place in the list.
pub(in crate::messages) fn word<T: Copy>(raw: Raw<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = text(raw)?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{} is unknown; allowed: {}", shortened(&text), allowed.join(", "))
    })
}

/// Enough of a value to recognise it.
pub(crate) fn shortened(value: &str) -> String {
    format!("`{}`", shown(value, 40))
}

/// Whether a character would move the cursor of a terminal or turn its line around.
pub(crate) fn moves(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The beginning of a text as a line of a terminal can show it: what would move the cursor or turn the line around is written as its number.
pub(crate) fn shown(text: &str, longest: usize) -> Cow<'_, str> {
    let end = text.char_indices().nth(longest).map(|(end, _)| end);
    if end.is_none() && !text.contains(moves) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text[..end.unwrap_or(text.len())].chars() {
        if moves(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown.push_str(if end.is_some() { "..." } else { "" });
    Cow::Owned(shown)
}

/// An exact decimal, or none.
pub(crate) fn parse_decimal(json: &str) -> Option<Decimal> {
    if !json.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')) {
        return None;
    }
    let exact = match json.split_once(['e', 'E']) {
        None => Decimal::from_str_exact(json).ok()?,
        Some((mantissa, exponent)) => {
            let mantissa = Decimal::from_str_exact(mantissa).ok()?.normalize();
            let exponent: i32 = exponent.parse().ok()?;
            let scale = i32::try_from(mantissa.scale()).ok()?.checked_sub(exponent)?;
            if scale >= 0 {
                Decimal::try_from_i128_with_scale(mantissa.mantissa(), u32::try_from(scale).ok()?).ok()?
            } else {
                let power = 10_i128.checked_pow(scale.unsigned_abs())?;
                Decimal::try_from_i128_with_scale(mantissa.mantissa().checked_mul(power)?, 0).ok()?
            }
        }
    };
    Some(exact.normalize())
}

/// `2024-01-31` and nothing else.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let digits = |from: usize, to: usize| {
        let part = text.get(from..to)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok())?
    };
    let shaped = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if !shaped {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(digits(0, 4)?).ok()?, digits(5, 7)?, digits(8, 10)?)
}
