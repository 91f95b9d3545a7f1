//! `demo`: three workers on the embedded broker, trades under contracts in a market, a calculation job, one worker killed in mid-transaction,
//! another one started; and in the end the auditor's word for it that nothing was lost or done twice.

mod crash; // the accident
mod team; // the workers

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::crash::Crash;
use self::team::Team;
use super::embedded;
use super::exit::Exit;
use super::failure::{Failure, chain};
use super::generate::load::Load;
use super::generate::market;
use super::generate::request::RequestShape;
use super::generate::send::send;
use super::known_job;
use super::output::Ink;
use super::parts;
use super::session::Session;
use super::shown_job;
use super::submit::job::Submission;
use super::submit::request;
use super::verify::audit;
use super::verify::report::{Damage, Report};
use crate::domain::jobs::job::{JobId, Outcome};
use crate::engine::broker::Broker;
use crate::engine::settings::Settings;
use crate::memory::settings::Settings as BrokerSettings;
use crate::messages::request::read_request;
use crate::messages::schemas::Schemas;
use crate::pipeline::topology::topology;

const WORKERS: usize = 3;
const PARTITIONS: i32 = 6;
/// The demo's job: 1,300 positions of 5 lots, enough for the batch lane.
const CONTRACTS: u32 = 325;
/// A demo that has not come to its end by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// Shows exactly once at work: trades, a job and a crash, on a broker in this process
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Trade records to capture
    #[arg(long, default_value_t = 100_000)]
    trades: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How the demo went before the audit.
struct Story {
    crashes: u64,
    outcome: Outcome,
    booked: u64,
    booking: Duration,
}

pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let began = Instant::now();
    let schemas = Arc::new(Schemas::embedded());
    let crash = Arc::new(Crash::default());
    let broker: Arc<dyn Broker> = Arc::new(embedded::broker(broker_settings(), crash.clone(), PARTITIONS)?);
    let story = play(arguments, session, &schemas, &crash, &broker)?;
    session.output.note("  auditing the topics: every record, one thread, nothing of what the workers know");
    let report = audit(broker.as_ref(), &schemas, 10)?;
    tell(&story, &report, began.elapsed(), session)?;
    Ok(if report.proved() { Exit::Ok } else { Exit::Mismatch })
}

/// Everything that happens, up to the last worker's end.
fn play(
    arguments: &Arguments,
    session: &Session,
    schemas: &Arc<Schemas>,
    crash: &Crash,
    broker: &Arc<dyn Broker>,
) -> Result<Story, Failure> {
    Crash::hide_panics();
    let topology = Arc::new(topology(schemas.clone()));
    embedded::start_all(&topology, broker.as_ref())?;
    let load = Load { keys: 5_000, ..Load::new(arguments.seed, arguments.trades) };
    market::publish(&market::document(&load), broker.as_ref(), schemas)?;
    let mut team = Team::new(topology, broker.clone(), engine_settings());
    for _ in 0..WORKERS {
        team.start_worker();
    }
    session.output.note(format!("  {WORKERS} workers on the embedded broker, {PARTITIONS} partitions a topic"));
    let began = Instant::now();
    let (job, booked, booking) = thread::scope(|scope| {
        let fed = scope.spawn(|| {
            send(broker.as_ref(), schemas, "bookflow-demo-trades", load.trades()?, |_| {}).map_err(Failure::from)
        });
        let job = scope.spawn(|| submit(broker.as_ref(), schemas, session));
        let watched = watch(&mut team, arguments.trades, session, crash, broker.as_ref(), || {
            fed.is_finished() && job.is_finished()
        });
        fed.join().expect("sending does not panic")?;
        let job = job.join().expect("submitting does not panic")?;
        watched.map(|()| (job, team.booked(), began.elapsed()))
    })?;
    let crashes = team.stop()?;
    let outcome = known_job::known(broker.as_ref(), schemas, &job)?.outcome;
    let outcome = outcome.ok_or_else(|| Failure::new(Exit::Failed, format!("job {job} has no outcome")))?;
    Ok(Story { crashes, outcome, booked, booking })
}

