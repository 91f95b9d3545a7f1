//! Business days by name: calendars that the document brings, those that are known, and several joined by `+`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::dates;
use super::object::Item;
use crate::domain::calendar::{Calendar, Weekend};
use crate::domain::rates::business_days::BusinessDays;
use crate::messages::request::InvalidValue;

/// A century and a half: more is a mistyped year, and every day of it takes room.
const YEARS_MAX: i64 = 150;

/// No contract waits for more places to be open; each that is joined costs a walk through all its days.
const JOINED_MAX: usize = 8;

/// Calendars by name. What was given comes before what is known under the same name.
#[derive(Default)]
pub struct Calendars {
    /// Those that cannot be read say so where they are used.
    given: BTreeMap<String, Result<Calendar, InvalidValue>>,
    /// What was asked for before: contracts of a market share their days.
    found: BTreeMap<String, Found>,
    /// The names that somebody has looked for since they were taken last, each of a joint calendar by itself.
    looked_for: BTreeSet<CompactString>,
}

/// A calendar that somebody names.
#[derive(Clone)]
pub(super) struct Found {
    pub calendar: Arc<Calendar>,
    pub days: Arc<BusinessDays>,
}

impl Calendars {
    pub(super) fn new(item: Option<Item<'_>>) -> Result<Calendars, InvalidValue> {
        let mut calendars = Calendars::default();
        for (name, item) in item.map(Item::object).transpose()?.into_iter().flat_map(|object| object.entries()) {
            let calendar = given(&name, item);
            calendars.given.insert(name.into_owned(), calendar);
        }
        Ok(calendars)
    }

    /// Takes in a calendar, as a document has it, in place of what was known by the name.
    pub(super) fn give(&mut self, name: &str, item: Item<'_>) {
        self.given.insert(name.to_owned(), given(name, item));
        self.found.clear();
    }

    /// The calendar that a value names: `XNYS`, `XNYS+GBLO`.
    pub(super) fn find(&mut self, item: Item<'_>) -> Result<&Found, InvalidValue> {
        let path = item.path.clone();
        self.found(&item.text()?).map_err(|problem| path.invalid(problem))
    }

    /// The calendar of a name.
    pub(super) fn named(&mut self, name: &str) -> Result<&Calendar, String> {
        self.found(name).map(|found| found.calendar.as_ref())
    }

    /// Hands out the names that were looked for since this was asked last: what was read in between depends on them.
    pub fn looked_for(&mut self) -> BTreeSet<CompactString> {
        std::mem::take(&mut self.looked_for)
    }

    fn found(&mut self, name: &str) -> Result<&Found, String> {
        for part in name.split('+') {
            if !self.looked_for.contains(part) {
                self.looked_for.insert(part.into());
            }
        }
        if !self.found.contains_key(name) {
            let calendar = self.joined(name)?;
            let (first, last) = calendar.known();
            let days = BusinessDays::new(name, first, last, |date| calendar.business_day(date) == Ok(true));
            self.found.insert(name.to_owned(), Found { calendar: calendar.into(), days: days.into() });
        }
        Ok(&self.found[name])
    }

    fn joined(&self, name: &str) -> Result<Calendar, String> {
        let count = name.split('+').count();
        if count > JOINED_MAX {
            return Err(format!("joins {count} calendars; allowed: up to {JOINED_MAX}"));
        }
        let mut parts = name.split('+');
        let first = self.single(parts.next().unwrap_or(name))?;
        parts.try_fold(first, |joint, part| Ok(joint.joined(&self.single(part)?)))
    }

    fn single(&self, name: &str) -> Result<Calendar, String> {
        match self.given.get(name) {
            Some(given) => given.clone().map_err(|invalid| invalid.to_string()),
            None => Calendar::named(name).map_err(|unknown| unknown.to_string()),
        }
    }
}

/// `{"from": "2025-01-01", "to": "2025-12-31", "weekend": "SATURDAY_SUNDAY", "holidays": ["2025-04-18"]}`.
pub(super) fn given(name: &str, item: Item<'_>) -> Result<Calendar, InvalidValue> {
    let object = item.object()?;
    let first = object.member("from")?.date()?;
    let last_item = object.member("to")?;
    let last_path = last_item.path.clone();
    let last = last_item.not_before(first)?;
    if (last - first).num_days() > YEARS_MAX * 366 {
        return Err(last_path.invalid(format!("{last} is too far; allowed: {YEARS_MAX} years")));
    }
    let weekend = object.word("weekend", &WEEKENDS)?.unwrap_or(Weekend::SATURDAY_SUNDAY);
    let holidays = object.optional("holidays").map_or(Ok(Vec::new()), dates::ascending)?;
    object.end()?;
    Ok(Calendar::new(name, weekend, holidays, first, last))
}

const WEEKENDS: [(&str, Weekend); 2] =
    [("SATURDAY_SUNDAY", Weekend::SATURDAY_SUNDAY), ("FRIDAY_SATURDAY", Weekend::FRIDAY_SATURDAY)];
