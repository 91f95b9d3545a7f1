//! What is known of contracts, the market and reference data: one view over their three topics, and what in it has changed.

mod changes; // what has changed since somebody looked
mod facts; // values as the kernel takes them, terms resolved to dates

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;

use self::changes::Changes;
pub use self::changes::Subject;
use self::facts::Facts;
pub use self::facts::subjects;
use super::topics::{CONTRACTS, MARKET_DATA, REFERENCE_DATA};
use crate::domain::blocked::Blocked;
use crate::domain::flows::row::{Obstacle, Snapshot};
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::lots::agreed::Agreed;
use crate::domain::lots::happening::{ISSUER, What};
use crate::domain::lots::method::FIFO;
use crate::domain::market::Market;
use crate::domain::names::Symbol;
use crate::domain::swap::terms::Swap;
use crate::engine::batch::Record;
use crate::engine::stage::Cause;
use crate::engine::view::ViewTable;
use crate::messages::contract::ContractVersion;
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::actions::{FractionPolicy, under};
use crate::messages::document::standing::{OnLots, read_on_lots};
use crate::messages::schemas::Schemas;

/// The name of the view.
pub const KNOWLEDGE: &str = "knowledge";

/// The topics it is made of.
pub const TOPICS: [&str; 3] = [CONTRACTS, MARKET_DATA, REFERENCE_DATA];

/// Where a snapshot ends in one of them: the offset after the last record.
pub fn end(snapshot: &Snapshot, topic: &str) -> i64 {
    match topic {
        CONTRACTS => snapshot.contracts,
        MARKET_DATA => snapshot.market_data,
        _ => snapshot.reference_data,
    }
}

pub struct Knowledge {
    schemas: Arc<Schemas>,
    contracts: HashMap<ContractId, Terms>,
    facts: Facts,
    /// The business date that came last.
    day: Option<NaiveDate>,
    snapshot: Snapshot,
    changes: Changes,
}

/// The version of a contract that counts; none of it once the contract is withdrawn.
struct Terms {
    version: u32,
    json: Option<Arc<str>>,
    /// None as long as it cannot be read: it then says nothing of lots.
    on_lots: Option<OnLots>,
}

impl Knowledge {
    pub fn new(schemas: Arc<Schemas>) -> Knowledge {
        Knowledge {
            schemas,
            contracts: HashMap::new(),
            facts: Facts::default(),
            day: None,
            snapshot: Snapshot::default(),
            changes: Changes::default(),
        }
    }

