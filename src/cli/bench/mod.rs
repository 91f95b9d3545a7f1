//! `bench`: measures, prints its conditions, and judges nothing. In reading order:

pub mod capture; // trades in, everything out
mod ours; // our worker
mod copying; // a loop by hand, the limit
mod usage; // wall and CPU time
pub mod jobs; // a job, from submit to its outcome
mod latency; // small jobs beside a large one
mod client; // asks for jobs over one connection
mod process; // our commands as processes
mod alone; // the steps of a job without Kafka
mod namespace; // topics of a round's own

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Measures on this machine, with all conditions
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    Capture(capture::Arguments),
    /// A job of 65,000 contracts of 4 positions of 5 lots, from submit to its outcome
    #[command(name = "batch-65k")]
    Batch65k(jobs::Arguments),
    /// The same of 160,000 contracts
    #[command(name = "batch-160k")]
    Batch160k(jobs::Arguments),
    /// A real-time request of 6,500 lots
    #[command(name = "lots-6k5")]
    Lots6k5(jobs::Arguments),
    JobsLatency(latency::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Capture(arguments) => capture::run(arguments, session),
        Command::Batch65k(arguments) => jobs::run(jobs::BATCH_65K, arguments, session),
        Command::Batch160k(arguments) => jobs::run(jobs::BATCH_160K, arguments, session),
        Command::Lots6k5(arguments) => jobs::run(jobs::LOTS_6K5, arguments, session),
        Command::JobsLatency(arguments) => latency::run(arguments, session),
    }
}
