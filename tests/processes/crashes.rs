//! Workers that are killed in the middle of their work lose and double nothing.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Installation;

/// Enough for a hundred turns between two deaths.
const TRADES: u64 = 100_000;
const DEATHS: u64 = 5;

/// `BOOKFLOW_TEST_TRADES=1000000` makes it the long run: with turns of normal size, and dynamic membership, so that every
/// death moves partitions after the session time-out.
struct Scale {
    trades: u64,
    long: bool,
}

impl Scale {
    fn asked() -> Scale {
        let asked = std::env::var("BOOKFLOW_TEST_TRADES").ok();
        let trades = asked.map_or(TRADES, |text| text.parse().expect("BOOKFLOW_TEST_TRADES is a number"));
        Scale { trades, long: trades > TRADES }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60 + self.trades / 2_000)
    }
}

#[test]
fn a_worker_that_is_killed_five_times_loses_and_doubles_nothing() {
    let scale = Scale::asked();
    let mut installation = Installation::new("crashes", 8);
    if !scale.long {
        // Short turns, so that there is something left to be killed in; static members, who are back at once.
        installation.set("worker.turn_records", "300");
        installation.set("worker.poll_records", "100");
        installation.set("worker.portion_bytes", "1B");
        installation.set("worker.static_membership", "true");
    }
    let trades = scale.trades.to_string();
    let mut generator = installation.start("generator", &["generate", "trades", "--records", &trades]);
    let began = Instant::now();
    let mut survivor = installation.worker("survivor", &["--stages", "book", "--first-start"]);
    let mut victim = installation.worker("victim", &["--stages", "book", "--first-start"]);
    for _ in 0..DEATHS {
        wait(&scale, "turns of the victim", || victim.processed("book") >= scale.trades / (4 * DEATHS));
        victim.kill();
        victim = installation.worker("victim", &["--stages", "book"]);
    }
    assert!(generator.wait().success(), "{}", generator.said());
    installation.consumed(scale.patience());
    let took = began.elapsed();
    assert!(victim.processed("book") > 0, "the last life had nothing to do: {}", victim.said());
    survivor.drain();
    victim.drain();
    let mut report = installation.verified();
    report["windows"] = Value::Null; // long, and known to be whole
    let count = |name: &str| report[name].as_u64().expect("a count");
    assert!(count("records") >= scale.trades, "{report:#}");
    assert!(count("positions") > 1_000 && count("lots") > 1_000, "{report:#}");
    let rate = (count("records") as f64 / took.as_secs_f64()) as u64;
    println!("{DEATHS} deaths, {took:.1?} from the first record generated to the last one answered: {rate} a second");
    println!("{report:#}");
}

fn wait(scale: &Scale, what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + scale.patience();
    while !ask() {
        assert!(Instant::now() < deadline, "no {what} in {:?}", scale.patience());
        thread::sleep(Duration::from_millis(5));
    }
}
