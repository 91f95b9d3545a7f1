//! What each record is answered: duplicates, gaps, forces, rebooks, refusals.

use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::as_of::standing;
use bookflow::domain::lots::happening::{Arrival, Happening, OPENING, What};
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::trade::answer::{Refusal, Verdict};
use bookflow::domain::trade::captured::{HELD_MAX, Place, TradeStatus};
use bookflow::domain::trade::{InvalidTerms, Terms, Trade, TradeEvent};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::ledger::{Books, currency, date, decimal, dollars, key, terms, trade, trade_id};

fn here() -> PositionKey {
    key("ACC_BOOK_HERE")
}

fn there() -> PositionKey {
    key("ACC_BOOK_THERE")
}

fn buy(quantity: u32) -> Terms {
    terms(&format!("BUY {quantity} @ 10.00 on 2025-03-03"))
}

fn sell(quantity: u32) -> Terms {
    terms(&format!("SELL {quantity} @ 12.50 on 2025-03-04"))
}

fn new(id: &str, terms: Terms) -> Trade {
    trade(&here(), id, 1, TradeEvent::New(terms))
}

fn version(id: &str, version: u32, event: TradeEvent) -> Trade {
    trade(&here(), id, version, event)
}

fn at(offset: i64) -> Place {
    Place { topic: 1, partition: 0, offset }
}

fn quantity(books: &Books, key: &PositionKey) -> Decimal {
    books.shelves.get(key).and_then(|shelf| shelf.position.as_ref()).map_or(Decimal::ZERO, |position| position.quantity)
}

/// Delivers what positions sent each other.
fn deliver(books: &mut Books) {
    while let Some(sent) = books.sent.pop_front() {
        books.take(&sent);
    }
}

/// Verdicts in the order they were given.
fn verdicts(books: &Books) -> Vec<(i64, Verdict)> {
    books.answers.iter().map(|answer| (answer.place.offset, answer.verdict.clone())).collect()
}

#[test]
fn an_accepted_trade_is_answered_with_what_it_did() {
    let mut books = Books::default();
    books.take(&new("T1", buy(100)));
    let capture = books.take(&new("T2", sell(40)));
    let [answer] = &capture.answers[..] else { panic!("one record, one answer") };
    assert_eq!(answer.verdict, Verdict::Accepted);
    assert_eq!((answer.revision_before, answer.revision_after), (1, 2));
    assert_eq!((answer.quantity_after, answer.realised_delta), (decimal("60"), Some(dollars("100.00"))));
    let position = capture.position.expect("it was traded");
    assert_eq!((position.realised, position.cost, position.open_lots), (dollars("100.00"), dollars("600.00"), 1));
    assert_eq!((capture.trades.len(), capture.lots.len()), (1, 1), "nothing else is written");
}

#[test]
fn a_repeated_version_is_a_duplicate_that_names_the_first_and_changes_nothing() {
    let mut books = Books::default();
    let respelled = Terms { quantity: decimal("100.000"), ..buy(100) };
    books.take(&new("T1", buy(100)));
    let capture = books.take(&new("T1", respelled));
    assert_eq!(capture.answers[0].verdict, Verdict::Duplicate { first: at(0), revision: Some(1) });
    assert!(capture.trades.is_empty() && capture.lots.is_empty() && capture.position.is_none());
}

#[test]
fn a_trade_that_comes_again_years_after_it_was_closed_is_still_a_duplicate() {
    let mut books = Books::default();
    books.take(&new("T1", buy(100)));
    books.take(&new("T2", terms("SELL 100 @ 12.50 on 2025-03-04")));
    books.take(&new("T3", terms("BUY 7 @ 11.00 on 2031-03-03")));
    let before = books.shelf(&here()).clone();
    let capture = books.take(&new("T1", buy(100)));
    assert_eq!(capture.answers[0].verdict, Verdict::Duplicate { first: at(0), revision: Some(1) });
    assert_eq!(books.record(&new("T1", buy(101))), Err(Refusal::Conflict { first: at(0) }));
    assert_eq!(*books.shelf(&here()), before);
}

