//! Whatever comes first, trades or the terms that say how they close lots: position, lots and flows end up the same.

use bookflow::cli::verify::audit;
use bookflow::domain::key::TradeId;
use bookflow::domain::lots::lot::Chosen;
use bookflow::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::position::{Costing, Position};
use bookflow::domain::lots::shelf::Shelf;
use bookflow::domain::trade::capture::capture;
use bookflow::domain::trade::captured::{CapturedTrade, Place};
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use bookflow::pipeline::topics::{CAPTURED_TRADES, POSITIONS};
use proptest::prelude::*;

use crate::desk::{Desk, TERMS, key, march, terms};

/// The words of the methods in a contract.
const METHODS: [(&str, ReliefMethod); 8] = [
    ("FIFO", ReliefMethod::Fifo),
    ("LIFO", ReliefMethod::Lifo),
    ("HIFO", ReliefMethod::Hifo),
    ("LOFO", ReliefMethod::Lofo),
    ("AVERAGE", ReliefMethod::Average),
    ("MAX_LOSS", ReliefMethod::MaxLoss),
    ("MIN_GAIN", ReliefMethod::MinGain),
    ("MAX_GAIN", ReliefMethod::MaxGain),
];

/// A method until the 10th, another from then on.
type Word = (usize, usize);

