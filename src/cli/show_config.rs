//! `config show`: every setting, its value and where it came from.

use serde_json::{Map, json};
use toml::Value;

use super::config::Config;
use super::config::layers::{self, Setting};
use super::exit::Exit;
use super::failure::Failure;
use super::output::Ink;
use super::session::Session;

/// Looks at the settings
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Every setting, its value and where it came from
    Show,
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    let Command::Show = command;
    let layers = session.layers()?;
    Config::read(&layers)?;
    let mut settings = Map::new();
    let mut lines = Vec::new();
    for (key, Setting { value, origin }) in layers.iter() {
        let shown = match value {
            Value::String(text) if layers::secret(key) && !text.is_empty() => "***".into(),
            Value::String(text) => json!(text),
            Value::Integer(number) => json!(number),
            Value::Boolean(switch) => json!(switch),
            other => json!(other.to_string()),
        };
        lines.push(format!("{key} = {shown}  {}", session.output.ink(Ink::Faint, origin)));
        settings.insert(key.into(), json!({ "value": shown, "origin": origin.to_string() }));
    }
    session.output.say(json!({ "settings": settings }), lines.join("\n"))?;
    Ok(Exit::Ok)
}
