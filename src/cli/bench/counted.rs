//! What a record costs in numbers that a busy machine does not change: allocations and instructions.

use std::process::{Child, Command, Stdio};

use crate::allocator::{allocations_counted, count_allocations};

/// A count on its way.
pub struct Counting {
    perf: Result<Child, String>,
}

/// What was counted, per record.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// `None` where the program has another allocator.
    pub allocations: Option<f64>,
    /// Of all threads, in user mode; or why nobody could tell.
    pub instructions: Result<f64, String>,
}

impl Counting {
    pub fn start() -> Counting {
        let pid = std::process::id().to_string();
        let mut perf = Command::new("perf");
        // It counts until its own child ends: `cat` does when its input is closed, which needs no signal.
        perf.args(["stat", "-x", ",", "-e", "instructions:u", "-p", &pid, "--", "cat"]);
        let perf = perf.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        count_allocations();
        Counting { perf: perf.map_err(|error| format!("perf cannot be run: {error}")) }
    }

    pub fn end(self, records: u64) -> Counted {
        let allocations = allocations_counted();
        let per_record = |count: u64| count as f64 / records.max(1) as f64;
        Counted {
            allocations: (allocations > 0).then(|| per_record(allocations)),
            instructions: self.perf.and_then(instructions).map(per_record),
        }
    }
}

fn instructions(perf: Child) -> Result<u64, String> {
    let told = perf.wait_with_output().map_err(|error| format!("perf cannot be heard: {error}"))?;
    read(&String::from_utf8_lossy(&told.stderr))
}

/// The first field of perf's line about instructions.
fn read(told: &str) -> Result<u64, String> {
    let line = told.lines().find(|line| line.contains("instructions")).unwrap_or(told).trim();
    let count = line.split(',').next().and_then(|count| count.parse().ok());
    count.ok_or_else(|| format!("perf does not count instructions here: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perf_is_understood_whether_it_can_count_or_not() {
        assert_eq!(read("123456,,instructions:u,1000,100.00,,\n"), Ok(123_456));
        for told in ["<not supported>,,instructions:u,0,100.00,,", "perf: no permission", ""] {
            assert!(read(told).is_err_and(|why| why.contains("does not count")), "{told}");
        }
    }
}
