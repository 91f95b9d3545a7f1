//! A load's records, one after another: new trades, and what happens to trades that were sent before.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;

use super::load::{Load, Share};
use super::poison::Poison;
use super::terms::Business;
use crate::domain::key::TradeId;
use crate::domain::trade::{Terms, Trade, TradeEvent};

/// One record to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generated {
    Trade(Trade),
    /// A record that must become a dead letter; without the damage it would be this trade.
    Poison {
        kind: Poison,
        trade: Trade,
        /// What the damage is made from.
        salt: u64,
    },
}

/// The records of a load in order. Its memory is bounded whatever the size of the load.
pub struct Trades {
    load: Load,
    random: Xoshiro256PlusPlus,
    keys: Zipf<f64>,
    business: Business,
    made: u64,
    trades: u64,
    /// Live trades as they stand after what was sent: amends, cancels, rebooks and gaps go on from here.
    live: Vec<Trade>,
    /// Records that may be sent again.
    sent: Vec<Trade>,
    /// What fills gaps, by the record number that it is due at.
    owed: BTreeMap<(u64, u64), Owed>,
}

/// A version that was left out, and the trade as it stands once it is there.
struct Owed {
    missing: Trade,
    after: Trade,
}

/// Live trades that later records may refer to. Few, so that an amend unwinds what lies shortly before it and a busy
/// key does not rewrite its whole history with each one.
const LIVE_MAX: usize = 256;
const SENT_MAX: usize = 256;

#[derive(Clone, Copy)]
enum Happening {
    New,
    Amend,
    Cancel,
    Rebook,
    Late,
    Duplicate,
    Conflict,
    Gap,
    Poison,
}

impl Trades {
    pub(super) fn new(load: Load) -> Trades {
        let keys = Zipf::new(f64::from(load.keys), load.zipf).expect("the load has been checked");
        Trades {
            random: Xoshiro256PlusPlus::seed_from_u64(load.seed),
            keys,
            business: Business::new(&load),
            made: 0,
            trades: 0,
            live: Vec::new(),
            sent: Vec::new(),
            owed: BTreeMap::new(),
            load,
        }
    }

    fn generate(&mut self) -> Generated {
        let left = self.load.records - self.made;
        if let Some(Owed { missing, after }) = self.owed(left) {
            self.remember_live(after);
            return self.send(missing);
        }
        let trade = match self.happening(left) {
            Happening::New => self.new_trade(0),
            Happening::Late => {
                let days = self.random.random_range(1..=self.load.late_days.max(1));
                self.new_trade(days)
            }
            Happening::Amend => self.amend(),
            Happening::Cancel => self.cancel(),
            Happening::Rebook => self.rebook(),
            Happening::Duplicate => return Generated::Trade(self.sent_before()),
            Happening::Conflict => return Generated::Trade(self.conflict()),
            Happening::Gap => self.gap(),
            Happening::Poison => return self.poison(),
        };
        self.send(trade)
    }

    /// A version whose time has come: no gap stays open at the end.
    fn owed(&mut self, left: u64) -> Option<Owed> {
        let due = self.owed.first_key_value().is_some_and(|((due, _), _)| *due <= self.made);
        let last_chance = self.owed.len() as u64 >= left;
        (due || last_chance).then(|| self.owed.pop_first()).flatten().map(|(_, owed)| owed)
    }

