//! THE PAGE: which stages there are, what they read, keep and send. Run by `worker`, checked at start, compared with
//! `topics/` and `schemas/` by a test, driven by the simulation.

use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, EFFORT_A_TICK};
use super::calculate::Calculate;
use super::collect::Collect;
use super::dead_letters;
use super::knowledge::{self, KNOWLEDGE, Knowledge};
use super::stopped::{self, STOPPED, Stopped};
use super::topics::*;
use crate::cache::results::Results;
use crate::engine::stage::Stage;
use crate::engine::topology::{DeadLetters, StageSpec, Topology, ViewSpec};
use crate::messages::key;
use crate::messages::schemas::Schemas;

pub const BOOK: &str = "book";
pub const CALCULATE_REALTIME: &str = "calculate.realtime";
pub const CALCULATE_BATCH: &str = "calculate.batch";
pub const COLLECT: &str = "collect";

/// ```text
/// contracts, market-data, reference-data ═ views ═╗
/// trades, calculation-requests ─► book ═══════════╩═► blotter, captured-trades, captured-actions, positions, lots, cash-flows (and trades: rebooks),
///                                                     recalculations, recalculation-shares, historical-flows, what-if-flows, chunk-results.batch
/// calculation-chunks.realtime ──► calculate.realtime ─► job-cash-flows, chunk-results.realtime
/// calculation-chunks.batch ─────► calculate.batch ────► job-cash-flows, chunk-results.batch
/// job-control, both of these ───► collect ───────────► calculation-outcomes, job-progress, stopped-jobs
/// stopped-jobs ═ view ═ calculate.realtime, calculate.batch
/// any of them ──────────────────► dead-letters
/// ```
pub fn topology(schemas: Arc<Schemas>) -> Topology {
    topology_with(schemas, Settings::default())
}

/// What an operator may set of the stages.
#[derive(Clone)]
pub struct Settings {
    /// How long `job-progress` and each partition keep a job that has ended; its outcome has a retention of its own.
    pub jobs_kept: Duration,
    /// What chunks came to before, if that is kept at all.
    pub results: Option<Arc<Results>>,
    /// What `book` does in a tick of what many depend on. No operator sets it: with few positions a simulation must do less to be in the middle.
    pub effort_a_tick: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { jobs_kept: Duration::from_secs(7 * 86_400), results: None, effort_a_tick: EFFORT_A_TICK }
    }
}

pub fn topology_with(schemas: Arc<Schemas>, settings: Settings) -> Topology {
    let Settings { jobs_kept, results, effort_a_tick } = settings;
    let (book, collect) = (schemas.clone(), schemas.clone());
    Topology {
        stages: vec![
            StageSpec {
                companions: vec![CALCULATION_REQUESTS],
                views: vec![knowledge(&schemas)],
                state: vec![
                    CAPTURED_TRADES,
                    POSITIONS,
                    LOTS,
                    CAPTURED_ACTIONS,
                    CASH_FLOWS,
                    RECALCULATIONS,
                    RECALCULATION_SHARES,
                ],
                outputs: vec![BLOTTER, TRADES, HISTORICAL_FLOWS, WHAT_IF_FLOWS, CHUNK_RESULTS_BATCH],
                tick: Some(CHANGES_EVERY),
                ..stage(BOOK, TRADES, move || Box::new(Book::new(book.clone(), jobs_kept, effort_a_tick)))
            },
            calculate(CALCULATE_REALTIME, CALCULATION_CHUNKS_REALTIME, CHUNK_RESULTS_REALTIME, &schemas, &results),
            calculate(CALCULATE_BATCH, CALCULATION_CHUNKS_BATCH, CHUNK_RESULTS_BATCH, &schemas, &results),
            StageSpec {
                companions: vec![CHUNK_RESULTS_REALTIME, CHUNK_RESULTS_BATCH],
                state: vec![JOB_PROGRESS],
                outputs: vec![CALCULATION_OUTCOMES, STOPPED_JOBS],
                tick: Some(DEADLINES_EVERY),
                ..stage(COLLECT, JOB_CONTROL, move || Box::new(Collect::new(collect.clone(), jobs_kept)))
            },
        ],
        partitioner: key::partition,
        dead_letters: DeadLetters { topic: DEAD_LETTERS, write: dead_letters::writer(schemas) },
    }
}

