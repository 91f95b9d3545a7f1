//! Where settings come from: defaults < file < environment < flags. Every key is known; every value knows its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::cli::failure::Failure;

const DEFAULTS: &str = include_str!("../../../default.toml");
/// Looked for in this order when `--config` names none; the first that exists is read.
const FILES: [&str; 2] = ["bookflow.toml", "/etc/bookflow/bookflow.toml"];
/// The table whose keys are librdkafka's, not ours.
pub const OPEN: &str = "kafka.properties";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag,
}

#[derive(Clone)]
pub struct Setting {
    pub value: Value,
    pub origin: Origin,
}

/// All settings by `section.key`.
pub struct Layers {
    settings: BTreeMap<String, Setting>,
}

impl Layers {
    /// Reads all sources. `environment` is the process's, or a test's.
    pub fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[String],
    ) -> Result<Layers, Failure> {
        let mut layers = Layers::defaults();
        let found = FILES.iter().map(Path::new).find(|path| path.exists());
        if let Some(path) = file.or(found) {
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read settings from {}: {error}", path.display())))?;
            layers.file(path, &text)?;
        }
        layers.environment(environment)?;
        for flag in flags {
            let (key, text) = flag
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--set {flag}: must be section.key=value")))?;
            if secret(key) {
                return Err(Failure::usage(format!("--set {key}: a secret on a command line is seen by everybody"))
                    .next(format!("set {}_FILE to a file that holds it", variable(key))));
            }
            layers.text(key, text, Origin::Flag)?;
        }
        Ok(layers)
    }

    pub fn defaults() -> Layers {
        let table: Table = DEFAULTS.parse().expect("a test reads the defaults that are compiled in");
        let settings = flatten(table).into_iter();
        let settings = settings.map(|(key, value)| (key, Setting { value, origin: Origin::Default })).collect();
        Layers { settings }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(key, setting)| (key.as_str(), setting))
    }

    /// A setting of `default.toml`.
    pub fn get(&self, key: &str) -> &Setting {
        self.settings.get(key).unwrap_or_else(|| panic!("{key} stands in default.toml"))
    }

    fn file(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        let origin = Origin::File(path.into());
        let table: Table = text.parse().map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        for (key, value) in flatten(table) {
            if let Some(secret) = key.strip_suffix("_file").filter(|key| secret(key)) {
                let text = value.as_str().unwrap_or_default().to_string();
                self.text(secret, &read_secret(&key, Path::new(&text))?, origin.clone())?;
            } else {
                self.value(&key, value, origin.clone())?;
            }
        }
        Ok(())
    }

    fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), Failure> {
        for (name, text) in variables {
            let Some((section, key)) = name.strip_prefix("BOOKFLOW_").and_then(|rest| rest.split_once("__")) else {
                continue;
            };
            let key = format!("{}.{}", section.to_lowercase(), key.to_lowercase());
            let origin = Origin::Environment(name.clone());
            match key.strip_suffix("_file").filter(|key| secret(key)) {
                Some(secret) => self.text(secret, &read_secret(&name, Path::new(&text))?, origin)?,
                None => self.text(&key, &text, origin)?,
            }
        }
        Ok(())
    }

    /// A value that comes as text takes the type of its default.
    fn text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), Failure> {
        let value = match self.settings.get(key).map(|setting| &setting.value) {
            Some(Value::Integer(_)) => text.parse().map(Value::Integer).ok(),
            Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).ok(),
            _ => Some(Value::String(text.into())),
        };
        let value = value.ok_or_else(|| {
            let kind = self.get(key).value.type_str();
            Failure::usage(format!("{key} = {text} ({origin}): must be of type {kind}"))
        })?;
        self.value(key, value, origin)
    }

    fn value(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), Failure> {
        let open = key.strip_prefix(OPEN).is_some_and(|rest| rest.starts_with('.'));
        match self.settings.get(key) {
            None if !open => return Err(self.unknown(key, &origin)),
            Some(known) if known.value.type_str() != value.type_str() => {
                let (kind, found) = (known.value.type_str(), value.type_str());
                return Err(Failure::usage(format!("{key} ({origin}): must be of type {kind}, not {found}")));
            }
            _ => {}
        }
        self.settings.insert(key.into(), Setting { value, origin });
        Ok(())
    }

    fn unknown(&self, key: &str, origin: &Origin) -> Failure {
        if self.settings.keys().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))) {
            let message = format!("{key} ({origin}) is a section and has no value of its own");
            return Failure::usage(message).next(format!("its settings stand below [{key}]"));
        }
        let nearest = self.settings.keys().min_by_key(|known| distance(known, key)).expect("there are settings");
        let message = format!("unknown setting {key} ({origin})");
        match distance(nearest, key) * 3 <= key.len() {
            true => Failure::usage(format!("{message}: did you mean {nearest}?")),
            false => Failure::usage(message).next("`bookflow config show` lists all settings"),
        }
    }
}

