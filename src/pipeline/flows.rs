//! A position under its contracts -> the record of its current flows, when that differs from the last one.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::knowledge::Knowledge;
use crate::domain::explain::Explanation;
use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{BlockedContract, FlowChange, FlowRow, Obstacle, Snapshot, changes};
use crate::domain::jobs::recalculation::Selection;
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::lots::agreed::{Agreed, agree};
use crate::domain::lots::happening::Happened;
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::life;
use crate::domain::lots::method::ReliefPolicy;
use crate::domain::lots::shelf::Shelf;
use crate::domain::names::Symbol;
use crate::domain::swap::arrived::Before;
use crate::domain::swap::position::shares;
use crate::domain::swap::terms::Swap;
use crate::domain::trade::answer::Refusal;
use crate::messages::position_flows::{PositionFlows, Rows};
use crate::messages::wire::Unwritable;

/// What a position's flows come to; nothing once none of its trades names a contract any more.
#[derive(Default)]
pub struct Told {
    pub(super) blocked: Vec<BlockedContract>,
    pub(super) flows: Vec<FlowRow>,
    /// Whether the position's lots have a say: some contract's terms are at hand.
    by_lots: bool,
}

/// The flows of a position under the contracts that its live trades name or its lots came under, as they stand at the end of the business date; `None` when they name
/// none. A disagreement blocks them: the lots are not what the contracts have agreed.
pub fn flows<'c, L: Ledger>(
    ledger: &L,
    contracts: impl Iterator<Item = &'c ContractId>,
    security: &Symbol,
    knowledge: &Knowledge,
    disagreement: Option<&Obstacle>,
) -> Option<Told> {
    let mut told = Told::default();
    let mut standings = BTreeMap::new();
    let arrived = arrived(ledger);
    for contract in contracts {
        match standing(disagreement, &arrived, contract, security, |of| knowledge.standing(contract, of)) {
            Ok(standing) => drop(standings.insert(contract, standing)),
            Err(obstacle) => told.block(contract, obstacle),
        }
    }
    if standings.is_empty() {
        return (!told.blocked.is_empty()).then_some(told);
    }
    told.by_lots = true;
    let settles = Settles { security, knowledge, unknown: OnceCell::new() };
    for share in &mut shares(ledger, &settles) {
        let contract = share.contract;
        let Some((swap, before)) = standings.get(contract) else { continue };
        if let Some(obstacle) = settles.obstacle() {
            told.block(contract, obstacle);
            continue;
        }
        let day = knowledge.day().expect("terms are resolved as of the business date");
        let ended = knowledge.with_market(|market| {
            let each = |flow| told.flows.push(FlowRow::from(flow));
            share.flows(swap, before, market, day, each)
        });
        if let Err(reason) = ended {
            told.block(contract, Obstacle::from(reason));
        }
    }
    Some(told)
}

/// The same on several days, with one look at what happened to the position: each day with what is dated up to it, when it is asked for. A contract
/// has no flows on days on which its exchange is closed.
pub fn series<'a, L: Ledger>(
    ledger: &'a L,
    contracts: &'a [ContractId],
    security: &'a Symbol,
    knowledge: &'a Knowledge,
    disagreement: Option<&'a Obstacle>,
    days: impl Iterator<Item = NaiveDate>,
) -> impl Iterator<Item = (NaiveDate, Told)> {
    let settles = Settles { security, knowledge, unknown: OnceCell::new() };
    let (mut shares, arrived) = (shares(ledger, &settles), arrived(ledger));
    days.map(move |day| {
        let mut told = Told::default();
        for contract in contracts {
            let on_day = |of: &Symbol| knowledge.standing_on(contract, of, day);
            let (swap, before) = match standing(disagreement, &arrived, contract, security, on_day) {
                Ok(standing) if standing.0.trades_on(day) => standing,
                Ok(_) => continue,
                Err(obstacle) => {
                    told.block(contract, obstacle);
                    continue;
                }
            };
            let Some(share) = shares.iter_mut().find(|share| share.contract == contract) else { continue };
            let ended = settles.obstacle().map_or(Ok(()), Err).and_then(|()| {
                knowledge.with_market(|market| {
                    let each = |flow| told.flows.push(FlowRow::from(flow));
                    share.flows(&swap, &before, market, day, each).map_err(Obstacle::from)
                })
            });
            if let Err(obstacle) = ended {
                told.block(contract, obstacle);
            }
        }
        (day, told)
    })
}

