//! The threads of a process: they join their group together, and one that cannot start ends all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bookflow::engine::stop::Stop;
use bookflow::memory::interference::{CallKind, Fault};

use crate::house::*;

#[test]
fn no_thread_joins_before_the_last_is_ready_and_none_waits_for_one_that_has_failed() {
    let house = House::new();
    let [joined, alone] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (joins, one_joins) = (joined.clone(), alone.clone());
    house.stand.happen(CallKind::Subscribe, move || {
        joins.store(true, Ordering::Relaxed);
        Fault::None
    });
    house.stand.happen(CallKind::Init, || Fault::None);
    house.stand.happen(CallKind::Init, move || {
        // Time for the other to join, if it does not wait.
        thread::sleep(Duration::from_millis(100));
        one_joins.store(joined.load(Ordering::Relaxed), Ordering::Relaxed);
        Fault::NotDone
    });
    let stopped = house.process(2).run().expect_err("one thread has no producer");
    assert!(matches!(stopped, Stop::Broker(_)), "{stopped}");
    assert!(!alone.load(Ordering::Relaxed));
}