#[test]
fn a_lot_bears_the_id_of_its_trade_and_a_short_is_relieved_like_a_long() {
    let mut books = Books::default();
    books.take(&new("S1", terms("SELL 100 @ 12.50 on 2025-03-03")));
    assert_eq!(books.shelf(&here()).lots.keys().collect::<Vec<_>>(), [&trade_id("S1")]);
    let capture = books.take(&new("B1", terms("BUY 130 @ 10.00 on 2025-03-04")));
    let [relief] = &capture.trades[0].reliefs[..] else { panic!("one lot is closed") };
    assert_eq!((&relief.lot, relief.quantity, relief.realised), (&trade_id("S1"), decimal("100"), dollars("250.00")));
    assert_eq!(books.shelf(&here()).lots.keys().collect::<Vec<_>>(), [&trade_id("B1")]);
    assert_eq!(quantity(&books, &here()), decimal("30"));
}

#[test]
fn a_trade_belongs_to_the_business_date_its_source_says_whatever_its_instant_is_in_utc() {
    // Half past midnight of the 4th in Mumbai is 19:00 of the 3rd in UTC, and before what London did on the 3rd at 20:00.
    let mut books = Books::default();
    let at = |day: &str, hour: i64| Terms {
        exec_time: Timestamp(
            (date("2025-03-03").signed_duration_since(NaiveDate::default()).num_hours() + hour) * 3_600_000_000,
        ),
        ..terms(&format!("BUY 10 @ 10.00 on {day}"))
    };
    books.take(&new("MUMBAI", at("2025-03-04", 19)));
    books.take(&new("LONDON", at("2025-03-03", 20)));
    let standing = standing(books.shelf(&here()), &here(), date("2025-03-03")).expect("it was traded");
    assert_eq!(standing.lots.iter().map(|lot| lot.id.trade_id()).collect::<Vec<_>>(), ["LONDON"]);
    let capture = books.take(&new("CLOSE", terms("SELL 10 @ 12.50 on 2025-03-05")));
    assert_eq!(capture.trades[0].reliefs[0].lot, trade_id("LONDON"), "the older business date goes first");
}

#[test]
fn each_economic_field_of_a_repeated_version_makes_a_conflict() {
    let mut books = Books::default();
    let first = Terms { settle_date: Some(date("2025-03-05")), ..buy(100) };
    books.take(&new("T1", first.clone()));
    let others = [
        Terms { contract: Some(bookflow::domain::key::ContractId::new("C").expect("an id")), ..first.clone() },
        Terms { side: sell(1).side, ..first.clone() },
        Terms { quantity: decimal("101"), ..first.clone() },
        Terms { price: decimal("10.01"), ..first.clone() },
        Terms { currency: currency("EUR"), ..first.clone() },
        Terms { trade_date: date("2025-03-04"), ..first.clone() },
        Terms { exec_time: Timestamp(1), ..first.clone() },
        Terms { source_seq: 1, ..first.clone() },
        Terms { settle_date: None, ..first.clone() },
    ];
    for other in others {
        assert_eq!(books.record(&new("T1", other)), Err(Refusal::Conflict { first: at(0) }));
    }
    assert_eq!(books.record(&version("T1", 1, TradeEvent::Amend(first))), Err(Refusal::Conflict { first: at(0) }));
}

#[test]
fn a_version_below_the_one_in_force_is_stale() {
    let mut books = Books::default();
    books.take(&new("T1", buy(100)));
    books.take(&version("T1", 2, TradeEvent::Amend(buy(90))));
    let capture = books.take(&new("T1", buy(100)));
    assert_eq!(capture.answers[0].verdict, Verdict::Stale { current: 2 });
    assert_eq!(quantity(&books, &here()), decimal("90"));
}