/// How one flow of a position comes to be as it stands at the end of a day; `None` when there is no such flow, or it has no amount.
pub fn explained<L: Ledger>(
    ledger: &L,
    contract: &ContractId,
    security: &Symbol,
    knowledge: &Knowledge,
    day: NaiveDate,
    id: FlowId,
) -> Option<Explanation> {
    let on_day = |of: &Symbol| knowledge.standing_on(contract, of, day);
    let (swap, before) = standing(None, &arrived(ledger), contract, security, on_day).ok()?;
    let settles = Settles { security, knowledge, unknown: OnceCell::new() };
    knowledge.with_market(|market| {
        let mut shares = shares(ledger, &settles);
        let share = shares.iter_mut().find(|share| share.contract == contract)?;
        let flows = share.explained(&swap, &before, market, day, |other| other == id).ok()?;
        flows.into_iter().find_map(|flow| flow.explanation)
    })
}

/// A copy of a position whose lots are closed by another policy, and why they cannot be; none where they are closed by it anyway. What issuers did
/// stays as it is.
pub fn tried<L: Ledger>(ledger: &L, policy: &ReliefPolicy) -> Option<(Shelf, Option<Obstacle>)> {
    if ledger.policy() == policy {
        return None;
    }
    let mut shelf = Shelf::of(ledger);
    let agreed = agree(ledger, &Agreed { policy, actions: Vec::new() });
    let refusal = agreed.map(|happen| shelf.keep_happen(happen)).err();
    Some((shelf, refusal.as_ref().map(disagreement)))
}

/// What is tried on a position.
pub struct WhatIf<'a> {
    /// By which its lots are closed then.
    pub policy: &'a ReliefPolicy,
    pub selected: &'a [ContractId],
    pub security: &'a Symbol,
}

impl WhatIf<'_> {
    /// The flows with what is known, and with what is changed on top of it.
    pub fn of<L: Ledger>(
        &self,
        ledger: &L,
        known: &Knowledge,
        changed: &Knowledge,
        disagreement: Option<&Obstacle>,
    ) -> (Told, Told) {
        let contracts = || self.selected.iter();
        let before = flows(ledger, contracts(), self.security, known, disagreement);
        let after = match tried(ledger, self.policy) {
            None => flows(ledger, contracts(), self.security, changed, disagreement),
            Some((copy, refusal)) => flows(&copy, contracts(), self.security, changed, refusal.as_ref()),
        };
        (before.unwrap_or_default(), after.unwrap_or_default())
    }
}

/// Why the flows of a position whose lots cannot be as agreed are blocked.
pub fn disagreement(refusal: &Refusal) -> Obstacle {
    let message = format!(
        "the relief method of the contract or a corporate action cannot be applied: {refusal}; amend what is out of proportion"
    );
    Obstacle { reason: "LOTS_REFUSED".into(), message: message.into() }
}

/// Whether a job by reference asks for the flows under a contract.
pub fn selects(selection: &Selection, contract: &ContractId, security: &Symbol, knowledge: &Knowledge) -> bool {
    selection.has_contract(contract, || knowledge.standing(contract, security).ok().map(|swap| swap.product))
}

/// Those that a position's live trades name, or its lots came under.
pub fn contracts<L: Ledger>(ledger: &L) -> BTreeSet<&ContractId> {
    let traded = ledger.trades_from_latest().filter_map(|trade| trade.terms()?.contract.as_ref());
    traded.chain(ledger.happened_from_latest().filter_map(arrived_under)).collect()
}

/// The contract of a lot that came from another position.
pub(super) fn arrived_under(happened: &Happened) -> Option<&ContractId> {
    happened.happening.arrival()?.lot.contract.as_ref()
}

/// The securities that a lot was of before it arrived.
pub fn earlier_securities(happened: &Happened) -> impl Iterator<Item = &Symbol> {
    let origin = happened.happening.arrival().and_then(|arrival| arrival.origin.as_ref());
    origin.into_iter().flat_map(|origin| &origin.stays).map(|stay| &stay.security)
}

