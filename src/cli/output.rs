//! What a command says: answers on standard output, for people or as JSON; narration and progress on standard error.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::Value;

use super::failure::Failure;
use crate::messages::request::scalar::{moves, shown};

/// Grows when a field of any answer changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
    pub color: bool,
}

const GOOD: &str = "\x1b[32m";
const ODD: &str = "\x1b[33m";
const BAD: &str = "\x1b[31m";
const FAINT: &str = "\x1b[2m";
const END: &str = "\x1b[0m";
const COLOURS: [&str; 5] = [GOOD, ODD, BAD, FAINT, END];

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
            false => writeln!(out, "{}", self.plain(&human.to_string()))?,
        }
        Ok(out.flush()?)
    }

    /// Narration for people; nobody needs it.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "{}", self.plain(&text.to_string()));
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
                let next = failure.next.iter().map(|next| format!("\n  next: {next}")).collect::<String>();
                let text = format!("{} {}{next}", self.ink(Ink::Bad, "error:"), failure.message);
                writeln!(err, "{}", self.plain(&text))
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
        let colour = match ink {
            Ink::Good => GOOD,
            Ink::Odd => ODD,
            Ink::Bad => BAD,
            Ink::Faint => FAINT,
        };
        if self.color { format!("{colour}{text}{END}") } else { text.to_string() }
    }

    /// Texts of others as a terminal can show them: of what would move its cursor only the ends of lines and our own colours are left.
    fn plain(&self, text: &str) -> String {
        let colours = if self.color { &COLOURS[..] } else { &[] };
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(|c| c != '\n' && moves(c)) {
            let (before, odd) = rest.split_at(at);
            let colour = colours.iter().find(|colour| odd.starts_with(**colour));
            let length = colour.map_or_else(|| odd.chars().next().map_or(0, char::len_utf8), |colour| colour.len());
            let (odd, after) = odd.split_at(length);
            plain.push_str(before);
            plain.push_str(&if colour.is_some() { Cow::Borrowed(odd) } else { line(odd) });
            rest = after;
        }
        plain + rest
    }
}

/// A text of others as one line.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, usize::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_moves_no_cursor_and_turns_no_line_around() {
        let output = |color| Output { json: false, quiet: false, color };
        let reason = "\x1b[2J\x1b]0;title\x07\r\u{9b}1A\u{202e}x\x7f";
        let written = "\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{d}\\u{9b}1A\\u{202e}x\\u{7f}";
        for color in [true, false] {
            assert_eq!(output(color).plain(&format!("é {reason}\nnext")), format!("é {written}\nnext"));
        }
        let inked = output(true).ink(Ink::Bad, "CANCELLED");
        assert_eq!(output(true).plain(&inked), inked);
        assert_eq!(output(false).plain(&inked), "\\u{1b}[31mCANCELLED\\u{1b}[0m");
        assert_eq!(line("two\nlines"), "two\\u{a}lines");
    }
}
