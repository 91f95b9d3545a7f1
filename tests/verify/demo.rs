//! The demo as a stranger runs it: a crash happens, and the auditor is content.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_demo_survives_its_crash_and_says_so() {
    let arguments = ["demo", "--trades", "60000", "--json", "--config", "/dev/null"];
    let output = Command::new(env!("CARGO_BIN_EXE_bookflow")).args(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_str(said.lines().last().expect("it answers")).expect("an object");
    for damage in ["lost", "doubled", "misordered", "torn", "wrong", "zombies"] {
        assert_eq!(answer[damage], 0, "{damage}: {answer}");
    }
    assert_eq!((&answer["crashes"], &answer["jobs"]), (&1.into(), &1.into()), "{answer}");
    let count = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{name} is missing in {answer}"));
    assert_eq!(count("trades"), 60_000 + count("rebooks"));
    let answered = count("accepted") + count("duplicates") + count("stale") + count("waiting") + count("dead_letters");
    assert_eq!(answered, count("trades"));
    assert!(count("told") > count("positions") / 2, "most trades are under a contract: {answer}");
    assert_eq!(answer["outcome"]["ending"], "COMPLETED");
}
