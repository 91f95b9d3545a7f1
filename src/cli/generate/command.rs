//! `generate trades|market|job`: a load to the topic, to a file or to standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::load::{InvalidLoad, Load, Mix, Share};
use super::market;
use super::record::line;
use super::request::RequestShape;
use super::send::{Sent, send};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::messages::schemas::Schemas;

/// Makes up a load, the same one for the same seed
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Trades with amends, cancels, rebooks, late ones, duplicates, gaps, conflicts and poison
    Trades(Trades),
    /// The contracts, prices, rates and dividends behind the trades of the same options, as a document for `submit`
    Market(Market),
    /// A calculation request as JSON, of any size
    Job(Job),
}

#[derive(clap::Args, Debug)]
pub struct Trades {
    /// How many records, those without effect included
    #[arg(long, default_value_t = 1_000)]
    records: u64,
    /// Write lines for `submit trades` to this file, or to standard output with `-`, instead of sending records
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(clap::Args, Debug)]
pub struct Market {
    /// How many trade records it is for: they say up to which day
    #[arg(long, default_value_t = 1_000)]
    records: u64,
    /// Positions that the trades are spread over
    #[arg(long, default_value_t = 10_000)]
    keys: u32,
    /// File to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

/// What a load of trades looks like; `bench` and `demo` take the same options.
#[derive(clap::Args, Clone, Debug)]
pub struct Shape {
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Positions to spread the trades over
    #[arg(long, default_value_t = 10_000)]
    pub keys: u32,
    /// Exponent of the Zipf distribution over the keys; 0 spreads evenly
    #[arg(long, default_value_t = 1.0)]
    pub zipf: f64,
    /// New trades and nothing else
    #[arg(long)]
    pub plain: bool,
    /// Percentage of amends [default: 8]
    #[arg(long, value_name = "PERCENT")]
    pub amends: Option<Share>,
    /// Percentage of cancels [default: 2]
    #[arg(long, value_name = "PERCENT")]
    pub cancels: Option<Share>,
    /// Percentage of rebooks to another book [default: 0.5]
    #[arg(long, value_name = "PERCENT")]
    pub rebooks: Option<Share>,
    /// Percentage of trades of an earlier business day [default: 1]
    #[arg(long, value_name = "PERCENT")]
    pub late: Option<Share>,
    /// Percentage of records sent before [default: 1]
    #[arg(long, value_name = "PERCENT")]
    pub duplicates: Option<Share>,
    /// Percentage of records with other content under a known version [default: 0.2]
    #[arg(long, value_name = "PERCENT")]
    pub conflicts: Option<Share>,
    /// Percentage of versions that come before their turn [default: 0.5]
    #[arg(long, value_name = "PERCENT")]
    pub gaps: Option<Share>,
    /// Percentage of records that nobody can process [default: 0.2]
    #[arg(long, value_name = "PERCENT")]
    pub poison: Option<Share>,
}

#[derive(clap::Args, Debug)]
pub struct Job {
    /// Contracts; with the defaults below, 65000 are the replaced service's large job
    #[arg(long, default_value_t = 325)]
    contracts: u32,
    /// Positions of a contract
    #[arg(long, default_value_t = 4)]
    positions: u32,
    /// Lots of a position
    #[arg(long, default_value_t = 5)]
    lots: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Name of the job [default: made from shape and seed]
    #[arg(long)]
    id: Option<String>,
    /// File to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

impl Shape {
    pub fn load(&self, records: u64) -> Load {
        let usual = if self.plain { Mix::PLAIN } else { Mix::default() };
        let mix = Mix {
            amends: self.amends.unwrap_or(usual.amends),
            cancels: self.cancels.unwrap_or(usual.cancels),
            rebooks: self.rebooks.unwrap_or(usual.rebooks),
            late: self.late.unwrap_or(usual.late),
            duplicates: self.duplicates.unwrap_or(usual.duplicates),
            conflicts: self.conflicts.unwrap_or(usual.conflicts),
            gaps: self.gaps.unwrap_or(usual.gaps),
            poison: self.poison.unwrap_or(usual.poison),
        };
        Load { keys: self.keys, zipf: self.zipf, mix, ..Load::new(self.seed, records) }
    }
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Trades(Trades { records, out: None, shape }) => to_topic(&shape.load(*records), session),
        Command::Trades(Trades { records, out: Some(path), shape }) => to_file(&shape.load(*records), path, session),
        Command::Market(market) => document(market, session),
        Command::Job(job) => request(job, session),
    }
}

fn to_topic(load: &Load, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let (broker, schemas) = (parts::broker(&config)?, parts::schemas(&config)?);
    let bar = session.output.progress(load.records, "trades");
    let began = Instant::now();
    let id = format!("bookflow-generate-{}", std::process::id());
    let sent = send(broker.as_ref(), &schemas, &id, load.trades()?, |sent| bar.set_position(sent.records))?;
    bar.finish_and_clear();
    let Sent { records, bytes } = sent;
    let seconds = began.elapsed().as_secs_f64();
    session.output.say(
        json!({ "records": records, "bytes": bytes, "seed": load.seed, "seconds": seconds }),
        format!("{records} records to trades in {seconds:.1} s, {bytes} bytes, seed {}", load.seed),
    )?;
    Ok(Exit::Ok)
}

fn to_file(load: &Load, path: &Path, session: &Session) -> Result<Exit, Failure> {
    let schemas = Schemas::embedded();
    let bar = session.output.progress(load.records, "trades");
    let mut out = target(path)?;
    for generated in load.trades()? {
        writeln!(out, "{}", line(&generated, &schemas))?;
        bar.inc(1);
    }
    out.flush()?;
    bar.finish_and_clear();
    session.output.note(format!("{} lines, seed {}", load.records, load.seed));
    Ok(Exit::Ok)
}

fn document(market: &Market, session: &Session) -> Result<Exit, Failure> {
    let load = Load { keys: market.keys, ..Load::new(0, market.records) };
    if load.keys == 0 {
        return Err(InvalidLoad::NoKeys.into());
    }
    let mut out = target(&market.out)?;
    serde_json::to_writer(&mut out, &market::document(&load))
        .map_err(|error| Failure::from(io::Error::from(error)).during(market.out.display().to_string()))?;
    writeln!(out)?;
    out.flush()?;
    session.output.note("submit it in three parts: `submit reference-data`, `submit contracts`, `submit market-data`");
    Ok(Exit::Ok)
}

fn request(job: &Job, session: &Session) -> Result<Exit, Failure> {
    let Job { contracts, positions, lots, seed, .. } = *job;
    let id = job.id.clone().unwrap_or_else(|| format!("generated-{contracts}x{positions}x{lots}-{seed}"));
    let mut out = target(&job.out)?;
    RequestShape { seed, ..RequestShape::new(&id, contracts, positions, lots) }.write(&mut out)?;
    out.flush()?;
    session.output.note(format!("request {id}: {contracts} contracts of {positions} positions of {lots} lots"));
    Ok(Exit::Ok)
}

fn target(path: &Path) -> Result<Box<dyn Write>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let file = File::create(path).map_err(|error| Failure::from(error).during(path.display().to_string()))?;
    Ok(Box::new(BufWriter::new(file)))
}

impl From<InvalidLoad> for Failure {
    fn from(error: InvalidLoad) -> Failure {
        Failure::usage(error.to_string())
    }
}
