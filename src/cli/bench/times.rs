//! How long many things took, as quantiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Microseconds, to three digits.
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new() -> Times {
        Times(Histogram::new(3).expect("three digits are within what a histogram can tell apart"))
    }

    pub fn record(&mut self, time: Duration) {
        self.0.record(time.as_micros() as u64).expect("the histogram grows");
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        rounded(self.0.value_at_quantile(quantile) as f64 / 1e3)
    }

    pub fn figures(&self) -> Value {
        json!({
            "count": self.count(), "p50_ms": self.quantile_ms(0.5), "p99_ms": self.quantile_ms(0.99),
            "p999_ms": self.quantile_ms(0.999), "max_ms": self.quantile_ms(1.0),
        })
    }
}

/// To thousandths: of seconds these are milliseconds, and of the rest more than a noisy machine is good for.
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Times {
        let mut all = Times::new();
        times.into_iter().for_each(|time| all.record(time));
        all
    }
}