/// The securities of which the lots of each contract were before they arrived; `None` where that of one is not known.
fn arrived<L: Ledger>(ledger: &L) -> BTreeMap<&ContractId, Option<BTreeSet<&Symbol>>> {
    let mut arrived: BTreeMap<_, Option<BTreeSet<&Symbol>>> = BTreeMap::new();
    for happened in ledger.happened_from_latest() {
        let Some(contract) = arrived_under(happened) else { continue };
        let securities = arrived.entry(contract).or_insert_with(|| Some(BTreeSet::new()));
        match happened.happening.arrival().and_then(|arrival| arrival.origin.as_ref()) {
            Some(_) => securities.iter_mut().for_each(|known| known.extend(earlier_securities(happened))),
            None => *securities = None,
        }
    }
    arrived
}

/// The terms of a contract for a security and for those that its lots were of before, or why no flow of it can be known.
fn standing(
    disagreement: Option<&Obstacle>,
    arrived: &BTreeMap<&ContractId, Option<BTreeSet<&Symbol>>>,
    contract: &ContractId,
    security: &Symbol,
    terms: impl Fn(&Symbol) -> Result<Arc<Swap>, Obstacle>,
) -> Result<(Arc<Swap>, Before), Obstacle> {
    if let Some(disagreement) = disagreement {
        return Err(disagreement.clone());
    }
    let earlier = match arrived.get(contract) {
        None => BTreeSet::new(),
        Some(securities) => securities.clone().ok_or_else(no_reference)?,
    };
    let before = earlier.into_iter().map(|earlier| Ok((earlier.clone(), terms(earlier)?)));
    Ok((terms(security)?, before.collect::<Result<_, Obstacle>>()?))
}

fn no_reference() -> Obstacle {
    let message = "a lot came from another position before it travelled with what it is measured from; have its corporate action sent again \
                   with a new version";
    Obstacle { reason: "MISSING_REFERENCE_PRICE".into(), message: message.into() }
}

impl Told {
    /// Whether all of it is that contracts are not known: then it says so until one of them comes, whatever trades come.
    pub fn unknown(&self) -> bool {
        !self.by_lots && self.blocked.iter().all(|blocked| blocked.obstacle.reason == "MISSING_CONTRACT")
    }

    /// What is told while nothing can be calculated.
    pub fn all_blocked<'c>(contracts: impl Iterator<Item = &'c ContractId>, obstacle: &Obstacle) -> Told {
        let mut told = Told::default();
        contracts.for_each(|contract| told.block(contract, obstacle.clone()));
        told
    }

    fn block(&mut self, contract: &ContractId, mut obstacle: Obstacle) {
        let end = obstacle.message.floor_char_boundary(MESSAGE_BYTES_MAX);
        obstacle.message.truncate(end);
        self.blocked.push(BlockedContract { contract: contract.clone(), obstacle });
    }

    /// The records that take the place of the last ones, or none when nothing has changed.
    pub fn records(
        self,
        key: &PositionKey,
        revision: u64,
        knowledge: &Knowledge,
        last: &[&PositionFlows],
    ) -> Result<Vec<PositionFlows>, Unwritable> {
        let parts = self.parts()?;
        if says(last, parts.iter()) {
            return Ok(Vec::new());
        }
        let before: Vec<FlowRow> =
            last.iter().flat_map(|last| last.rows.read().expect("it was read before it was kept").1).collect();
        let changes = changes(&before, &self.flows);
        Ok(records(key, revision, knowledge.day(), knowledge.snapshot(), parts, changes))
    }

    /// The records of a job, with what differs from flows before.
    pub(super) fn of_job(
        &self,
        key: &PositionKey,
        revision: u64,
        day: NaiveDate,
        snapshot: Snapshot,
        changes: Vec<FlowChange>,
    ) -> Result<Vec<PositionFlows>, Unwritable> {
        let parts = self.parts()?;
        Ok(records(key, revision, Some(day), snapshot, parts, changes))
    }

    /// As it is written, cut into parts.
    pub fn parts(&self) -> Result<Vec<Rows>, Unwritable> {
        let (first, more) = self.blocked.split_at(self.blocked.len().min(BLOCKED_A_PART));
        let mut parts = Rows::parts(first, &self.flows)?;
        for blocked in more.chunks(BLOCKED_A_PART) {
            parts.append(&mut Rows::parts(blocked, &[])?);
        }
        Ok(parts)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.blocked.is_empty()
    }

    /// What of it is not the same in flows before.
    pub fn unlike(self, before: &Told) -> Told {
        let known: HashMap<FlowId, &FlowRow> = before.flows.iter().map(|row| (row.id, row)).collect();
        let blocked = self.blocked.into_iter().filter(|blocked| !before.blocked.contains(blocked)).collect();
        let flows = self.flows.into_iter().filter(|row| known.get(&row.id) != Some(&row)).collect();
        Told { blocked, flows, ..self }
    }
}

