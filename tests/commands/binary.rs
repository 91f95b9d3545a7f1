//! The binary, and what it answered.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    /// Each line of standard output as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        lines.collect()
    }

    /// The one JSON object on standard output.
    pub fn object(&self) -> Value {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{}{}", self.out, self.err);
        lines.into_iter().next().expect("there is one")
    }
}

/// The binary in this folder, with these variables and no others of ours.
pub fn command(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookflow"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOOKFLOW_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

pub fn answer(mut command: Command) -> Answer {
    let output = command.output().expect("the binary can be run");
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Runs it in a folder of its own, without any settings.
pub fn run(arguments: &[&str]) -> Answer {
    let folder = tempfile::tempdir().expect("a folder can be made");
    answer(command(folder.path(), &[], arguments))
}
