//! `flows --totals`: what the selected flows come to, by level, currency, kind and status.

use std::collections::BTreeMap;

use clap::ValueEnum as _;
use compact_str::CompactString;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Ink, Output};
use crate::cli::shown_job::{kind_word, major, status_word};
use crate::domain::flows::row::FlowRow;
use crate::domain::jobs::cashflow::{CashFlow, FlowKind, FlowStatus};
use crate::domain::key::ContractId;
use crate::domain::money::Currency;

/// What has totals of its own, beside those of everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Level {
    /// Only everything together
    All,
    /// Each contract
    Contract,
    /// Each position of each contract
    Position,
    /// Each lot of each position; what a trade's fee comes to stands under the trade
    Lot,
}

/// Sums of flows as they are handed in, one entry for each that differs: no flow is held.
pub struct Totals {
    level: Level,
    sums: BTreeMap<(Owner, Line), Sum>,
}

/// Contract, position and lot, as far down as the level goes. Contracts of a document are in no position, and of a blocked one no lot is known.
type Owner = [Option<CompactString>; 3];

const LEVELS: [&str; 3] = ["contract", "position", "lot"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    Amount(Currency, FlowKind, FlowStatus),
    /// Flows without an amount, and contracts of which none can be known.
    Blocked,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Sum {
    flows: u64,
    /// Minor units; 0 of what has no amount.
    minor: i128,
}

impl Totals {
    pub fn by(level: Level) -> Totals {
        Totals { level, sums: BTreeMap::new() }
    }

    pub fn add_flow(&mut self, flow: &CashFlow) -> Result<(), Failure> {
        let owner = self.owner(&flow.contract, Some(flow.position.as_str()), Some(flow.lot.as_str()));
        self.add(owner, Line::Amount(flow.amount.currency, flow.kind, flow.status), flow.amount.minor)
    }

    pub fn add_row(&mut self, row: &FlowRow, position: Option<&str>) -> Result<(), Failure> {
        let owner = self.owner(&row.contract, position, Some(&row.of));
        match &row.result {
            Ok(amount) => self.add(owner, Line::Amount(row.currency, row.kind.into(), row.stage.into()), amount.minor),
            Err(_) => self.add(owner, Line::Blocked, 0),
        }
    }

    pub fn add_blocked(&mut self, contract: &ContractId, position: &str) -> Result<(), Failure> {
        let owner = self.owner(contract, Some(position), None);
        self.add(owner, Line::Blocked, 0)
    }

    fn owner(&self, contract: &ContractId, position: Option<&str>, lot: Option<&str>) -> Owner {
        let down_to = |level, name: Option<&str>| name.filter(|_| self.level >= level).map(CompactString::from);
        [
            down_to(Level::Contract, Some(contract.as_str())),
            down_to(Level::Position, position),
            down_to(Level::Lot, lot),
        ]
    }

    fn add(&mut self, owner: Owner, line: Line, minor: i64) -> Result<(), Failure> {
        self.sums.entry((owner, line)).or_default().add(Sum { flows: 1, minor: minor.into() })
    }

    /// Says each owner's, in order, and those of everything last.
    pub fn show(&self, output: &Output) -> Result<(), Failure> {
        let table = Table::of(self, output);
        let mut everything = BTreeMap::<Line, Sum>::new();
        let mut sums = self.sums.iter().peekable();
        let mut header = table.header();
        while let Some(((owner, _), _)) = sums.peek().copied() {
            let mut lines = BTreeMap::new();
            while let Some(((_, line), sum)) = sums.next_if(|((next, _), _)| next == owner) {
                lines.insert(*line, *sum);
                everything.entry(*line).or_default().add(*sum)?;
            }
            if self.level > Level::All {
                let block = Block::of(lines)?;
                let text = std::mem::take(&mut header)
                    + &table.block(owner.each_ref().map(|name| name.as_deref().unwrap_or("-")), &block);
                output.say(block.json(self.level, owner), text.trim_end())?;
            }
        }
        let block = Block::of(everything)?;
        let text = header + &table.block(["all", "", ""], &block);
        output.say(block.json(Level::All, &Owner::default()), text.trim_end())
    }
}

impl Sum {
    fn add(&mut self, other: Sum) -> Result<(), Failure> {
        let too_large = || Failure::new(Exit::Failed, "a sum has more than 38 digits").next("select fewer flows");
        self.flows += other.flows;
        self.minor = self.minor.checked_add(other.minor).ok_or_else(too_large)?;
        Ok(())
    }
}

/// All sums of one owner, or of everything.
struct Block {
    lines: BTreeMap<Line, Sum>,
    totals: BTreeMap<Currency, Sum>,
}

impl Block {
    fn of(lines: BTreeMap<Line, Sum>) -> Result<Block, Failure> {
        let mut totals = BTreeMap::<Currency, Sum>::new();
        for (line, sum) in &lines {
            if let Line::Amount(currency, ..) = line {
                totals.entry(*currency).or_default().add(*sum)?;
            }
        }
        Ok(Block { lines, totals })
    }

    fn json(&self, level: Level, owner: &Owner) -> Value {
        let sums = self.lines.iter().filter_map(|(line, sum)| match line {
            Line::Amount(currency, kind, status) => {
                let mut json = sum_json(*currency, sum);
                (json["kind"], json["status"]) = (kind.name().into(), status.name().into());
                Some(json)
            }
            Line::Blocked => None,
        });
        let blocked = self.lines.get(&Line::Blocked).map_or(0, |sum| sum.flows);
        let name = level.to_possible_value().map(|level| level.get_name().to_owned());
        let mut json = json!({ "level": name });
        for (name, owner) in LEVELS.iter().zip(owner).take(level as usize) {
            json[name] = owner.as_deref().into();
        }
        json["flows"] = self.totals.values().map(|sum| sum.flows).sum::<u64>().into();
        json["blocked"] = blocked.into();
        json["totals"] = self.totals.iter().map(|(currency, sum)| sum_json(*currency, sum)).collect();
        json["sums"] = sums.collect();
        json
    }
}

fn sum_json(currency: Currency, Sum { flows, minor }: &Sum) -> Value {
    let amount = Decimal::try_from_i128_with_scale(*minor, currency.decimals()).ok().map(|amount| amount.to_string());
    json!({ "currency": currency.code(), "flows": flows, "minor": minor.to_string(), "amount": amount })
}

/// Columns as wide as what stands in them.
struct Table<'a> {
    output: &'a Output,
    /// Of the names down to the level.
    widths: Vec<usize>,
}

