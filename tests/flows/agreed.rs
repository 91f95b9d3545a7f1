//! Whatever comes first, trades, the terms that say how they close lots, or what issuers do to them: position, lots and flows end up the same.

use std::collections::BTreeMap;

use bookflow::cli::verify::audit;
use bookflow::domain::flows::row::{BlockedContract, FlowRow};
use bookflow::domain::key::{ContractId, PositionKey, TradeId};
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happen::happen;
use bookflow::domain::lots::happening::{Happened, Happening, What};
use bookflow::domain::lots::lot::Chosen;
use bookflow::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::lots::position::{Costing, Position};
use bookflow::domain::lots::shelf::Shelf;
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::capture::capture;
use bookflow::domain::trade::captured::{CapturedTrade, Place};
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use bookflow::messages::captured_action::CapturedAction;
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::{DataKind, Value};
use bookflow::messages::document::METHODS;
use bookflow::messages::position_flows::PositionFlows;
use bookflow::pipeline::topics::{CAPTURED_ACTIONS, CAPTURED_TRADES, CONTRACTS, POSITIONS};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::desk::{Desk, TERMS, key, march, number, terms};

/// A method until the 10th, another from then on; and whether fractions are paid in cash.
type Word = (usize, usize, bool);

fn said((first, then, cash): Word) -> String {
    let change = |since, method: usize| format!(r#"{{"since": "{since}", "method": "{}"}}"#, METHODS[method].0);
    let fractions = if cash { "CASH_IN_LIEU" } else { "KEEP" };
    let (first, then) = (change("2000-01-01", first), change("2025-03-10", then));
    let relief = format!(r#""fractions": "{fractions}", "relief": [{first}, {then}],"#);
    TERMS.replacen('{', &format!("{{{relief}"), 1)
}

fn policy((first, then, _): Word) -> ReliefPolicy {
    let always = "2000-01-01".parse().expect("a date");
    ReliefPolicy::new(ReliefMethod::Fifo, vec![(always, METHODS[first].1), (march(10), METHODS[then].1)])
}

#[derive(Clone, Debug)]
enum Step {
    Trade {
        buy: bool,
        quantity: u32,
        cents: u32,
        day: u32,
        order: Option<Order>,
    },
    Cancel(usize),
    Contract(Word),
    /// A version of the first or second action.
    Action(usize, Issued),
    Crash,
}

/// What an issuer does on a day; `None` for nothing after all.
type Issued = Option<(Kind, u32)>;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Split(u32, u32),
    StockDividend(u32),
    MergerCash(u32),
    SpinOff(u32, u32),
    MergerStock(u32, u32),
    MergerMixed(u32),
    SymbolChange,
}

/// A method, or a lot with its units.
type Order = Result<usize, (usize, u32)>;

fn step() -> impl Strategy<Value = Step> {
    let word = (0..METHODS.len(), 0..METHODS.len(), any::<bool>());
    let kind = prop_oneof![
        2 => (1u32..6, 1u32..6).prop_map(|(new, old)| Kind::Split(new, old)),
        1 => (1u32..30).prop_map(Kind::StockDividend),
        1 => (1_000u32..9_999).prop_map(Kind::MergerCash),
        1 => (1u32..6, 1u32..6).prop_map(|(new, old)| Kind::SpinOff(new, old)),
        1 => (1u32..6, 1u32..6).prop_map(|(new, old)| Kind::MergerStock(new, old)),
        1 => (100u32..9_999).prop_map(Kind::MergerMixed),
        1 => Just(Kind::SymbolChange),
    ];
    let issued = prop::option::weighted(0.8, (kind, 3u32..15));
    let order = prop_oneof![(0..METHODS.len()).prop_map(Ok), (0usize..10, 1u32..20).prop_map(Err)];
    let order = prop::option::weighted(0.3, order);
    prop_oneof![
        8 => (any::<bool>(), 1u32..200, 1_000u32..9_999, 3u32..15, order)
            .prop_map(|(buy, quantity, cents, day, order)| Step::Trade { buy, quantity, cents, day, order }),
        1 => (0usize..10).prop_map(Step::Cancel),
        3 => word.prop_map(Step::Contract),
        3 => (0usize..2, issued).prop_map(|(number, issued)| Step::Action(number, issued)),
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
            Step::Cancel(_) | Step::Action(..) | Step::Crash => {}
        }
    }
    (trades, words)
}

