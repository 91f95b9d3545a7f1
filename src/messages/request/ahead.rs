//! Work that other threads do a bounded way ahead; what comes of it comes out in the order in which the work went in.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

pub(super) struct Ahead<'scope, 'env, W, R> {
    scope: &'scope Scope<'scope, 'env>,
    work: fn(W) -> R,
    /// Work goes to one after another, so that each one's next result is the next of all in its turn.
    threads: Vec<(SyncSender<W>, Receiver<R>)>,
    threads_max: usize,
    given: usize,
    taken: usize,
}

/// More would only wait for whoever takes the results.
const THREADS_MAX: usize = 4;
/// Of one thread: what it works on, and what it can begin with at once.
const UNDER_WAY: usize = 2;

impl<'scope, 'env, W: Send + 'scope, R: Send + 'scope> Ahead<'scope, 'env, W, R> {
    pub fn new(scope: &'scope Scope<'scope, 'env>, work: fn(W) -> R) -> Ahead<'scope, 'env, W, R> {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        Ahead { scope, work, threads: Vec::new(), threads_max: cores.min(THREADS_MAX), given: 0, taken: 0 }
    }

    /// Gives work away; once as much is under way as may be, the next result has to be taken for it.
    pub fn give(&mut self, work: W) -> Option<R> {
        let due = if self.given - self.taken == self.threads_max * UNDER_WAY { self.next() } else { None };
        let turn = self.given % self.threads_max;
        if turn == self.threads.len() {
            self.threads.push(self.thread());
        }
        self.threads[turn].0.send(work).expect(LIVES);
        self.given += 1;
        due
    }

    fn thread(&self) -> (SyncSender<W>, Receiver<R>) {
        let (give, given) = sync_channel(UNDER_WAY);
        let (done, take) = sync_channel(UNDER_WAY);
        let work = self.work;
        // Nobody takes the results any more: whoever did knows why.
        self.scope.spawn(move || given.into_iter().map(work).try_for_each(|result| done.send(result)).ok());
        (give, take)
    }
}

impl<'scope, W: Send + 'scope, R: Send + 'scope> Iterator for Ahead<'scope, '_, W, R> {
    type Item = R;

    /// The next result, waiting for it; none when there is none under way.
    fn next(&mut self) -> Option<R> {
        if self.taken == self.given {
            return None;
        }
        let result = self.threads[self.taken % self.threads_max].1.recv().expect(LIVES);
        self.taken += 1;
        Some(result)
    }
}

const LIVES: &str = "a thread lives until nothing more is given, or its work panics and takes us along";