#[test]
fn a_cancel_before_its_new_waits_and_then_both_are_answered() {
    let mut books = Books::default();
    books.take(&version("T1", 2, TradeEvent::Cancel));
    assert!(books.shelf(&here()).position.is_none());
    let capture = books.take(&new("T1", buy(100)));
    assert_eq!(verdicts(&books), [(0, Verdict::Held { awaited: 1 }), (1, Verdict::Accepted), (0, Verdict::Released)]);
    let [own, second] = &capture.answers[..] else { panic!("two answers") };
    assert_eq!((own.released_by, second.released_by), (None, Some(at(1))));
    assert_eq!((own.quantity_after, second.quantity_after), (decimal("100"), decimal("0")));
    assert_eq!((own.revision_after, second.revision_after), (1, 2));
    assert!(books.shelf(&here()).lots.is_empty());
}

#[test]
fn a_gap_is_named_as_the_banking_processor_named_gaps_in_its_sequence() {
    let text = include_str!("../golden/replaced/banking_processor.json");
    let cases = serde_json::from_str::<serde_json::Value>(text).expect("a golden file is JSON")["cases"].take();
    for (case, numbers) in [(&cases[0], [1, 2, 3]), (&cases[1], [1, 2, 5])] {
        let mut books = Books::default();
        books.take(&new("T1", buy(1)));
        numbers[1..]
            .iter()
            .for_each(|number| drop(books.take(&version("T1", *number, TradeEvent::Amend(buy(*number))))));
        let gap = books.answers.iter().find_map(|answer| match answer.verdict {
            Verdict::Held { awaited } => Some((awaited, answer.version)),
            _ => None,
        });
        let issue = &case["expected"]["issues"][0];
        let number = |name: &str| issue[name].as_u64().and_then(|number| u32::try_from(number).ok());
        assert_eq!(Some(gap.is_some()), case["expected"]["has_gaps"].as_bool(), "{numbers:?}");
        assert_eq!(gap, number("expected").zip(number("found")), "{numbers:?}");
    }
}

#[test]
fn a_filled_gap_releases_all_that_follow_in_order_and_no_more() {
    let mut books = Books::default();
    books.take(&version("T1", 5, TradeEvent::Cancel));
    books.take(&version("T1", 3, TradeEvent::Amend(buy(30))));
    books.take(&version("T1", 2, TradeEvent::Amend(buy(20))));
    books.take(&new("T1", buy(10)));
    assert_eq!(verdicts(&books)[3..], [(3, Verdict::Accepted), (2, Verdict::Released), (1, Verdict::Released)]);
    assert_eq!(quantity(&books, &here()), decimal("30"));
    books.take(&version("T1", 4, TradeEvent::Amend(buy(40))));
    assert_eq!(verdicts(&books)[6..], [(4, Verdict::Accepted), (0, Verdict::Released)]);
    assert_eq!(quantity(&books, &here()), decimal("0"));
}

#[test]
fn a_held_version_repeats_as_duplicate_and_differs_as_conflict() {
    let mut books = Books::default();
    books.take(&version("T1", 2, TradeEvent::Cancel));
    let again = books.take(&version("T1", 2, TradeEvent::Cancel));
    assert_eq!(again.answers[0].verdict, Verdict::Duplicate { first: at(0), revision: None });
    let other = books.record(&version("T1", 2, TradeEvent::Amend(buy(1))));
    assert_eq!(other, Err(Refusal::Conflict { first: at(0) }));
}

#[test]
fn a_held_version_that_cannot_follow_is_refused_when_its_turn_comes() {
    let mut books = Books::default();
    books.take(&version("T1", 3, TradeEvent::Amend(buy(30))));
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 2, TradeEvent::Cancel));
    assert_eq!(verdicts(&books)[2..], [(2, Verdict::Accepted), (0, Verdict::Refused(Refusal::NotLive))]);
    assert_eq!(quantity(&books, &here()), decimal("0"));
    // Its number is not used up.
    books.take(&version("T1", 3, TradeEvent::New(buy(5))));
    assert_eq!(quantity(&books, &here()), decimal("5"));
}