    /// What the next record is; whatever needs an earlier one is a new trade while there is none.
    fn happening(&mut self, left: u64) -> Happening {
        let mix = self.load.mix;
        let shares = [
            (mix.amends, Happening::Amend),
            (mix.cancels, Happening::Cancel),
            (mix.rebooks, Happening::Rebook),
            (mix.late, Happening::Late),
            (mix.duplicates, Happening::Duplicate),
            (mix.conflicts, Happening::Conflict),
            (mix.gaps, Happening::Gap),
            (mix.poison, Happening::Poison),
        ];
        let mut point = self.random.random_range(0..Share::WHOLE);
        let drawn = shares.iter().find(|(share, _)| {
            let hit = point < share.0;
            point = point.saturating_sub(share.0);
            hit
        });
        match drawn.map(|&(_, happening)| happening) {
            Some(Happening::Amend | Happening::Cancel | Happening::Rebook) if self.live.is_empty() => Happening::New,
            Some(Happening::Duplicate | Happening::Conflict) if self.sent.is_empty() => Happening::New,
            // A gap takes two records, and those that are owed have their places.
            Some(Happening::Gap) if left < self.owed.len() as u64 + 2 => Happening::New,
            Some(happening) => happening,
            None => Happening::New,
        }
    }

    fn new_trade(&mut self, days_late: u64) -> Trade {
        let rank = self.random.sample(self.keys) as u32 - 1;
        self.trades += 1;
        let source = if self.trades.is_multiple_of(3) { "FIX" } else { "OMS" };
        let id = TradeId::new(source, &format!("T{}", self.trades)).expect("source and number are names");
        let terms = self.business.terms(rank, self.made, days_late, &mut self.random);
        let trade = Trade { key: self.business.key(rank), id, version: 1, event: TradeEvent::New(terms) };
        self.remember_live(trade.clone());
        trade
    }

    fn amend(&mut self) -> Trade {
        let index = self.random.random_range(0..self.live.len());
        let amended = self.amended(&self.live[index].clone());
        self.live[index] = amended.clone();
        amended
    }

    fn cancel(&mut self) -> Trade {
        let trade = self.take_live();
        Trade { version: trade.version + 1, event: TradeEvent::Cancel, ..trade }
    }

    /// The trade goes on in another book; without one it is amended.
    fn rebook(&mut self) -> Trade {
        let index = self.random.random_range(0..self.live.len());
        let trade = &mut self.live[index];
        let Some(terms) = terms(&trade.event).cloned() else { return self.amend() };
        let Some(to) = self.business.other_book(&trade.key) else { return self.amend() };
        trade.version += 1;
        let event = TradeEvent::Rebook { to: to.clone(), terms };
        let rebooked = Trade { event, ..trade.clone() };
        trade.key = to;
        rebooked
    }

    fn conflict(&mut self) -> Trade {
        let trade = self.sent_before();
        let mut other = self.amended(&trade);
        other.version = trade.version;
        other
    }

    /// The second version is sent, the first one owed; sometimes the first one is the new trade itself.
    fn gap(&mut self) -> Trade {
        let missing = if self.live.is_empty() || self.random.random_ratio(1, 2) {
            let trade = self.new_trade(0);
            self.live.retain(|live| *live != trade);
            trade
        } else {
            let trade = self.take_live();
            self.amended(&trade)
        };
        let after = self.amended(&missing);
        let due = self.made + self.random.random_range(1..=self.load.gap_records.max(1));
        self.owed.insert((due, self.made), Owed { missing, after: after.clone() });
        after
    }

    fn poison(&mut self) -> Generated {
        let kind = Poison::ALL[self.random.random_range(0..Poison::ALL.len())];
        let trade = self.new_trade(0);
        self.live.retain(|live| *live != trade);
        Generated::Poison { kind, trade, salt: self.random.random() }
    }

    fn amended(&mut self, trade: &Trade) -> Trade {
        let event = match terms(&trade.event) {
            Some(terms) => TradeEvent::Amend(self.business.amended(terms, &mut self.random)),
            None => trade.event.clone(),
        };
        Trade { version: trade.version + 1, event, ..trade.clone() }
    }

    fn sent_before(&mut self) -> Trade {
        self.sent[self.random.random_range(0..self.sent.len())].clone()
    }

    fn take_live(&mut self) -> Trade {
        self.live.swap_remove(self.random.random_range(0..self.live.len()))
    }

