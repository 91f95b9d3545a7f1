//! A captured position under the contracts that its trades name -> every cash flow of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

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
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::life::{Market as Settlement, lives};
use crate::domain::market::Market;
use crate::domain::trade::captured::CapturedTrade;

/// What of a position belongs to one contract: the trades that name it, and the lots that they opened.
pub struct Share<'a> {
    pub contract: &'a ContractId,
    lots: Vec<Lot<&'a str>>,
    trades: Vec<&'a CapturedTrade>,
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
    if shares.is_empty() {
        return Vec::new();
    }
    for (id, life) in lives(ledger, settlement) {
        if let Some(of) = ledger.captured(id).and_then(contract) {
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

impl<'a> Share<'a> {
    /// Shows every flow of the share as it stands at the end of a day: of each lot by age, then of each trade.
    pub fn flows<'s>(
        &mut self,
        swap: &'s Swap,
        market: &'s Market,
        day: NaiveDate,
        each: impl FnMut(Flow<'s, &'a str>),
    ) -> Result<(), Blocked>
    where
        'a: 's,
    {
        self.enter(swap, market, day, &mut Shown { rounding: &swap.rounding, each })
    }

    /// The same flows with an explanation of those that are wanted.
    pub fn explained(
        &mut self,
        swap: &'a Swap,
        market: &'a Market,
        day: NaiveDate,
        wanted: impl Fn(FlowId) -> bool,
    ) -> Result<Vec<Explained<'a>>, Blocked> {
        let mut kept = Explaining { rounding: &swap.rounding, wanted, flows: Vec::new() };
        self.enter(swap, market, day, &mut kept)?;
        Ok(kept.flows)
    }

    fn enter<'s>(
        &mut self,
        swap: &'s Swap,
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
        valuation.reinvest(&mut self.lots);
        let mut slices = Slices::default();
        self.lots.iter().for_each(|lot| valuation.dues(lot, &mut slices, statement));
        self.trades.iter().for_each(|trade| valuation.trade_fees(trade.id.as_str(), trade, statement));
        valuation.break_fees(&self.lots, statement);
        Ok(())
    }
}
