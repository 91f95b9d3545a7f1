//! One command per file; the only place where parts are put together.
//! In reading order:

pub mod session; // what every command is given
pub mod output; // answers, narration, progress
pub mod exit; // exit codes
pub mod failure; // what failed, why, what next
pub mod config; // settings and where they come from
pub mod parts; // collaborators, as the settings say
pub mod log; // structured logs
pub mod show_config; // `config show`
pub mod worker; // `worker`
pub mod market_data; // what a request leaves to be fetched
pub mod submit; // `submit`
pub mod watch; // `watch`
pub mod jobs; // `jobs`
pub mod flows; // `flows`
pub mod calculate; // `calculate`
pub mod explain; // `explain`
pub mod dlq; // `dlq`
pub mod cache; // `cache`
pub mod known_job; // what is known of a job, and waiting for it
mod shown_job; // a job as people and programs read it
pub mod snapshots; // named moments of contracts and the market
pub mod recalculations; // jobs by reference as they were asked for
mod job_flows; // the published flows of jobs, each once
pub mod tail; // a topic read as a person would
pub mod topics; // `topics`
pub mod schemas; // `schemas`
pub mod embedded; // a broker in this process, and workers on it
pub mod generate; // `generate`
pub mod verify; // `verify`
pub mod demo; // `demo`
pub mod bench; // `bench`

use std::process::ExitCode;

use clap::Parser;

use self::exit::Exit;
use self::failure::Failure;
use self::log::Usual;
use self::session::{Options, Session};

/// Trades, lots and cash flows of synthetic prime brokerage, exactly once, on Kafka
#[derive(Parser, Debug)]
#[command(name = "bookflow", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Settings: default.toml < bookflow.toml or --config FILE < BOOKFLOW_SECTION__KEY < --set; `bookflow config show` lists them.
Exit codes: 0 ok, 1 failed, 2 usage, 3 precondition, 4 threshold, 5 denied, 6 unreachable, 7 job failed or rows rejected,
8 fenced or twin, 9 data mismatch, 10 plan has changes, 75 try again later.";

#[derive(clap::Subcommand, Debug)]
enum Command {
    Worker(worker::Arguments),
    #[command(subcommand)]
    Submit(submit::Command),
    Watch(watch::Arguments),
    #[command(subcommand)]
    Jobs(jobs::Command),
    Flows(flows::Arguments),
    Calculate(calculate::Arguments),
    Explain(explain::Arguments),
    #[command(subcommand)]
    Dlq(dlq::Command),
    #[command(subcommand)]
    Cache(cache::Command),
    #[command(subcommand)]
    Topics(topics::Command),
    #[command(subcommand)]
    Schemas(schemas::Command),
    #[command(subcommand)]
    Generate(generate::command::Command),
    Verify(verify::command::Arguments),
    Demo(demo::Arguments),
    #[command(subcommand)]
    Bench(bench::Command),
    #[command(subcommand)]
    Config(show_config::Command),
}

/// Runs the command line and answers with the exit code.
pub fn run() -> ExitCode {
    // clap ends the process itself: 0 for help, 2 for wrong usage.
    let Arguments { options, command } = Arguments::parse();
    let session = Session::new(options);
    if !matches!(command, Command::Worker(_)) {
        session.start_logs(Usual::Errors);
    }
    let ended = dispatch(&command, &session).map_err(|failure| session.explain(failure));
    if let Err(failure) = &ended {
        session.output.fail(failure);
    }
    ended.unwrap_or_else(|failure| failure.exit).into()
}

fn dispatch(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Worker(arguments) => worker::run(arguments, session),
        Command::Submit(command) => submit::run(command, session),
        Command::Watch(arguments) => watch::run(arguments, session),
        Command::Jobs(command) => jobs::run(command, session),
        Command::Flows(arguments) => flows::run(arguments, session),
        Command::Calculate(arguments) => calculate::run(arguments, session),
        Command::Explain(arguments) => explain::run(arguments, session),
        Command::Dlq(command) => dlq::run(command, session),
        Command::Cache(command) => cache::run(command, session),
        Command::Topics(command) => topics::run(command, session),
        Command::Schemas(command) => schemas::run(command, session),
        Command::Generate(command) => generate::command::run(command, session),
        Command::Verify(arguments) => verify::command::run(arguments, session),
        Command::Demo(arguments) => demo::run(arguments, session),
        Command::Bench(command) => bench::run(command, session),
        Command::Config(command) => show_config::run(command, session),
    }
}