impl Table<'_> {
    fn of<'a>(totals: &Totals, output: &'a Output) -> Table<'a> {
        let columns = (totals.level as usize).max(1);
        let mut widths: Vec<_> = LEVELS.iter().take(columns).map(|name| name.len()).collect();
        for (owner, _) in totals.sums.keys() {
            for (width, name) in widths.iter_mut().zip(owner) {
                *width = name.as_ref().map_or(0, |name| name.chars().count()).max(*width);
            }
        }
        Table { output, widths }
    }

    fn header(&self) -> String {
        let line = self.line(LEVELS, ["kind", "status", "flows", "amount"], "");
        self.output.ink(Ink::Faint, line.trim_end()) + "\n"
    }

    /// Names stand once, on the first line. A currency that has one line only needs no total.
    fn block(&self, mut names: [&str; 3], block: &Block) -> String {
        let mut lines = Vec::new();
        for (currency, total) in &block.totals {
            let of_currency = block.lines.iter().filter_map(|(line, sum)| match line {
                Line::Amount(of, kind, status) if of == currency => {
                    Some((kind_word(*kind), status_word(*status), *sum, Some(*of)))
                }
                Line::Amount(..) | Line::Blocked => None,
            });
            let before = lines.len();
            lines.extend(of_currency);
            if lines.len() > before + 1 {
                lines.push(("total", "", *total, Some(*currency)));
            }
        }
        lines.extend(block.lines.get(&Line::Blocked).map(|sum| ("blocked", "", *sum, None)));
        if lines.is_empty() {
            lines.push(("nothing", "", Sum::default(), None));
        }
        let mut text = String::new();
        for (kind, status, Sum { flows, minor }, currency) in lines {
            let amount = currency.map_or_else(|| "-".into(), |currency| major(minor, currency));
            let code = currency.as_ref().map_or("", Currency::code);
            let line = self.line(std::mem::take(&mut names), [kind, status, &flows.to_string(), &amount], code);
            text += &if kind == "blocked" { self.output.ink(Ink::Odd, line.trim_end()) } else { line };
            text.push('\n');
        }
        text
    }

    fn line(&self, names: [&str; 3], [kind, status, flows, amount]: [&str; 4], currency: &str) -> String {
        let names = self.widths.iter().zip(names).map(|(width, name)| format!("{name:<width$}  "));
        format!("{}{kind:<18}  {status:<9}  {flows:>9}  {amount:>20}  {currency}", names.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_cannot_be_told_is_refused() {
        let one = Sum { flows: 1, minor: 1 };
        let mut sum = Sum { flows: 1, minor: i128::MAX - 1 };
        sum.add(one).expect("it is in range");
        let refused = sum.add(one).expect_err("it is not any more");
        assert_eq!((refused.exit, sum.minor), (Exit::Failed, i128::MAX));
        assert!(refused.next.is_some());
    }
}
