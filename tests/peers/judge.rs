//! The judge as a process: compiled once, asked what it thinks of an installation.

use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::cluster;
use crate::program::Installation;

/// It must come to the same bytes for every position; answers what it says.
pub fn agrees(installation: &Installation) -> String {
    let Judged { said, differences } = judge(installation);
    assert_eq!(differences, Vec::<String>::new(), "{said}");
    assert!(said.contains(" 0 positions set aside"), "{said}");
    said
}

/// What the judge says, and the lines of it that name a difference.
pub struct Judged {
    pub said: String,
    pub differences: Vec<String>,
}

pub fn judge(installation: &Installation) -> Judged {
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-cp", class_path(), "Judge", &cluster::variable("BOOKFLOW_KAFKA_BOOTSTRAP")]);
    java.arg(cluster::variable("BOOKFLOW_REGISTRY_URL")).arg(format!("{}.", installation.namespace));
    let Output { status, stdout, stderr } = java.output().expect("java can be started");
    let (said, complained) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.ends_with(" differences"), "{said}{complained}");
    let counts = |line: &&str| line.ends_with(" records") || line.ends_with(" differences");
    let differences: Vec<_> = said.lines().filter(|line| !counts(line)).map(str::to_owned).collect();
    assert_eq!(status.code(), Some(i32::from(!differences.is_empty())), "{said}");
    Judged { said, differences }
}

/// The judge is compiled once a run.
fn class_path() -> &'static str {
    static CLASS_PATH: OnceLock<String> = OnceLock::new();
    CLASS_PATH.get_or_init(|| {
        let compiled =
            Command::new("dev/java").arg("tests/peers/judge").current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let Output { status, stdout, stderr } = compiled.expect("dev/java can be started");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("a class path").trim_end().to_owned()
    })
}
