//! The baton: workers are coroutines of one thread, and only the one that holds it runs, so that a seed decides every
//! interleaving and passing it costs next to nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use generator::{Generator, Gn};

/// A worker that is killed unwinds with this.
struct Killed;

#[derive(Default)]
pub struct Baton {
    /// Whoever has the baton, or gets it next, dies at its next step.
    deadly: AtomicBool,
}

/// A coroutine that runs only while it holds the baton.
pub struct Runner<T> {
    body: Generator<'static, (), ()>,
    ended: Arc<Mutex<Option<Ended<T>>>>,
}

/// How a runner's body came to an end.
pub enum Ended<T> {
    Returned(T),
    Killed,
    Panicked(String),
}

/// In words. Pages that are never touched cost nothing.
const STACK: usize = (1 << 20) / size_of::<usize>();

impl Baton {
    /// Called at every step of a runner: gives the baton back and waits for it. A condemned runner dies here.
    /// Answers whether the caller is a runner at all.
    pub fn step(&self) -> bool {
        if !generator::is_generator() {
            return false;
        }
        // Who dies takes no more steps.
        if thread::panicking() {
            return true;
        }
        self.die_if_condemned();
        give_back();
        self.die_if_condemned();
        true
    }

    fn die_if_condemned(&self) {
        if self.deadly.swap(false, Ordering::Relaxed) {
            resume_unwind(Box::new(Killed));
        }
    }

    /// Waits for the baton where nobody may die, within a stage: the engine would take the death for a panic of its own.
    /// False for who is condemned, and for who is no runner.
    pub fn wait(&self) -> bool {
        let condemned = || self.deadly.load(Ordering::Relaxed);
        if !generator::is_generator() || condemned() {
            return false;
        }
        give_back();
        !condemned()
    }

    /// Whoever has the baton dies at its next step.
    pub fn condemn(&self) {
        self.deadly.store(true, Ordering::Relaxed);
    }

    /// Makes a runner; its body begins with the first baton it gets.
    pub fn start<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> Runner<T> {
        let ended = Arc::new(Mutex::new(None));
        let end = ended.clone();
        let body = Gn::new_opt(STACK, move || {
            let how = catch_unwind(AssertUnwindSafe(body)).map_or_else(described, Ended::Returned);
            *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        });
        Runner { body, ended }
    }

    /// Kills a runner where it stands.
    pub fn kill<T>(&self, mut runner: Runner<T>) -> Ended<T> {
        self.condemn();
        let ended = loop {
            if let Some(ended) = runner.go_on() {
                break ended;
            }
        };
        // It may have come to its end by itself.
        self.deadly.store(false, Ordering::Relaxed);
        ended
    }
}

impl<T> Runner<T> {
    /// Lets a runner go on to its next step, or to its end.
    pub fn go_on(&mut self) -> Option<Ended<T>> {
        self.body.resume();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Deprecated in favour of a handle that would have to be passed through the broker's port to every call.
#[expect(deprecated)]
fn give_back() {
    generator::yield_with(());
}

fn described<T>(panic: Box<dyn Any + Send>) -> Ended<T> {
    if panic.is::<Killed>() {
        return Ended::Killed;
    }
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    Ended::Panicked(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into()))
}
