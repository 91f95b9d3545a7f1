//! A captured position under the contracts that its trades name -> every cash flow of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::arrived::Before;
use super::due::Statement;
use super::dues::{Lot, Slices};
use super::flow::Flow;
use super::flows::{Explained, Explaining, Shown};
use super::held::{put_commission_into_prices, splits};
use super::terms::Swap;
use super::valuation::{Splits, Valuation};
use crate::domain::blocked::Blocked;
use crate::domain::flows::id::FlowId;
use crate::domain::key::ContractId;
use crate::domain::lots::happening::{Arrival, Happening};
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::life::{Market as Settlement, lives};
use crate::domain::lots::origin::Origin;
use crate::domain::market::Market;
use crate::domain::trade::captured::CapturedTrade;

/// What of a position belongs to one contract: the trades that name it, and the lots that they opened.
pub struct Share<'a> {
    pub contract: &'a ContractId,
    lots: Vec<Lot<&'a str>>,
    trades: Vec<&'a CapturedTrade>,
    /// Of the lots that came from other positions.
    arrivals: BTreeMap<&'a str, (&'a Arrival, &'a Origin)>,
    /// Commission is in the prices of the lots already, if it belongs there.
    priced: bool,
    happenings: Happenings<'a>,
}

/// What happened to the lots of a position that was no trade.
#[derive(Clone, Default)]
struct Happenings<'a> {
    ids: BTreeSet<&'a str>,
    splits: Splits,
}

/// The live trades and all lots of a position by contract, in the order of the contracts' ids. What names no contract has no flows.
pub fn shares<'a, L: Ledger>(ledger: &'a L, settlement: &impl Settlement) -> Vec<Share<'a>> {
    let mut shares: BTreeMap<&ContractId, Share<'a>> = BTreeMap::new();
    fn share<'s, 'a>(shares: &'s mut BTreeMap<&'a ContractId, Share<'a>>, of: &'a ContractId) -> &'s mut Share<'a> {
        shares.entry(of).or_insert_with(|| Share {
            contract: of,
            lots: Vec::new(),
            trades: Vec::new(),
            arrivals: BTreeMap::new(),
            priced: false,
            happenings: Happenings::default(),
        })
    }
    let contract = |trade: &'a CapturedTrade| trade.terms().and_then(|terms| terms.contract.as_ref());
    for trade in ledger.trades_from_latest() {
        if let Some(of) = contract(trade) {
            share(&mut shares, of).trades.push(trade);
        }
    }
    for (arrival, of) in ledger.happened_from_latest().filter_map(|one| under_contract(&one.happening)) {
        let arrivals = &mut share(&mut shares, of).arrivals;
        arrivals.extend(arrival.origin.as_deref().map(|origin| (arrival.lot.id.as_str(), (arrival, origin))));
    }
    if shares.is_empty() {
        return Vec::new();
    }
    let arrived = |id| ledger.happened(id).and_then(|one| under_contract(&one.happening)).map(|(_, of)| of);
    for (id, life) in lives(ledger, settlement) {
        if let Some(of) = ledger.captured(id).and_then(contract).or_else(|| arrived(id)) {
            let life = life.renamed(|by| by.as_str());
            share(&mut shares, of).lots.push(Lot::new(id.as_str(), life));
        }
    }
    let mut shares: Vec<Share> = shares.into_values().collect();
    let happenings = Happenings {
        ids: ledger.happened_from_latest().map(|happened| happened.happening.id.as_str()).collect(),
        splits: splits(ledger.happened_from_latest().map(|happened| &happened.happening)),
    };
    for share in &mut shares {
        share.happenings = happenings.clone();
        share.trades.reverse();
        share.lots.sort_by(|left, right| (left.life.opened.date, left.id).cmp(&(right.life.opened.date, right.id)));
    }
    shares
}

/// A lot that arrived, and its contract.
fn under_contract(happening: &Happening) -> Option<(&Arrival, &ContractId)> {
    let arrival = happening.arrival()?;
    Some((arrival, arrival.lot.contract.as_ref()?))
}

impl<'a> Share<'a> {
    /// Shows every flow of the share as it stands at the end of a day: of each lot by age, then of each trade.
    pub fn flows<'s>(
        &mut self,
        swap: &'s Swap,
        before: &Before,
        market: &'s Market,
        day: NaiveDate,
        each: impl FnMut(Flow<'s, &'a str>),
    ) -> Result<(), Blocked>
    where
        'a: 's,
    {
        self.enter(swap, before, market, day, &mut Shown { rounding: &swap.rounding, each })
    }

    /// The same flows with an explanation of those that are wanted.
    pub fn explained(
        &mut self,
        swap: &'a Swap,
        before: &Before,
        market: &'a Market,
        day: NaiveDate,
        wanted: impl Fn(FlowId) -> bool,
    ) -> Result<Vec<Explained<'a>>, Blocked> {
        let mut kept = Explaining { rounding: &swap.rounding, wanted, flows: Vec::new() };
        self.enter(swap, before, market, day, &mut kept)?;
        Ok(kept.flows)
    }

    fn enter<'s>(
        &mut self,
        swap: &'s Swap,
        before: &Before,
        market: &'s Market,
        day: NaiveDate,
        statement: &mut impl Statement<'s, &'a str>,
    ) -> Result<(), Blocked>
    where
        'a: 's,
    {
        if let Some(rate) = swap.commission_in_price().filter(|_| !self.priced) {
            self.priced = true;
            let traded = |by: &&str| !self.happenings.ids.contains(by);
            self.lots.iter_mut().try_for_each(|lot| put_commission_into_prices(&mut lot.life, rate, traded, true))?;
        }
        let valuation = Valuation::new(swap, market, day, self.happenings.splits.clone());
        // What a day's valuation makes of lots is nothing to the next one.
        let mut lots = Cow::Borrowed(&self.lots[..]);
        if swap.dividends.as_ref().is_some_and(|dividends| dividends.reinvested) {
            valuation.reinvest(lots.to_mut());
        }
        if !self.arrivals.is_empty() {
            valuation.look_back(lots.to_mut(), &self.arrivals, before, market);
        }
        let mut slices = Slices::default();
        lots.iter().for_each(|lot| valuation.dues(lot, &mut slices, statement));
        self.trades.iter().for_each(|trade| valuation.trade_fees(trade.id.as_str(), trade, statement));
        valuation.break_fees(&lots, statement);
        Ok(())
    }
}