/// Whether a setting must never be shown nor stand on a command line.
pub fn secret(key: &str) -> bool {
    key.ends_with(".password") || key.ends_with(".secret")
}

/// The environment variable of a setting.
pub fn variable(key: &str) -> String {
    format!("BOOKFLOW_{}", key.replacen('.', "__", 1).to_uppercase())
}

fn read_secret(name: &str, path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{name}: cannot read {}: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}

/// `section.key` for each value; librdkafka's names keep their dots.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                flat.extend(flatten(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => flat.push((name, value)),
        }
    }
    flat
}

/// How many letters must change to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)], flags: &[&str]) -> Result<Layers, Failure> {
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let flags: Vec<_> = flags.iter().map(|flag| flag.to_string()).collect();
        Layers::read(Some(Path::new("/dev/null")), environment, &flags)
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_a_file_and_that_over_the_default() {
        let mut layers = Layers::defaults();
        assert_eq!(layers.get("worker.threads").origin, Origin::Default);
        layers.file(Path::new("x.toml"), "[worker]\nthreads = 2\nturn_time = \"1s\"").expect("is valid");
        layers.environment([("BOOKFLOW_WORKER__THREADS".to_string(), "3".to_string())].into_iter()).expect("is valid");
        assert_eq!(layers.get("worker.threads").value, Value::Integer(3));
        assert_eq!(layers.get("worker.turn_time").origin, Origin::File("x.toml".into()));
        let layers = read(&[("BOOKFLOW_WORKER__THREADS", "3")], &["worker.threads=4"]).expect("is valid");
        assert_eq!(layers.get("worker.threads").value, Value::Integer(4));
        assert_eq!(layers.get("worker.threads").origin, Origin::Flag);
    }

    #[test]
    fn a_mistyped_key_is_an_error_that_names_the_right_one() {
        let failure = read(&[("BOOKFLOW_WORKER__THREDS", "3")], &[]).err().expect("unknown");
        assert!(failure.message.contains("BOOKFLOW_WORKER__THREDS"), "{failure:?}");
        assert!(failure.message.contains("did you mean worker.threads?"), "{failure:?}");
        let failure = read(&[], &["x.y=3"]).err().expect("unknown");
        assert!(!failure.message.contains("did you mean"), "{failure:?}");
        let failure = Layers::defaults().file(Path::new("x.toml"), "kafka = 1").expect_err("a section");
        assert!(failure.message.contains("kafka (file x.toml) is a section"), "{failure:?}");
        let failure = Layers::defaults().file(Path::new("x.toml"), "[kafka]\nbootstraps = \"a\"").expect_err("unknown");
        assert!(failure.message.contains("kafka.bootstrap?"), "{failure:?}");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(read(&[], &["worker.threads=two"]).is_err());
        assert!(Layers::defaults().file(Path::new("x.toml"), "[worker]\nthreads = \"2\"").is_err());
    }

    #[test]
    fn properties_of_the_client_library_are_taken_by_their_own_names() {
        let mut layers = Layers::defaults();
        let text = "[kafka.properties]\n\"linger.ms\" = \"7\"\nsocket.keepalive.enable = \"true\"";
        layers.file(Path::new("x.toml"), text).expect("is valid");
        assert_eq!(layers.get("kafka.properties.linger.ms").value, Value::String("7".into()));
        assert_eq!(layers.get("kafka.properties.socket.keepalive.enable").value, Value::String("true".into()));
    }

    #[test]
    fn a_secret_comes_from_a_file_and_never_from_a_flag() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        fs::write(file.path(), "hush\n").expect("a file can be written");
        let path = file.path().to_str().expect("a path of ASCII");
        let layers = read(&[("BOOKFLOW_KAFKA__PASSWORD_FILE", path)], &[]).expect("is valid");
        assert_eq!(layers.get("kafka.password").value, Value::String("hush".into()));
        let failure = read(&[], &["kafka.password=hush"]).err().expect("refused");
        assert!(failure.next.is_some_and(|next| next.contains("BOOKFLOW_KAFKA__PASSWORD_FILE")));
    }
}