#[test]
fn so_many_versions_of_a_trade_wait_and_no_more() {
    let mut books = Books::default();
    let last = HELD_MAX as u32 + 1;
    (2..=last).for_each(|number| drop(books.take(&version("T1", number, TradeEvent::Amend(buy(number))))));
    assert_eq!(books.record(&version("T1", last + 1, TradeEvent::Cancel)), Err(Refusal::TooManyHeld));
    let again = books.take(&version("T1", last, TradeEvent::Amend(buy(last))));
    assert!(matches!(again.answers[0].verdict, Verdict::Duplicate { revision: None, .. }));
    assert_eq!(books.take(&new("T1", buy(1))).answers.len(), HELD_MAX + 1);
    assert_eq!(quantity(&books, &here()), Decimal::from(last));
}

#[test]
fn a_force_releases_a_version_despite_its_gap() {
    let mut books = Books::default();
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 3, TradeEvent::Amend(buy(30))));
    books.take(&version("T1", 4, TradeEvent::Amend(buy(40))));
    let capture = books.take(&version("T1", 3, TradeEvent::Force));
    assert_eq!(verdicts(&books)[3..], [(3, Verdict::Accepted), (1, Verdict::Released), (2, Verdict::Released)]);
    assert_eq!(capture.answers[0].revision_after, 1, "the force itself changes nothing");
    assert_eq!(quantity(&books, &here()), decimal("40"));
    let late = books.take(&version("T1", 2, TradeEvent::Amend(buy(20))));
    assert_eq!(late.answers[0].verdict, Verdict::Stale { current: 4 });
    let again = books.take(&version("T1", 3, TradeEvent::Force));
    assert_eq!(again.answers[0].verdict, Verdict::Stale { current: 4 });
}

#[test]
fn a_force_past_a_held_version_answers_that_one_stale() {
    let mut books = Books::default();
    books.take(&version("T1", 2, TradeEvent::Amend(buy(20))));
    books.take(&version("T1", u32::MAX, TradeEvent::Amend(buy(40))));
    books.take(&version("T1", u32::MAX, TradeEvent::Force));
    assert_eq!(
        verdicts(&books)[2..],
        [(2, Verdict::Accepted), (1, Verdict::Released), (0, Verdict::Stale { current: u32::MAX })]
    );
    assert_eq!(quantity(&books, &here()), decimal("40"));
}

#[test]
fn a_force_of_what_is_not_held_or_cannot_follow_is_refused() {
    let mut books = Books::default();
    assert_eq!(books.record(&version("T1", 2, TradeEvent::Force)), Err(Refusal::NothingHeld));
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 2, TradeEvent::Cancel));
    books.take(&version("T1", 4, TradeEvent::Amend(buy(40))));
    assert_eq!(books.record(&version("T1", 3, TradeEvent::Force)), Err(Refusal::NothingHeld));
    assert_eq!(books.record(&version("T1", 4, TradeEvent::Force)), Err(Refusal::NotLive));
    assert_eq!(books.shelf(&here()).trades[&trade_id("T1")].held.len(), 1, "it waits on");
}

#[test]
fn a_forced_cancel_of_a_trade_never_seen_makes_no_position() {
    let mut books = Books::default();
    books.take(&version("T1", 2, TradeEvent::Cancel));
    let capture = books.take(&version("T1", 2, TradeEvent::Force));
    assert_eq!(capture.position, None);
    assert_eq!(capture.answers[1].verdict, Verdict::Released);
    assert_eq!((capture.answers[1].revision_after, capture.answers[1].realised_delta), (0, None));
    assert_eq!(capture.trades[0].status, TradeStatus::Cancelled);
}

