//! What holds in every history, each by the name of what it promises.

use std::collections::BTreeMap;

use bookflow::domain::lots::as_of::standing;
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::difference::{Difference, DifferenceId, differences};
use bookflow::domain::lots::happening::{Happened, Happening, What};
use bookflow::domain::lots::lot::Relief;
use bookflow::domain::lots::method::{ReliefMethod, ReliefPolicy};
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::trade::captured::{CapturedTrade, Place};
use bookflow::domain::trade::{Terms, TradeEvent};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::any::{History, Record, all, any_arrivals, any_method, any_terms, one, take};
use crate::ledger::{Books, Shelf, date, trade, trade_id};

proptest! {
    #[test]
    fn lots_and_facts_add_up_to_the_position((history, _, delay) in any_arrivals()) {
        for shelf in history.run(delay).shelves.values() {
            let Some(position) = &shelf.position else { continue };
            let open: Decimal = shelf.lots.values().map(|lot| lot.remaining).sum();
            let traded: Decimal = live(shelf).filter_map(|trade| trade.terms()).map(Terms::signed_quantity).sum();
            let changed: Decimal = shelf.happened.values().map(|happened| happened.effect.change).sum();
            prop_assert_eq!(position.quantity, open);
            prop_assert_eq!(position.quantity, traded + changed);
        }
    }

    #[test]
    fn after_splits_the_position_is_the_sum_of_its_scaled_trades(
        trades in prop::collection::vec(any_terms(), 1..8),
        splits in prop::collection::vec((0..6_u64, 1..8_u64, 1..8_u64), 0..3),
    ) {
        let mut books = Books::default();
        for (number, terms) in trades.iter().enumerate() {
            books.take(&trade(&one(), &format!("T{number}"), 1, TradeEvent::New(terms.clone())));
        }
        let mut ratios = Vec::new();
        for (number, (days, above, below)) in splits.into_iter().enumerate() {
            let (ex_date, ratio) = (date("2025-03-03") + Days::new(days), Ratio::new(above, below).expect("a ratio"));
            books.happen(&one(), &split(number, ex_date, ratio, Fractions::Keep));
            ratios.push((ex_date, Decimal::from(above) / Decimal::from(below)));
        }
        let scaled = |terms: &Terms| {
            let later = ratios.iter().filter(|(ex_date, _)| *ex_date >= terms.trade_date);
            let missed = ratios.iter().filter(|(ex_date, _)| *ex_date == terms.trade_date);
            later.map(|(_, ratio)| *ratio).product::<Decimal>() / missed.map(|(_, ratio)| *ratio).product::<Decimal>()
                * terms.signed_quantity()
        };
        let expected: Decimal = trades.iter().map(scaled).sum();
        let position = books.shelf(&one()).position.as_ref().expect("it was traded");
        prop_assert!((position.quantity - expected).abs() < Decimal::new(1, 7), "{} {expected}", position.quantity);
    }

    #[test]
    fn realised_and_unrealised_are_cash_and_market_value((history, _, delay) in any_arrivals()) {
        history.run(delay).shelves.values().for_each(assert_balanced);
    }

    #[test]
    fn every_order_of_arrival_of_the_same_versions_gives_the_same_bytes((first, second, delay) in any_arrivals()) {
        prop_assert_eq!(timeless(&first.run(delay)), timeless(&second.run(0)));
    }

    #[test]
    fn a_replay_changes_nothing((history, _, delay) in any_arrivals()) {
        let mut books = history.run(delay);
        for key in all() {
            let shelf = books.shelf(&key).clone();
            let Some(earliest) = live(&shelf).next() else { continue };
            let again = TradeEvent::Amend(earliest.terms().expect("it is live").clone());
            let again = trade(&key, earliest.id.trade_id(), earliest.version + 1, again);
            let capture = books.take(&again);
            prop_assert!(differences(&shelf, &capture.trades, &capture.happened, &capture.lots).is_empty());
            prop_assert!(capture.lots.is_empty() && capture.happened.is_empty() && capture.moves.is_empty());
            prop_assert_eq!(capture.trades.len(), 1, "only its own version is another one");
        }
    }

    #[test]
    fn a_trade_that_is_cancelled_never_was((history, _, delay) in any_arrivals(), terms in any_terms()) {
        let mut books = history.run(delay);
        let before = timeless(&books);
        books.take(&trade(&one(), "X", 1, TradeEvent::New(terms)));
        books.deliver();
        books.take(&trade(&one(), "X", 2, TradeEvent::Cancel));
        books.deliver();
        let mut after = timeless(&books);
        after.get_mut(&one().to_string()).expect("it is there").trades.remove(&trade_id("X"));
        prop_assert_eq!(after, before);
    }

    #[test]
    fn differences_add_up_to_what_stands((history, _, _) in any_arrivals()) {
        let mut books = history.books();
        let mut sums: BTreeMap<_, Decimal> = BTreeMap::new();
        let mut add = |list: Vec<Difference>| {
            for difference in list {
                let day = matches!(difference.id, DifferenceId::Relief { .. }).then_some(difference.valid_date);
                *sums.entry((difference.id.clone(), day)).or_default() += difference.delta();
            }
        };
        for record in history.records.iter().filter(|record| of_one(record)) {
            let shelf = books.shelf(&one()).clone();
            match record {
                Record::Trade(trade) => {
                    let new = books.take(trade);
                    add(differences(&shelf, &new.trades, &new.happened, &new.lots));
                }
                Record::Happening(key, happening) => {
                    let new = books.happen(key, happening);
                    add(differences(&shelf, &new.trades, &new.happened, &new.lots));
                }
            }
        }
        sums.retain(|_, sum| !sum.is_zero());
        let mut stands = stands(books.shelf(&one()));
        stands.retain(|_, sum| !sum.is_zero());
        prop_assert_eq!(sums, stands);
    }

    #[test]
    fn a_flip_closes_no_more_than_there_is(mut trades in prop::collection::vec(any_terms(), 1..12), method in any_method()) {
        trades.sort_by_key(|terms| (terms.trade_date, terms.exec_time, terms.source_seq));
        let mut books = Books::default();
        books.shelves.entry(one()).or_default().policy = ReliefPolicy::new(method, Vec::new());
        let mut position = Decimal::ZERO;
        for (number, terms) in trades.into_iter().enumerate() {
            let id = format!("T{number:02}");
            books.take(&trade(&one(), &id, 1, TradeEvent::New(terms.clone())));
            let captured = &books.shelf(&one()).trades[&trade_id(&id)];
            let closed: Decimal = captured.reliefs.iter().map(|relief| relief.quantity).sum();
            let against = !position.is_zero() && position.is_sign_negative() != terms.signed_quantity().is_sign_negative();
            prop_assert_eq!(closed, if against { position.abs().min(terms.quantity) } else { Decimal::ZERO });
            prop_assert_eq!(closed + captured.opened.abs(), terms.quantity);
            position += terms.signed_quantity();
        }
    }

    #[test]
    fn the_lowest_prices_are_the_highest_ones_upside_down(trades in prop::collection::vec(any_terms(), 1..12)) {
        let run = |method, price: fn(Decimal) -> Decimal| {
            let mut books = Books::default();
            books.shelves.entry(one()).or_default().policy = ReliefPolicy::new(method, Vec::new());
            for (number, terms) in trades.iter().enumerate() {
                let terms = Terms { price: price(terms.price), relief: None, ..terms.clone() };
                books.take(&trade(&one(), &format!("T{number}"), 1, TradeEvent::New(terms)));
            }
            let taken = |relief: &Relief| (relief.lot.clone(), relief.quantity);
            let of = |trade: &CapturedTrade| trade.reliefs.iter().map(taken).collect::<Vec<_>>();
            books.shelf(&one()).trades.values().map(of).collect::<Vec<_>>()
        };
        let upside_down = |price| Decimal::from(100_000) - price;
        prop_assert_eq!(run(ReliefMethod::Lofo, |price| price), run(ReliefMethod::Hifo, upside_down));
    }

    #[test]
    fn a_split_keeps_cost_and_market_value((history, _, delay) in any_arrivals(), above in 1..8_u64, below in 1..8_u64) {
        let mut books = history.run(delay);
        let ratio = Ratio::new(above, below).expect("a ratio");
        let before = books.shelf(&one()).clone();
        let Some(position) = &before.position else { return Ok(()) };
        books.happen(&one(), &split(99, date("2025-06-01"), ratio, Fractions::Keep));
        let after = books.shelf(&one());
        let split = after.position.as_ref().expect("it was there before");
        prop_assert_eq!((split.cost, split.realised), (position.cost, position.realised));
        for (id, lot) in &before.lots {
            let cost = |lot: &bookflow::domain::lots::lot::Lot| lot.unit_cost().cost_of(lot.remaining, lot.currency);
            prop_assert_eq!(cost(lot), cost(&after.lots[id]));
        }
        // At a price of 100 before and 100 / ratio after; ten decimals may cut off less than one of the last digit.
        let value = split.quantity * Decimal::ONE_HUNDRED * Decimal::from(below) / Decimal::from(above);
        prop_assert!((value - position.quantity * Decimal::ONE_HUNDRED).abs() < Decimal::new(1, 6));
    }

    #[test]
    fn a_day_gone_by_is_what_its_own_facts_make_of_it((history, _, delay) in any_arrivals(), days in 0..6_u64) {
        let day = date("2025-03-03") + Days::new(days);
        let books = history.run(delay);
        let until = History {
            records: history.survivors().into_iter().filter(|record| dated(record).is_some_and(|at| at <= day)).collect(),
            ..history.clone()
        };
        let then = first_versions(&until).run(0);
        for key in all() {
            let Some(standing) = standing(books.shelf(&key), &key, day) else { continue };
            let shelf = then.shelf(&key);
            let lots = |lots: Vec<bookflow::domain::lots::lot::Lot>| {
                lots.into_iter().map(|lot| bookflow::domain::lots::lot::Lot { revision: 0, ..lot }).collect::<Vec<_>>()
            };
            let expected = shelf.fifo.values().map(|id| shelf.lots[id].clone()).collect();
            prop_assert_eq!(lots(standing.lots), lots(expected));
            let Some(position) = &shelf.position else { continue };
            let mut standing = standing.position;
            standing.revision = position.revision;
            prop_assert_eq!(&standing, position);
        }
    }
}

