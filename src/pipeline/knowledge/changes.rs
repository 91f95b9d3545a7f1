//! What has changed since somebody looked: each subject stands where it changed last, so that the list is never longer than there are subjects.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;

use super::named;
use crate::domain::key::ContractId;
use crate::domain::market::fx::{FixName, Pair};
use crate::domain::names::{IndexName, Symbol};
use crate::engine::stage::Cause;
use crate::messages::data_point::DataKind;

/// What flows depend on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    Contract(ContractId),
    /// Prices and dividends of an instrument, and what is known of it as a security.
    Underlier(Symbol),
    /// What its issuer does to the lots of all who hold it, under a contract or not.
    CorporateActions(Symbol),
    Index(IndexName),
    Fx(FixName, Pair),
    FeeRate(Symbol),
    /// By its own name where it is joined with others.
    Calendar(CompactString),
    /// The business date.
    All,
}

impl Subject {
    /// The name of a calendar.
    pub fn calendar(&self) -> Option<&str> {
        match self {
            Subject::Calendar(name) => Some(name),
            _ => None,
        }
    }

    /// What a value is of; what is known of a security is of the instrument. On accounts nothing depends that is calculated: trades come with their
    /// dates.
    pub fn of(kind: DataKind, name: &str, detail: &str) -> Result<Option<Subject>, String> {
        let symbol = || named(Symbol::new, name);
        Ok(Some(match kind {
            DataKind::Account => return Ok(None),
            DataKind::Fixing | DataKind::Index => Subject::Index(named(IndexName::new, name)?),
            DataKind::Fx => Subject::Fx(named(FixName::new, detail)?, named(str::parse, name)?),
            DataKind::FeeRate => Subject::FeeRate(symbol()?),
            DataKind::Calendar => Subject::Calendar(name.into()),
            DataKind::BusinessDate => Subject::All,
            DataKind::CorporateAction => Subject::CorporateActions(symbol()?),
            DataKind::Price | DataKind::Dividend | DataKind::Disruption | DataKind::Security => {
                Subject::Underlier(symbol()?)
            }
        }))
    }
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
