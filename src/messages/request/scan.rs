//! Cuts a JSON document into the values of its members without looking into them: what is inside is read later, value by value.

use std::io::{ErrorKind, Read};

use wide::u8x16;

use super::RequestError;

/// A document that is read in blocks; it holds one block.
pub(in crate::messages) struct Scanner<R> {
    reader: R,
    block: Vec<u8>,
    /// The next byte, and the end of the block's content.
    next: usize,
    end: usize,
    /// Bytes of the document before the block.
    before: u64,
}

/// 256 KB: large enough that a read costs nothing beside its scan, small enough for a processor's cache.
const BLOCK_BYTES: usize = 256 * 1024;

impl<R: Read> Scanner<R> {
    pub fn new(reader: R) -> Scanner<R> {
        Scanner { reader, block: vec![0; BLOCK_BYTES], next: 0, end: 0, before: 0 }
    }

    /// Hands over the name of each member of the document; `on_member` consumes the value.
    pub fn document<E: From<RequestError>>(
        &mut self,
        mut on_member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{')?;
        let mut name = Vec::new();
        self.items(b'}', |scanner| {
            name.clear();
            scanner.value(&mut name)?;
            let member: String = serde_json::from_slice(&name).map_err(|_| scanner.malformed("a name in quotes"))?;
            scanner.expect(b':')?;
            on_member(scanner, &member)
        })?;
        match self.peek_token()? {
            None => Ok(()),
            Some(_) => Err(self.malformed("the end of the document").into()),
        }
    }

    /// Calls `on_item` for each item of a list, which consumes it.
    pub fn list<E: From<RequestError>>(&mut self, on_item: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.expect(b'[')?;
        self.items(b']', on_item)
    }

    /// Consumes one value and appends its bytes.
    pub fn value(&mut self, bytes: &mut Vec<u8>) -> Result<(), RequestError> {
        self.consume(|part| bytes.extend_from_slice(part))
    }

    /// Consumes one value.
    pub fn skip(&mut self) -> Result<(), RequestError> {
        self.consume(|_| {})
    }

    fn items<E: From<RequestError>>(
        &mut self,
        close: u8,
        mut on_item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.peek_token()? == Some(close) {
            self.next += 1;
            return Ok(());
        }
        loop {
            on_item(self)?;
            match self.peek_token()? {
                Some(b',') => self.next += 1,
                Some(byte) if byte == close => {
                    self.next += 1;
                    return Ok(());
                }
                _ => return Err(self.malformed("a comma or the end of the list or object").into()),
            }
        }
    }

    fn consume(&mut self, mut part: impl FnMut(&[u8])) -> Result<(), RequestError> {
        let mut shape = match self.peek_token()? {
            None | Some(b',' | b':' | b']' | b'}') => return Err(self.malformed("a value")),
            Some(b'{' | b'[' | b'"') => Shape { depth: 0, text: false, escaped: false },
            Some(_) => return self.consume_word(part),
        };
        loop {
            let rest = &self.block[self.next..self.end];
            if let Some(length) = shape.end_in(rest) {
                part(&rest[..length]);
                self.next += length;
                return Ok(());
            }
            part(rest);
            self.next = self.end;
            if !self.fill()? {
                return Err(self.malformed("the end of a value"));
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn consume_word(&mut self, mut part: impl FnMut(&[u8])) -> Result<(), RequestError> {
        loop {
            let rest = &self.block[self.next..self.end];
            let length = rest.iter().position(|byte| matches!(byte, b',' | b']' | b'}' | b':') || white(*byte));
            let length_here = length.unwrap_or(rest.len());
            part(&rest[..length_here]);
            self.next += length_here;
            if length.is_some() || !self.fill()? {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), RequestError> {
        if self.peek_token()? != Some(byte) {
            return Err(self.malformed(&format!("`{}`", byte as char)));
        }
        self.next += 1;
        Ok(())
    }

    /// The next byte that is no white space, not consumed.
    fn peek_token(&mut self) -> Result<Option<u8>, RequestError> {
        loop {
            while self.next < self.end {
                if !white(self.block[self.next]) {
                    return Ok(Some(self.block[self.next]));
                }
                self.next += 1;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next block; false at the end.
    fn fill(&mut self) -> Result<bool, RequestError> {
        self.before += self.end as u64;
        (self.next, self.end) = (0, 0);
        loop {
            match self.reader.read(&mut self.block) {
                Ok(read) => {
                    self.end = read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(RequestError::Io(error)),
            }
        }
    }

    fn malformed(&self, expected: &str) -> RequestError {
        RequestError::Malformed { byte: self.before + self.next as u64, expected: expected.to_owned() }
    }
}

/// How deep in a text, list or object the scan is.
struct Shape {
    depth: u32,
    text: bool,
    escaped: bool,
}

/// Bytes that are looked at together.
const TOGETHER: usize = 64;

impl Shape {
    /// The length up to the end of the value, when it lies in these bytes.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let (blocks, rest) = bytes.as_chunks::<TOGETHER>();
        for (index, block) in blocks.iter().enumerate() {
            if !self.passes(block)
                && let Some(length) = self.end_among(block)
            {
                return Some(index * TOGETHER + length);
            }
        }
        self.end_among(rest).map(|length| bytes.len() - rest.len() + length)
    }

    /// Whether the value goes on behind these bytes for certain, which is then counted in. It is most of them, and looked at 16 at a time.
    fn passes(&mut self, block: &[u8; TOGETHER]) -> bool {
        let Marks { quotes, backslashes, opens, closes } = Marks::of(block);
        if backslashes != 0 || self.escaped {
            return false;
        }
        let texts = between(quotes) ^ if self.text { u64::MAX } else { 0 };
        let (opens, closes) = ((opens & !texts).count_ones(), (closes & !texts).count_ones());
        if self.depth <= closes {
            return false;
        }
        self.depth = self.depth + opens - closes;
        self.text = texts >> 63 == 1;
        true
    }

    fn end_among(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, &byte) in bytes.iter().enumerate() {
            if self.text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.text = false,
                    _ => continue,
                }
            } else {
                match byte {
                    b'"' => self.text = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => continue,
                }
            }
            if self.depth == 0 && !self.text {
                return Some(index + 1);
            }
        }
        None
    }
}

/// Where in a block the bytes stand that have a meaning: a bit for each, the first the lowest.
struct Marks {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
}

impl Marks {
    fn of(block: &[u8; TOGETHER]) -> Marks {
        let mut marks = Marks { quotes: 0, backslashes: 0, opens: 0, closes: 0 };
        for (index, &part) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(part);
            // Lists and objects differ in one bit, which no other byte with this meaning has.
            let brackets = bytes | u8x16::splat(0x20);
            let find = |bytes: u8x16, byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (16 * index);
            marks.quotes |= find(bytes, b'"');
            marks.backslashes |= find(bytes, b'\\');
            marks.opens |= find(brackets, b'{');
            marks.closes |= find(brackets, b'}');
        }
        marks
    }
}

/// The bits from each odd one to the next, which is not in it.
fn between(mut marks: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        marks ^= marks << distance;
    }
    marks
}

fn white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Blocks are a shorter way to what single bytes say.
        #[test]
        fn a_value_ends_where_its_bytes_say(
            parts in prop::collection::vec(prop::sample::select(vec!["{", "}", "[", "]", "\"", "\\", "\\\"", "a", "0123456789abcdef"]), 0..200),
            cuts in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let text = format!("[{}", parts.concat());
            let new = || Shape { depth: 0, text: false, escaped: false };
            let expected = new().end_among(text.as_bytes());
            let (mut shape, mut before, mut found) = (new(), 0, None);
            let mut cuts = cuts.iter().cycle();
            while found.is_none() && before < text.len() {
                let end = text.len().min(before + cuts.next().expect("a cycle"));
                found = shape.end_in(&text.as_bytes()[before..end]).map(|length| before + length);
                before = end;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
