//! An index with its tables, kept up to date as fixings come and are corrected.

use chrono::NaiveDate;

use super::fixings::{Fixing, Fixings, NotAFixingDay};
use super::table::{Table, TableTerms};

/// The fixings of an index and the tables that legs need of it. Tables are prepared before anything is calculated, so that calculating
/// changes nothing and may be done by many at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Index {
    fixings: Fixings,
    /// One for each kind of leg, in order of their terms.
    tables: Vec<Table>,
}

impl Index {
    /// Fixings without any table yet.
    pub fn new(fixings: Fixings) -> Index {
        Index { fixings, tables: Vec::new() }
    }

    /// What it published.
    pub fn fixings(&self) -> &Fixings {
        &self.fixings
    }

    /// Builds the table for these terms unless it is there.
    pub fn prepare(&mut self, terms: TableTerms) {
        if let Err(place) = self.place(&terms) {
            self.tables.insert(place, Table::new(terms, &self.fixings));
        }
    }

    /// `None` until it is prepared.
    pub fn table(&self, terms: &TableTerms) -> Option<&Table> {
        self.place(terms).ok().map(|place| &self.tables[place])
    }

    /// Takes in a new or corrected fixing. Every table is calculated again from the first day that depends on it.
    pub fn publish(&mut self, date: NaiveDate, fixing: Fixing) -> Result<(), NotAFixingDay> {
        let day = self.fixings.publish(date, fixing)?;
        self.tables.iter_mut().for_each(|table| table.rebuild(&self.fixings, day));
        Ok(())
    }

    /// The first date whose interest depends on the fixing of another date, for legs with so much lookback: nothing that was booked before it
    /// changes with the fixing. `None` when the calendar does not reach it.
    pub fn first_dependent(&self, fixing_date: NaiveDate, lookback: usize) -> Option<NaiveDate> {
        let dependent = self.fixings.days.on_or_before(fixing_date).ok()? + lookback;
        (dependent < self.fixings.days.count()).then(|| self.fixings.days.date(dependent))
    }

    fn place(&self, terms: &TableTerms) -> Result<usize, usize> {
        self.tables.binary_search_by(|table| table.terms().cmp(terms))
    }
}
