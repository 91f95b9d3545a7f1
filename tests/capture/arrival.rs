//! Any order of arrival of the same versions gives what the oracle works out from the records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bookflow::domain::key::{PositionKey, Timestamp};
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::money::Money;
use bookflow::domain::trade::answer::Verdict;
use bookflow::domain::trade::captured::{CapturedTrade, Place};
use bookflow::domain::trade::{Side, Terms, Trade, TradeEvent};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::ledger::{Books, Shelf, currency, date, key, trade};
use crate::oracle;

const KEYS: [&str; 2] = ["ACC_BOOK_ONE", "ACC_BOOK_TWO"];

/// What the plan of a trade does after its first version.
#[derive(Clone, Copy, Debug)]
enum Next {
    Amend,
    Cancel,
    Rebook,
}

/// Small numbers, so that ties, equal quantities and crossings of zero are frequent.
fn any_terms() -> impl Strategy<Value = Terms> {
    let numbers = (any::<bool>(), 1..40_i64, 0..3_u32, 1..40_000_i64, 0..4_u32);
    (numbers, 0..4_u64, 0..3_i64, 0..3_u64, prop::option::of(0..3_u64)).prop_map(
        |((buy, quantity, quantity_scale, price, price_scale), day, exec_time, source_seq, settle)| {
            let trade_date = date("2025-03-03") + Days::new(day);
            let terms = Terms {
                contract: None,
                side: if buy { Side::Buy } else { Side::Sell },
                quantity: Decimal::new(quantity, quantity_scale),
                price: Decimal::new(price, price_scale),
                currency: currency("USD"),
                trade_date,
                exec_time: Timestamp(exec_time),
                source_seq,
                settle_date: settle.map(|days| trade_date + Days::new(days)),
                relief: None,
            };
            terms.checked().expect("they are valid")
        },
    )
}

fn any_next() -> impl Strategy<Value = (Next, Terms)> {
    (prop_oneof![3 => Just(Next::Amend), 2 => Just(Next::Cancel), 1 => Just(Next::Rebook)], any_terms())
}

/// The versions of one trade; a cancelled one comes back with its next version.
fn versions(id: usize, home: usize, first: Terms, nexts: Vec<(Next, Terms)>) -> Vec<Trade> {
    let id = format!("T{id}");
    let mut here = home;
    let mut live = true;
    let mut versions = vec![trade(&key(KEYS[here]), &id, 1, TradeEvent::New(first))];
    for (version, (next, terms)) in (2..).zip(nexts) {
        let at = key(KEYS[here]);
        let event = match next {
            _ if !live => {
                live = true;
                TradeEvent::New(terms)
            }
            Next::Amend => TradeEvent::Amend(terms),
            Next::Cancel => {
                live = false;
                TradeEvent::Cancel
            }
            Next::Rebook => {
                here = 1 - here;
                TradeEvent::Rebook { to: key(KEYS[here]), terms }
            }
        };
        versions.push(trade(&at, &id, version, event));
    }
    versions
}

/// Records of up to 14 trades in two positions; some versions come twice, some never.
fn any_records() -> impl Strategy<Value = Vec<Trade>> {
    let plan = (0..4_usize, any_terms(), prop::collection::vec(any_next(), 0..4));
    let trades = prop::collection::vec(plan, 1..14).prop_map(|plans| {
        let plans = plans.into_iter().enumerate();
        plans.flat_map(|(id, (home, first, nexts))| versions(id, home / 3, first, nexts)).collect::<Vec<_>>()
    });
    trades.prop_flat_map(|trades| {
        let copies = prop::collection::vec(prop_oneof![1 => Just(0_usize), 16 => Just(1), 2 => Just(2)], trades.len());
        copies.prop_map(move |copies| {
            trades.iter().zip(copies).flat_map(|(trade, copies)| std::iter::repeat_n(trade.clone(), copies)).collect()
        })
    })
}

/// The same records in two orders of arrival; `delay` says after how many more records what is sent on arrives.
fn any_arrivals() -> impl Strategy<Value = (Vec<Trade>, Vec<Trade>, usize)> {
    any_records()
        .prop_flat_map(|records| (Just(records.clone()).prop_shuffle(), Just(records).prop_shuffle(), 0..6_usize))
}

