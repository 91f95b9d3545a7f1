//! A small topology for tests of the engine: numbers in, one answer each, and a sum per key as state.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bookflow::engine::batch::Record;
use bookflow::engine::clock::Clock;
use bookflow::engine::stage::{Cause, Context, ProcessError, Stage, all_or_nothing};
use bookflow::engine::table::{Codec, Table, Undoable};
use bookflow::engine::topology::{DeadLetter, DeadLetters, StageSpec, Topology, ViewSpec};
use bookflow::engine::view::ViewTable;

/// The topics of one test; names must be unique on a shared broker.
#[derive(Clone, Copy)]
pub struct Topics {
    pub numbers: &'static str,
    pub sums: &'static str,
    pub answers: &'static str,
    pub dead: &'static str,
}

/// What a test may do to a running stage.
#[derive(Clone, Default)]
pub struct Switches {
    /// The value `needs` is unavailable while this is set.
    pub outage: Arc<AtomicBool>,
    /// Turned by the values `long` and, once the test has set it, `slow`.
    pub clock: Arc<OnceLock<Arc<dyn Clock>>>,
}

const A_WHILE: Duration = Duration::from_millis(100);
/// Longer than the group waits for a poll.
const LONG: Duration = Duration::from_secs(180);

/// What the stage may have besides.
#[derive(Clone, Copy, Default)]
pub struct Extras {
    /// More numbers.
    pub companion: Option<&'static str>,
    /// A view of numbers by key.
    pub rates: Option<&'static str>,
    /// Each second every task answers with so many bytes; more than there can be make it panic. None in an outage.
    pub tick_bytes: Option<usize>,
    /// Each turn of a task ends with an answer, and rejects a sum of 13,000 only there; a part of its end panics at a sum of 11,000.
    pub turn_ends: bool,
}

/// Values are decimal integers; `bad` is rejected, `panic` panics, `needs` waits for the end of an outage, `slow` takes its
/// time, `long` more than there is, `rate` is the key's number in the view, `kill` kills the process, and a sum above a million cannot be written.
pub fn topology(name: &'static str, topics: Topics, switches: Switches) -> Topology {
    topology_with(name, topics, switches, Extras::default())
}

pub fn topology_with(name: &'static str, topics: Topics, switches: Switches, extras: Extras) -> Topology {
    let create = move |_| -> Box<dyn Stage> {
        Box::new(Sums { topics, extras, switches: switches.clone(), sums: Table::new(topics.sums, Texts).ageing() })
    };
    let view = |topic| ViewSpec { name: topic, topics: vec![topic], create: Arc::new(|| Box::new(Rates::default())) };
    Topology {
        stages: vec![StageSpec {
            name,
            lead: topics.numbers,
            companions: extras.companion.into_iter().collect(),
            views: extras.rates.into_iter().map(view).collect(),
            state: vec![topics.sums],
            outputs: vec![topics.answers],
            tick: extras.tick_bytes.map(|_| Duration::from_secs(1)),
            gives_way: false,
            state_version: 1,
            create: Arc::new(create),
        }],
        partitioner: |key, partitions| key.iter().map(|&byte| i32::from(byte)).sum::<i32>() % partitions,
        dead_letters: DeadLetters { topic: topics.dead, write: Arc::new(write_dead_letter) },
    }
}

fn write_dead_letter(letter: &DeadLetter<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(letter.reason.as_bytes());
    out.push(b':');
    out.extend_from_slice(letter.record.value.unwrap_or_default());
    Ok(())
}

struct Sums {
    topics: Topics,
    extras: Extras,
    switches: Switches,
    sums: Table<String, i64>,
}

impl Stage for Sums {
    fn tables(&mut self, visit: &mut dyn FnMut(&mut dyn Undoable)) {
        visit(&mut self.sums);
    }