#[test]
fn a_cancelled_trade_comes_back_only_with_a_new() {
    let mut books = Books::default();
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 2, TradeEvent::Cancel));
    for event in [TradeEvent::Cancel, TradeEvent::Amend(buy(5)), TradeEvent::Rebook { to: there(), terms: buy(5) }] {
        assert_eq!(books.record(&version("T1", 3, event)), Err(Refusal::NotLive));
    }
    books.take(&version("T1", 3, TradeEvent::New(buy(7))));
    assert_eq!(quantity(&books, &here()), decimal("7"));
}

#[test]
fn a_rebook_leaves_one_position_and_arrives_in_the_other_with_its_version_as_base() {
    let mut books = Books::default();
    books.take(&new("T1", buy(10)));
    let capture = books.take(&version("T1", 2, TradeEvent::Rebook { to: there(), terms: buy(12) }));
    let second_half = TradeEvent::RebookIn { from: here(), terms: buy(12) };
    assert_eq!(capture.sends, [trade(&there(), "T1", 2, second_half)]);
    // An amend for the new position overtakes the second half.
    books.take(&trade(&there(), "T1", 3, TradeEvent::Amend(buy(15))));
    deliver(&mut books);
    assert_eq!((quantity(&books, &here()), quantity(&books, &there())), (decimal("0"), decimal("15")));
    let away = books.record(&version("T1", 3, TradeEvent::Amend(buy(1))));
    assert_eq!(away, Err(Refusal::RebookedAway { to: there() }));
}

#[test]
fn a_held_version_that_the_second_half_of_a_rebook_replaces_is_refused() {
    let mut books = Books::default();
    books.take(&trade(&there(), "T1", 2, TradeEvent::Amend(buy(9))));
    books.take(&trade(&there(), "T1", 2, TradeEvent::RebookIn { from: here(), terms: buy(12) }));
    let conflict = Refusal::Conflict { first: at(1) };
    assert_eq!(verdicts(&books)[1..], [(1, Verdict::Accepted), (0, Verdict::Refused(conflict))]);
    assert_eq!(quantity(&books, &there()), decimal("12"));
}

#[test]
fn a_rebooked_trade_can_come_home() {
    let mut books = Books::default();
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 2, TradeEvent::Rebook { to: there(), terms: buy(10) }));
    deliver(&mut books);
    books.take(&trade(&there(), "T1", 3, TradeEvent::Amend(buy(11))));
    books.take(&trade(&there(), "T1", 4, TradeEvent::Rebook { to: here(), terms: buy(12) }));
    deliver(&mut books);
    assert_eq!((quantity(&books, &here()), quantity(&books, &there())), (decimal("12"), decimal("0")));
    books.take(&version("T1", 5, TradeEvent::Cancel));
    assert_eq!(quantity(&books, &here()), decimal("0"));
}

#[test]
fn records_that_no_order_of_arrival_makes_right_are_refused() {
    let mut books = Books::default();
    assert_eq!(books.record(&version("T1", 0, TradeEvent::Cancel)), Err(Refusal::VersionZero));
    assert_eq!(books.record(&version("T1", 1, TradeEvent::Cancel)), Err(Refusal::FirstVersionNotNew));
    books.take(&new("T1", buy(10)));
    assert_eq!(books.record(&version("T1", 2, TradeEvent::New(buy(10)))), Err(Refusal::AlreadyLive));
    let itself = TradeEvent::Rebook { to: here(), terms: buy(10) };
    assert_eq!(books.record(&version("T1", 2, itself)), Err(Refusal::RebookToItself));
    books.take(&version("T1", 2, TradeEvent::Amend(sell(10))));
    assert_eq!(quantity(&books, &here()), decimal("-10"), "none of them used up version 2");
}

#[test]
fn live_trades_of_a_position_are_in_one_currency() {
    let mut books = Books::default();
    let yen = Terms { currency: currency("JPY"), ..buy(10) };
    books.take(&new("T1", buy(10)));
    books.take(&version("T1", 2, TradeEvent::Amend(yen.clone())));
    let position = books.shelf(&here()).position.clone().expect("it was traded");
    assert_eq!((position.currency, position.cost.minor), (currency("JPY"), 100));
    let differs = Refusal::CurrencyDiffers { position: currency("JPY"), trade: currency("USD") };
    assert_eq!(books.record(&new("T2", buy(10))), Err(differs));
    books.take(&version("T1", 3, TradeEvent::Cancel));
    books.take(&new("T2", buy(10)));
    assert_eq!(books.shelf(&here()).position.as_ref().map(|position| position.currency), Some(currency("USD")));
}

