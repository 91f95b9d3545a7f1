//! What has changed since somebody looked: each subject stands where it changed last, so that the list is never longer than there are subjects.

use std::collections::{BTreeMap, HashMap};

use crate::domain::key::ContractId;
use crate::domain::market::fx::FixName;
use crate::domain::names::{IndexName, Symbol};
use crate::engine::stage::Cause;

/// What flows depend on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    Contract(ContractId),
    /// Prices, dividends and corporate actions of an instrument, and what is known of it as a security.
    Underlier(Symbol),
    Index(IndexName),
    Fix(FixName),
    FeeRate(Symbol),
    /// A calendar or the business date.
    All,
}

#[derive(Default)]
pub struct Changes {
    last: u64,
    by_number: BTreeMap<u64, (Subject, Cause)>,
    numbers: HashMap<Subject, u64>,
}

impl Changes {
    pub fn note(&mut self, subject: Subject, cause: Cause) {
        self.last += 1;
        if let Some(before) = self.numbers.insert(subject.clone(), self.last) {
            self.by_number.remove(&before);
        }
        self.by_number.insert(self.last, (subject, cause));
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn after(&self, change: u64) -> impl Iterator<Item = (&Subject, Cause)> {
        self.by_number.range(change + 1..).map(|(_, (subject, cause))| (subject, *cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_stands_where_it_changed_last() {
        let cause = |offset| Cause { topic: "t", partition: 0, offset };
        let index = |name| Subject::Index(IndexName::new(name).expect("a name"));
        let mut changes = Changes::default();
        changes.note(index("SOFR"), cause(0));
        changes.note(index("ESTR"), cause(1));
        let seen = changes.last();
        changes.note(index("SOFR"), cause(2));
        assert_eq!(changes.after(seen).collect::<Vec<_>>(), [(&index("SOFR"), cause(2))]);
        assert_eq!(changes.after(0).count(), 2);
    }
}