    fn on_record(&mut self, record: &Record<'_>, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let (key, value) = (text(record.key), text(record.value));
        // Written before anything can go wrong, so that a test sees whether it is undone.
        let before = self.sums.get(&key).copied().unwrap_or(0);
        self.sums.put(key.clone(), i64::MIN, record.cause());
        context.send(self.topics.answers, key.as_bytes(), |out| -> Result<(), String> {
            out.extend_from_slice(format!("{}={value}", record.offset).as_bytes());
            Ok(())
        })?;
        let number = match value.as_str() {
            "bad" => return Err(ProcessError::rejected("bad_number", "this is a bad number")),
            "panic" => panic!("asked to panic"),
            "needs" if self.switches.outage.load(Ordering::Relaxed) => {
                return Err(ProcessError::unavailable("what `needs` needs"));
            }
            "needs" => 0,
            "kill" => KILLS,
            "rate" => {
                let rates = context.view::<Rates>(self.extras.rates.unwrap_or_default())?;
                rates.0.get(&key).copied().ok_or_else(|| ProcessError::rejected("no_rate", &key))?
            }
            "slow" => {
                match self.switches.clock.get() {
                    Some(clock) => clock.sleep(A_WHILE),
                    None => std::thread::sleep(A_WHILE),
                }
                0
            }
            "long" => {
                self.switches.clock.get().expect("the test has set it").sleep(LONG);
                0
            }
            number => number.parse::<i64>().map_err(|error| ProcessError::rejected("no_number", error))?,
        };
        self.sums.put(key, before.saturating_add(number), record.cause());
        Ok(())
    }

    fn on_turn_end(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        if !self.extras.turn_ends {
            return Ok(());
        }
        if self.sums.iter().any(|(_, _, sum)| *sum == 13_000) {
            return Err(ProcessError::rejected("unlucky", "no turn may end with 13,000"));
        }
        let end = |out: &mut Vec<u8>| -> Result<(), String> {
            out.extend_from_slice(b"end");
            Ok(())
        };
        let broken = self.sums.iter().find(|(_, _, sum)| **sum == 11_000).map(|(_, key, _)| key.clone());
        if let Some(key) = broken {
            let part = all_or_nothing(self, context, |sums, context| {
                sums.sums.put(key, i64::MIN, Cause::NONE);
                context.send(sums.topics.answers, b"part", end)?;
                panic!("asked to panic")
            });
            assert_eq!(part, Err(ProcessError::rejected("panic", "asked to panic")));
        }
        context.send(self.topics.answers, b"end", end)
    }

    fn on_tick(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        if self.switches.outage.load(Ordering::Relaxed) {
            return Err(ProcessError::unavailable("what a tick needs"));
        }
        context.send(self.topics.answers, b"tick", |out| -> Result<(), String> {
            out.resize(out.len() + self.extras.tick_bytes.unwrap_or_default(), b't');
            Ok(())
        })
    }
}

/// Publishing such a sum kills the process.
const KILLS: i64 = i64::MAX / 2;

#[derive(Default)]
pub struct Rates(pub BTreeMap<String, i64>);

impl ViewTable for Rates {
    fn apply(&mut self, record: &Record<'_>) -> Result<(), String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let key = text(record.key.unwrap_or_default());
        match record.value.and_then(|value| text(value).parse().ok()) {
            Some(rate) => drop(self.0.insert(key, rate)),
            None => drop(self.0.remove(&key)),
        }
        Ok(())
    }
}

/// Keys and sums as text; a value starts with its cause.
struct Texts;

impl Codec<String, i64> for Texts {
    fn write_key(&self, key: &String, out: &mut Vec<u8>) {
        out.extend_from_slice(key.as_bytes());
    }

    fn write_value(&self, _: &String, value: &i64, cause: Cause, out: &mut Vec<u8>) -> Result<(), String> {
        // Where nobody catches it, as an abort or the end of memory would be.
        assert!(*value < KILLS, "the process is killed");
        if *value > 1_000_000 {
            return Err("a sum above a million is out of bounds".into());
        }
        out.extend_from_slice(format!("{}|{value}", cause.offset).as_bytes());
        Ok(())
    }

    fn read_key(&self, key: &[u8]) -> Result<String, String> {
        String::from_utf8(key.to_vec()).map_err(|error| error.to_string())
    }

    fn read(&self, key: &[u8], value: &[u8]) -> Result<(String, i64), String> {
        let text = String::from_utf8_lossy(value).into_owned();
        let sum = text.split('|').nth(1).and_then(|sum| sum.parse().ok()).ok_or("not a sum")?;
        Ok((self.read_key(key)?, sum))
    }
}

/// The last sum of every key in a changelog read from its start.
pub fn last_sums<'a>(records: impl Iterator<Item = Record<'a>>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for record in records {
        let (key, sum) = Texts.read(record.key.unwrap_or_default(), record.value.unwrap_or_default()).expect("a sum");
        sums.insert(key, sum);
    }
    sums
}