#[test]
fn a_trade_is_in_the_currency_of_the_lots_that_arrived() {
    let mut books = Books::default();
    let id = TradeId::new(OPENING, "L1").expect("two names");
    let lot = Lot::of_trade(&here(), &id, &buy(100), decimal("100"), decimal("100"), 0);
    let arrival = What::Arrival(Box::new(Arrival::opening(lot, date("2025-03-03"))));
    books.happen(&here(), &Happening { id: id.clone(), version: 1, what: arrival });
    let euro = Terms { currency: currency("EUR"), ..sell(40) };
    let differs = Refusal::CurrencyDiffers { position: currency("USD"), trade: currency("EUR") };
    assert_eq!(books.record(&new("T1", euro.clone())), Err(differs.clone()));
    books.take(&new("T1", sell(40)));
    assert_eq!(books.record(&version("T1", 2, TradeEvent::Amend(euro.clone()))), Err(differs));
    books.happen(&here(), &Happening { id, version: 2, what: What::Withdrawn });
    books.take(&version("T1", 2, TradeEvent::Amend(euro)));
    assert_eq!(books.shelf(&here()).position.as_ref().map(|position| position.currency), Some(currency("EUR")));
}

#[test]
fn what_does_not_fit_its_number_is_refused_and_changes_nothing() {
    let mut books = Books::default();
    let huge = |price: &str| terms(&format!("BUY 900000000000000000 @ {price} on 2025-03-03"));
    books.take(&new("T1", huge("0.01")));
    assert_eq!(books.record(&new("T2", huge("0.01"))), Err(Refusal::OutOfRange));
    // Held, released by a version that fits: only the one that does not fit is refused.
    books.take(&version("T3", 2, TradeEvent::Amend(huge("0.01"))));
    books.take(&new("T3", buy(1)));
    assert_eq!(verdicts(&books)[2..], [(3, Verdict::Accepted), (2, Verdict::Refused(Refusal::OutOfRange))]);
    assert_eq!(quantity(&books, &here()), decimal("900000000000000001"));
}

#[test]
fn terms_that_no_trade_can_have_are_not_made() {
    let terms = buy(10);
    let kuna = currency("HRK");
    let ended = kuna.money_on(terms.trade_date).expect_err("the euro has followed");
    for (wrong, reason) in [
        (Terms { quantity: decimal("0"), ..terms.clone() }, InvalidTerms::QuantityNotPositive),
        (Terms { quantity: decimal("-1"), ..terms.clone() }, InvalidTerms::QuantityNotPositive),
        (Terms { price: decimal("-0.01"), ..terms.clone() }, InvalidTerms::NegativePrice),
        (Terms { price: decimal("0.00000000001"), ..terms.clone() }, InvalidTerms::TooManyDecimals),
        (Terms { quantity: decimal("1000000000000000000"), ..terms.clone() }, InvalidTerms::TooManyDigits),
        (Terms { settle_date: Some(date("2025-03-02")), ..terms.clone() }, InvalidTerms::SettleBeforeTrade),
        (Terms { price: decimal("10000000000000000"), ..terms.clone() }, InvalidTerms::NotionalTooLarge),
        (Terms { currency: kuna, ..terms.clone() }, InvalidTerms::CurrencyEnded(ended)),
    ] {
        assert_eq!(wrong.checked(), Err(reason));
    }
    assert!(Terms { price: decimal("0"), ..terms.clone() }.checked().is_ok());
    assert_eq!(Terms { quantity: decimal("1.50"), ..terms }.checked().map(|terms| terms.quantity.scale()), Ok(1));
}