fn run(records: &[Trade], delay: usize) -> Books {
    let mut books = Books::default();
    let mut underway: VecDeque<(usize, Trade)> = VecDeque::new();
    for (now, record) in records.iter().enumerate() {
        let _answered = books.record(record);
        underway.extend(books.sent.drain(..).map(|sent| (now + delay, sent)));
        while underway.front().is_some_and(|(due, _)| *due <= now) {
            let (_, sent) = underway.pop_front().expect("it has a front");
            let _answered = books.record(&sent);
            underway.extend(books.sent.drain(..).map(|sent| (now + delay, sent)));
        }
    }
    while let Some(sent) = underway.pop_front().map(|(_, sent)| sent) {
        let _answered = books.record(&sent);
        underway.extend(books.sent.drain(..).map(|sent| (0, sent)));
    }
    books
}

/// The state without what depends on the order of arrival: revisions, places, and trades that were never live.
fn timeless(books: &Books) -> BTreeMap<PositionKey, Shelf> {
    let nowhere = Place { topic: 0, partition: 0, offset: 0 };
    let mut shelves = books.shelves.clone();
    for shelf in shelves.values_mut() {
        for trade in shelf.trades.values_mut() {
            (trade.revision, trade.place) = (0, nowhere);
            trade.held.iter_mut().for_each(|held| held.place = nowhere);
        }
        shelf.lots.values_mut().for_each(|lot| lot.revision = 0);
        if let Some(position) = &mut shelf.position {
            position.revision = 0;
        }
    }
    shelves
}

fn to_oracle(records: &[Trade]) -> Vec<oracle::Record> {
    let record = |record: &Trade| oracle::Record {
        key: record.key.to_string(),
        id: record.id.to_string(),
        version: record.version,
        event: match &record.event {
            TradeEvent::New(terms) => oracle::Event::New(deal(terms)),
            TradeEvent::Amend(terms) => oracle::Event::Amend(deal(terms)),
            TradeEvent::Cancel => oracle::Event::Cancel,
            TradeEvent::Rebook { to, terms } => oracle::Event::Rebook(to.to_string(), deal(terms)),
            TradeEvent::RebookIn { .. } | TradeEvent::Force => panic!("the plans have none"),
        },
    };
    records.iter().map(record).collect()
}

fn deal(terms: &Terms) -> oracle::Deal {
    oracle::Deal {
        quantity: fixed(terms.signed_quantity()),
        price: fixed(terms.price),
        currency: terms.currency.to_string(),
        decimals: 2,
        trade_date: (terms.trade_date - NaiveDate::MIN).num_days().try_into().expect("a day number"),
        exec_time: terms.exec_time.0,
        source_seq: terms.source_seq,
        order: oracle::Order::None,
    }
}

fn fixed(number: Decimal) -> i128 {
    let mut number = number;
    number.rescale(10);
    number.mantissa()
}

fn assert_as_the_oracle(books: &Books, records: &[Trade]) {
    let mut expected = oracle::positions(&to_oracle(records));
    for (key, shelf) in &books.shelves {
        let expected = expected.remove(key.as_str()).unwrap_or_default();
        let live: BTreeSet<String> = shelf.live.values().map(ToString::to_string).collect();
        assert_eq!(live, expected.live);
        let Some(position) = &shelf.position else {
            assert!(live.is_empty());
            continue;
        };
        assert_eq!(fixed(position.quantity), expected.quantity);
        assert_eq!(i128::from(position.realised.minor), expected.realised);
        assert_eq!(shelf.fifo.values().map(|id| lot(&shelf.lots[id])).collect::<Vec<_>>(), expected.lots);
        for trade in shelf.trades.values() {
            let expected = expected.reliefs.get(trade.id.as_str()).cloned().unwrap_or_default();
            assert_eq!(reliefs(trade), expected, "{}", trade.id);
        }
    }
    assert_eq!(expected, BTreeMap::new());
}

fn lot(lot: &Lot) -> oracle::Lot {
    let Lot { opened, remaining, price, .. } = lot;
    oracle::Lot {
        id: lot.id.to_string(),
        opened: fixed(*opened),
        remaining: fixed(*remaining),
        price: fixed(*price),
        shared: None,
    }
}

fn reliefs(trade: &CapturedTrade) -> Vec<oracle::Relief> {
    let relief = |relief: &bookflow::domain::lots::lot::Relief| oracle::Relief {
        lot: relief.lot.to_string(),
        quantity: fixed(relief.quantity),
        realised: relief.realised.minor.into(),
    };
    trade.reliefs.iter().map(relief).collect()
}

