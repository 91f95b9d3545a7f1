//! One task beyond the size up to which files are merged: how its trade ids grow in memory and on disk, what a new id costs that is looked for in
//! all files, and how long a turn waits for a merge. Its table alone is filled, as from a changelog: no broker has room for so many records.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bookflow::cli::bench::usage::thread_cpu_time;
use bookflow::cli::generate::load::{Load, Mix};
use bookflow::cli::generate::trades::Generated;
use bookflow::domain::trade::captured::{CapturedTrade, Place, TradeStatus};
use bookflow::domain::trade::{ContentHash, Trade, TradeEvent};
use bookflow::engine::copy::{CopyIdentity, Files, SegmentStamp};
use bookflow::engine::segments::{ENTRY, Segment, Segments};
use bookflow::engine::settings::Settings;
use bookflow::engine::stage::Stage;
use bookflow::engine::table::Undoable;
use bookflow::messages::key::trade_key;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::CAPTURED_TRADES;
use bookflow::pipeline::topology::{BOOK, topology};
use bookflow::store::DiskStore;

use super::counting::HELD;

/// Trades of a turn at full speed, after which the table may spill.
const TURN: usize = 10_000;
/// New ids that are looked for.
const PROBES: usize = 200_000;
/// Times that all of them are; the best counts, as others may be at work.
const ROUNDS: usize = 5;
/// Times that the sizes are told, each after as many ids more.
const STEPS: u64 = 4;

/// Right after a spill, so that as many entries as each time are in memory.
struct Told {
    ids: u64,
    memory: usize,
    disk: u64,
}

pub fn measure(ids: u64) {
    let recent = Settings::default().recent_entries;
    println!("one task of {ids} ids, {recent} of them in memory");
    let folder = tempfile::tempdir().expect("a folder");
    let mut task = Task::new(folder.path());
    let load = Load { mix: Mix::PLAIN, ..Load::new(1, u64::MAX) };
    let mut trades = load.trades().expect("a load");
    let (mut filled, mut told) = (0, Vec::<Told>::new());
    let (mut spills, mut pause, mut work) = (0, Duration::ZERO, Duration::ZERO);
    while (told.len() as u64) < STEPS {
        let turn: Vec<_> = trades.by_ref().take(TURN).map(|generated| task.entry(generated)).collect();
        filled += turn.len() as u64;
        let Some((took, worked)) = task.turn(&turn, recent) else { continue };
        (spills, pause, work) = (spills + 1, pause.max(took), work.max(worked));
        if filled < ids * (told.len() as u64 + 1) / STEPS {
            continue;
        }
        let segments = task.segments();
        let now = Told {
            ids: filled,
            memory: HELD.load(Relaxed) - task.held_before,
            disk: segments.iter().map(|segment| segment.bytes).sum(),
        };
        println!(
            "{filled:>9} ids: {:.1} MB of memory, {:.1} MB in {} files, the largest of {} ids{}; {spills} spills, {:.1} s at the most and {:.1} of CPU; {}",
            now.memory as f64 / 1e6,
            now.disk as f64 / 1e6,
            segments.len(),
            segments.iter().map(|segment| segment.keys).max().unwrap_or(0),
            told.last().map_or(String::new(), |before| slope(before, &now)),
            pause.as_secs_f64(),
            work.as_secs_f64(),
            task.probe(&segments),
        );
        told.push(now);
    }
}

fn slope(before: &Told, now: &Told) -> String {
    let each = |bytes: f64| bytes / (now.ids - before.ids) as f64;
    let memory = each(now.memory as f64 - before.memory as f64);
    let disk = each(now.disk as f64 - before.disk as f64);
    format!(
        "; for each more {memory:.1} and {disk:.0}, for 100 million {:.1} GB and {:.1} GB",
        memory / 10.0,
        disk / 10.0
    )
}

struct Task {
    schemas: Arc<Schemas>,
    stage: Box<dyn Stage>,
    store: DiskStore,
    identity: CopyIdentity,
    held_before: usize,
}

