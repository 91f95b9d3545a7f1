//! Values as the kernel takes them, and terms resolved to dates. What is resolved is kept until something it is made of changes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::{ISSUER, Subject, named};
use crate::domain::key::{ContractId, TradeId};
use crate::domain::lots::happening::Happening;
use crate::domain::market::Market;
use crate::domain::market::carry::Quote;
use crate::domain::market::fx::{FixName, Pair};
use crate::domain::money::Currency;
use crate::domain::names::{IndexName, Symbol};
use crate::domain::rates::fixings::Fixing;
use crate::domain::rates::terms::RateTerms;
use crate::domain::swap::terms::{DailyFeeRate, Swap};
use crate::messages::data_point::{DataKind, DataPoint, Value};
use crate::messages::document::calendars::Calendars;
use crate::messages::document::securities::Security;
use crate::messages::document::standing::{
    give_calendar, read_account, read_action, read_dividend, read_index, read_security, read_terms,
};
use crate::messages::request::InvalidValue;

#[derive(Default)]
pub struct Facts {
    market: RefCell<Market>,
    calendars: RefCell<Calendars>,
    /// The versions that count of what is not a series.
    versions: HashMap<(DataKind, CompactString, Option<NaiveDate>), u32>,
    /// The terms of indices, and their fixings whether the terms are known yet or not.
    indices: HashMap<IndexName, Box<str>>,
    fixings: HashMap<IndexName, BTreeMap<NaiveDate, Fixing>>,
    /// The calendars that indices stand on, those included that nobody knows.
    index_days: HashMap<IndexName, BTreeSet<CompactString>>,
    /// The versions that count of what issuers do, by security.
    actions: HashMap<Symbol, BTreeMap<TradeId, Happening>>,
    /// They say when trades settle.
    securities: HashMap<Symbol, Security>,
    resolved: RefCell<Resolved>,
}

#[derive(Default)]
struct Resolved {
    terms: HashMap<(ContractId, Symbol), AsOf>,
    users: HashMap<Subject, BTreeSet<ContractId>>,
}

/// Terms resolved as of a day, and what they depend on besides the contract and its underlier.
struct AsOf {
    day: NaiveDate,
    standing: Result<Arc<Swap>, InvalidValue>,
    subjects: Vec<Subject>,
}

