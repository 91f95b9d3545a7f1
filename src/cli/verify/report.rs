//! What the auditor found: counts, the first differences, the window it could see, and what stays unproved.

use std::fmt;

use serde_json::{Value, json};

use crate::engine::broker::TopicPartition;

/// The kinds of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// No answer where there must be one.
    Lost,
    /// More answers than there may be.
    Doubled,
    /// Answered, but not in the order of the input.
    Misordered,
    /// Records of one turn do not fit together: state is not what the answers add up to, or revisions have holes.
    Torn,
    /// Answered otherwise than the rules say.
    Wrong,
    /// An answer of a group generation that was over.
    Zombie,
}

impl Damage {
    pub const ALL: [Damage; 6] =
        [Damage::Lost, Damage::Doubled, Damage::Misordered, Damage::Torn, Damage::Wrong, Damage::Zombie];

    /// Its name in the answer of `verify`.
    pub fn name(self) -> &'static str {
        match self {
            Damage::Lost => "lost",
            Damage::Doubled => "doubled",
            Damage::Misordered => "misordered",
            Damage::Torn => "torn",
            Damage::Wrong => "wrong",
            Damage::Zombie => "zombies",
        }
    }
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub damage: Damage,
    /// The record, or the topic and partition of the state.
    pub place: String,
    pub key: String,
    pub expected: String,
    pub found: String,
}

/// What of a partition was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub partition: TopicPartition,
    pub from: i64,
    pub to: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub counts: Counts,
    pub windows: Vec<Window>,
    pub unproved: Vec<String>,
    /// The first ones; `damages` counts all.
    pub differences: Vec<Difference>,
    pub damages: [u64; Damage::ALL.len()],
    pub(super) kept: usize,
}

/// What was seen and accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub accepted: u64,
    pub duplicates: u64,
    pub stale: u64,
    pub held: u64,
    /// Second answers of held versions.
    pub released: u64,
    pub dead_letters: u64,
    pub rebooks: u64,
    pub positions: u64,
    pub lots: u64,
    /// Positions whose told cash flows were calculated again.
    pub told: u64,
    pub chunks: u64,
    pub jobs: u64,
    pub flows: u64,
}

impl Report {
    pub(super) fn keeping(kept: usize) -> Report {
        Report { kept, ..Report::default() }
    }

    pub fn clean(&self) -> bool {
        self.damages.iter().all(|count| *count == 0)
    }

    /// Clean, and nothing is left that could not be seen.
    pub fn proved(&self) -> bool {
        self.clean() && self.unproved.is_empty()
    }

    pub fn damage(&self, damage: Damage) -> u64 {
        self.damages[damage as usize]
    }

    pub(super) fn differs(
        &mut self,
        damage: Damage,
        place: impl fmt::Display,
        key: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        self.damages[damage as usize] += 1;
        if self.differences.len() < self.kept {
            let (place, key) = (place.to_string(), key.to_string());
            let (expected, found) = (expected.to_string(), found.to_string());
            self.differences.push(Difference { damage, place, key, expected, found });
        }
    }

    pub fn json(&self) -> Value {
        let Counts { records, accepted, duplicates, stale, held, released, dead_letters, .. } = self.counts;
        let Counts { rebooks, positions, lots, told, chunks, jobs, flows, .. } = self.counts;
        let mut json = json!({
            "records": records, "accepted": accepted, "duplicates": duplicates, "stale": stale, "held": held,
            "released": released, "dead_letters": dead_letters, "rebooks": rebooks, "positions": positions,
            "lots": lots, "told": told, "chunks": chunks, "jobs": jobs, "flows": flows,
            "clean": self.clean(),
            "differences": self.differences.iter().map(Difference::json).collect::<Vec<_>>(),
            "windows": self.windows.iter().map(Window::json).collect::<Vec<_>>(),
            "unproved": self.unproved,
        });
        for damage in Damage::ALL {
            json[damage.name()] = self.damage(damage).into();
        }
        json
    }
}

impl Difference {
    fn json(&self) -> Value {
        let Difference { damage, place, key, expected, found } = self;
        json!({ "damage": damage.name(), "place": place, "key": key, "expected": expected, "found": found })
    }
}

impl Window {
    fn json(&self) -> Value {
        json!({
            "topic": self.partition.topic, "partition": self.partition.partition, "from": self.from, "to": self.to,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { records, accepted, duplicates, stale, held, released, dead_letters, .. } = self.counts;
        let Counts { rebooks, positions, lots, told, chunks, jobs, flows, .. } = self.counts;
        writeln!(
            f,
            "trades      {records} records: {accepted} accepted, {duplicates} duplicates, {stale} stale, {held} held, \
             {released} released, {dead_letters} dead letters, {rebooks} rebooks"
        )?;
        writeln!(f, "state       {positions} positions, {lots} open lots, {told} positions with cash flows")?;
        writeln!(f, "jobs        {jobs} jobs, {chunks} chunks, {flows} cash flows")?;
        for window in self.windows.iter().filter(|window| window.from < window.to) {
            writeln!(f, "window      {} from {} to {}", window.partition, window.from, window.to)?;
        }
        for unproved in &self.unproved {
            writeln!(f, "unproved    {unproved}")?;
        }
        let damages: Vec<_> =
            Damage::ALL.iter().map(|&damage| format!("{} {}", self.damage(damage), damage.name())).collect();
        writeln!(f, "verdict     {}", damages.join(", "))?;
        for Difference { damage, place, key, expected, found } in &self.differences {
            writeln!(
                f,
                "{:<11} {place} {key}\n            expected {expected}\n            found    {found}",
                damage.name()
            )?;
        }
        Ok(())
    }
}
