//! Avro's binary form, written and read field by field in the schema's order; every read is bounded by the bytes at hand.
//!
//! Records in our own schema take this way and records in another writer's schema are resolved first (`resolution`). A
//! test holds every message against its schema with the Avro library, in both directions.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::messages::decimal::{self, DecimalError, QUANTITY_SCALE, RATE_SCALE};

/// Elements for which space is set aside before any is read; more must earn their space with bytes.
const FIRST_ELEMENTS: usize = 64;

/// Why bytes are not the record that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("record ends too early: {wanted} more bytes wanted at byte {at} of {length}")]
    Truncated { wanted: u64, at: usize, length: usize },
    #[error("{0} bytes follow the end of the record")]
    Trailing(usize),
    #[error("number at byte {0} does not end")]
    EndlessNumber(usize),
    #[error("{number} at byte {at} is out of range for {what}")]
    OutOfRange { number: i64, at: usize, what: &'static str },
    #[error("text before byte {0} is not UTF-8")]
    Text(usize),
    #[error("{count} elements at byte {at}, more than the record has bytes")]
    Count { count: u64, at: usize },
    #[error("{0}")]
    Decimal(#[from] DecimalError),
    #[error("{field} is {symbol}, which this version does not know")]
    UnknownSymbol { field: &'static str, symbol: i32 },
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
}

/// Why a value cannot be a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error("{0}")]
    Decimal(#[from] DecimalError),
    #[error("{0} is too large for its field")]
    TooLarge(u64),
}

/// The largest number of an `int` and of a `long`.
pub const NUMBER_MAX: u32 = i32::MAX.unsigned_abs();
pub const COUNT_MAX: u64 = i64::MAX.unsigned_abs();

/// Makes "this field breaks a rule of the domain" out of the domain's own error.
pub fn invalid<E: ToString>(field: &'static str) -> impl FnOnce(E) -> Unreadable {
    move |error| Unreadable::Invalid { field, reason: error.to_string() }
}

/// Writes a record's fields; the first number that does not fit is kept and reported at the end.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    failure: Option<Unwritable>,
}

impl<'a> Encoder<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Encoder { out, failure: None }
    }

    /// The first failure of all the writes before, if any.
    pub fn finish(self) -> Result<(), Unwritable> {
        self.failure.map_or(Ok(()), Err)
    }

    pub fn boolean(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    /// Both `int` and `long`: the same bytes.
    #[inline]
    pub fn long(&mut self, value: impl Into<i64>) {
        let value = value.into();
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }

    /// A `long` that is never below zero.
    pub fn count(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.long(value),
            Err(_) => self.fail(Unwritable::TooLarge(value)),
        }
    }

    /// An `int` that is never below zero.
    pub fn number(&mut self, value: u32) {
        match i32::try_from(value) {
            Ok(value) => self.long(value),
            Err(_) => self.fail(Unwritable::TooLarge(value.into())),
        }
    }

    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.count(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// A `fixed`: no length in front.
    pub fn fixed<const N: usize>(&mut self, value: &[u8; N]) {
        self.out.extend_from_slice(value);
    }

    pub fn date(&mut self, value: NaiveDate) {
        self.long(value.to_epoch_days());
    }

    /// decimal(28,10)
    pub fn quantity(&mut self, value: Decimal) {
        self.decimal(value, QUANTITY_SCALE);
    }

    /// decimal(28,12)
    pub fn rate(&mut self, value: Decimal) {
        self.decimal(value, RATE_SCALE);
    }

    /// decimal(38,0): a sum that never overflows
    pub fn integer(&mut self, value: i128) {
        decimal::write_integer(value, self.out);
    }

    /// A symbol of an enum whose first symbol, UNKNOWN, has no place in `symbols`.
    pub fn symbol<T: PartialEq>(&mut self, symbols: &[T], value: &T) {
        let index = symbols.iter().position(|symbol| symbol == value).expect("the table names every variant");
        self.long(index as i32 + 1);
    }

    /// The union `["null", T]`.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.long(i32::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn array<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        if items.len() > 0 {
            self.count(items.len() as u64);
            items.for_each(|item| write(self, item));
        }
        self.long(0);
    }

    /// Fields that were encoded before.
    pub fn encoded(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    fn decimal(&mut self, value: Decimal, scale: u32) {
        if let Err(error) = decimal::write(value, scale, self.out) {
            self.fail(error.into());
        }
    }

    fn fail(&mut self, failure: Unwritable) {
        self.failure.get_or_insert(failure);
    }
}

