//! Rows that could not be taken: line, reason and text go to a file, so that they can be repaired and sent again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

/// Made with the first row that is rejected.
pub struct Rejected {
    pub path: PathBuf,
    pub count: u64,
    file: Option<BufWriter<File>>,
}

impl Rejected {
    pub fn beside(input: &str) -> Rejected {
        let name = if input == "-" { "stdin" } else { input };
        Rejected { path: format!("{name}.rejected").into(), count: 0, file: None }
    }

    pub fn add(&mut self, line: u64, reason: &str, row: &str) -> io::Result<()> {
        self.write(&json!({ "line": line, "reason": reason, "row": row }))
    }

    /// What is not known by its line.
    pub fn add_at(&mut self, path: &str, reason: &str) -> io::Result<()> {
        self.write(&json!({ "path": path, "reason": reason }))
    }

    fn write(&mut self, row: &Value) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path)?)),
        };
        self.count += 1;
        writeln!(file, "{row}")
    }

    pub fn finish(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