/// The actions that count in the end, as the kernel takes them under the terms that count.
fn actions(steps: &[Step], word: Option<Word>) -> Vec<Happening> {
    let cash = word.is_some_and(|(.., cash)| cash);
    let fractions = if cash { Fractions::CashInLieu { price: number("7.5") } } else { Fractions::Keep };
    let mut last = BTreeMap::new();
    for step in steps {
        if let Step::Action(number, issued) = step {
            let (version, _) = last.get(number).copied().unwrap_or((0, None));
            last.insert(*number, (version + 1, *issued));
        }
    }
    let happening = |(index, (version, issued)): (usize, (u32, Issued))| {
        let id = TradeId::new("corporate-action", &format!("A{index}")).expect("two names");
        let what = issued.map_or(What::Withdrawn, |(kind, day)| {
            let ratio = |new: u32, old: u32| Ratio::new(new.into(), old.into()).expect("above zero");
            let kind = match kind {
                Kind::Split(new, old) => ActionKind::Split { ratio: ratio(new, old), fractions },
                Kind::StockDividend(percent) => ActionKind::StockDividend { per_unit: ratio(percent, 100), fractions },
                Kind::MergerCash(cents) => ActionKind::MergerCash { price: Decimal::new(cents.into(), 2) },
                Kind::SpinOff(new, old) => ActionKind::SpinOff {
                    to: new_key(),
                    ratio: ratio(new, old),
                    parent_close: number("40"),
                    child_close: number("10"),
                    fractions: Fractions::Keep, // for a child nothing else is calculated
                },
                Kind::MergerStock(new, old) => {
                    ActionKind::MergerStock { to: new_key(), ratio: ratio(new, old), fractions }
                }
                Kind::MergerMixed(cents) => ActionKind::MergerMixed {
                    cash: Decimal::new(cents.into(), 2),
                    to: new_key(),
                    ratio: ratio(1, 2),
                    price: number("30"),
                    fractions,
                },
                Kind::SymbolChange => ActionKind::SymbolChange { to: new_key() },
            };
            What::Action(CorporateAction { ex_date: march(day), kind })
        });
        Happening { id, version, what }
    };
    last.into_iter().map(happening).collect()
}