impl Facts {
    /// Takes a value in. Something may have changed even where an error says that not all of it can be read.
    pub fn take(&mut self, point: &DataPoint) -> Result<(), String> {
        let DataPoint { kind, name, detail, date, version, value } = point;
        if matches!(
            kind,
            DataKind::Disruption | DataKind::Calendar | DataKind::Index | DataKind::Security | DataKind::Account
        ) {
            let counts = self.versions.entry((*kind, name.clone(), *date)).or_insert(*version);
            if *counts > *version {
                return Ok(());
            }
            *counts = *version;
        }
        let number = || match value {
            Value::Number(number) => Ok(*number),
            _ => Err(format!("a {kind:?} is a number")),
        };
        let json = || match value {
            Value::Terms(json) => Ok(json.as_ref()),
            _ => Err(format!("a {kind:?} has terms")),
        };
        let quote = || {
            let date = date.ok_or_else(|| format!("a {kind:?} has a date"))?;
            Ok::<_, String>(Quote { date, value: number()?, version: *version })
        };
        let invalid = |invalid: InvalidValue| invalid.to_string();
        let market = self.market.get_mut();
        match kind {
            DataKind::Price => {
                let of = named(Symbol::new, name)?;
                market.prices.entry(of).or_default().publish(quote()?);
                Ok(())
            }
            DataKind::FeeRate => {
                let of = named(Symbol::new, name)?;
                market.fee_rates.entry(of).or_default().publish(quote()?);
                Ok(())
            }
            DataKind::Fx => {
                let (fix, pair) = (named(FixName::new, detail)?, named(str::parse, name)?);
                market.fx.entry((fix, pair)).or_default().publish(quote()?);
                Ok(())
            }
            DataKind::Fixing => {
                let index = named(IndexName::new, name)?;
                self.fixing(&index, quote()?)?;
                Ok(())
            }
            DataKind::Dividend => {
                let of = named(Symbol::new, name)?;
                let declared = read_dividend(&of, json()?).map_err(invalid)?;
                if declared.id.as_str() != detail.as_str() || declared.version != *version {
                    return Err(format!("it names itself {} version {}", declared.id, declared.version));
                }
                market.declare(declared);
                // It may be in another currency than those before.
                self.resolved.get_mut().terms.retain(|(_, underlier), _| *underlier != of);
                Ok(())
            }
            DataKind::CorporateAction => {
                let of = named(Symbol::new, name)?;
                let action = read_action(json()?).map_err(invalid)?;
                if action.id.trade_id() != detail.as_str() || action.version != *version {
                    return Err(format!("it names itself {} version {}", action.id.trade_id(), action.version));
                }
                let id = TradeId::new(ISSUER, action.id.trade_id()).map_err(|problem| problem.to_string())?;
                let actions = self.actions.entry(of).or_default();
                if actions.get(&id).is_none_or(|known| known.version <= action.version) {
                    actions.insert(id.clone(), Happening { id, ..action });
                }
                Ok(())
            }
            DataKind::Disruption => {
                let of = named(Symbol::new, name)?;
                let date = date.ok_or("a disruption has a date")?;
                let days = market.disrupted_days.entry(of.clone()).or_default();
                match value {
                    Value::Withdrawn => days.remove(&date),
                    _ => days.insert(date),
                };
                self.resolved.get_mut().terms.retain(|(_, underlier), _| *underlier != of);
                Ok(())
            }
            DataKind::Calendar => {
                give_calendar(name, json()?, self.calendars.get_mut()).map_err(invalid)?;
                let calendar = Subject::Calendar(name.clone());
                self.resolved.get_mut().terms.retain(|_, terms| !terms.subjects.contains(&calendar));
                for index in self.indices_on(name) {
                    // One that cannot be read yet was named when it came, and waits for another calendar.
                    let _ = self.index(&index);
                }
                Ok(())
            }
            DataKind::Index => {
                let index = named(IndexName::new, name)?;
                self.indices.insert(index.clone(), json()?.into());
                self.index(&index)
            }
            DataKind::Security => {
                let of = named(Symbol::new, name)?;
                // What cannot be read leaves nothing to settle by.
                self.securities.remove(&of);
                self.securities.insert(of, read_security(json()?).map_err(invalid)?);
                Ok(())
            }
            DataKind::Account => read_account(json()?).map(drop).map_err(invalid),
            DataKind::BusinessDate => Err("a business date is no value".to_owned()),
        }
    }

    fn fixing(&mut self, index: &IndexName, quote: Quote) -> Result<(), String> {
        let fixings = self.fixings.entry(index.clone()).or_default();
        if fixings.get(&quote.date).is_some_and(|known| known.version > quote.version) {
            return Ok(());
        }
        let fixing = Fixing { rate: quote.value, version: quote.version };
        fixings.insert(quote.date, fixing);
        match self.market.get_mut().rates.indices.get_mut(index) {
            Some(index) => index.publish(quote.date, fixing).map_err(|problem| problem.to_string()),
            None => Ok(()),
        }
    }

    /// Makes an index anew from its terms and all fixings of it, or forgets it where they cannot be read; the tables are prepared again with the
    /// terms that need them.
    fn index(&mut self, name: &IndexName) -> Result<(), String> {
        let Some(json) = self.indices.get(name) else { return Ok(()) };
        self.market.get_mut().rates.indices.remove(name);
        self.resolved.get_mut().terms.clear();
        let calendars = self.calendars.get_mut();
        calendars.looked_for();
        let index = read_index(name, json, calendars).map_err(|invalid| invalid.to_string());
        self.index_days.insert(name.clone(), calendars.looked_for());
        let mut index = index?;
        for (date, fixing) in self.fixings.get(name).into_iter().flatten() {
            // What is no business day of the calendar counts for nothing, as it would have if it had come later.
            let _ = index.publish(*date, *fixing);
        }
        self.market.get_mut().rates.indices.insert(name.clone(), index);
        Ok(())
    }

    /// The terms of a contract have changed: what they named does not wake its positions any more, the change itself does.
    pub fn forget(&mut self, contract: &ContractId) {
        let Resolved { terms, users } = self.resolved.get_mut();
        terms.retain(|(of, _), _| of != contract);
        users.retain(|_, contracts| {
            contracts.remove(contract);
            !contracts.is_empty()
        });
    }