fn live(shelf: &Shelf) -> impl Iterator<Item = &CapturedTrade> {
    shelf.live.values().map(|id| &shelf.trades[id])
}

fn split(number: usize, ex_date: NaiveDate, ratio: Ratio, fractions: Fractions) -> Happening {
    let what = What::Action(CorporateAction { ex_date, kind: ActionKind::Split { ratio, fractions } });
    Happening { id: trade_id(&format!("S{number}")), version: 1, what }
}

fn of_one(record: &Record) -> bool {
    match record {
        Record::Trade(trade) => trade.key == one(),
        Record::Happening(key, _) => *key == one(),
    }
}

/// The business day of a fact that is in force.
fn dated(record: &Record) -> Option<NaiveDate> {
    match record {
        Record::Trade(_) => record.in_force().map(|(_, terms)| terms.trade_date),
        Record::Happening(_, happening) => happening.moment().map(|moment| moment.0),
    }
}

/// The same facts as if each had been right at once.
fn first_versions(history: &History) -> History {
    let first = |record: &Record| match record {
        Record::Trade(known) => {
            let (key, terms) = record.in_force().expect("it is in force");
            Record::Trade(trade(key, known.id.trade_id(), 1, TradeEvent::New(terms.clone())))
        }
        happening => happening.clone(),
    };
    History { records: history.records.iter().map(first).collect(), ..history.clone() }
}

