//! What every command is given: the options before it, its way to speak, and the settings when it asks for them.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::config::Config;
use super::config::layers::Layers;
use super::exit::Exit;
use super::failure::Failure;
use super::log::{LogFormat, Usual};
use super::output::Output;

/// Options that every command takes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// Answer with one JSON object, or with one per line where the answer is a stream
    #[arg(long, global = true)]
    pub json: bool,
    /// File with settings [default: ./bookflow.toml, /etc/bookflow/bookflow.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, as in `--set worker.threads=2`; wins over file and environment
    #[arg(short = 'X', long = "set", global = true, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// More log lines; twice for those of the libraries too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Nothing on standard error but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Form of the log lines
    #[arg(long, global = true, value_name = "FORM", default_value = "human")]
    pub log: LogFormat,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

pub struct Session {
    pub output: Output,
    options: Options,
}

impl Session {
    pub fn new(options: Options) -> Session {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let color = match options.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => set("CLICOLOR_FORCE") || (io::stdout().is_terminal() && !set("NO_COLOR")),
        };
        Session { output: Output { json: options.json, quiet: options.quiet, color }, options }
    }

    pub fn layers(&self) -> Result<Layers, Failure> {
        Layers::read(self.options.config.as_deref(), environment()?.into_iter(), &self.options.set)
    }

    pub fn config(&self) -> Result<Config, Failure> {
        Config::read(&self.layers()?)
    }

    /// The options that give another process of ours the same settings.
    pub fn settings(&self) -> Vec<OsString> {
        let file = self.options.config.iter().flat_map(|file| ["--config".into(), file.clone().into_os_string()]);
        file.chain(self.options.set.iter().flat_map(|set| ["--set".into(), set.into()])).collect()
    }

    pub fn start_logs(&self, usual: Usual) {
        super::log::start(usual, self.options.log, self.options.verbose, self.options.quiet);
    }

    /// A failure that does not say itself what is next, with what only the settings know: where it was tried.
    pub fn explain(&self, failure: Failure) -> Failure {
        match (failure.exit, &failure.next, self.config()) {
            (Exit::Unreachable, None, Ok(config)) => {
                let registry = config.registry.map_or(String::new(), |url| format!(", registry.url is {url}"));
                let tried = format!("kafka.bootstrap is {}{registry}", config.kafka.bootstrap);
                failure.next(format!(
                    "{tried}: is it running, and is this the way to it? `dev/up` starts a broker and a registry"
                ))
            }
            _ => failure,
        }
    }
}

/// The variables that are ours; others need not be text.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    let ours = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok().filter(|name| name.starts_with("BOOKFLOW_"))?, value))
    };
    let text = |(name, value): (String, OsString)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(Failure::usage(format!("{name} is not UTF-8"))),
    };
    std::env::vars_os().filter_map(ours).map(text).collect()
}