    pub fn standing(
        &self,
        json: &str,
        contract: &ContractId,
        underlier: &Symbol,
        day: NaiveDate,
    ) -> Result<Arc<Swap>, InvalidValue> {
        let mut resolved = self.resolved.borrow_mut();
        let key = (contract.clone(), underlier.clone());
        if let Some(known) = resolved.terms.get(&key).filter(|known| known.day == day) {
            return known.standing.clone();
        }
        let (standing, subjects) = {
            let (calendars, market) = (&mut self.calendars.borrow_mut(), self.market.borrow());
            calendars.looked_for();
            let standing = read_terms(json, contract, underlier, day, calendars, &market.disrupted_days).map(Arc::new);
            let dividends = market.dividends.get(underlier).into_iter().flatten();
            let currencies = dividends.map(|dividend| dividend.currency).collect();
            let named = standing.iter().flat_map(|swap| subjects(swap, &currencies));
            let subjects = named.chain(calendars.looked_for().into_iter().map(Subject::Calendar)).collect::<Vec<_>>();
            (standing, subjects)
        };
        standing.iter().for_each(|swap| self.prepare(swap));
        for subject in &subjects {
            resolved.users.entry(subject.clone()).or_default().insert(contract.clone());
        }
        resolved.terms.insert(key, AsOf { day, standing: standing.clone(), subjects });
        standing
    }

    fn prepare(&self, swap: &Swap) {
        if let Some(financing) = &swap.financing {
            let rates = &mut self.market.borrow_mut().rates;
            rates.prepare(&financing.long);
            rates.prepare(&financing.short);
        }
    }

    pub fn depends(&self, contract: &ContractId, underlier: &Symbol, on: impl Fn(&Subject) -> bool) -> bool {
        let resolved = self.resolved.borrow();
        resolved.terms.get(&(contract.clone(), underlier.clone())).is_some_and(|terms| terms.subjects.iter().any(on))
    }

    /// What stands on a calendar itself, whatever terms name it, in the order of names: the same records wake in the same order.
    pub fn standing_on(&self, calendar: &str) -> impl Iterator<Item = Subject> {
        let securities = self.securities.iter().filter(|(_, security)| security.stands_on(calendar));
        let securities: BTreeSet<_> = securities.map(|(of, _)| of.clone()).collect();
        self.indices_on(calendar).into_iter().map(Subject::Index).chain(securities.into_iter().map(Subject::Underlier))
    }

    fn indices_on(&self, calendar: &str) -> BTreeSet<IndexName> {
        let indices = self.index_days.iter().filter(|(_, days)| days.contains(calendar));
        indices.map(|(index, _)| index.clone()).collect()
    }

    pub fn users(&self, subject: &Subject) -> Vec<ContractId> {
        self.resolved.borrow().users.get(subject).into_iter().flatten().cloned().collect()
    }

    pub fn with_market<T>(&self, calculate: impl FnOnce(&Market) -> T) -> T {
        calculate(&self.market.borrow())
    }

    /// Whether an issuer does anything at all.
    pub fn any_action(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What the issuer of a security does, by id.
    pub fn actions(&self, security: &str) -> impl Iterator<Item = &Happening> {
        let security = Symbol::new(security).ok();
        security.and_then(|security| self.actions.get(&security)).into_iter().flat_map(BTreeMap::values)
    }

    pub fn settle_date(&self, security: &Symbol, trade_date: NaiveDate) -> Option<NaiveDate> {
        self.securities.get(security)?.settle_date(trade_date, &mut self.calendars.borrow_mut()).ok()
    }
}

/// What the terms name besides the contract, its underlier and calendars. `currencies` are those in which its dividends are declared.
pub fn subjects(swap: &Swap, currencies: &BTreeSet<Currency>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for side in swap.financing.iter().flat_map(|financing| [&financing.long, &financing.short]) {
        match &side.rate {
            RateTerms::Overnight(overnight) => subjects.push(Subject::Index(overnight.index.clone())),
            RateTerms::Term { index, .. } => subjects.push(Subject::Index(index.clone())),
            RateTerms::Fixed(_) => {}
        }
    }
    if let Some(policy) = &swap.fix {
        let dividends = swap
            .dividends
            .iter()
            .flat_map(|terms| currencies.iter().map(|price| Pair { price: *price, settlement: terms.currency }));
        let converted = std::iter::once(swap.currencies).chain(dividends).filter(|pair| pair.price != pair.settlement);
        let looked_up = converted.flat_map(|pair| policy.looked_up(pair));
        subjects.extend(looked_up.map(|pair| Subject::Fx(policy.fix.clone(), pair)));
    }
    for fee in &swap.daily_fees {
        if let DailyFeeRate::Published(name) = &fee.rate {
            subjects.push(Subject::FeeRate(name.clone()));
        }
    }
    subjects
}
