//! `calculate` as a black box: examples, refusals, forms of answers, and the schema of its documents. No broker.

#[path = "../commands/binary.rs"]
mod binary;
mod examples;
mod forms;
mod hostile;
mod refusals;
mod schema;
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use binary::{Answer, answer, command};

/// The examples that stand in the documentation.
const EXAMPLES: [&str; 4] = ["equity-swap", "total-return-swap", "cfd", "split-and-transfer"];

fn documentation() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/calculate")
}

fn example(name: &str) -> Value {
    let text = fs::read_to_string(documentation().join(format!("{name}.json"))).expect("the example can be read");
    serde_json::from_str(&text).expect("the example is JSON")
}

/// Calculates a document with these options.
fn calculate(document: &Value, options: &[&str]) -> Answer {
    calculate_text(&document.to_string(), options)
}

fn calculate_text(document: &str, options: &[&str]) -> Answer {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("document.json"), document).expect("can be written");
    answer(command(folder.path(), &[], &[&["calculate", "document.json"], options].concat()))
}

/// The JSON answer of a document.
fn calculated(document: &Value) -> Value {
    calculate(document, &["--json"]).object()
}