fn said((first, then): Word) -> String {
    let change = |since, method: usize| format!(r#"{{"since": "{since}", "method": "{}"}}"#, METHODS[method].0);
    let relief = format!(r#""relief": [{}, {}],"#, change("2000-01-01", first), change("2025-03-10", then));
    TERMS.replacen('{', &format!("{{{relief}"), 1)
}

fn policy((first, then): Word) -> ReliefPolicy {
    let always = "2000-01-01".parse().expect("a date");
    ReliefPolicy::new(ReliefMethod::Fifo, vec![(always, METHODS[first].1), (march(10), METHODS[then].1)])
}

#[derive(Clone, Debug)]
enum Step {
    Trade { buy: bool, quantity: u32, cents: u32, day: u32, order: Option<Order> },
    Cancel(usize),
    Contract(Word),
    Crash,
}

/// A method, or a lot with its units.
type Order = Result<usize, (usize, u32)>;

fn step() -> impl Strategy<Value = Step> {
    let word = (0..METHODS.len(), 0..METHODS.len());
    let order = prop_oneof![(0..METHODS.len()).prop_map(Ok), (0usize..10, 1u32..20).prop_map(Err)];
    let order = prop::option::weighted(0.3, order);
    prop_oneof![
        8 => (any::<bool>(), 1u32..200, 1_000u32..9_999, 3u32..15, order)
            .prop_map(|(buy, quantity, cents, day, order)| Step::Trade { buy, quantity, cents, day, order }),
        1 => (0usize..10).prop_map(Step::Cancel),
        3 => word.prop_map(Step::Contract),
        1 => Just(Step::Crash),
    ]
}

fn named(number: usize) -> TradeId {
    TradeId::new("OMS", &format!("T{number}")).expect("two names")
}

fn traded(buy: bool, quantity: u32, cents: u32, day: u32, order: Option<Order>) -> TradeEvent {
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    let terms = terms(if buy { Side::Buy } else { Side::Sell }, &quantity.to_string(), &price, day);
    let relief = order.map(|order| match order {
        Ok(method) => Instruction::Method(METHODS[method].1),
        Err((number, units)) => Instruction::Lots(vec![(named(number), units.into())]),
    });
    TradeEvent::New(Terms { relief: relief.map(Box::new), ..terms })
}

/// The trades of the steps in their order, and the terms that count in the end.
fn facts(steps: &[Step]) -> (Vec<Trade>, Option<Word>) {
    let (mut trades, mut words) = (Vec::<Trade>::new(), None);
    let mut cancelled = Vec::new();
    let mut count = 0;
    for step in steps {
        match step {
            Step::Trade { buy, quantity, cents, day, order } => {
                let event = traded(*buy, *quantity, *cents, *day, *order);
                trades.push(Trade { key: key(), id: named(count), version: 1, event });
                count += 1;
            }
            Step::Cancel(number) if *number < count && !cancelled.contains(number) => {
                cancelled.push(*number);
                trades.push(Trade { key: key(), id: named(*number), version: 2, event: TradeEvent::Cancel });
            }
            Step::Contract(word) => words = Some(*word),
            Step::Cancel(_) | Step::Crash => {}
        }
    }
    (trades, words)
}

fn market(desk: &Desk) {
    desk.security();
    desk.price(14, 1, "53");
    desk.business_date(14);
}

fn last(desk: &Desk) -> Option<Position> {
    desk.house.read::<Position>(POSITIONS).pop().map(|(_, position)| position)
}

/// The steps as they come, each followed by all that it causes.
fn streamed(steps: &[Step]) -> Desk {
    let mut desk = Desk::new();
    market(&desk);
    let (trades, _) = facts(steps);
    let mut trades = trades.iter();
    let (mut count, mut cancelled, mut version) = (0, Vec::new(), 0);
    for step in steps {
        match step {
            Step::Trade { .. } => {
                count += 1;
                desk.house.put_trade(trades.next().expect("as many"));
            }
            Step::Cancel(number) if *number < count && !cancelled.contains(number) => {
                cancelled.push(*number);
                desk.house.put_trade(trades.next().expect("as many"));
            }
            Step::Contract(word) => {
                version += 1;
                desk.contract(version, &said(*word));
            }
            Step::Crash => desk.crash(),
            Step::Cancel(_) => continue,
        }
        desk.settle();
    }
    desk.settle();
    desk
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn trades_and_terms_in_any_order_come_to_the_same(steps in prop::collection::vec(step(), 1..14)) {
        let (trades, word) = facts(&steps);
        let desk = streamed(&steps);
        let mut shelf = Shelf { policy: word.map(policy).unwrap_or_default(), ..Shelf::default() };
        for trade in &trades {
            let place = Place { topic: 1, partition: 0, offset: 0 };
            let captured = capture(&shelf, trade, place).expect("it follows");
            shelf.keep(captured);
        }
        let mut expected = shelf.position.clone();
        if shelf.live.is_empty() {
            expected = expected.map(|position| Position { relief: ReliefPolicy::default(), ..position });
        }
        prop_assert_eq!(last(&desk), expected);
        let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
        prop_assert!(report.clean() && report.unproved.is_empty(), "{report}");

        let terms_first: Vec<Step> = word.into_iter().map(Step::Contract)
            .chain(steps.iter().filter(|step| !matches!(step, Step::Contract(_) | Step::Crash)).cloned())
            .collect();
        let other = streamed(&terms_first);
        prop_assert_eq!(last(&desk), last(&other));
        prop_assert_eq!(desk.told().pop().map(|told| told.1.rows), other.told().pop().map(|told| told.1.rows));
    }
}

#[test]
fn an_order_for_one_close_is_followed_when_it_can_be_and_says_why_when_it_cannot() {
    let mut desk = Desk::new();
    market(&desk);
    let lot = |id: &str| TradeId::new("OMS", id).expect("two names");
    let ordered = |instruction| {
        let terms = Terms { relief: Some(Box::new(instruction)), ..terms(Side::Sell, "10", "12", 5) };
        TradeEvent::New(terms.checked().expect("sound"))
    };
    desk.contract(1, &TERMS.replacen('{', r#"{"relief": "LIFO","#, 1));
    desk.trade("T1", Side::Buy, "10", "10", 3);
    desk.trade("T2", Side::Buy, "10", "11", 4);
    desk.version("S1", 1, ordered(Instruction::Lots(vec![(lot("T1"), 6.into()), (lot("T3"), 4.into())])));
    desk.settle();
    let closed = |desk: &Desk| {
        let trades = desk.house.read::<CapturedTrade>(CAPTURED_TRADES);
        let (_, trade) = trades.into_iter().rfind(|(_, trade)| trade.id == lot("S1")).expect("it is captured");
        let taken: Vec<_> = trade.reliefs.iter().map(|relief| (relief.lot.clone(), relief.chosen)).collect();
        (taken, trade.refused)
    };
    let refused = Some(Box::new(InvalidInstruction::NotOpen(lot("T3"))));
    assert_eq!(closed(&desk), (vec![(lot("T2"), Chosen::By(ReliefMethod::Lifo))], refused));
    desk.crash();
    desk.trade("T3", Side::Buy, "4", "9", 4);
    desk.settle();
    assert_eq!(closed(&desk), (vec![(lot("T1"), Chosen::Listed), (lot("T3"), Chosen::Listed)], None));
    assert_eq!(last(&desk).expect("a position").realised.minor, 6 * 200 + 4 * 300);
    let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
    assert!(report.clean() && report.unproved.is_empty(), "{report}");
}

#[test]
fn an_average_is_kept_through_a_crash_and_given_up_for_oldest_first() {
    let mut desk = Desk::new();
    market(&desk);
    desk.contract(1, &TERMS.replacen('{', r#"{"relief": "AVERAGE","#, 1));
    desk.trade("T1", Side::Buy, "1", "10", 3);
    desk.trade("T2", Side::Buy, "2", "11.5", 4);
    desk.trade("T3", Side::Sell, "1", "12", 5);
    desk.settle();
    let position = last(&desk).expect("a position");
    assert_eq!((position.costing, position.realised.minor, position.cost.minor), (Costing::Pooled, 100, 2_200));
    desk.crash();
    desk.trade("T4", Side::Sell, "1", "12", 6);
    desk.settle();
    let position = last(&desk).expect("a position");
    assert_eq!((position.realised.minor, position.cost.minor), (200, 1_100));
    desk.contract(2, TERMS);
    desk.settle();
    let position = last(&desk).expect("a position");
    assert_eq!((position.costing, position.realised.minor, position.cost.minor), (Costing::ByLot, 250, 1_150));
    assert_eq!(position.revision, 4, "a revision counts trades");
    let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
    assert!(report.clean() && report.unproved.is_empty(), "{report}");
}
