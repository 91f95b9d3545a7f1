//! Control totals: counts, sums and a hash that prove a job complete, whatever the order it was added up in.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::cashflow::{CashFlow, FlowKind, FlowStatus};
use super::chunk::ContractFlows;
use crate::domain::flows::id::first_128_bits;
use crate::domain::flows::row::{FlowRow, RowAmount};
use crate::domain::money::Currency;

/// Proof of completeness: equal totals mean the same flows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ControlTotals {
    pub counts: Counts,
    pub flows: u64,
    pub errors: u64,
    pub warnings: u64,
    /// Sums in minor units, never across currencies.
    pub sums: BTreeMap<(Currency, FlowKind, FlowStatus), i128>,
    /// Sum, modulo 2^128, of 128 bits of SHA-256 over each flow: free of order.
    pub hash: u128,
    /// Of a job by reference: positions that were calculated, and not taken as they stand.
    pub calculated: u64,
    /// Of a job by reference: flows that differ from what was told before.
    pub changed: u64,
}

/// What of the request was accounted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub contracts: u64,
    pub positions: u64,
    pub lots: u64,
}

impl ControlTotals {
    /// Counts the flows of a contract in.
    pub fn add_contract(&mut self, flows: &ContractFlows) {
        flows.flows.iter().for_each(|flow| self.add_flow(flow));
        flows.rows.iter().for_each(|row| self.add_row(row, None));
    }

    /// Counts one flow in.
    pub fn add_flow(&mut self, flow: &CashFlow) {
        self.flows += 1;
        let key = (flow.amount.currency, flow.kind, flow.status);
        *self.sums.entry(key).or_default() += i128::from(flow.amount.minor);
        self.hash = self.hash.wrapping_add(content_hash(flow));
    }

    /// Counts one flow of a position in, and the day of its series if it is one of several. One without an amount is an error.
    pub fn add_row(&mut self, row: &FlowRow, day: Option<NaiveDate>) {
        let Ok(amount) = &row.result else {
            self.errors += 1;
            return;
        };
        self.flows += 1;
        let key = (row.currency, row.kind.into(), row.stage.into());
        *self.sums.entry(key).or_default() += i128::from(amount.minor);
        self.hash = self.hash.wrapping_add(row_hash(row, amount, day));
    }

    /// Adds what another part of the job came to; the order of parts does not matter.
    pub fn merge(&mut self, other: &ControlTotals) {
        self.counts.add(other.counts);
        self.flows += other.flows;
        self.errors += other.errors;
        self.warnings += other.warnings;
        for (&key, &sum) in &other.sums {
            *self.sums.entry(key).or_default() += sum;
        }
        self.hash = self.hash.wrapping_add(other.hash);
        self.calculated += other.calculated;
        self.changed += other.changed;
    }
}

impl Counts {
    /// Adds what another part accounts for.
    pub fn add(&mut self, other: Counts) {
        self.contracts += other.contracts;
        self.positions += other.positions;
        self.lots += other.lots;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} contracts, {} positions, {} lots", self.contracts, self.positions, self.lots)
    }
}

/// Changes with the id, the amount or the status of a flow.
fn content_hash(flow: &CashFlow) -> u128 {
    let mut hash = Sha256::new();
    hash.update(flow.id.0.to_be_bytes());
    hash.update(flow.amount.minor.to_be_bytes());
    hash.update(flow.amount.currency.code());
    hash.update([flow.kind as u8, flow.status as u8]);
    hash.update(flow.unrounded.normalize().serialize());
    first_128_bits(hash)
}

fn row_hash(row: &FlowRow, amount: &RowAmount, day: Option<NaiveDate>) -> u128 {
    let mut hash = Sha256::new();
    hash.update(row.id.0.to_be_bytes());
    hash.update(amount.minor.to_be_bytes());
    hash.update(row.currency.code());
    hash.update(row.kind.name());
    hash.update(row.stage.name());
    hash.update(amount.unrounded.normalize().serialize());
    hash.update(day.map(|day| day.to_string()).unwrap_or_default());
    first_128_bits(hash)
}
