//! A file -> its rows, one after another; a bad row is told with its line and text, and the next one follows.

use std::io::{self, BufRead, Read};

use super::fields::{Fields, RowError};
use crate::cli::failure::Failure;
use crate::messages::trade::Delivery;

/// A line is one trade or lot: longer ones are something else, and must not fill the memory.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Enough of a bad row to find and repair it.
const SHOWN_CHARS_MAX: usize = 4_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// By the file's name: `.csv` is CSV, everything else one JSON object per line
    Auto,
    /// One JSON object per line
    Ndjson,
    /// A header with the names of the fields, then one row per line
    Csv,
}

/// What rows become, whatever the form of the file.
pub trait Reading {
    fn json(&self, text: &str) -> Result<Vec<Delivery>, RowError>;
    fn columns(&self, fields: Fields) -> Result<Delivery, RowError>;

    /// Fails where a row was refused for another reason than the row.
    fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a row came to.
pub struct Row {
    /// From 1; of CSV with its header.
    pub line: u64,
    pub text: String,
    pub deliveries: Result<Vec<Delivery>, RowError>,
}

/// Hands out each row of NDJSON; lines without content are no rows.
pub fn ndjson<E: From<io::Error>>(
    mut input: impl BufRead,
    reading: &dyn Reading,
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let complete = line.ends_with(b"\n") || (read as u64) < LINE_BYTES_MAX;
        if !complete {
            skip_line(&mut input)?;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let deliveries = match (complete, std::str::from_utf8(&line)) {
            (false, _) => Err(RowError(format!("the line is longer than {LINE_BYTES_MAX} bytes"))),
            (true, Err(_)) => Err(RowError("the line is not UTF-8".into())),
            (true, Ok(_)) => reading.json(text),
        };
        take(Row { line: number, text: shown(text), deliveries })?;
    }
    Ok(())
}

/// Hands out each row of CSV.
pub fn csv<E: From<io::Error>>(
    input: impl Read,
    reading: &dyn Reading,
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(input);
    let header = reader.byte_headers().map_err(io::Error::from)?.clone();
    let header: Vec<_> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(io::Error::from)? {
        let line = record.position().map_or(0, csv::Position::line);
        let text: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        let read = columns(&header, &record).and_then(|fields| reading.columns(fields));
        take(Row { line, text: shown(&text.join(",")), deliveries: read.map(|delivery| vec![delivery]) })?;
    }
    Ok(())
}

fn columns(header: &[String], record: &csv::ByteRecord) -> Result<Fields, RowError> {
    if record.len() != header.len() {
        return Err(RowError(format!("{} columns, the header has {}", record.len(), header.len())));
    }
    let texts: Result<Vec<_>, _> = record.iter().map(std::str::from_utf8).collect();
    let texts = texts.map_err(|_| RowError("the line is not UTF-8".into()))?;
    Fields::of_columns(header.iter().map(String::as_str).zip(texts))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (skipped, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(skipped);
        if ended {
            return Ok(());
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::submit::trades::Trades;

    const GOOD: &str =
        r#"{"account":"A","book":"B","security":"S","source":"O","trade_id":"T","version":1,"event":"FORCE"}"#;

    fn lines(input: &[u8]) -> Vec<(u64, Result<usize, String>)> {
        let mut rows = Vec::new();
        let take = |row: Row| {
            rows.push((row.line, row.deliveries.map(|trades| trades.len()).map_err(|error| error.0)));
            Ok::<_, io::Error>(())
        };
        ndjson(input, &Trades::default(), take).expect("memory can be read");
        rows
    }

    #[test]
    fn a_bad_line_does_not_hide_the_next_one() {
        let mut input = format!("{GOOD}\n\nnot json\n").into_bytes();
        input.extend_from_slice(b"{\"account\":\"\xff\"}\n");
        input.extend(std::iter::repeat_n(b'x', 3 << 20));
        input.extend_from_slice(format!("\n{GOOD}").as_bytes());
        let rows = lines(&input);
        let numbers: Vec<_> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6]);
        assert_eq!(rows[0].1, Ok(1));
        assert!(rows[1].1.as_ref().is_err_and(|reason| reason.starts_with("not a JSON object")));
        assert_eq!(rows[2].1, Err("the line is not UTF-8".into()));
        assert!(rows[3].1.as_ref().is_err_and(|reason| reason.contains("longer than")));
        assert_eq!(rows[4].1, Ok(1));
    }

    #[test]
    fn csv_rows_carry_their_line_and_quoted_line_breaks_do_not_confuse_it() {
        let input = "account,book,security,source,trade_id,version,event\n\
                     A,B,S,O,\"T\n1\",1,FORCE\nA,B,S,O,T2,1\nA,B,S,O,T3,1,FORCE\n";
        let mut rows = Vec::new();
        let take = |row: Row| {
            rows.push((row.line, row.deliveries.is_ok()));
            Ok::<_, io::Error>(())
        };
        csv(input.as_bytes(), &Trades::default(), take).expect("memory can be read");
        // A name with a line break in it is refused by the name's own rule.
        assert_eq!(rows, [(2, false), (4, false), (5, true)]);
    }
}