    /// How much of each topic is in it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot
    }

    /// The day at whose end results stand.
    pub fn day(&self) -> Option<NaiveDate> {
        self.day
    }

    /// The number of the last change. Whoever has seen it asks for what came after.
    pub fn last_change(&self) -> u64 {
        self.changes.last()
    }

    /// What has changed after a change, each subject once with its last cause.
    pub fn changed_after(&self, change: u64) -> impl Iterator<Item = (&Subject, Cause)> {
        self.changes.after(change)
    }

    /// Contracts whose terms depend on a subject, as far as their terms were asked for.
    pub fn contracts_of(&self, subject: &Subject) -> Vec<ContractId> {
        self.facts.users(subject)
    }

    /// Whether terms for a position of an underlier that were asked for depend on one of these.
    pub fn depends(&self, contract: &ContractId, underlier: &Symbol, on: impl Fn(&Subject) -> bool) -> bool {
        self.facts.depends(contract, underlier, on)
    }

    /// A contract's terms for a position of an underlier, resolved as of the business date.
    pub fn standing(&self, contract: &ContractId, underlier: &Symbol) -> Result<Arc<Swap>, Obstacle> {
        self.standing_as_of(contract, underlier, self.day)
    }

    /// The same, resolved as of another day.
    pub fn standing_on(
        &self,
        contract: &ContractId,
        underlier: &Symbol,
        day: NaiveDate,
    ) -> Result<Arc<Swap>, Obstacle> {
        self.standing_as_of(contract, underlier, Some(day))
    }

    fn standing_as_of(
        &self,
        contract: &ContractId,
        underlier: &Symbol,
        day: Option<NaiveDate>,
    ) -> Result<Arc<Swap>, Obstacle> {
        let obstacle = |reason: &str, message: String| Obstacle { reason: reason.into(), message: message.into() };
        let terms = self.contracts.get(contract).and_then(|terms| terms.json.clone());
        let Some(json) = terms else {
            return Err(Blocked::MissingContract { contract: contract.clone() }.into());
        };
        let Some(day) = day else {
            return Err(obstacle("MISSING_BUSINESS_DATE", "no business date is known; send it".to_owned()));
        };
        let standing = self.facts.standing(&json, contract, underlier, day);
        standing.map_err(|invalid| obstacle("UNREADABLE_TERMS", invalid.to_string()))
    }

    /// What counts for a position whose contracts these are: what they say as far as they are known. Oldest first, and fractions kept, while none
    /// is, and while they say different things; that is a problem then, as is an action that cannot be followed as agreed.
    pub fn agreed<'c>(
        &self,
        key: &PositionKey,
        contracts: impl Iterator<Item = &'c ContractId>,
    ) -> (Agreed<'_>, Option<Obstacle>) {
        let known = contracts.filter_map(|contract| Some((contract, self.contracts.get(contract)?.on_lots.as_ref()?)));
        let (on_lots, mut problem) = self.agreed_by_all(key, known);
        let mut actions = Vec::new();
        if self.facts.any_action() {
            let fractions = on_lots.map(|on_lots| on_lots.fractions).unwrap_or_default();
            for action in self.facts.actions(&key.security()) {
                let mut action = action.clone();
                if let What::Action(issued) = action.what {
                    action.what = What::Action(issued.on(key));
                }
                actions.push(under(action.clone(), fractions).unwrap_or_else(|refused| {
                    problem = Some(Obstacle { reason: "FRACTIONS".into(), message: refused.into() });
                    under(action, FractionPolicy::Keep).expect("fractions can always be kept")
                }));
            }
        }
        (Agreed { policy: on_lots.map_or(&FIFO, |on_lots| &on_lots.relief), actions }, problem)
    }

    /// What all contracts of a position say of its lots. Lots are closed in one order, whichever contract a close is under.
    fn agreed_by_all<'c, 'k>(
        &self,
        key: &PositionKey,
        mut known: impl Iterator<Item = (&'c ContractId, &'k OnLots)>,
    ) -> (Option<&'k OnLots>, Option<Obstacle>) {
        let Some((first, on_lots)) = known.next() else { return (None, None) };
        let unlike = |other: &OnLots| {
            other.relief != on_lots.relief || (other.fractions != on_lots.fractions && self.acted(&key.security()))
        };
        let Some((other, _)) = known.find(|(_, other)| unlike(other)) else { return (Some(on_lots), None) };
        let message = format!(
            "contracts {first} and {other} do not say the same `relief` and `fractions` of the lots that they have in common; state the same in \
             both (a list says since when), or amend the trades of one of them"
        );
        (None, Some(Obstacle { reason: "CONTRACTS_DISAGREE".into(), message: message.into() }))
    }

    /// Whether the issuer of a security has ever done anything to the lots of its holders.
    pub fn acted(&self, security: &str) -> bool {
        self.facts.actions(security).next().is_some()
    }

    /// Calculates with the market as it is.
    pub fn with_market<T>(&self, calculate: impl FnOnce(&Market) -> T) -> T {
        self.facts.with_market(calculate)
    }

    /// When a trade of a security settles that does not say it itself.
    pub fn settle_date(&self, security: &Symbol, trade_date: NaiveDate) -> Option<NaiveDate> {
        self.facts.settle_date(security, trade_date)
    }

    fn contract(&mut self, contract: ContractVersion, cause: Cause) {
        let known = self.contracts.get(&contract.id);
        if known.is_some_and(|known| known.version > contract.version) {
            return;
        }
        self.facts.forget(&contract.id);
        let on_lots = contract.terms.as_deref().and_then(|json| read_on_lots(json).ok());
        let terms = Terms { version: contract.version, json: contract.terms.map(Arc::from), on_lots };
        self.contracts.insert(contract.id.clone(), terms);
        self.changes.note(Subject::Contract(contract.id), cause);
    }

    fn point(&mut self, point: &DataPoint, cause: Cause) -> Result<(), String> {
        if point.kind != DataKind::BusinessDate {
            let subject = Subject::of(point.kind, &point.name, &point.detail)?;
            if let Some(calendar) = subject.as_ref().and_then(Subject::calendar) {
                self.facts.standing_on(calendar).for_each(|subject| self.changes.note(subject, cause));
            }
            subject.into_iter().for_each(|subject| self.changes.note(subject, cause));
            return self.facts.take(point);
        }
        let date = point.date.ok_or("a business date has a date")?;
        if self.day != Some(date) && point.value != Value::Withdrawn {
            self.day = Some(date);
            self.changes.note(Subject::All, cause);
        }
        Ok(())
    }
}

