//! Positions under trades: what one more trade costs where thousands of lots are open.

use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::method::{ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::shelf::Shelf;
use bookflow::domain::money::Currency;
use bookflow::domain::trade::capture::capture;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use super::{Done, Scenario};

/// The replaced service's large position.
const LOTS: u32 = 6_500;

pub fn scenarios() -> Vec<Scenario> {
    let last = trade(LOTS, Side::Sell, 250, LOTS);
    let late = trade(LOTS, Side::Sell, 250, LOTS / 2);
    vec![
        replay("one more trade", "closes two and a half of 6,500 lots, FIFO", ReliefMethod::Fifo, &last),
        replay("highest cost", "the same, highest cost first: all of them are looked at", ReliefMethod::Hifo, &last),
        replay("average cost", "the same from a pool", ReliefMethod::Average, &last),
        replay("late trade", "the same, dated before 3,250 later trades: they are replayed", ReliefMethod::Fifo, &late),
    ]
}

fn replay(name: &'static str, what: &'static str, method: ReliefMethod, trade: &Trade) -> Scenario {
    let mut shelf = Shelf { policy: ReliefPolicy::new(method, Vec::new()), ..Shelf::default() };
    for number in 0..LOTS {
        let opening = self::trade(number, Side::Buy, 100, number);
        shelf.keep(capture(&shelf, &opening, place(number)).expect("it fits"));
    }
    let trade = trade.clone();
    let round = move || {
        let captured = capture(&shelf, &trade, place(LOTS)).expect("it fits");
        Done { flows: captured.answers.len() as u64, lots: 1 }
    };
    Scenario { name, what, allocations_max: f64::INFINITY, round: Box::new(round) }
}

fn place(offset: u32) -> Place {
    Place { topic: 0, partition: 0, offset: i64::from(offset) }
}

/// Four trades a day.
fn trade(number: u32, side: Side, quantity: u32, moment: u32) -> Trade {
    let first = NaiveDate::from_ymd_opt(2024, 1, 2).expect("a date");
    let terms = Terms {
        contract: None,
        side,
        quantity: Decimal::from(quantity),
        price: Decimal::new(10_000 + i64::from(number % 997), 2),
        currency: Currency::new("USD").expect("a currency"),
        trade_date: first + Days::new(u64::from(moment / 4)),
        exec_time: Timestamp(i64::from(moment)),
        source_seq: 0,
        settle_date: None,
        relief: None,
    };
    Trade {
        key: PositionKey::new("A", "B", "S").expect("a key"),
        id: TradeId::new("OMS", &format!("T{number}")).expect("an id"),
        version: 1,
        event: TradeEvent::New(terms.checked().expect("valid terms")),
    }
}