// A part has up to 512 KB of flows; with these it is below the 1 MiB that its topics take, whatever there is.
/// Some quote what cannot be read, which may be anything.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// With names and reasons 240 KB.
const BLOCKED_A_PART: usize = 200;
/// 38 bytes each at most.
const CHANGES_A_PART: usize = 6_000;

/// The reason that is none of the data's: the calculation of a position has a defect.
pub const NOT_CALCULATED: &str = "NOT_CALCULATED";

/// A defect, as a reason.
pub fn not_calculated(broken: &str) -> Obstacle {
    let broken = &broken[..broken.floor_char_boundary(MESSAGE_BYTES_MAX / 2)];
    let message = format!("the calculation broke down ({broken}); a defect: report it with this position");
    Obstacle { reason: NOT_CALCULATED.into(), message: message.into() }
}

/// Whether the rows of parts are what was told. Parts that are only there for their changes say nothing.
pub fn says<'r>(told: &[&PositionFlows], parts: impl Iterator<Item = &'r Rows>) -> bool {
    let nothing = no_rows();
    let something = |rows: &&Rows| **rows != nothing;
    !told.is_empty() && told.iter().map(|told| &told.rows).filter(something).eq(parts.filter(something))
}

fn no_rows() -> Rows {
    Rows::parts(&[], &[]).expect("nothing fits").swap_remove(0)
}

/// Numbered parts, each with its share of the changes; more parts than of rows where there are more changes than these take.
fn records(
    key: &PositionKey,
    revision: u64,
    day: Option<NaiveDate>,
    snapshot: Snapshot,
    mut parts: Vec<Rows>,
    mut changes: Vec<FlowChange>,
) -> Vec<PositionFlows> {
    let count = parts.len().max(changes.len().div_ceil(CHANGES_A_PART));
    parts.resize_with(count, no_rows);
    let share = changes.len().div_ceil(count);
    let mut records = Vec::with_capacity(count);
    for (rows, part) in parts.into_iter().zip(0..) {
        let rest = changes.split_off(changes.len().min(share));
        let changes = std::mem::replace(&mut changes, rest);
        records.push(PositionFlows {
            key: key.clone(),
            part,
            parts: count as u32,
            revision,
            day,
            snapshot,
            changes,
            rows,
        });
    }
    records
}

/// A security's trades settle by the cycle of its market, unless they say it themselves.
struct Settles<'a> {
    security: &'a Symbol,
    knowledge: &'a Knowledge,
    /// A trade date whose settlement nobody knows, and the security of the trade.
    unknown: OnceCell<(Symbol, NaiveDate)>,
}

impl Settles<'_> {
    fn obstacle(&self) -> Option<Obstacle> {
        let (security, trade_date) = self.unknown.get()?;
        let message = format!(
            "a trade of {trade_date} does not say when it settles, and neither settlementDays nor the market of {security} say it for \
             that date; send the security with them, or amend the trade"
        );
        Some(Obstacle { reason: "MISSING_SETTLEMENT_DATE".into(), message: message.into() })
    }
}

impl life::Market for Settles<'_> {
    fn settle_date(&self, elsewhere: Option<&Symbol>, trade_date: NaiveDate) -> NaiveDate {
        let security = elsewhere.unwrap_or(self.security);
        self.knowledge.settle_date(security, trade_date).unwrap_or_else(|| {
            self.unknown.get_or_init(|| (security.clone(), trade_date));
            trade_date
        })
    }

    /// Rates are looked up where they are needed.
    fn fx(&self, _: NaiveDate) -> Decimal {
        Decimal::ONE
    }
}
