//! What happens to a position besides trades: corporate actions, lots that leave, lots that arrive.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::corporate_action::CorporateAction;
use super::lot::{Before, Lot, Relief};
use super::method::{Instruction, InvalidInstruction};
use super::origin::Origin;
use crate::domain::key::{PositionKey, Timestamp, TradeId};
use crate::domain::money::{Ended, Money};
use crate::domain::trade::{BusinessOrder, InvalidTerms};

/// The source of corporate actions among the facts of a position; no trade has it.
pub const ISSUER: &str = "corporate-action";

/// The source of lots that were there before; no trade has it.
pub const OPENING: &str = "opening";

/// One version of it. Each version says all there is to say, so that the highest one known counts, whatever came when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// `source|id`, unique for ever within the position, also among its trades.
    pub id: TradeId,
    pub version: u32,
    pub what: What,
}

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Action(CorporateAction),
    Departure(Departure),
    Arrival(Box<Arrival>),
    /// It never was.
    Withdrawn,
}

/// A transfer to another position: lots leave without a result, chosen as a close would choose them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub to: PositionKey,
    /// Units, above zero, of whatever direction the position has.
    pub quantity: Decimal,
    pub date: NaiveDate,
    pub exec_time: Timestamp,
    pub source_seq: u64,
    pub instruction: Option<Instruction>,
}

/// A lot that comes from another position with its cost and its dates. It opens what it is; against a position of the other direction it closes
/// first, like a trade at its own unit cost, because what it is worth was not decided here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// From when on it is in the position; the lot's own dates say how old it is.
    pub date: NaiveDate,
    pub phase: Phase,
    pub exec_time: Timestamp,
    pub source_seq: u64,
    /// As it arrives. Its id is the happening's.
    pub lot: Lot,
    /// None where nobody has said it.
    pub origin: Option<Box<Origin>>,
}

/// Why no lot arrives like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidArrival {
    Terms(InvalidTerms),
    /// It was opened with other units than arrive.
    Parted,
    BeforeTrade,
    CurrencyEnded(Ended),
    Origin,
}

impl Arrival {
    /// The same arrival, if a trade could have opened the lot and what is said of its way leads here.
    pub fn checked(self) -> Result<Arrival, InvalidArrival> {
        let Arrival { date, lot, origin, .. } = &self;
        lot.terms().checked().map_err(InvalidArrival::Terms)?;
        if lot.opened != lot.remaining {
            return Err(InvalidArrival::Parted);
        }
        if *date < lot.trade_date {
            return Err(InvalidArrival::BeforeTrade);
        }
        // Positions hand on what they hold, also when its currency has ended.
        if lot.id.source() == OPENING {
            lot.currency.money_on(*date).map_err(InvalidArrival::CurrencyEnded)?;
        }
        match origin.as_ref().is_none_or(|origin| origin.leads_to(lot.remaining, lot.trade_date, *date)) {
            true => Ok(self),
            false => Err(InvalidArrival::Origin),
        }
    }

    /// A lot that was there before. It counts from the start of a day on: what was paid for it until then was paid elsewhere.
    pub fn opening(lot: Lot, date: NaiveDate) -> Arrival {
        let origin = Some(Box::new(Origin::of_trade(lot.price)));
        Arrival { date, phase: Phase::Action, exec_time: Timestamp(0), source_seq: 0, lot, origin }
    }
}

/// When in a business day something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// At the start of the day.
    Action,
    Trade,
}

/// Where a fact stands among all of its position, whenever it became known. A total order: ids are unique.
pub type Moment<'a> = (NaiveDate, Phase, Timestamp, u64, &'a TradeId);

/// `Moment` that owns its id.
pub type OwnedMoment = (NaiveDate, Phase, Timestamp, u64, TradeId);

/// A happening in force and what it did: the source of truth for what restatement undoes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    pub happening: Happening,
    pub effect: Effect,
}

