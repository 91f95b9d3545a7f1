//! The house keeps its order: who may import whom, and what must not stand anywhere.

use std::fs;
use std::path::{Path, PathBuf};

/// Room -> the rooms it may name. `cli` puts everything together and may name all.
const IMPORTS: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("messages", &["messages", "domain"]),
    ("pipeline", &["pipeline", "domain", "messages", "engine", "cache", "telemetry"]),
    ("engine", &["engine", "telemetry"]),
    // The registry is where schema ids come from: it implements a trait of messages.
    ("kafka", &["kafka", "engine", "messages", "telemetry"]),
    ("memory", &["memory", "engine", "telemetry"]),
    ("store", &["store", "engine", "telemetry"]),
    ("cache", &["cache", "domain", "messages", "telemetry"]),
    ("gateway", &["gateway", "engine", "telemetry"]),
    ("telemetry.rs", &[]),
];

#[test]
fn rooms_import_only_what_the_house_allows() {
    let mut wrong = Vec::new();
    for (room, allowed) in IMPORTS {
        for (file, text) in sources(&root().join("src").join(room)) {
            for (number, line) in text.lines().enumerate() {
                for named in line.split("crate::").skip(1) {
                    let named = named.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                    if !allowed.contains(&named) {
                        wrong.push(format!("{}:{}: {room} names {named}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let impure = [
        "std::time",
        "::now(",
        "std::fs",
        "std::io",
        "std::net",
        "std::env",
        "std::thread",
        "serde",
        "HashMap",
        "rand::",
        ".unwrap()",
    ];
    let mut wrong = Vec::new();
    for (file, text) in sources(&root().join("src/domain")) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let float = line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "f32" || word == "f64");
            if float || impure.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Its documentation is read as a textbook: no item without a sentence. Fields and variants have one where their name does not say it all.
#[test]
fn every_public_item_of_the_domain_says_what_it_is() {
    let items = ["fn", "struct", "enum", "trait", "const", "static", "type"];
    let mut wrong = Vec::new();
    for (file, text) in sources(&root().join("src/domain")) {
        let code: Vec<&str> = text.split("#[cfg(test)]").next().unwrap_or_default().lines().map(str::trim).collect();
        for (number, line) in code.iter().enumerate() {
            let item = line.strip_prefix("pub ").and_then(|item| item.split(' ').next());
            // Attributes stand between a sentence and its item, some over several lines.
            let attribute = |line: &&&str| line.starts_with("#[") || line.ends_with(['"', ']']);
            let above = code[..number].iter().rev().find(|line| line.starts_with("//") || !attribute(line));
            let told = above.is_some_and(|above| above.starts_with("///") || *above == "$(#[$doc])*"); // what a macro hands on
            if item.is_some_and(|item| items.contains(&item)) && !told {
                wrong.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "without a /// line:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (file, text) in sources(&root().join(folder)) {
            if !text.starts_with("//!") {
                wrong.push(file.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "without a //! line: {wrong:#?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files at or below a path, in the order of their names.
fn sources(path: &Path) -> Vec<(PathBuf, String)> {
    if path.is_file() {
        return vec![(path.to_owned(), fs::read_to_string(path).expect("a source is text"))];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let wanted = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|ending| ending == "rs");
    paths.into_iter().filter(wanted).flat_map(|path| sources(&path)).collect()
}
