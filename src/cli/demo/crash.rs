//! The accident of the demo: a worker dies between its output and the end of its transaction, as by `kill -9`.

use std::collections::BTreeMap;
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use crate::memory::interference::{Call, CallKind, Fault, Interference};

/// Commits of stage `book` that each worker is left to make, so that there is something to take over.
const COMMITS_BEFORE: u32 = 3;
const BOOK_CLIENT: &str = "bookflow.book-";

/// Kills the first worker that has made its commits, in the middle of the next one.
#[derive(Default)]
pub struct Crash {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    commits: BTreeMap<String, u32>,
    victim: Option<String>,
}

/// What a killed thread panics with; it is told apart from a real panic by its type.
struct Killed;

impl Crash {
    /// Keeps the killed threads' panics off standard error; all others are reported as ever.
    pub fn hide_panics() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !info.payload().is::<Killed>() {
                    usual(info);
                }
            }));
        });
    }

    /// The worker that was killed, once it has been.
    pub fn victim(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).victim.clone()
    }

    fn kills(&self, call: Call<'_>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(victim) = &state.victim {
            // A process dies as a whole: its other threads follow at their next call.
            return worker_of(call.client) == Some(victim);
        }
        let Some(worker) = call.client.strip_prefix(BOOK_CLIENT).and(worker_of(call.client)) else { return false };
        if call.kind != CallKind::Commit {
            return false;
        }
        let commits = state.commits.entry(worker.to_owned()).or_default();
        *commits += 1;
        let killed = *commits > COMMITS_BEFORE;
        state.victim = killed.then(|| worker.to_owned());
        killed
    }
}

impl Interference for Crash {
    fn before(&self, call: Call<'_>) -> Fault {
        if !thread::panicking() && self.kills(call) {
            panic::panic_any(Killed);
        }
        Fault::None
    }
}

/// `bookflow.<stage>-<worker>-<thread>` names the worker.
fn worker_of(client: &str) -> Option<&str> {
    let (_, rest) = client.strip_prefix("bookflow.")?.split_once('-')?;
    Some(rest.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_worker_with_enough_commits_dies_with_all_its_threads_and_no_other_does() {
        let crash = Crash::default();
        let call = |client, kind| crash.kills(Call::of(client, kind));
        for _ in 0..COMMITS_BEFORE {
            assert!(!call("bookflow.book-worker-2-0", CallKind::Commit));
            assert!(!call("bookflow.collect-worker-1-0", CallKind::Commit));
        }
        assert!(!call("bookflow.book-worker-2-0", CallKind::Send));
        assert_eq!(crash.victim(), None);
        assert!(call("bookflow.book-worker-2-0", CallKind::Commit));
        assert_eq!(crash.victim().as_deref(), Some("worker-2"));
        assert!(call("bookflow.calculate.batch-worker-2-0", CallKind::Poll));
        assert!(!call("bookflow.book-worker-1-0", CallKind::Commit));
        assert!(!call("", CallKind::ReaderPoll));
    }
}
