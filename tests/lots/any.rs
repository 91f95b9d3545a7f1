//! Histories of three positions: trades in versions, rebooks, corporate actions, transfers to and fro, in any order of arrival.

use std::collections::{BTreeMap, VecDeque};

use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happening::{Departure, Happening, What};
use bookflow::domain::lots::method::{Instruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::ledger::{Books, currency, date, key, trade, trade_id};

pub fn one() -> PositionKey {
    key("ACC_BOOK_ONE")
}

pub fn two() -> PositionKey {
    key("ACC_BOOK_TWO")
}

/// All positions; lots may go from each to each, also back to where they came from.
pub fn all() -> [PositionKey; 3] {
    [one(), two(), key("ACC_BOOK_THREE")]
}

/// What a world knows; `records` in order of arrival.
#[derive(Clone, Debug)]
pub struct History {
    pub records: Vec<Record>,
    pub policy: Agreed,
}

/// The relief methods of all positions, in the words of a contract: the later listed of two changes on one day counts.
#[derive(Clone, Debug)]
pub struct Agreed {
    pub first: ReliefMethod,
    pub changes: Vec<(NaiveDate, ReliefMethod)>,
}

#[derive(Clone, Debug)]
pub enum Record {
    Trade(Trade),
    Happening(PositionKey, Happening),
}

impl History {
    /// All records, one after the other; what moves arrives after `delay` more of them.
    pub fn run(&self, delay: usize) -> Books {
        let mut books = self.books();
        let mut underway: VecDeque<(usize, Record)> = VecDeque::new();
        for (now, record) in self.records.iter().enumerate() {
            take(&mut books, record);
            underway.extend(sent(&mut books).map(|sent| (now + delay, sent)));
            while let Some((_, arriving)) = underway.pop_front_if(|(due, _)| *due <= now) {
                take(&mut books, &arriving);
                underway.extend(sent(&mut books).map(|sent| (now + delay, sent)));
            }
        }
        while let Some((due, arriving)) = underway.pop_front() {
            take(&mut books, &arriving);
            underway.extend(sent(&mut books).map(|sent| (due, sent)));
        }
        books
    }

    /// Positions without a fact, under the history's rules.
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        for key in all() {
            let shelf = books.shelves.entry(key).or_default();
            shelf.policy = ReliefPolicy::new(self.policy.first, self.policy.changes.clone());
        }
        books
    }

    /// The last version of each fact, wherever it is.
    pub fn survivors(&self) -> Vec<Record> {
        let mut last: BTreeMap<&TradeId, &Record> = BTreeMap::new();
        for record in &self.records {
            if last.get(record.id()).is_none_or(|known| known.version() <= record.version()) {
                last.insert(record.id(), record);
            }
        }
        last.into_values().cloned().collect()
    }
}

impl Record {
    /// Of trades and happenings of all positions no two are alike.
    fn id(&self) -> &TradeId {
        match self {
            Record::Trade(trade) => &trade.id,
            Record::Happening(_, happening) => &happening.id,
        }
    }

    /// Where a trade is with this version, and its terms; `None` for one that is cancelled, and for what is no trade.
    pub fn in_force(&self) -> Option<(&PositionKey, &Terms)> {
        let Record::Trade(trade) = self else { return None };
        match &trade.event {
            TradeEvent::New(terms) | TradeEvent::Amend(terms) => Some((&trade.key, terms)),
            TradeEvent::Rebook { to, terms } => Some((to, terms)),
            _ => None,
        }
    }

    fn version(&self) -> u32 {
        match self {
            Record::Trade(trade) => trade.version,
            Record::Happening(_, happening) => happening.version,
        }
    }
}

pub fn take(books: &mut Books, record: &Record) {
    match record {
        Record::Trade(trade) => {
            books.take(trade);
        }
        Record::Happening(key, happening) => {
            books.happen(key, happening);
        }
    }
}

/// What positions have sent each other.
fn sent(books: &mut Books) -> impl Iterator<Item = Record> {
    let trades = books.sent.drain(..).map(Record::Trade);
    trades.chain(books.moved.drain(..).map(|sent| Record::Happening(sent.to, sent.happening)))
}