/// What a fact did to its position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Signed quantity of the lot it opened, zero for none.
    pub opened: Decimal,
    /// What it closed with a result, in the order of relief.
    pub reliefs: Vec<Relief>,
    /// The change of the position's quantity.
    pub change: Decimal,
    /// What undoing it needs beside the reliefs.
    pub before: Option<Box<Before>>,
    /// Cash instead of fractions; plus is received.
    pub cash_in_lieu: Option<Money>,
    /// What it sent to other positions, withdrawn ones included so that their versions are never used twice.
    pub sent: Vec<Sent>,
    /// Of a departure: units that were not there to leave.
    pub missing: Decimal,
    /// Why its instruction was not followed; the policy's method took its place.
    pub refused: Option<Box<InvalidInstruction>>,
}

/// A happening for another position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub to: PositionKey,
    pub happening: Happening,
}

impl Happening {
    /// Its place among the facts of its position; `None` when it never was.
    pub fn moment(&self) -> Option<Moment<'_>> {
        let (date, phase, exec_time, source_seq) = match &self.what {
            What::Action(action) => (action.ex_date, Phase::Action, Timestamp(0), 0),
            What::Departure(departure) => (departure.date, Phase::Trade, departure.exec_time, departure.source_seq),
            What::Arrival(arrival) => (arrival.date, arrival.phase, arrival.exec_time, arrival.source_seq),
            What::Withdrawn => return None,
        };
        Some((date, phase, exec_time, source_seq, &self.id))
    }

    /// The same, as whoever does not know where a lot comes from would say it.
    pub fn without_origin(mut self) -> Happening {
        if let What::Arrival(arrival) = &mut self.what {
            arrival.origin = None;
        }
        self
    }

    /// The lot that comes; `None` for anything else that happens.
    pub fn arrival(&self) -> Option<&Arrival> {
        match &self.what {
            What::Arrival(arrival) => Some(arrival),
            _ => None,
        }
    }
}

/// The moment of a trade.
pub(in crate::domain) fn of_trade((date, exec_time, source_seq, id): BusinessOrder<'_>) -> Moment<'_> {
    (date, Phase::Trade, exec_time, source_seq, id)
}

/// Versions what a fact sends: what is new or other gets the next version, what is not sent any more is withdrawn. The second list is what the
/// other positions do not know yet.
pub(in crate::domain) fn resend(known: &[Sent], now: Vec<Sent>) -> (Vec<Sent>, Vec<Sent>) {
    fn name(sent: &Sent) -> (PositionKey, TradeId) {
        (sent.to.clone(), sent.happening.id.clone())
    }
    let mut now: BTreeMap<_, _> = now.into_iter().map(|sent| (name(&sent), sent)).collect();
    for gone in known {
        now.entry(name(gone)).or_insert_with(|| Sent {
            to: gone.to.clone(),
            happening: Happening { what: What::Withdrawn, ..gone.happening.clone() },
        });
    }
    let known: BTreeMap<_, _> = known.iter().map(|sent| (name(sent), &sent.happening)).collect();
    let mut news = Vec::new();
    for (name, sent) in &mut now {
        let before = known.get(name);
        let unchanged = before.is_some_and(|before| before.what == sent.happening.what);
        sent.happening.version = before.map_or(0, |before| before.version) + u32::from(!unchanged);
        if !unchanged {
            news.push(sent.clone());
        }
    }
    (now.into_values().collect(), news)
}

impl fmt::Display for InvalidArrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidArrival::Terms(terms) => write!(f, "{terms}"),
            InvalidArrival::Parted => f.write_str("opened and remaining differ"),
            InvalidArrival::BeforeTrade => f.write_str("it arrives before its trade date"),
            InvalidArrival::CurrencyEnded(ended) => write!(f, "{ended}, before it arrives"),
            InvalidArrival::Origin => f.write_str(
                "nothing can come from its origin like that: stays and changes are in order and none is later than the arrival, the price and what is \
                 kept of it are not below zero, no more than all is kept, units keep their sign, and a decimal holds them",
            ),
        }
    }
}

impl std::error::Error for InvalidArrival {}