/// What the differences of a position add up to.
fn stands(shelf: &Shelf) -> BTreeMap<(DifferenceId, Option<NaiveDate>), Decimal> {
    let mut stands: BTreeMap<_, Decimal> = BTreeMap::new();
    let trades = live(shelf).map(|trade| (&trade.id, trade.terms().map(|terms| terms.trade_date), &trade.reliefs));
    let happened = shelf.happened.values().map(|happened| {
        let day = happened.happening.moment().map(|moment| moment.0);
        (&happened.happening.id, day, &happened.effect.reliefs)
    });
    for (by, day, reliefs) in trades.chain(happened) {
        for relief in reliefs {
            let id = DifferenceId::Relief { by: by.clone(), lot: relief.lot.clone() };
            *stands.entry((id, day)).or_default() += relief.realised.to_decimal();
        }
    }
    for lot in shelf.lots.values() {
        stands.insert((DifferenceId::Lot(lot.id.clone()), None), lot.remaining);
    }
    stands
}

/// A shelf without what depends on the order of arrival: revisions, places, versions of what was sent, and what was withdrawn again.
pub fn timeless(books: &Books) -> BTreeMap<String, Shelf> {
    let nowhere = Place { topic: 0, partition: 0, offset: 0 };
    let mut shelves = BTreeMap::new();
    for (key, shelf) in &books.shelves {
        let mut shelf = shelf.clone();
        for trade in shelf.trades.values_mut() {
            (trade.revision, trade.place) = (0, nowhere);
        }
        shelf.lots.values_mut().for_each(|lot| lot.revision = 0);
        // A position exists for ever once something was in it, also something that was withdrawn again.
        shelf.position = shelf.position.filter(|position| position.open_lots > 0 || position.realised.minor != 0);
        if let Some(position) = &mut shelf.position {
            position.revision = 0;
        }
        shelf.happened.retain(|_, happened| happened.happening.what != What::Withdrawn);
        for Happened { happening, effect } in shelf.happened.values_mut() {
            if happening.arrival().is_some() {
                happening.version = 0;
            }
            effect.sent.retain(|sent| sent.happening.what != What::Withdrawn);
            effect.sent.iter_mut().for_each(|sent| sent.happening.version = 0);
        }
        shelves.insert(key.to_string(), shelf);
    }
    shelves
}