/// Reads a record's fields from untrusted bytes.
pub struct Decoder<'a> {
    record: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub fn new(record: &'a [u8]) -> Self {
        Decoder { record, at: 0 }
    }

    /// Refuses bytes after the record's end.
    pub fn finish(self) -> Result<(), Unreadable> {
        match self.record.len() - self.at {
            0 => Ok(()),
            trailing => Err(Unreadable::Trailing(trailing)),
        }
    }

    pub fn boolean(&mut self) -> Result<bool, Unreadable> {
        let at = self.at;
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            other => Err(Unreadable::OutOfRange { number: i64::from(other[0]), at, what: "a boolean" }),
        }
    }

    /// Most numbers take one byte: lengths, symbols, the marks of unions.
    #[inline]
    pub fn long(&mut self) -> Result<i64, Unreadable> {
        match self.record.get(self.at) {
            Some(byte) if byte & 0x80 == 0 => {
                self.at += 1;
                Ok(unzigzag(u64::from(*byte)))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<i64, Unreadable> {
        let start = self.at;
        let mut zigzag = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.record.get(self.at) else { return Err(self.truncated(1)) };
            self.at += 1;
            if shift == 63 && *byte > 1 {
                break; // the tenth byte has room for one bit
            }
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(unzigzag(zigzag));
            }
        }
        Err(Unreadable::EndlessNumber(start))
    }

    pub fn int(&mut self) -> Result<i32, Unreadable> {
        self.ranged("an int")
    }

    /// A number in the range of `T`; `what` completes "out of range for".
    #[inline]
    pub fn ranged<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, Unreadable> {
        let at = self.at;
        let number = self.long()?;
        T::try_from(number).map_err(|_| Unreadable::OutOfRange { number, at, what })
    }

    /// A `long` that is never below zero.
    pub fn count(&mut self) -> Result<u64, Unreadable> {
        self.ranged("a count")
    }

    /// An `int` that is never below zero.
    pub fn number(&mut self) -> Result<u32, Unreadable> {
        self.ranged::<i32>("an int").and_then(|number| {
            u32::try_from(number).map_err(|_| Unreadable::OutOfRange {
                number: number.into(),
                at: self.at,
                what: "a count",
            })
        })
    }

    #[inline]
    pub fn text(&mut self) -> Result<&'a str, Unreadable> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| Unreadable::Text(self.at))
    }

    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = self.ranged("a length")?;
        self.take(length)
    }

    /// A `fixed`: no length in front.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        Ok(self.take(N)?.try_into().expect("exactly this many bytes were taken"))
    }

    pub fn date(&mut self) -> Result<NaiveDate, Unreadable> {
        let at = self.at;
        let days = self.int()?;
        NaiveDate::from_epoch_days(days).ok_or(Unreadable::OutOfRange { number: days.into(), at, what: "a date" })
    }

    /// decimal(28,10)
    pub fn quantity(&mut self) -> Result<Decimal, Unreadable> {
        Ok(decimal::read(self.bytes()?, QUANTITY_SCALE)?)
    }

    /// decimal(28,12)
    pub fn rate(&mut self) -> Result<Decimal, Unreadable> {
        Ok(decimal::read(self.bytes()?, RATE_SCALE)?)
    }

    /// decimal(38,0)
    pub fn integer(&mut self) -> Result<i128, Unreadable> {
        Ok(decimal::integer(self.bytes()?)?)
    }

    /// A symbol of an enum whose first symbol is UNKNOWN; that one is refused like any other we do not know.
    pub fn symbol<T: Copy>(&mut self, symbols: &[T], field: &'static str) -> Result<T, Unreadable> {
        let symbol = self.int()?;
        let known = usize::try_from(symbol).ok().and_then(|index| symbols.get(index.checked_sub(1)?));
        known.copied().ok_or(Unreadable::UnknownSymbol { field, symbol })
    }

    /// The union `["null", T]`.
    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        let at = self.at;
        match self.long()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            number => Err(Unreadable::OutOfRange { number, at, what: "a union of two" }),
        }
    }

    pub fn array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Unreadable>) -> Result<Vec<T>, Unreadable> {
        let mut items = Vec::new();
        loop {
            let count = self.block()?;
            if count == 0 {
                return Ok(items);
            }
            items.reserve(count.min(FIRST_ELEMENTS));
            for _ in 0..count {
                items.push(read(self)?);
            }
        }
    }

    /// The number of elements in the next block of an array or map, 0 at its end.
    ///
    /// Every element of ours takes at least a byte, so a count beyond the bytes left is a lie that costs nothing.
    pub(super) fn block(&mut self) -> Result<usize, Unreadable> {
        let at = self.at;
        let count = self.long()?;
        if count < 0 {
            let size: u64 = self.ranged("a block's size")?;
            if size > self.left() as u64 {
                return Err(self.truncated(size));
            }
        }
        let count = count.unsigned_abs();
        if count > self.left() as u64 {
            return Err(Unreadable::Count { count, at });
        }
        Ok(count as usize)
    }

    /// The bytes that `read` reads.
    pub(super) fn span(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<&'a [u8], Unreadable> {
        let start = self.at;
        read(self)?;
        Ok(&self.record[start..self.at])
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        if length > self.left() {
            return Err(self.truncated(length as u64));
        }
        let taken = &self.record[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.record[self.at..]
    }

    fn left(&self) -> usize {
        self.record.len() - self.at
    }

    #[cold]
    fn truncated(&self, wanted: u64) -> Unreadable {
        Unreadable::Truncated { wanted, at: self.at, length: self.record.len() }
    }
}

#[inline]
fn unzigzag(zigzag: u64) -> i64 {
    (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
}
