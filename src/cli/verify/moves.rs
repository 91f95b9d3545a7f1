//! Lots that went to other positions: each that must have been sent is on `trades`, and no other counts there.

use std::collections::BTreeMap;

use super::report::{Damage, Report};
use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::{Happening, Sent, What};
use crate::pipeline::topics::TRADES;

/// By the position they go to and their id, without versions.
#[derive(Default)]
pub struct Moves {
    expected: BTreeMap<(PositionKey, TradeId), What>,
    /// By the highest version on the topic.
    found: BTreeMap<(PositionKey, TradeId), (u32, What)>,
    /// Not all that should have been sent is known.
    pub unproved: bool,
}

impl Moves {
    pub fn expect(&mut self, sent: impl Iterator<Item = Sent>) {
        self.expected.extend(sent.map(|Sent { to, happening }| ((to, happening.id), happening.what)));
    }

    pub fn find(&mut self, Sent { to, happening: Happening { id, version, what } }: Sent) {
        let known = self.found.entry((to, id)).or_insert((0, What::Withdrawn));
        if known.0 <= version {
            *known = (version, what);
        }
    }

    /// Compares both sides once all partitions have been read.
    pub fn settle(self, report: &mut Report) {
        let mut found = self.found;
        found.retain(|_, (_, what)| *what != What::Withdrawn);
        if self.unproved {
            if !found.is_empty() || !self.expected.is_empty() {
                report.unproved.push("lots that go from position to position cannot all be worked out".to_owned());
            }
            return;
        }
        for ((to, id), what) in self.expected {
            match found.remove(&(to.clone(), id.clone())) {
                Some((_, sent)) if sent == what => {}
                Some((_, sent)) => {
                    report.differs(Damage::Wrong, TRADES, &to, format!("{id}: {what:?}"), format!("{sent:?}"));
                }
                None => report.differs(Damage::Lost, TRADES, &to, format!("lot {id}"), "none"),
            }
        }
        for ((to, id), _) in found {
            report.differs(Damage::Doubled, TRADES, &to, "no lot", format!("lot {id}"));
        }
    }
}