fn assert_balanced(shelf: &Shelf) {
    let Some(position) = &shelf.position else { return };
    let mut cash = Decimal::ZERO;
    let mut roundings = shelf.lots.len();
    for trade in live(shelf) {
        let terms = trade.terms().expect("it is live");
        cash -= terms.signed_quantity() * terms.price;
        roundings += trade.reliefs.len();
    }
    for Happened { happening, effect } in shelf.happened.values() {
        cash += effect.cash_in_lieu.map_or(Decimal::ZERO, |cash| cash.to_decimal());
        cash += effect
            .sent
            .iter()
            .filter_map(|sent| sent.happening.arrival())
            .map(|arrival| cost(&arrival.lot))
            .sum::<Decimal>();
        match &happening.what {
            What::Action(CorporateAction { kind: ActionKind::MergerCash { price }, .. })
            | What::Action(CorporateAction { kind: ActionKind::MergerMixed { cash: price, .. }, .. }) => {
                cash -= effect.change * price;
            }
            What::Arrival(arrival) => cash -= cost(&arrival.lot),
            _ => {}
        }
        roundings += effect.reliefs.len();
    }
    // Each relief and each open lot rounds once, and a pool each lot when it is made.
    roundings += (live(shelf).count() + shelf.happened.len()) * 20;
    let error = (position.realised.to_decimal() - position.cost.to_decimal() - cash).abs();
    assert!(error <= Decimal::new(5, 3) * Decimal::from(roundings), "off by {error} after {roundings} roundings");
}

fn cost(lot: &bookflow::domain::lots::lot::Lot) -> Decimal {
    lot.remaining * lot.unit_cost().per_unit()
}

#[test]
fn records_that_come_twice_change_nothing() {
    let terms = crate::ledger::terms("BUY 10 @ 10.00 on 2025-03-03");
    let first = Record::Trade(trade(&one(), "T1", 1, TradeEvent::New(terms)));
    let split =
        Record::Happening(one(), split(1, date("2025-03-04"), Ratio::new(3, 2).expect("a ratio"), Fractions::Keep));
    let mut books = Books::default();
    [&first, &split].into_iter().for_each(|record| take(&mut books, record));
    let before = books.shelf(&one()).clone();
    [&first, &split].into_iter().for_each(|record| take(&mut books, record));
    assert_eq!(*books.shelf(&one()), before);
}
