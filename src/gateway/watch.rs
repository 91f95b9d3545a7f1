//! Whether what the worker depends on answers: asked now and then on a thread of its own, so that no probe waits for it.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::engine::clock::Clock;

/// Soon enough for whoever looks at health, and too seldom for what is asked to notice.
pub const EVERY: Duration = Duration::from_secs(5);
/// A question may stay open for longer than anybody wants to be told of an answer that is older.
const LATE: Duration = Duration::from_secs(10);

/// Asks until it is dropped, which waits for the end of a question.
pub struct Watch {
    answers: Arc<Mutex<Answers>>,
    close: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What became of the questions so far.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// When the last one came.
    pub last: Option<Duration>,
    /// Why there was none to the last question.
    pub error: Option<String>,
}

impl Watch {
    /// Begins to ask. `name` is the thread's.
    pub fn start(
        name: &str,
        ask: impl Fn() -> Result<(), String> + Send + 'static,
        clock: Arc<dyn Clock>,
        every: Duration,
    ) -> io::Result<Watch> {
        let answers = Arc::new(Mutex::new(Answers::default()));
        let told = answers.clone();
        let (close, closed) = mpsc::channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            loop {
                let answer = ask();
                told.lock().unwrap_or_else(PoisonError::into_inner).take(answer, clock.elapsed());
                if closed.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Watch { answers, close: Some(close), thread: Some(thread) })
    }

    pub fn answers(&self) -> Answers {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Answers {
    /// Whether it answers: no question has failed since the last answer, or is open for long.
    pub fn answering(&self, now: Duration) -> bool {
        self.error.is_none() && self.last.is_some_and(|last| now.saturating_sub(last) < LATE)
    }

    fn take(&mut self, answer: Result<(), String>, now: Duration) {
        if answer.is_ok() {
            self.last = Some(now);
        }
        self.error = answer.err();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::engine::clock::SystemClock;

    fn until(what: &str, seen: impl Fn() -> bool) {
        let began = Instant::now();
        while !seen() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn an_answer_that_is_old_is_none() {
        let answers = Answers { last: Some(Duration::from_secs(3)), error: None };
        assert!(answers.answering(Duration::from_secs(12)) && !answers.answering(Duration::from_secs(13)));
        assert!(!Answers::default().answering(Duration::ZERO), "none has come yet");
    }

    #[test]
    fn what_goes_and_comes_is_told_with_the_reason() {
        let away = Arc::new(AtomicBool::new(false));
        let asked = away.clone();
        let ask = move || if asked.load(Ordering::Relaxed) { Err("refused".into()) } else { Ok(()) };
        let clock = Arc::new(SystemClock::start());
        let watch = Watch::start("test", ask, clock, Duration::from_millis(1)).expect("a thread");
        until("it answers", || watch.answers().last.is_some());
        assert_eq!(watch.answers().error, None);
        away.store(true, Ordering::Relaxed);
        until("it does not", || watch.answers().error.as_deref() == Some("refused"));
        assert!(watch.answers().last.is_some(), "when it last did stays known");
        away.store(false, Ordering::Relaxed);
        until("it does again", || watch.answers().error.is_none());
        drop(watch);
        assert_eq!(Arc::strong_count(&away), 1, "it has ended");
    }
}
