//! The baton: workers are threads, but only the one that holds it runs, so that a seed decides every interleaving.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, JoinHandle};

/// A worker that is killed unwinds with this.
struct Killed;

#[derive(Default)]
pub struct Baton {
    state: Mutex<State>,
    passed: Condvar,
}

#[derive(Default)]
struct State {
    holder: Option<usize>,
    condemned: Option<usize>,
}

thread_local! {
    /// Which runner this thread is; the scheduler's own thread is none.
    static RUNNER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A thread that runs only while it holds the baton.
pub struct Runner<T> {
    id: usize,
    thread: JoinHandle<Ended<T>>,
}

/// How a runner's body came to an end.
pub enum Ended<T> {
    Returned(T),
    Killed,
    Panicked(String),
}

impl Baton {
    /// Called at every step of a runner: gives the baton back and waits for it. A condemned runner dies here.
    /// Answers whether the caller is a runner at all.
    pub fn step(&self) -> bool {
        let Some(me) = RUNNER.get() else { return false };
        self.lock().holder = None;
        self.passed.notify_all();
        self.wait_for_baton(me);
        true
    }

    fn wait_for_baton(&self, me: usize) {
        let mut state = self.lock();
        while state.holder != Some(me) {
            state = self.passed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.condemned == Some(me) {
            state.condemned = None;
            drop(state);
            panic_any(Killed);
        }
    }

    /// Starts a runner; its body begins with the first baton it gets.
    pub fn start<T: Send + 'static>(
        self: &Arc<Self>,
        id: usize,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Runner<T> {
        silence_kills();
        let baton = self.clone();
        let thread = thread::spawn(move || {
            RUNNER.set(Some(id));
            let ended = catch_unwind(AssertUnwindSafe(|| {
                baton.wait_for_baton(id);
                body()
            }));
            let ended = ended.map_or_else(described, Ended::Returned);
            baton.lock().holder = None;
            baton.passed.notify_all();
            ended
        });
        Runner { id, thread }
    }

    /// Lets a runner go on to its next step, or to its end.
    pub fn pass<T>(&self, to: &Runner<T>) {
        let mut state = self.lock();
        state.holder = Some(to.id);
        self.passed.notify_all();
        while state.holder.is_some() && !to.thread.is_finished() {
            let waited = self.passed.wait_timeout(state, std::time::Duration::from_millis(50));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.holder = None;
    }

    /// Kills a runner where it stands.
    pub fn kill<T>(&self, runner: Runner<T>) -> Ended<T> {
        self.lock().condemned = Some(runner.id);
        self.pass(&runner);
        self.join(runner)
    }

    /// The end of a runner whose body is over.
    pub fn join<T>(&self, runner: Runner<T>) -> Ended<T> {
        while !runner.thread.is_finished() {
            self.pass(&runner);
        }
        runner.thread.join().unwrap_or_else(described)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Runner<T> {
    pub fn ended(&self) -> bool {
        self.thread.is_finished()
    }
}

fn described<T>(panic: Box<dyn Any + Send>) -> Ended<T> {
    if panic.is::<Killed>() {
        return Ended::Killed;
    }
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    Ended::Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into()))
}

/// A killed worker is no news; every other panic is.
fn silence_kills() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Killed>() {
                usual(info);
            }
        }));
    });
}