/// What must hold in every state, whatever led to it.
fn assert_sound(shelf: &Shelf) {
    let Some(position) = &shelf.position else { return };
    let trades: Vec<&CapturedTrade> = shelf.live.values().map(|id| &shelf.trades[id]).collect();
    let terms = || trades.iter().filter_map(|trade| trade.terms());
    let traded: Decimal = terms().map(Terms::signed_quantity).sum();
    let open: Decimal = shelf.lots.values().map(|lot| lot.remaining).sum();
    assert_eq!((position.quantity, position.quantity), (traded, open), "lots and trades add up to the position");
    assert_eq!(position.open_lots as usize, shelf.lots.len());

    let reliefs = || trades.iter().flat_map(|trade| &trade.reliefs);
    assert_eq!(position.realised.minor, reliefs().map(|relief| relief.realised.minor).sum::<i64>());
    let rounded = |lot: &Lot| Money::product(lot.remaining, lot.price, lot.currency).expect("it is small").minor;
    assert_eq!(position.cost.minor, shelf.lots.values().map(rounded).sum::<i64>());
    // Realised plus unrealised is cash plus market value; market value is on both sides. Each relief and lot rounds once.
    let cash: Decimal = terms().map(|terms| -terms.signed_quantity() * terms.price).sum();
    let error = (position.realised.to_decimal() - position.cost.to_decimal() - cash).abs();
    let roundings = reliefs().count() + shelf.lots.len();
    assert!(error <= Decimal::new(5, 3) * Decimal::from(roundings), "off by {error} after {roundings} roundings");

    for (id, lot) in &shelf.lots {
        let trade = &shelf.trades[id];
        let terms = trade.terms().expect("a lot's trade is live");
        let revision = lot.revision;
        assert_eq!(*lot, Lot::of_trade(&lot.key, id, terms, trade.opened, lot.remaining, revision));
        assert!(revision <= position.revision);
    }
    for trade in &trades {
        let closed: Decimal = trade.reliefs.iter().map(|relief| relief.quantity).sum();
        assert_eq!(Some(closed + trade.opened.abs()), trade.terms().map(|terms| terms.quantity));
    }
}

fn assert_answers(books: &Books, records: usize) {
    let mut first = BTreeSet::new();
    let (mut held, mut released) = (BTreeSet::new(), BTreeSet::new());
    for answer in &books.answers {
        let fresh = match answer.released_by {
            None => first.insert(answer.place),
            Some(by) => answer.place < by && released.insert(answer.place),
        };
        assert!(fresh, "{answer:?}");
        if matches!(answer.verdict, Verdict::Held { .. }) {
            held.insert(answer.place);
        }
    }
    assert_eq!(first.len() + books.refusals.len(), records, "each record has one answer or one refusal");
    let waiting: BTreeSet<Place> = (books.shelves.values())
        .flat_map(|shelf| shelf.trades.values())
        .flat_map(|trade| trade.held.iter().map(|held| held.place))
        .collect();
    assert!(waiting.is_disjoint(&released));
    assert_eq!(
        waiting.union(&released).copied().collect::<BTreeSet<_>>(),
        held,
        "a held record waits or was answered again"
    );
    for (key, shelf) in &books.shelves {
        let answers = || books.answers.iter().filter(|answer| answer.key == *key);
        let Some(position) = &shelf.position else { continue };
        let deltas: i64 = answers().filter_map(|answer| Some(answer.realised_delta?.minor)).sum();
        assert_eq!(deltas, position.realised.minor, "the deltas add up to the result");
        let mut revision = 0;
        for answer in answers().filter(|answer| !matches!(answer.verdict, Verdict::Duplicate { .. })) {
            assert_eq!(answer.revision_before, revision, "revisions follow each other");
            revision = answer.revision_after;
        }
        assert_eq!(revision, position.revision);
    }
}

proptest! {
    #[test]
    fn every_order_of_arrival_ends_as_the_oracle_says((one, other, delay) in any_arrivals()) {
        let (first, second) = (run(&one, delay), run(&other, 0));
        assert_as_the_oracle(&first, &one);
        assert_as_the_oracle(&second, &other);
        prop_assert_eq!(timeless(&first), timeless(&second));
    }

    #[test]
    fn every_state_on_the_way_is_sound((records, _, delay) in any_arrivals()) {
        for count in 1..=records.len() {
            run(&records[..count], 0).shelves.values().for_each(assert_sound);
        }
        let books = run(&records, delay);
        books.shelves.values().for_each(assert_sound);
        let sent = books.answers.iter().filter(|answer| answer.released_by.is_none()).count() + books.refusals.len();
        assert_answers(&books, sent);
    }
}
