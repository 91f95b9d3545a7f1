//! `bench`: measures, prints its conditions, and judges nothing. In reading order:

pub mod capture; // trades in, everything out
mod ours; // our worker
mod copying; // a loop by hand, the limit
mod times; // how long many things took
pub mod usage; // wall and CPU time
mod counted; // allocations and instructions
mod latency; // produce to visible, beside the loop
mod hot_key; // one key, and what others notice of it
mod scale; // 1, 2 and 4 workers
mod recovery; // from kill -9 to the next answer
mod restore; // a lost local copy
mod stock; // loads and workers of these four
mod probe; // trades one by one, and when their answers are seen
pub mod jobs; // a job, from submit to its outcome
mod jobs_latency; // small jobs beside a large one
mod client; // asks for jobs over one connection
mod process; // our commands as processes
mod alone; // the steps of a job without Kafka
mod rounds; // topics of a round's own
mod conditions; // where it ran
mod bare; // clients without anything of ours

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// Measures on this machine, with all conditions
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    Capture(capture::Arguments),
    Latency(latency::Arguments),
    HotKey(hot_key::Arguments),
    Scale(scale::Arguments),
    Recovery(recovery::Arguments),
    Restore(restore::Arguments),
    /// A job of 65,000 contracts of 4 positions of 5 lots, from submit to its outcome
    #[command(name = "batch-65k")]
    Batch65k(jobs::Arguments),
    /// The same of 160,000 contracts
    #[command(name = "batch-160k")]
    Batch160k(jobs::Arguments),
    /// A real-time request of 6,500 lots
    #[command(name = "lots-6k5")]
    Lots6k5(jobs::Arguments),
    JobsLatency(jobs_latency::Arguments),
    #[command(hide = true)] // the limit of `hot-key` and `scale`, which start it
    CopyingLoops(copying::Arguments),
}

pub fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Capture(arguments) => capture::run(arguments, session),
        Command::Latency(arguments) => latency::run(arguments, session),
        Command::HotKey(arguments) => hot_key::run(arguments, session),
        Command::Scale(arguments) => scale::run(arguments, session),
        Command::Recovery(arguments) => recovery::run(arguments, session),
        Command::Restore(arguments) => restore::run(arguments, session),
        Command::Batch65k(arguments) => jobs::run(jobs::BATCH_65K, 4.0, arguments, session),
        Command::Batch160k(arguments) => jobs::run(jobs::BATCH_160K, 10.0, arguments, session),
        Command::Lots6k5(arguments) => jobs::run(jobs::LOTS_6K5, 0.05, arguments, session),
        Command::JobsLatency(arguments) => jobs_latency::run(arguments, session),
        Command::CopyingLoops(arguments) => copying::run(arguments, session),
    }
}