/// The same history in two orders of arrival, some records more than once, and how long moves are underway.
pub fn any_arrivals() -> impl Strategy<Value = (History, History, usize)> {
    any_history().prop_flat_map(|history| {
        let arrivals = any_arrival(history.records.clone());
        let other_arrivals = any_arrival(history.records.clone());
        (arrivals, other_arrivals, 0..6_usize).prop_map(move |(first, second, delay)| {
            (History { records: first, ..history.clone() }, History { records: second, ..history.clone() }, delay)
        })
    })
}

fn any_arrival(records: Vec<Record>) -> impl Strategy<Value = Vec<Record>> {
    let again = prop::collection::vec(prop::sample::select(records.clone()), 0..3);
    again.prop_flat_map(move |again| Just([records.clone(), again].concat()).prop_shuffle())
}

pub fn any_history() -> impl Strategy<Value = History> {
    let trades = prop::collection::vec((any_terms(), prop::collection::vec(any_next(), 0..3), any_home()), 1..10);
    let happenings = any_home().prop_flat_map(|home| (prop::collection::vec(any_what(home.clone()), 1..3), Just(home)));
    let happenings = prop::collection::vec(happenings, 0..5);
    (trades, happenings, any_policy()).prop_map(|(trades, happenings, policy)| {
        let mut records = Vec::new();
        for (number, (first, nexts, home)) in trades.into_iter().enumerate() {
            records.extend(versions(number, home, first, nexts));
        }
        for (number, (whats, home)) in happenings.into_iter().enumerate() {
            let id = trade_id(&format!("H{number}"));
            for (version, what) in (1..).zip(whats) {
                records.push(Record::Happening(home.clone(), Happening { id: id.clone(), version, what }));
            }
        }
        History { records, policy }
    })
}

/// Most facts are of the first position, so that some of its histories are long.
fn any_home() -> impl Strategy<Value = PositionKey> {
    let [one, two, three] = all();
    prop_oneof![4 => Just(one), 1 => Just(two), 1 => Just(three)]
}

/// What a trade's next version does; after a cancel it brings the trade back.
#[derive(Clone, Debug)]
enum Next {
    Amend(Terms),
    Rebook(PositionKey, Terms),
    Cancel,
}

fn versions(number: usize, mut here: PositionKey, first: Terms, nexts: Vec<Next>) -> Vec<Record> {
    let id = format!("T{number}");
    let mut live = true;
    let mut records = vec![Record::Trade(trade(&here, &id, 1, TradeEvent::New(first)))];
    for (version, next) in (2..).zip(nexts) {
        let at = here.clone();
        let event = match next {
            Next::Amend(terms) | Next::Rebook(_, terms) if !live => TradeEvent::New(terms),
            Next::Rebook(to, terms) if to != here => {
                here = to.clone();
                TradeEvent::Rebook { to, terms }
            }
            Next::Amend(terms) | Next::Rebook(_, terms) => TradeEvent::Amend(terms),
            Next::Cancel if live => TradeEvent::Cancel,
            Next::Cancel => break,
        };
        live = !matches!(event, TradeEvent::Cancel);
        records.push(Record::Trade(trade(&at, &id, version, event)));
    }
    records
}

fn any_next() -> impl Strategy<Value = Next> {
    prop_oneof![
        3 => any_terms().prop_map(Next::Amend),
        2 => Just(Next::Cancel),
        1 => (any_home(), any_terms()).prop_map(|(to, terms)| Next::Rebook(to, terms)),
    ]
}

fn any_date() -> impl Strategy<Value = NaiveDate> {
    (0..6_u64).prop_map(|days| date("2025-03-03") + Days::new(days))
}