/// The same as reference data say it.
fn issue(desk: &Desk, number: usize, version: u32, issued: Issued) {
    let (status, (kind, day)) = match issued {
        Some(issued) => ("CONFIRMED", issued),
        None => ("CANCELLED", (Kind::MergerCash(100), 3)),
    };
    let kind = match kind {
        Kind::Split(new, old) => {
            format!(r#""kind": "SPLIT", "newUnits": {new}, "oldUnits": {old}, "cashInLieu": "7.5""#)
        }
        Kind::StockDividend(percent) => {
            format!(r#""kind": "STOCK_DIVIDEND", "perUnit": "0.{percent:02}", "cashInLieu": "7.5""#)
        }
        Kind::MergerCash(cents) => format!(r#""kind": "MERGER_CASH", "cash": "{}.{:02}""#, cents / 100, cents % 100),
        Kind::SpinOff(new, old) => format!(
            r#""kind": "SPIN_OFF", "newSecurity": "NEW", "newUnits": {new}, "oldUnits": {old}, "parentClose": 40, "childClose": 10"#
        ),
        Kind::MergerStock(new, old) => format!(
            r#""kind": "MERGER_STOCK", "newSecurity": "NEW", "newUnits": {new}, "oldUnits": {old}, "cashInLieu": "7.5""#
        ),
        Kind::MergerMixed(cents) => format!(
            r#""kind": "MERGER_MIXED", "newSecurity": "NEW", "newUnits": 1, "oldUnits": 2, "cash": "{}.{:02}", "newPrice": 30, "cashInLieu": "7.5""#,
            cents / 100,
            cents % 100
        ),
        Kind::SymbolChange => r#""kind": "SYMBOL_CHANGE", "newSecurity": "NEW""#.to_owned(),
    };
    let action = format!(
        r#"{{"actionId": "A{number}", "version": {version}, "status": "{status}", "exDate": "{}", {kind}}}"#,
        march(day)
    );
    desk.point(DataKind::CorporateAction, "ACME", None, version, Value::Terms(action.into()));
}

fn market(desk: &Desk) {
    desk.security();
    desk.price(14, 1, "53");
    desk.business_date(14);
}

fn last(desk: &Desk) -> Option<Position> {
    last_of(desk, &key())
}

fn last_of(desk: &Desk, key: &PositionKey) -> Option<Position> {
    let positions = desk.house.read::<Position>(POSITIONS).into_iter().map(|(_, position)| position);
    positions.filter(|position| position.key == *key).last()
}

/// Where lots go that leave ACME.
fn new_key() -> PositionKey {
    PositionKey::new("ACC", "BOOK", "NEW").expect("three names")
}

/// Everything but how often it was restated.
fn plain(position: Option<Position>) -> Option<Position> {
    position.map(|position| Position { revision: 0, ..position })
}

/// The last flows of each position.
fn told(desk: &Desk) -> BTreeMap<String, (Vec<BlockedContract>, Vec<FlowRow>)> {
    let rows = |(_, told): (_, PositionFlows)| (told.key.to_string(), told.rows.read().expect("rows"));
    let last: BTreeMap<_, _> = desk.told().into_iter().map(rows).collect();
    // Who has none may have had some on the way.
    last.into_iter().filter(|(_, (blocked, flows))| !blocked.is_empty() || !flows.is_empty()).collect()
}

/// The steps as they come, each followed by all that it causes.
fn streamed(steps: &[Step]) -> Desk {
    let mut desk = Desk::new();
    market(&desk);
    let (trades, _) = facts(steps);
    let mut trades = trades.iter();
    let (mut count, mut cancelled, mut version, mut issues) = (0, Vec::new(), 0, [0, 0]);
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
            Step::Action(number, issued) => {
                issues[*number] += 1;
                issue(&desk, *number, issues[*number], *issued);
            }
            Step::Crash => desk.crash(),
            Step::Cancel(_) => continue,
        }
        desk.settle();
    }
    desk.settle();
    desk
}

/// What the position comes to by the kernel, trades first.
fn shelf_of(trades: &[Trade], actions: &[Happening], policy: ReliefPolicy) -> Shelf {
    let mut shelf = Shelf { policy, ..Shelf::default() };
    for trade in trades {
        let place = Place { topic: 1, partition: 0, offset: 0 };
        let captured = capture(&shelf, trade, place).expect("it follows");
        shelf.keep(captured);
    }
    for action in actions {
        let happened = happen(&shelf, &key(), action).expect("it can happen");
        shelf.keep_happen(happened);
    }
    shelf
}

/// What issuers did in the end, by id.
fn acted(desk: &Desk) -> BTreeMap<String, Happened> {
    let actions = desk.house.read::<CapturedAction>(CAPTURED_ACTIONS);
    let named = |(_, action): (_, CapturedAction)| (action.happened.happening.id.to_string(), action.happened);
    let last: BTreeMap<_, _> = actions.into_iter().map(named).collect();
    // One that was withdrawn may have been known to the position or not.
    let stands = |happening: &Happening| happening.what != What::Withdrawn;
    last.into_iter()
        .filter(|(_, happened)| stands(&happened.happening))
        .map(|(id, happened)| {
            let mut plain = happened;
            plain.effect.sent.retain(|sent| stands(&sent.happening));
            plain.effect.sent.iter_mut().for_each(|sent| sent.happening.version = 0);
            if plain.happening.arrival().is_some() {
                plain.happening.version = 0;
            }
            (id, plain)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn trades_and_terms_in_any_order_come_to_the_same(steps in prop::collection::vec(step(), 1..14)) {
        let (trades, word) = facts(&steps);
        let desk = streamed(&steps);
        // What counts once no live trade names a contract.
        let any_live = !shelf_of(&trades, &[], ReliefPolicy::default()).live.is_empty();
        let word = word.filter(|_| any_live);
        let shelf = shelf_of(&trades, &actions(&steps, word), word.map(policy).unwrap_or_default());
        let revision = last(&desk).map(|position| position.revision);
        let expected = shelf.position.map(|position| Position { revision: revision.unwrap_or(0), ..position });
        prop_assert_eq!(revision.unwrap_or(0), trades.len() as u64, "a revision counts trades");
        prop_assert_eq!(last(&desk), expected);
        let mut new = Shelf { policy: word.map(policy).unwrap_or_default(), ..Shelf::default() };
        let sent = shelf.happened.values().flat_map(|happened| &happened.effect.sent);
        for sent in sent.filter(|sent| sent.happening.what != What::Withdrawn) {
            let arrived = happen(&new, &new_key(), &sent.happening).expect("it can arrive");
            new.keep_happen(arrived);
        }
        let arrived = last_of(&desk, &new_key());
        prop_assert_eq!(arrived.as_ref().map(|new| new.quantity).unwrap_or_default(), new.position.as_ref().map(|new| new.quantity).unwrap_or_default());
        if let Some(position) = new.position {
            prop_assert_eq!(plain(arrived), plain(Some(position)));
        }
        let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
        prop_assert!(report.clean() && report.unproved.is_empty(), "{report}");

        let of_trades = |step: &&Step| matches!(step, Step::Trade { .. } | Step::Cancel(_));
        let trades_last = steps.iter().filter(|step| !of_trades(step)).chain(steps.iter().filter(of_trades));
        let other = streamed(&trades_last.cloned().collect::<Vec<_>>());
        prop_assert_eq!(last(&desk), last(&other));
        prop_assert_eq!(acted(&desk), acted(&other));
        let held = |desk: &Desk| {
            // One that had lots on the way stays, and holds nothing.
            let position = last_of(desk, &new_key());
            position.map(|new| (new.quantity, new.cost.minor, new.open_lots)).filter(|held| held.2 > 0)
        };
        prop_assert_eq!(held(&desk), held(&other));
        prop_assert_eq!(told(&desk), told(&other));
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
fn a_split_of_before_the_trades_of_the_day_is_applied_once_and_goes_when_it_is_cancelled() {
    let mut desk = Desk::new();
    market(&desk);
    desk.contract(1, TERMS);
    desk.trade("T1", Side::Buy, "100", "10", 3);
    desk.trade("T2", Side::Sell, "150", "8", 10);
    desk.settle();
    let split = Some((Kind::Split(3, 1), 10));
    issue(&desk, 0, 1, split);
    desk.settle();
    let position = last(&desk).expect("a position");
    // 300 units at 10 / 3 from the 10th on, of which 150 are sold at 8.
    assert_eq!((position.quantity, position.realised.minor, position.cost.minor), (150.into(), 70_000, 50_000));
    desk.crash();
    desk.trade("T3", Side::Buy, "10", "9", 4);
    issue(&desk, 0, 1, split);
    desk.settle();
    assert_eq!(last(&desk).expect("a position").quantity, 180.into(), "a late trade is split, too");
    issue(&desk, 0, 2, None);
    desk.settle();
    let position = last(&desk).expect("a position");
    assert_eq!((position.quantity, position.open_lots, position.revision), ((-40).into(), 1, 3));
    let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
    assert!(report.clean() && report.unproved.is_empty(), "{report}");
}

#[test]
fn a_symbol_change_takes_the_lots_along_and_brings_them_back_when_it_is_cancelled() {
    let mut desk = Desk::new();
    market(&desk);
    desk.trade("T1", Side::Buy, "100", "10", 3);
    issue(&desk, 0, 1, Some((Kind::SymbolChange, 10)));
    desk.settle();
    desk.crash();
    desk.settle();
    let quantities = |desk: &Desk| [key(), new_key()].map(|key| last_of(desk, &key).map(|position| position.quantity));
    assert_eq!(quantities(&desk), [Some(0.into()), Some(100.into())]);
    desk.trade("T2", Side::Sell, "30", "12", 4);
    desk.settle();
    assert_eq!(quantities(&desk), [Some(0.into()), Some(70.into())], "a late trade changes what has left");
    desk.trade("T3", Side::Buy, "5", "12", 11);
    desk.settle();
    assert_eq!(quantities(&desk), [Some(5.into()), Some(70.into())]);
    issue(&desk, 0, 2, None);
    desk.settle();
    assert_eq!(quantities(&desk), [Some(75.into()), Some(0.into())]);
    let report = audit(&desk.house.stand.broker, &desk.house.schemas, 10).expect("it can be read");
    assert!(report.clean() && report.unproved.is_empty(), "{report}");
}

/// A version of another contract with the same terms but what it says of relief.
fn other(desk: &Desk, version: u32, relief: &str) {
    let id = ContractId::new("SWAP-0").expect("a name");
    let json = TERMS.replacen('{', relief, 1).replace("SWAP-1", "SWAP-0");
    let contract = ContractVersion { id, version, terms: Some(json.into()) };
    desk.house.place(CONTRACTS, &desk.house.raw(&contract, &contract.key()));
}

/// A lot is of the contract of its trade; how lots are closed is one thing for all of a position.
#[test]
fn contracts_of_one_position_say_the_same_of_its_lots_or_block_them() {
    let mut desk = Desk::new();
    market(&desk);
    desk.contract(1, &TERMS.replacen('{', r#"{"relief": "LIFO","#, 1));
    desk.trade("T1", Side::Buy, "10", "10", 3);
    desk.trade("T2", Side::Buy, "10", "11", 4);
    let under = |id: &str, terms| {
        let contract = Some(ContractId::new("SWAP-0").expect("a name"));
        desk.version(id, 1, TradeEvent::New(Terms { contract, ..terms }));
    };
    under("T3", terms(Side::Sell, "10", "12", 5));
    desk.settle();
    let realised = |desk: &Desk| last(desk).expect("a position").realised.minor;
    let blocked = |desk: &Desk| -> Vec<String> {
        desk.now().0.iter().map(|blocked| format!("{} {}", blocked.contract, blocked.obstacle.reason)).collect()
    };
    assert_eq!((realised(&desk), blocked(&desk)), (1_000, vec!["SWAP-0 MISSING_CONTRACT".to_owned()]), "one is known");
    other(&desk, 1, r#"{"relief": "HIFO","#);
    desk.settle();
    let both = ["SWAP-0 CONTRACTS_DISAGREE".to_owned(), "SWAP-1 CONTRACTS_DISAGREE".to_owned()];
    assert_eq!((realised(&desk), blocked(&desk)), (2_000, both.to_vec()), "oldest first, and no flows");
    desk.crash();
    desk.settle();
    assert_eq!((realised(&desk), blocked(&desk)), (2_000, both.to_vec()));
    desk.house.audit();
    other(&desk, 2, r#"{"relief": "LIFO","#);
    desk.settle();
    assert_eq!((realised(&desk), blocked(&desk)), (1_000, vec![]));
    let contracts: Vec<_> = desk.now().1.into_iter().map(|row| row.contract.to_string()).collect();
    assert!(!contracts.is_empty() && contracts.iter().all(|contract| contract == "SWAP-1"), "{contracts:?}");
    let report = desk.house.audit();
    assert!(report.unproved.is_empty(), "{report}");
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
