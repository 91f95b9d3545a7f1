//! What this process has used: wall time and CPU time of all its threads, those of the C library too.

use std::fs;
use std::time::{Duration, Instant};

/// A moment, with what had been done by then.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub records: u64,
    at: Instant,
    cpu: Duration,
}

/// What was done between two moments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub records: u64,
    pub per_second: f64,
    pub cpu_us_per_record: f64,
}

impl Sample {
    pub fn now(records: u64) -> Sample {
        Sample { records, at: Instant::now(), cpu: cpu_time() }
    }

    pub fn since(&self, first: &Sample) -> Measured {
        let records = self.records - first.records;
        let per = |value: f64| if records == 0 { 0.0 } else { value / records as f64 };
        let seconds = self.at.duration_since(first.at).as_secs_f64();
        let cpu_us = self.cpu.saturating_sub(first.cpu).as_secs_f64() * 1e6;
        Measured { records, per_second: 1.0 / per(seconds).max(f64::MIN_POSITIVE), cpu_us_per_record: per(cpu_us) }
    }
}

/// The one in the middle; of an even number the slower one of the two.
pub fn median(mut runs: Vec<Measured>) -> Option<Measured> {
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let middle = runs.len().checked_sub(1)? / 2;
    runs.get(middle).copied()
}

/// User and system time; zero where the system does not tell.
pub fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th field after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * MS_PER_TICK)
}

/// CPU time of this thread, to the nanosecond; zero where the system does not tell.
pub fn thread_cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// Linux tells CPU time to programs in hundredths of a second, whatever its own clock does.
const MS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen() {
        let first = Sample::now(0);
        let mut number = 1_u64;
        while first.at.elapsed() < Duration::from_millis(300) {
            number = std::hint::black_box(number.wrapping_mul(31));
        }
        let measured = Sample::now(1_000).since(&first);
        assert!(measured.per_second < 1_000.0 / 0.3 + 1.0, "{measured:?}");
        assert!(measured.cpu_us_per_record > 10.0, "{measured:?} of {number}");
    }

    #[test]
    fn the_middle_of_an_even_number_is_the_slower_one() {
        let run = |per_second| Measured { records: 1, per_second, cpu_us_per_record: 1.0 };
        assert_eq!(median(vec![run(3.0), run(1.0), run(2.0), run(4.0)]), Some(run(2.0)));
        assert_eq!(median(Vec::new()), None);
    }
}