/// What is known of contracts, the market and reference data.
fn knowledge(schemas: &Arc<Schemas>) -> ViewSpec {
    let schemas = schemas.clone();
    ViewSpec {
        name: KNOWLEDGE,
        topics: knowledge::TOPICS.to_vec(),
        create: Arc::new(move || Box::new(Knowledge::new(schemas.clone()))),
    }
}

/// Of jobs that nobody waits for any more.
fn stopped() -> ViewSpec {
    ViewSpec { name: STOPPED, topics: stopped::TOPICS.to_vec(), create: Arc::new(|| Box::new(Stopped::default())) }
}

/// How often what has changed in a view is worked off.
const CHANGES_EVERY: Duration = Duration::from_millis(50);

/// How late a deadline may be noticed.
const DEADLINES_EVERY: Duration = Duration::from_millis(500);

/// The two lanes are one stage twice, with a group of their own each, so that they scale on their own, and with answers of
/// their own: readers of a partition wait for the oldest open transaction in it, and those of the batch lane are long.
fn calculate(
    name: &'static str,
    chunks: &'static str,
    answers: &'static str,
    schemas: &Arc<Schemas>,
    results: &Option<Arc<Results>>,
) -> StageSpec {
    let (schemas, results) = (schemas.clone(), results.clone());
    StageSpec {
        views: vec![stopped()],
        outputs: vec![JOB_CASH_FLOWS, answers],
        gives_way: name == CALCULATE_BATCH,
        ..stage(name, chunks, move || Box::new(Calculate::new(schemas.clone(), answers, results.clone())))
    }
}

/// A stage with neither companions, views, state nor tick.
fn stage(
    name: &'static str,
    lead: &'static str,
    create: impl Fn() -> Box<dyn Stage> + Send + Sync + 'static,
) -> StageSpec {
    StageSpec {
        name,
        lead,
        companions: vec![],
        views: vec![],
        state: vec![],
        outputs: vec![],
        tick: None,
        gives_way: false,
        state_version: 1,
        create: Arc::new(move |_| create()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::topic_files::{self, Role, TopicSpec};

    #[test]
    fn the_page_and_the_topic_files_agree() {
        let files = topic_files::embedded();
        let file = |topic: &str| -> &TopicSpec {
            files.iter().find(|file| file.name == topic).unwrap_or_else(|| panic!("topics/{topic}.toml is missing"))
        };
        let topology = topology(Arc::new(Schemas::embedded()));
        let mut used = vec![topology.dead_letters.topic];
        for stage in &topology.stages {
            let lead = file(stage.lead);
            let tied = [&stage.companions[..], &stage.state].concat();
            for topic in &tied {
                assert_eq!(
                    file(topic).partitions,
                    lead.partitions,
                    "{topic} belongs to {} of {}",
                    lead.name,
                    stage.name
                );
            }
            assert!(stage.state.iter().all(|topic| file(topic).role == Role::State), "state of {}", stage.name);
            assert!(stage.companions.iter().all(|topic| file(topic).role == Role::Input), "inputs of {}", stage.name);
            assert_eq!(lead.role, Role::Input);
            let views: Vec<_> = stage.views.iter().flat_map(|view| &view.topics).copied().collect();
            assert!(views.iter().all(|topic| file(topic).role == Role::View), "views of {}", stage.name);
            used.extend(views);
            used.extend(tied.iter().chain(&stage.outputs).chain([&stage.lead]));
        }
        assert_eq!(file(topology.dead_letters.topic).role, Role::DeadLetters);
        let by_stages = files.iter().filter(|file| file.role != Role::Register);
        let unused: Vec<_> = by_stages.filter(|file| !used.contains(&file.name.as_str())).collect();
        assert!(unused.is_empty(), "no stage reads or writes {unused:?}");
    }
}
