//! Names of things: the key of a position on the wire, trades, contracts, and instants.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use compact_str::CompactString;
use sha2::{Digest, Sha256};

/// What the parts of a position's key are called where one is refused.
const PART_NAMES: [&str; 3] = ["account", "book", "security"];
/// Longest account, book, security or source, in characters.
pub const PART_LENGTH_MAX: usize = 50;
/// Longest id of a trade (within its source) or of a contract, in characters.
pub const ID_LENGTH_MAX: usize = 100;

/// `account_book_security`, each part percent-encoded for `%` and `_`: the one key of everything about a position.
#[derive(Clone, Eq, PartialOrd, Ord)]
pub struct PositionKey(Arc<str>);

/// `source|trade_id`: unique for ever within a position; the lot a trade opens has the same id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId(CompactString);

/// The id of the contract that a trade belongs to, as its source writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContractId(CompactString);

/// Microseconds since 1970-01-01T00:00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidName {
    Empty(&'static str),
    TooLong(&'static str),
    ControlCharacter(&'static str),
    /// Not `account_book_security` in its one canonical spelling.
    NotAKey,
    /// Not `source|trade_id`; a source holds no `|`.
    NotATradeId,
}

impl PositionKey {
    /// The key of a position by its three names, each up to 50 characters without control characters.
    pub fn new(account: &str, book: &str, security: &str) -> Result<PositionKey, InvalidName> {
        let mut text = String::with_capacity(account.len() + book.len() + security.len() + 2);
        for (name, part) in PART_NAMES.into_iter().zip([account, book, security]) {
            check(name, part, PART_LENGTH_MAX)?;
            if !text.is_empty() {
                text.push('_');
            }
            text.push_str(&encode(part));
        }
        Ok(PositionKey(text.into()))
    }

    /// Reads the wire form. Only the spelling that `new` gives is a key, so that equal keys are equal bytes and share a partition.
    pub fn parse(text: &str) -> Result<PositionKey, InvalidName> {
        for (name, part) in PART_NAMES.into_iter().zip(parts(text).ok_or(InvalidName::NotAKey)?) {
            check(name, &decode(part).ok_or(InvalidName::NotAKey)?, PART_LENGTH_MAX)?;
        }
        Ok(PositionKey(text.into()))
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account, decoded.
    pub fn account(&self) -> Cow<'_, str> {
        self.part(0)
    }

    /// The book, decoded.
    pub fn book(&self) -> Cow<'_, str> {
        self.part(1)
    }

    /// The security, decoded.
    pub fn security(&self) -> Cow<'_, str> {
        self.part(2)
    }

    fn part(&self, index: usize) -> Cow<'_, str> {
        parts(&self.0).and_then(|parts| decode(parts[index])).expect("a key is checked when it is made")
    }
}