/// Shows the work going on and replaces the worker that dies, until everything that was sent is done.
fn watch(
    team: &mut Team,
    trades: u64,
    session: &Session,
    crash: &Crash,
    broker: &dyn Broker,
    all_sent: impl Fn() -> bool,
) -> Result<(), Failure> {
    let bar = session.output.progress(trades, "  trades");
    let began = Instant::now();
    let mut replaced = false;
    loop {
        thread::sleep(Duration::from_millis(50));
        bar.set_position(team.booked().min(trades));
        if let Some(victim) = crash.victim().filter(|_| !replaced) {
            replaced = true;
            let name = team.start_worker();
            let at = team.booked();
            bar.suspend(|| {
                let killed = session.output.ink(Ink::Bad, format!("{victim} killed"));
                session.output.note(format!("  {killed} between output and commit, after {at} trades; {name} starts"));
            });
        }
        if all_sent() && embedded::caught_up(broker)? {
            bar.finish_and_clear();
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new(Exit::Failed, "the workers do not come to the end of the load"));
        }
    }
}

/// A calculation request through the same door as `submit job`.
fn submit(broker: &dyn Broker, schemas: &Arc<Schemas>, session: &Session) -> Result<JobId, Failure> {
    let mut file = written()?;
    let request = read_request(BufReader::new(&file)).map_err(|error| Failure::new(Exit::Failed, chain(&error)))?;
    file.rewind()?;
    let mut submission = Submission::open(broker, schemas.clone(), &request.job.id)?;
    let (job, config) = (request.job.clone(), session.config()?);
    let chunks = request::chunks(file, request, parts::split_limits(&config), session);
    let plan = submission.run(job.request, &config, chunks)?;
    session.output.note(format!("  job {}: {} in {} chunks", job.id, plan.counts, plan.chunks));
    Ok(job.id)
}

fn written() -> Result<File, Failure> {
    let mut file = tempfile::tempfile()?;
    let mut out = BufWriter::new(&mut file);
    RequestShape::new("demo", CONTRACTS, 4, 5).write(&mut out)?;
    out.flush()?;
    drop(out);
    file.rewind()?;
    Ok(file)
}

fn tell(story: &Story, report: &Report, took: Duration, session: &Session) -> Result<(), Failure> {
    let rate = (story.booked as f64 / story.booking.as_secs_f64()) as u64;
    let counts = report.counts;
    let (accepted, waiting) = (counts.accepted + counts.released, counts.held.saturating_sub(counts.released));
    let mut answer = json!({
        "trades": counts.records,
        "accepted": accepted,
        "duplicates": counts.duplicates,
        "stale": counts.stale,
        "waiting": waiting,
        "rebooks": counts.rebooks,
        "dead_letters": counts.dead_letters,
        "positions": counts.positions,
        "lots": counts.lots,
        "told": counts.told,
        "jobs": counts.jobs,
        "cash_flows": counts.flows,
        "crashes": story.crashes,
        "trades_per_second": rate,
        "seconds": took.as_secs_f64(),
        "outcome": shown_job::outcome_json(&story.outcome),
        "differences": report.json()["differences"],
        "unproved": report.unproved,
    });
    for damage in Damage::ALL {
        answer[damage.name()] = Value::from(report.damage(damage));
    }
    let verdict = match report.proved() {
        true => session.output.ink(Ink::Good, "nothing lost, doubled, misordered or torn"),
        false => session.output.ink(Ink::Bad, report),
    };
    let text = format!(
        "captured   {} trade records in {:.1} s ({rate}/s with a crash in between), {} of them sent by rebooks:\n           \
         {} accepted, {} duplicates, {} stale, {} waiting for an earlier version, {} dead letters\n\
         positions  {} with {} open lots; the cash flows of {} calculated again, to the byte\n\
         job        {}\ncrashes    {}\nverdict    {verdict}\ntook       {:.1} s",
        counts.records,
        story.booking.as_secs_f64(),
        counts.rebooks,
        accepted,
        counts.duplicates,
        counts.stale,
        waiting,
        counts.dead_letters,
        counts.positions,
        counts.lots,
        counts.told,
        shown_job::outcome_text(&story.outcome, &session.output),
        story.crashes,
        took.as_secs_f64(),
    );
    session.output.say(answer, text)
}

/// Limits that belong together: short, so that a take-over is soon seen, and long enough for a machine that is busy.
const SESSION: Duration = Duration::from_secs(4);

fn broker_settings() -> BrokerSettings {
    BrokerSettings {
        session: SESSION,
        transaction: SESSION / 2,
        transaction_check: SESSION / 8,
        ..BrokerSettings::default()
    }
}

fn engine_settings() -> Settings {
    Settings { session_timeout: SESSION, ..Settings::default() }
}