    fn remember_live(&mut self, trade: Trade) {
        if self.live.len() < LIVE_MAX {
            self.live.push(trade);
        } else {
            let index = self.random.random_range(0..LIVE_MAX);
            self.live[index] = trade;
        }
    }

    fn send(&mut self, trade: Trade) -> Generated {
        if self.sent.len() < SENT_MAX {
            self.sent.push(trade.clone());
        } else {
            self.sent[(self.made % SENT_MAX as u64) as usize] = trade.clone();
        }
        Generated::Trade(trade)
    }
}

fn terms(event: &TradeEvent) -> Option<&Terms> {
    match event {
        TradeEvent::New(terms) | TradeEvent::Amend(terms) => Some(terms),
        TradeEvent::Rebook { terms, .. } | TradeEvent::RebookIn { terms, .. } => Some(terms),
        TradeEvent::Cancel | TradeEvent::Force => None,
    }
}

impl Iterator for Trades {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        if self.made == self.load.records {
            return None;
        }
        let generated = self.generate();
        self.made += 1;
        Some(generated)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::load::Mix;
    use super::*;

    fn load(records: u64) -> Load {
        Load { keys: 50, ..Load::new(7, records) }
    }

    fn trades(load: &Load) -> Vec<Generated> {
        load.trades().expect("a load").collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_records_and_another_seed_others() {
        let first = trades(&load(5_000));
        assert_eq!(first.len(), 5_000);
        assert_eq!(first, trades(&load(5_000)));
        assert_ne!(first, trades(&Load { seed: 8, ..load(5_000) }));
    }

    #[test]
    fn every_gap_is_filled_before_the_end() {
        let gaps = Mix { gaps: Share(3_000), ..Mix::default() };
        let mut versions: HashMap<TradeId, Vec<u32>> = HashMap::new();
        for generated in trades(&Load { mix: gaps, ..load(3_001) }) {
            if let Generated::Trade(trade) = generated {
                versions.entry(trade.id).or_default().push(trade.version);
            }
        }
        let mut out_of_order = 0;
        for (id, sent) in versions {
            out_of_order += usize::from(!sent.is_sorted());
            let mut dense = sent;
            dense.sort_unstable();
            dense.dedup();
            assert!(dense.iter().copied().eq(1..=dense.len() as u32), "{id} has versions {dense:?}");
        }
        assert!(out_of_order > 100);
    }

    #[test]
    fn everything_of_the_mix_happens() {
        let generated = trades(&load(20_000));
        let count = |matches: fn(&TradeEvent) -> bool| {
            generated.iter().filter(|record| matches!(record, Generated::Trade(trade) if matches(&trade.event))).count()
        };
        assert!(count(|event| matches!(event, TradeEvent::Amend(_))) > 1_000);
        assert!(count(|event| matches!(event, TradeEvent::Cancel)) > 200);
        assert!(count(|event| matches!(event, TradeEvent::Rebook { .. })) > 50);
        let poison = generated.iter().filter(|record| matches!(record, Generated::Poison { .. })).count();
        assert!((20..100).contains(&poison), "{poison}");
    }

    #[test]
    fn a_busy_key_is_as_busy_as_its_exponent_says() {
        let share = |zipf| {
            let load = Load { keys: 1_000, zipf, mix: Mix::PLAIN, ..load(20_000) };
            let mut count: HashMap<_, usize> = HashMap::new();
            for record in trades(&load) {
                let Generated::Trade(trade) = record else { panic!("a plain load has no poison") };
                *count.entry(trade.key).or_default() += 1;
            }
            count.into_values().max().unwrap_or(0) * 1_000 / 20_000
        };
        assert!((115..150).contains(&share(1.0)), "{} per mille", share(1.0)); // 1 / (1 + 1/2 + ... + 1/1000)
        assert!(share(0.0) < 5, "{} per mille", share(0.0));
    }
}
