//! What is deployed, read: every file of `deploy/`, the compose file and the Dockerfile.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub struct Files {
    /// File, and one object of it.
    pub objects: Vec<(PathBuf, Value)>,
    pub compose: Value,
    pub prometheus: Value,
    pub dockerfile: String,
    pub dockerignore: String,
}

impl Files {
    pub fn read() -> Files {
        let mut paths = Vec::new();
        for folder in ["deploy/k8s", "deploy/k8s/first-start"] {
            let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
            paths.extend(entries.map(|entry| entry.expect("can be read").path()).filter(|path| path.is_file()));
        }
        paths.sort();
        let objects = |path: PathBuf| documents(&path).into_iter().map(move |object| (path.clone(), object));
        Files {
            objects: paths.into_iter().flat_map(objects).collect(),
            compose: one(&root().join("docker-compose.yml")),
            prometheus: one(&root().join("deploy/prometheus.yml")),
            dockerfile: text(&root().join("Dockerfile")),
            dockerignore: text(&root().join(".dockerignore")),
        }
    }

    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.iter().map(|(_, object)| object).filter(move |object| object["kind"] == kind)
    }

    /// The object of this kind and name.
    pub fn named(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.of_kind(kind).find(|object| object["metadata"]["name"] == name)
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(path: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn one(path: &Path) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.remove(0)
}
