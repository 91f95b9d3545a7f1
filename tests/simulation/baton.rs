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
    /// Whoever gets the baton next dies of it.
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
        give_back();
        if self.deadly.swap(false, Ordering::Relaxed) {
            resume_unwind(Box::new(Killed));
        }
        true
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
        self.deadly.store(true, Ordering::Relaxed);
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