impl Task {
    fn new(folder: &Path) -> Task {
        let schemas = Arc::new(Schemas::embedded());
        let topology = topology(schemas.clone());
        let stage = topology.stage(BOOK).expect("it is there");
        let identity = CopyIdentity {
            cluster_id: String::new(),
            stage: BOOK,
            partition: 0,
            state_version: stage.state_version,
            topics: Vec::new(),
        };
        let store = DiskStore::open(folder).expect("it can be written");
        Task { schemas, stage: (stage.create)(0), store, identity, held_before: HELD.load(Relaxed) }
    }

    /// What is captured of a new trade, as its changelog has it.
    fn entry(&self, generated: Generated) -> (Vec<u8>, Vec<u8>) {
        let Generated::Trade(Trade { key, id, version, event: TradeEvent::New(terms) }) = generated else {
            panic!("the load has new trades only");
        };
        let (mut name, mut value) = (Vec::new(), Vec::new());
        trade_key(&key, &id, &mut name);
        let place = Place { topic: 0, partition: 0, offset: 0 };
        let captured = CapturedTrade {
            opened: terms.quantity,
            status: TradeStatus::Live(terms),
            content: ContentHash::default(),
            revision: 1,
            held: Vec::new(),
            reliefs: Vec::new(),
            before: None,
            refused: None,
            key,
            id,
            version,
            place,
        };
        self.schemas.encode(&captured, place, &mut value).expect("it fits");
        (name, value)
    }

    /// Takes the entries, and answers how long the spill took if there was one, and what of it was CPU time.
    fn turn(&mut self, entries: &[(Vec<u8>, Vec<u8>)], recent: usize) -> Option<(Duration, Duration)> {
        let files = Files { store: &self.store, identity: &self.identity };
        let mut began = None;
        trades(self.stage.as_mut(), |table| {
            for (key, value) in entries {
                table.restore(key, Some(value)).expect("it can be read");
            }
            table.keep_turn();
            if table.overfull(recent) {
                began = Some((Instant::now(), thread_cpu_time()));
                table.spill(recent, &files).expect("it can be written");
            }
        });
        let (began, work) = began?;
        self.stage.on_spilled();
        trades(self.stage.as_mut(), |table| table.part());
        Some((began.elapsed(), thread_cpu_time() - work))
    }

    fn segments(&mut self) -> Vec<SegmentStamp> {
        let mut segments = Vec::new();
        trades(self.stage.as_mut(), |table| segments = table.segments());
        segments
    }

    /// Looks for ids that are nowhere.
    fn probe(&self, stamps: &[SegmentStamp]) -> String {
        let files = Files { store: &self.store, identity: &self.identity };
        let mut segments = Segments::default();
        for &stamp in stamps {
            segments.push(Segment::open(&files, stamp).expect("it is whole"));
        }
        let name = |number: usize| [&[ENTRY], format!("ACCOUNT|BOOK|SECURITY|PROBE|{number}").as_bytes()].concat();
        let names: Vec<_> = (0..PROBES).map(name).collect();
        let allowed = names.iter().filter(|name| segments.may_have(name)).count();
        format!(
            "a new id {:.0} ns at the filters, {:.0} with the {:.1} % that are read for",
            best(&names, |name| {
                black_box(segments.may_have(name));
            }),
            best(&names, |name| assert!(segments.get(name).is_ok_and(|found| found.is_none()))),
            allowed as f64 * 100.0 / PROBES as f64,
        )
    }
}

/// Nanoseconds that a name takes.
fn best(names: &[Vec<u8>], look: impl Fn(&[u8])) -> f64 {
    let round = |_| {
        let began = Instant::now();
        names.iter().for_each(|name| look(name));
        began.elapsed()
    };
    let best = (0..ROUNDS).map(round).min().expect("there are rounds");
    best.as_nanos() as f64 / names.len() as f64
}

fn trades(stage: &mut dyn Stage, mut visit: impl FnMut(&mut dyn Undoable)) {
    stage.tables(&mut |table| {
        if table.topic() == Some(CAPTURED_TRADES) {
            visit(table);
        }
    });
}
