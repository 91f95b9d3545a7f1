//! Requests of any size: contracts come in order, whoever reads them, and never more of them than a few blocks are in memory.

use std::cell::Cell;
use std::io::{self, Read};

use bookflow::domain::jobs::notice::Notice;
use bookflow::messages::request::{ReadContract, Stopped, read_contracts, read_request};

/// A request that is made up while it is read.
struct Endless<'a> {
    contracts: usize,
    next: usize,
    rest: Vec<u8>,
    given: &'a Cell<usize>,
}

/// A contract of about 2 KB; every hundredth has no id.
fn contract(index: usize) -> String {
    let id = if index % 100 == 99 { String::new() } else { format!(r#""contractId":"C{index}","#) };
    let ignored = "x".repeat(1_900);
    format!(
        r#"{{{id}"underlying":"AAPL","type":"EQUITY_SWAP","currency":"USD","startDate":"2024-01-01","endDate":"2024-12-31","note":"{ignored}"}}"#
    )
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && self.next <= self.contracts {
            let begin = if self.next == 0 {
                r#"{"requestId":"R","calculationDate":"2024-06-28","calculationType":"BATCH_PROCESSING","contractPositions":["#
            } else {
                ","
            };
            self.rest = match self.next {
                last if last == self.contracts => b"]}".to_vec(),
                index => format!("{begin}{}", contract(index)).into_bytes(),
            };
            self.next += 1;
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        self.given.set(self.given.get() + length);
        Ok(length)
    }
}

fn endless(contracts: usize, given: &Cell<usize>) -> Endless<'_> {
    Endless { contracts, next: 0, rest: Vec::new(), given }
}

/// Its id, or the place of what is wrong with it.
fn told(read: ReadContract) -> String {
    match read {
        Ok((contract, _)) => contract.id.to_string(),
        Err(notice) => {
            let Notice { field, .. } = *notice;
            field.to_string()
        }
    }
}

#[test]
fn contracts_come_in_the_order_of_the_request() {
    let given = Cell::new(0);
    assert_eq!(read_request(endless(5_000, &given)).expect("a request").contracts, 5_000);
    let mut seen = Vec::new();
    let read = read_contracts(endless(5_000, &given), |read| -> Result<(), String> {
        seen.push(told(read));
        Ok(())
    });
    read.expect("they can be read");
    let expected = (0..5_000).map(|index| match index % 100 {
        99 => format!("contractPositions[{index}].contractId"),
        _ => format!("C{index}"),
    });
    assert!(seen.into_iter().eq(expected));
}

/// Each thread has a batch of 256 KB in hand and one at hand, and there are four threads at most.
const AHEAD_MAX: usize = 3 << 20;

#[test]
fn what_is_read_ahead_is_bounded() {
    let given = Cell::new(0);
    let (mut taken, mut ahead_max) = (0, 0);
    let read = read_contracts(endless(20_000, &given), |read| -> Result<(), String> {
        ahead_max = ahead_max.max(given.get() - taken);
        taken += if read.is_ok() { 2_000 } else { 1_980 };
        Ok(())
    });
    read.expect("they can be read");
    assert!(given.get() > 10 * AHEAD_MAX, "{given:?} bytes are not many");
    assert!(ahead_max < AHEAD_MAX, "{ahead_max} bytes ahead");
}

#[test]
fn whoever_has_enough_ends_the_reading() {
    let given = Cell::new(0);
    let mut taken = 0;
    let read = read_contracts(endless(1_000_000, &given), |_| {
        taken += 1;
        if taken < 3_000 { Ok(()) } else { Err("enough") }
    });
    assert!(matches!(read, Err(Stopped::Taker("enough"))));
    assert!(given.get() < 3_000 * 2_100 + AHEAD_MAX, "{given:?} bytes were read");
}
