//! What `calculate` answers: flows, rows about what has none, totals, and explanations for who asks.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::blocked::Blocked;
use crate::domain::explain::Explanation;
use crate::domain::money::{Currency, Money};

/// Everything that came of a file.
pub struct Answer {
    pub valuation_date: NaiveDate,
    /// Contract by contract, in the order of the file.
    pub flows: Vec<Flow>,
    pub rows: Vec<Row>,
    /// Lots that go on in other positions.
    pub moves: Vec<Move>,
    /// By the place of their flow in `flows`.
    pub explanations: Vec<(usize, Vec<Step>)>,
}

/// One flow as it is shown; `+` = the client receives.
pub struct Flow {
    pub id: String,
    pub contract: String,
    pub position: Option<String>,
    /// The lot, or of a trade's fee the trade.
    pub lot: String,
    pub closed_by: Option<String>,
    pub kind: &'static str,
    pub detail: Option<String>,
    pub status: &'static str,
    pub start: NaiveDate,
    pub end: Option<NaiveDate>,
    pub payment_date: Option<NaiveDate>,
    pub currency: Currency,
    pub result: Result<Calculated, Blocked>,
}

pub struct Calculated {
    pub amount: Money,
    pub unrounded: Decimal,
    pub provisional: bool,
}

/// What could not be read or calculated, or is odd.
pub struct Row {
    pub error: bool,
    pub code: String,
    pub contract: Option<String>,
    pub lot: Option<String>,
    /// Where in the file it stands.
    pub path: String,
    pub message: String,
}

/// A lot that leaves its contract: what `transfers` of another one says of it.
pub struct Move {
    pub contract: String,
    /// The transfer or the corporate action.
    pub by: String,
    pub lot: String,
    pub book: String,
    pub security: String,
    pub date: NaiveDate,
    pub quantity: Decimal,
    pub price: Decimal,
    pub trade_date: NaiveDate,
    pub settlement_date: Option<NaiveDate>,
    /// Price and day that the legs measure from.
    pub reference: Result<(Decimal, NaiveDate), Blocked>,
}

/// One line of an explanation.
pub struct Step {
    pub name: String,
    pub origin: String,
    pub value: String,
}

/// Which explanations are asked for.
pub enum Wanted {
    Nothing,
    All,
    /// Ids that begin like this.
    Like(String),
}

/// A sum over flows of one contract.
#[derive(Clone, Copy, Default)]
pub struct Total {
    pub flows: u64,
    pub blocked: u64,
    /// None: it does not fit.
    pub amount: Option<Money>,
}

/// Contract, currency, status.
pub type TotalKey<'a> = (&'a str, Currency, &'static str);

impl Answer {
    pub fn new(valuation_date: NaiveDate) -> Answer {
        Answer { valuation_date, flows: Vec::new(), rows: Vec::new(), moves: Vec::new(), explanations: Vec::new() }
    }

    /// Whether everything was calculated.
    pub fn complete(&self) -> bool {
        self.rows.iter().all(|row| !row.error)
            && self.flows.iter().all(|flow| flow.result.is_ok())
            && self.moves.iter().all(|moved| moved.reference.is_ok())
    }
}

/// Sums of calculated amounts by contract, currency and status.
pub fn totals(flows: &[Flow]) -> BTreeMap<TotalKey<'_>, Total> {
    let mut totals = BTreeMap::new();
    for flow in flows {
        let empty = Total { amount: Some(Money::zero(flow.currency)), ..Total::default() };
        let total = totals.entry((flow.contract.as_str(), flow.currency, flow.status)).or_insert(empty);
        total.flows += 1;
        match &flow.result {
            Ok(calculated) => total.amount = total.amount.and_then(|sum| sum.checked_add(calculated.amount)),
            Err(_) => total.blocked += 1,
        }
    }
    totals
}

impl Wanted {
    pub fn contains(&self, id: &str) -> bool {
        match self {
            Wanted::Nothing => false,
            Wanted::All => true,
            Wanted::Like(start) => id.starts_with(start.as_str()),
        }
    }
}

impl Step {
    pub fn new(name: impl ToString, origin: impl ToString, value: impl ToString) -> Step {
        Step { name: name.to_string(), origin: origin.to_string(), value: value.to_string() }
    }

    /// The lines of a flow's explanation.
    pub fn all(explanation: &Explanation) -> Vec<Step> {
        explanation.entries().map(|(name, origin, value)| Step::new(name, origin, value)).collect()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44}  {:<24}  {:>32}", self.name, self.origin, self.value)
    }
}