impl ViewTable for Knowledge {
    fn apply(&mut self, record: &Record<'_>) -> Result<(), String> {
        let (cause, next) = (record.cause(), record.offset + 1);
        // A tombstone: nobody but compaction removes a version.
        let Some(value) = record.value else { return Ok(()) };
        match record.from.topic {
            CONTRACTS => {
                self.snapshot.contracts = next;
                let decoded = self.schemas.decode::<ContractVersion>(value).map_err(|error| error.to_string());
                decoded.map(|(_, contract)| self.contract(contract, cause))
            }
            topic => {
                let market = topic == MARKET_DATA;
                *(if market { &mut self.snapshot.market_data } else { &mut self.snapshot.reference_data }) = next;
                let decoded = self.schemas.decode::<DataPoint>(value).map_err(|error| error.to_string());
                decoded.and_then(|(_, point)| match point.kind.is_market() == market {
                    true => self.point(&point, cause),
                    false => Err(format!("{:?} does not belong on {topic}", point.kind)),
                })
            }
        }
    }
}

/// A name of a market value's owner, as texts have it.
fn named<T, E: std::fmt::Display>(make: impl FnOnce(&str) -> Result<T, E>, text: &str) -> Result<T, String> {
    make(text).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::IndexName;
    use crate::engine::broker::TopicPartition;
    use crate::messages::message::Message;

    fn apply<M: Message<Cause = Option<crate::domain::trade::captured::Place>>>(
        knowledge: &mut Knowledge,
        topic: &'static str,
        message: &M,
    ) {
        let mut value = Vec::new();
        knowledge.schemas.encode(message, None, &mut value).expect("it fits");
        let from = TopicPartition { topic, partition: 0 };
        let record = Record { from, offset: 0, timestamp_us: 0, key: None, value: Some(&value), headers: &[] };
        knowledge.apply(&record).expect("it can be read");
    }

    #[test]
    fn terms_that_no_longer_name_an_index_depend_on_it_no_more() {
        let knowledge = &mut Knowledge::new(Arc::new(Schemas::embedded()));
        let point = |kind, name: &str, date, json: &str| DataPoint {
            kind,
            name: name.into(),
            detail: "".into(),
            date,
            version: 1,
            value: Value::Terms(json.into()),
        };
        let day = NaiveDate::from_ymd_opt(2025, 3, 10);
        apply(knowledge, REFERENCE_DATA, &point(DataKind::Index, "SOFR", None, r#"{"calendar":"USNY"}"#));
        apply(knowledge, REFERENCE_DATA, &point(DataKind::BusinessDate, "", day, "{}"));
        let (id, acme) = (ContractId::new("C").expect("a name"), Symbol::new("ACME").expect("a name"));
        let users = |knowledge: &mut Knowledge, version, rate: &str| {
            let terms = format!(
                r#"{{"contractId":"C","product":"EQUITY_SWAP","priceCurrency":"USD","effectiveDate":"2025-03-03","terminationDate":"2025-06-30",
                    "calendars":{{"exchange":"XNYS","payment":"USNY"}},"financing":{{"long":{{"rate":{rate},"dayCount":"ACT/360"}}}}}}"#
            );
            apply(knowledge, CONTRACTS, &ContractVersion { id: id.clone(), version, terms: Some(terms.into()) });
            knowledge.standing(&id, &acme).expect("terms that can be read");
            knowledge.contracts_of(&Subject::Index(IndexName::new("SOFR").expect("a name")))
        };
        assert_eq!(users(knowledge, 1, r#"{"kind":"RFR_COMPOUND","index":"SOFR"}"#).len(), 1);
        assert!(users(knowledge, 2, r#"{"kind":"FIXED","rate":"0.05"}"#).is_empty());
    }
}
