//! Cuts a JSON document into the values of its members without looking into them: what is inside is read later, value by value.

use std::io::{ErrorKind, Read};

use super::RequestError;

/// A document that is read in blocks; it holds one block.
pub(super) struct Scanner<R> {
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

    /// Consumes a value that `read` makes something of, given what is left of the block: it answers with how many bytes that took.
    pub fn attempt<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<(T, usize)>) -> Result<Option<T>, RequestError> {
        self.peek_token()?;
        let made = read(&self.block[self.next..self.end]);
        Ok(made.map(|(value, length)| {
            self.next += length;
            value
        }))
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

impl Shape {
    /// The length up to the end of the value, when it lies in these bytes.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
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

fn white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
