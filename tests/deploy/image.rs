//! Dockerfile against the code: toolchain, user, port, and that the build is given what it reads.

use std::collections::BTreeSet;

use crate::code;
use crate::files::{Files, root};

/// Nobody in particular, by number, so that a cluster can see that it is not root.
pub const USER: &str = "65532:65532";
/// What the sources include from outside `src`.
const INCLUDED: [&str; 3] = ["default.toml", "schemas", "topics"];

pub fn contradictions(files: &Files) -> Vec<String> {
    let stages: Vec<_> = files.dockerfile.split("\nFROM ").collect();
    let [_, build, run] = stages[..] else { return vec!["Dockerfile: has not two stages".into()] };
    let mut found = Vec::new();
    let toolchain = format!("rust:{}-slim-", env!("CARGO_PKG_RUST_VERSION"));
    let wanted = [
        (build, toolchain.as_str()),
        (build, "RUN cargo build --profile dist --locked --bin bookflow\n"),
        (run, "COPY --from=build /build/target/dist/bookflow /usr/local/bin/bookflow\n"),
        (run, "RUN install --directory --owner=65532 --group=65532 /var/lib/bookflow\n"),
        (run, &format!("USER {USER}\n")),
        (run, &format!("EXPOSE {}\n", code::admin_port())),
        (run, "ENTRYPOINT [\"bookflow\"]\n"),
    ];
    let missing = wanted.iter().filter(|(stage, line)| !stage.contains(line));
    found.extend(missing.map(|(_, line)| format!("Dockerfile: {} is missing", line.trim_end())));
    let debian =
        |stage: &str| ["trixie", "bookworm"].into_iter().find(|name| stage.lines().any(|line| line.contains(name)));
    if debian(build) != debian(run) {
        found.push("Dockerfile: built on one Debian, run on another: the C libraries differ".into());
    }
    let given: BTreeSet<_> = files.dockerignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let needed = needed();
    found.extend(
        needed
            .iter()
            .filter(|path| !given.contains(path.as_str()))
            .map(|path| format!(".dockerignore: the build reads {path}")),
    );
    found.extend(
        given.iter().filter(|path| !needed.contains(**path)).map(|path| format!(".dockerignore: nobody reads {path}")),
    );
    found
}

/// What cargo must find: the manifest's targets, tests and benches included, and what the sources include.
fn needed() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("is there");
    let manifest: toml::Table = manifest.parse().expect("cargo has read it");
    let kinds = [("test", "tests"), ("bench", "benches")];
    let folders = kinds.into_iter().filter(|(kind, _)| manifest.contains_key(*kind)).map(|(_, folder)| folder);
    ["Cargo.toml", "Cargo.lock", "src"].into_iter().chain(folders).chain(INCLUDED).map(String::from).collect()
}

#[test]
fn the_image_is_built_from_what_is_there_and_runs_as_nobody() {
    let found = contradictions(&Files::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
