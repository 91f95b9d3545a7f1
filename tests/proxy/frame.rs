//! Kafka's frames: a length, then for requests api key, version, correlation id and client id, for answers the correlation id.

use std::io::{self, Read};

use super::rules::Api;

/// Larger than any request here; a length beyond it means that we are not reading Kafka's protocol.
const LARGEST: usize = 128 << 20;

#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub api: Api,
    pub correlation: i32,
    pub client: String,
}

impl Request {
    /// From a whole frame, length included.
    pub fn parse(frame: &[u8]) -> io::Result<Request> {
        let api = Api(i16::from_be_bytes(bytes(frame, 4)?));
        let correlation = i32::from_be_bytes(bytes(frame, 8)?);
        let length = i16::from_be_bytes(bytes(frame, 12)?);
        let end = 14 + usize::try_from(length).unwrap_or(0); // -1: no client id
        let client = frame.get(14..end).ok_or_else(|| broken("client id"))?;
        Ok(Request { api, correlation, client: String::from_utf8_lossy(client).into_owned() })
    }
}

/// The next whole frame, length included; `None` at the end of the stream.
pub fn read(mut stream: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let size = usize::try_from(i32::from_be_bytes(length)).ok().filter(|size| *size <= LARGEST);
    let size = size.ok_or_else(|| broken("length"))?;
    let mut frame = vec![0; 4 + size];
    frame[..4].copy_from_slice(&length);
    stream.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

pub fn answer_correlation(frame: &[u8]) -> io::Result<i32> {
    Ok(i32::from_be_bytes(bytes(frame, 4)?))
}

fn bytes<const N: usize>(frame: &[u8], at: usize) -> io::Result<[u8; N]> {
    frame.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or_else(|| broken("header"))
}

fn broken(part: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a Kafka frame: {part}"))
}
