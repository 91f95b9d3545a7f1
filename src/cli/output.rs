//! What a command says: answers on standard output, for people or as JSON; narration and progress on standard error.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::Value;

use super::failure::Failure;

/// Grows when a field of any answer changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
    pub color: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Good,
    Odd,
    Bad,
    Faint,
}

impl Output {
    /// One answer, or one line of a stream: the JSON object when asked for, else the text.
    pub fn say(&self, json: Value, human: impl Display) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match self.json {
            true => writeln!(out, "{}", versioned(json))?,
            false => writeln!(out, "{human}")?,
        }
        Ok(out.flush()?)
    }

    /// Narration for people; nobody needs it.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// The end of a command that failed.
    pub fn fail(&self, failure: &Failure) {
        if failure.silent() {
            return;
        }
        let mut err = io::stderr().lock();
        let _ = match self.json {
            true => writeln!(err, "{}", versioned(failure.json())),
            false => {
                let written = writeln!(err, "{} {}", self.ink(Ink::Bad, "error:"), failure.message);
                let next = failure.next.iter().try_for_each(|next| writeln!(err, "  next: {next}"));
                written.and(next)
            }
        };
    }

    /// A bar on standard error where a person looks at it; invisible elsewhere. `total` 0: unknown.
    pub fn progress(&self, total: u64, what: &'static str) -> ProgressBar {
        if self.quiet || self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template = match total {
            0 => "{msg} {human_pos} ({rate}) {elapsed}",
            _ => "{msg} [{bar:40}] {human_pos}/{human_len} ({rate}) {eta}",
        };
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A text cannot fail to grow.
            let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
        };
        let style =
            ProgressStyle::with_template(template).expect("the templates above are valid").with_key("rate", rate);
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::stderr_with_hz(10));
        bar.with_style(style).with_message(what)
    }

    /// Colour where it is seen: only ever decoration, the words say the same.
    pub fn ink(&self, ink: Ink, text: impl Display) -> String {
        let code = match ink {
            Ink::Good => 32,
            Ink::Odd => 33,
            Ink::Bad => 31,
            Ink::Faint => 2,
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// The object with the version of its shape as first field.
fn versioned(json: Value) -> Value {
    match json {
        Value::Object(fields) => {
            let version = ("schema_version".to_string(), SCHEMA_VERSION.into());
            Value::Object(std::iter::once(version).chain(fields).collect())
        }
        other => other,
    }
}
