//! The registry's framing: magic byte 0, the schema's id in four big-endian bytes, then the Avro body.

/// The first byte of every framed record.
pub const MAGIC: u8 = 0;
/// Magic byte and schema id together.
pub const HEADER_BYTES: usize = 5;

/// Why a record's first bytes are not the registry's framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("record is empty")]
    Empty,
    #[error("first byte is {0:#04x} where the registry's framing has 0x00")]
    WrongMagic(u8),
    #[error("record of {0} bytes is too short for a schema id")]
    Truncated(usize),
}

/// Appends the framing's header for schema `id`.
pub fn frame(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

/// Splits a framed record into its schema's id and its body.
pub fn unframe(record: &[u8]) -> Result<(u32, &[u8]), FramingError> {
    match record {
        [] => Err(FramingError::Empty),
        [magic, ..] if *magic != MAGIC => Err(FramingError::WrongMagic(*magic)),
        [_, a, b, c, d, body @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), body)),
        short => Err(FramingError::Truncated(short.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_comes_apart_again() {
        let mut record = Vec::new();
        frame(0x7fff_0102, &mut record);
        record.extend_from_slice(b"body");
        assert_eq!(record[..HEADER_BYTES], [0, 0x7f, 0xff, 1, 2]);
        assert_eq!(unframe(&record), Ok((0x7fff_0102, &b"body"[..])));
    }

    #[test]
    fn bad_framing_is_named() {
        assert_eq!(unframe(b""), Err(FramingError::Empty));
        assert_eq!(unframe(b"{\"json\":1}"), Err(FramingError::WrongMagic(b'{')));
        assert_eq!(unframe(&[0, 1, 2, 3]), Err(FramingError::Truncated(4)));
        assert_eq!(unframe(&[0, 0, 0, 0, 9]), Ok((9, &b""[..])));
    }
}