/// Small numbers, so that ties, equal quantities and crossings of zero are frequent.
pub fn any_terms() -> impl Strategy<Value = Terms> {
    let numbers = (any::<bool>(), 1..40_i64, 0..3_u32, 100..20_000_i64, 0..4_u32);
    let relief = prop::option::weighted(0.3, any_instruction());
    (numbers, any_date(), 0..3_i64, 0..3_u64, relief).prop_map(
        |((buy, quantity, quantity_scale, price, price_scale), trade_date, exec_time, source_seq, relief)| {
            let terms = Terms {
                contract: None,
                side: if buy { Side::Buy } else { Side::Sell },
                quantity: Decimal::new(quantity, quantity_scale),
                price: Decimal::new(price, price_scale),
                currency: currency("USD"),
                trade_date,
                exec_time: Timestamp(exec_time),
                source_seq,
                settle_date: None,
                relief: relief.map(Box::new),
            };
            terms.checked().expect("they are valid")
        },
    )
}

pub fn any_method() -> impl Strategy<Value = ReliefMethod> {
    prop_oneof![
        Just(ReliefMethod::Fifo),
        Just(ReliefMethod::Lifo),
        Just(ReliefMethod::Hifo),
        Just(ReliefMethod::Lofo),
        Just(ReliefMethod::Average),
        Just(ReliefMethod::MaxLoss),
        Just(ReliefMethod::MinGain),
        Just(ReliefMethod::MaxGain),
    ]
}

fn any_policy() -> impl Strategy<Value = Agreed> {
    (any_method(), prop::collection::vec((any_date(), any_method()), 0..3))
        .prop_map(|(first, changes)| Agreed { first, changes })
}

/// Lists of lots that are right only by chance, which small numbers give.
fn any_instruction() -> impl Strategy<Value = Instruction> {
    let lots = prop::collection::vec((0..10_usize, 1..12_i64), 1..3).prop_map(|lots| {
        let named = |(number, quantity)| (trade_id(&format!("T{number}")), Decimal::from(quantity));
        Instruction::Lots(lots.into_iter().map(named).collect())
    });
    prop_oneof![1 => any_method().prop_map(Instruction::Method), 2 => lots]
}

fn any_ratio() -> impl Strategy<Value = Ratio> {
    (1..8_u64, 1..8_u64).prop_map(|(above, below)| Ratio::new(above, below).expect("neither is zero"))
}

fn any_price() -> impl Strategy<Value = Decimal> {
    (1..50_000_i64).prop_map(|cents| Decimal::new(cents, 2))
}

fn any_fractions() -> impl Strategy<Value = Fractions> {
    prop_oneof![Just(Fractions::Keep), any_price().prop_map(|price| Fractions::CashInLieu { price })]
}

/// What happens in a position; each version may go to another place.
fn any_what(home: PositionKey) -> impl Strategy<Value = What> {
    let others: Vec<PositionKey> = all().into_iter().filter(|key| *key != home).collect();
    prop::sample::select(others).prop_flat_map(any_what_towards)
}

fn any_what_towards(other: PositionKey) -> impl Strategy<Value = What> {
    let target = other.clone();
    let to = move || other.clone();
    let action = (any_date(), any_ratio(), any_price(), any_price(), any_fractions(), 0..8_u8).prop_map(
        move |(ex_date, ratio, price, other, fractions, kind)| {
            let kind = match kind {
                0 | 1 => ActionKind::Split { ratio, fractions },
                2 => ActionKind::StockDividend { per_unit: ratio, fractions },
                3 => ActionKind::SpinOff { to: to(), ratio, parent_close: price, child_close: other, fractions },
                4 => ActionKind::MergerCash { price },
                5 => ActionKind::MergerStock { to: to(), ratio, fractions },
                6 => ActionKind::MergerMixed { cash: price, to: to(), ratio, price: other, fractions },
                _ => ActionKind::SymbolChange { to: to() },
            };
            What::Action(CorporateAction { ex_date, kind })
        },
    );
    let instruction = prop::option::weighted(0.3, any_instruction());
    let departure =
        (any_date(), 1..60_i64, 0..3_i64, instruction).prop_map(move |(date, quantity, time, instruction)| {
            let (quantity, exec_time) = (Decimal::new(quantity, 0), Timestamp(time));
            What::Departure(Departure { to: target.clone(), quantity, date, exec_time, source_seq: 1, instruction })
        });
    prop_oneof![6 => action, 2 => departure, 1 => Just(What::Withdrawn)]
}