/// What belongs to one position mostly shares its key: equal without looking at the text.
impl PartialEq for PositionKey {
    fn eq(&self, other: &PositionKey) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Hash for PositionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl TradeId {
    /// The id of a trade by its source, which holds no `|`, and the id that the source gave it.
    pub fn new(source: &str, trade_id: &str) -> Result<TradeId, InvalidName> {
        check("source", source, PART_LENGTH_MAX)?;
        check("trade_id", trade_id, ID_LENGTH_MAX)?;
        if source.contains('|') {
            return Err(InvalidName::NotATradeId);
        }
        let mut text = CompactString::with_capacity(source.len() + 1 + trade_id.len());
        text.push_str(source);
        text.push('|');
        text.push_str(trade_id);
        Ok(TradeId(text))
    }

    /// Reads `source|trade_id`; everything after the first `|` is the trade's id.
    pub fn parse(text: &str) -> Result<TradeId, InvalidName> {
        let (source, trade_id) = cut(text, b'|').ok_or(InvalidName::NotATradeId)?;
        TradeId::new(source, trade_id)
    }

    /// The id under which a lot arrives in another position: `source|fact#lot` after the fact that moved it and the id it had. When that is too
    /// long, the lot's id is told by 128 bits of its SHA-256, and so is the fact's when it is still too long.
    pub fn moved(by: &TradeId, lot: &TradeId) -> TradeId {
        let (fact, lot) = (by.trade_id(), lot.as_str());
        let named = |fact: &str, lot: &str| TradeId::new(by.source(), &format!("{fact}#{lot}"));
        let id = named(fact, lot).or_else(|_| named(fact, &hash(lot))).or_else(|_| named(&hash(fact), &hash(lot)));
        id.expect("two hashes are shorter than an id may be")
    }

    /// The wire form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who sends the trade.
    pub fn source(&self) -> &str {
        self.halves().0
    }

    /// The id within the source.
    pub fn trade_id(&self) -> &str {
        self.halves().1
    }

    fn halves(&self) -> (&str, &str) {
        cut(&self.0, b'|').expect("a trade id is checked when it is made")
    }
}

impl ContractId {
    /// An id of 1 to 100 characters without control characters.
    pub fn new(text: &str) -> Result<ContractId, InvalidName> {
        check("contract_id", text, ID_LENGTH_MAX)?;
        Ok(ContractId(text.into()))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 bits of the SHA-256 of a name, as hexadecimal digits.
fn hash(name: &str) -> String {
    Sha256::digest(name).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn check(name: &'static str, text: &str, length_max: usize) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty(name));
    }
    if text.len() > length_max && text.chars().count() > length_max {
        return Err(InvalidName::TooLong(name));
    }
    let kinds = kinds(text);
    if kinds & CONTROL != 0 || (kinds & BEYOND_ASCII != 0 && text.chars().any(char::is_control)) {
        return Err(InvalidName::ControlCharacter(name));
    }
    Ok(())
}

/// What bytes a text has, a bit a kind. Every record that is read brings five names, which are short: no byte costs a branch.
fn kinds(text: &str) -> u8 {
    text.bytes().fold(0, |kinds, byte| kinds | KINDS[usize::from(byte)])
}

const CONTROL: u8 = 1;
const BEYOND_ASCII: u8 = 2;
/// What a part of a key has only percent-encoded.
const ESCAPED: u8 = 4;
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            0..0x20 | 0x7f => CONTROL,
            0x80.. => BEYOND_ASCII,
            b'%' | b'_' => ESCAPED,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// What stands before and after an ASCII character. The standard library's search is made for long texts, and these have a few bytes.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((&text[..place], &text[place + 1..]))
}

/// Those of a key, as they stand in it.
fn parts(key: &str) -> Option<[&str; 3]> {
    let (account, rest) = cut(key, b'_')?;
    let (book, security) = cut(rest, b'_')?;
    Some([account, book, security])
}

fn encode(part: &str) -> Cow<'_, str> {
    if kinds(part) & ESCAPED == 0 {
        return Cow::Borrowed(part);
    }
    Cow::Owned(part.replace('%', "%25").replace('_', "%5F"))
}

/// The inverse of `encode`; `None` for a `%` or a `_` that `encode` does not write.
fn decode(part: &str) -> Option<Cow<'_, str>> {
    if kinds(part) & ESCAPED == 0 {
        return Some(Cow::Borrowed(part));
    }
    let mut pieces = Some(part).filter(|part| !part.contains('_'))?.split('%');
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("25") {
            decoded.push('%');
            decoded.push_str(rest);
        } else {
            decoded.push('_');
            decoded.push_str(piece.strip_prefix("5F")?);
        }
    }
    Some(Cow::Owned(decoded))
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidName::Empty(name) => write!(f, "{name} is empty"),
            InvalidName::TooLong(name) => write!(f, "{name} is too long"),
            InvalidName::ControlCharacter(name) => write!(f, "{name} holds a control character"),
            InvalidName::NotAKey => {
                f.write_str("key is not account_book_security with % and _ of each part percent-encoded")
            }
            InvalidName::NotATradeId => f.write_str("trade id is not source|trade_id with a source without |"),
        }
    }
}

impl std::error::Error for InvalidName {}

macro_rules! shown_as_its_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

shown_as_its_text!(PositionKey, TradeId, ContractId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_wire_form(parts in prop::array::uniform3("[A-Z%_25Fé.-]{1,16}")) {
            let [account, book, security] = &parts;
            let key = PositionKey::new(account, book, security).expect("the parts are names");
            prop_assert_eq!(key.as_str().matches('_').count(), 2);
            let read = PositionKey::parse(key.as_str()).expect("the wire form is canonical");
            prop_assert_eq!(&read, &key);
            prop_assert_eq!([&read.account(), &read.book(), &read.security()], [account, book, security]);
        }

        #[test]
        fn whatever_parses_is_the_spelling_that_new_gives(text in "[A%_25Ff]{1,14}") {
            if let Ok(key) = PositionKey::parse(&text) {
                let again = PositionKey::new(&key.account(), &key.book(), &key.security()).expect("the parts are names");
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }

    #[test]
    fn parts_are_neither_empty_nor_long_nor_control_characters() {
        let fifty = "é".repeat(50);
        assert!(PositionKey::new(&fifty, "B", "S").is_ok());
        assert_eq!(PositionKey::new(&format!("{fifty}x"), "B", "S"), Err(InvalidName::TooLong("account")));
        assert_eq!(PositionKey::new("A", "", "S"), Err(InvalidName::Empty("book")));
        assert_eq!(PositionKey::new("A", "B", "S\n"), Err(InvalidName::ControlCharacter("security")));
        assert_eq!(PositionKey::parse("A__S"), Err(InvalidName::Empty("book")));
        for text in ["", "A_B", "A_B_S_X", "A_B_%41", "A_B_%5f", "A_B_%"] {
            assert!(PositionKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_trade_id_splits_at_the_first_bar() {
        let id = TradeId::parse("OMS|T|1").expect("it names source and trade");
        assert_eq!((id.source(), id.trade_id()), ("OMS", "T|1"));
        assert_eq!(TradeId::new("O|MS", "T"), Err(InvalidName::NotATradeId));
        assert_eq!(TradeId::parse("T1"), Err(InvalidName::NotATradeId));
        assert_eq!(TradeId::new("OMS", ""), Err(InvalidName::Empty("trade_id")));
    }
}
