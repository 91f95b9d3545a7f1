//! Lots that were there before: from their day on a position goes on as if it had bought them here.

use bookflow::domain::key::TradeId;
use bookflow::domain::lots::happening::{Arrival, Happening, OPENING, Sent, What};
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::origin::{Change, Origin, Stay};
use bookflow::domain::money::Currency;
use bookflow::domain::names::Symbol;
use bookflow::domain::trade::answer::Verdict;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Side, Terms, TradeEvent};
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::dead_letter::DeadLetter;
use bookflow::messages::trade::{Delivery, Moved};
use bookflow::pipeline::topics::{BLOTTER, DEAD_LETTERS, LOTS, TRADES};

use rust_decimal::Decimal;

use crate::desk::{Desk, TERMS, key, march, terms};

/// Valued on Friday, 7 March, which is paid on the 11th.
fn valued() -> String {
    TERMS.replacen('{', r#"{"valuationDates": ["2025-03-07", "2025-06-30"],"#, 1)
}

fn version(desk: &Desk, lot: &str, version: u32, what: What) -> Place {
    let happening = Happening { id: TradeId::new(OPENING, lot).expect("two names"), version, what };
    let moved = Delivery::Lot(Moved { from: None, sent: Sent { to: key(), happening } });
    desk.house.place(TRADES, &desk.house.raw(&moved, key().as_str()))
}

fn opening(lot: &str, side: Side, quantity: &str, price: &str, day: u32, from: u32) -> What {
    let id = TradeId::new(OPENING, lot).expect("two names");
    let terms = terms(side, quantity, price, day);
    let quantity = terms.signed_quantity();
    let lot = Lot::of_trade(&key(), &id, &terms, quantity, quantity, 0);
    What::Arrival(Box::new(Arrival::opening(lot, march(from))))
}

/// Valued at 52 on the 7th and at 54 on Friday, the 14th.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.contract(1, &valued());
    desk.security();
    desk.price(7, 1, "52");
    desk.price(14, 1, "54");
    desk.business_date(14);
    desk
}

fn audited(desk: &Desk) {
    let report = desk.house.audit();
    assert!(report.clean() && report.unproved.is_empty(), "{report}");
}

fn verdicts(desk: &Desk) -> Vec<Verdict> {
    desk.house.read::<BlotterRow>(BLOTTER).into_iter().map(|(_, row)| row.answer.verdict).collect()
}

/// Each flow with its start.
fn flows(desk: &Desk) -> Vec<String> {
    let (blocked, flows) = desk.now();
    assert_eq!(blocked, []);
    let mut shown: Vec<String> = flows
        .iter()
        .map(|flow| {
            let minor = flow
                .result
                .as_ref()
                .map_or_else(|obstacle| obstacle.reason.to_string(), |amount| amount.minor.to_string());
            format!("{} {} {} = {minor}", flow.kind.name(), flow.of, flow.start)
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn a_lot_that_was_there_before_goes_on_from_its_last_valuation() {
    let mut desk = desk();
    version(&desk, "L1", 1, opening("L1", Side::Buy, "100", "50", 3, 10));
    desk.settle();
    assert_eq!(
        flows(&desk),
        [
            "EQUITY_PERFORMANCE opening|L1 2025-03-10 = 20000",
            "INTEREST opening|L1 2025-03-10 = -69",
            "INTEREST opening|L1 2025-03-11 = -217",
        ],
        "from 52, on 5,000 until the valuation of the 7th is paid, on 5,200 after that; what was due until the 10th is not told"
    );
    audited(&desk);
    let told = desk.now();
    desk.crash();
    desk.settle();
    assert_eq!(desk.now(), told);
}

#[test]
fn whatever_comes_first_the_same_is_told() {
    let mut expected = None;
    let steps: [fn(&Desk) -> Place; 5] = [
        |desk| version(desk, "L1", 1, opening("L1", Side::Buy, "100", "50", 3, 10)),
        |desk| version(desk, "L2", 1, opening("L2", Side::Buy, "40", "51", 4, 10)),
        |desk| desk.trade("T1", Side::Buy, "30", "53", 11),
        |desk| desk.trade("T2", Side::Sell, "120", "55", 12),
        |desk| desk.contract(2, &valued().replacen('{', r#"{"relief": "LIFO","#, 1)),
    ];
    for turn in 0..steps.len() {
        let mut desk = desk();
        for send in steps[turn..].iter().chain(&steps[..turn]) {
            send(&desk);
            desk.settle();
        }
        audited(&desk);
        assert_eq!(&desk.now(), expected.get_or_insert_with(|| desk.now()), "step {turn} first");
    }
}

#[test]
fn the_oldest_lot_is_closed_first_whenever_it_was_loaded() {
    let mut desk = desk();
    desk.trade("T1", Side::Buy, "30", "53", 10);
    desk.trade("T2", Side::Sell, "80", "55", 12);
    desk.settle();
    version(&desk, "L1", 1, opening("L1", Side::Buy, "100", "50", 3, 10));
    desk.settle();
    let lots: Vec<Lot> = desk.house.read::<Lot>(LOTS).into_iter().map(|(_, lot)| lot).collect();
    let last = |id: &str| lots.iter().rfind(|lot| lot.id.trade_id() == id).map(|lot| lot.remaining.to_string());
    assert_eq!((last("L1").as_deref(), last("T1").as_deref()), (Some("20"), Some("30")));
    audited(&desk);
}

#[test]
fn a_version_counts_once_and_a_correction_is_the_next_one() {
    let mut desk = desk();
    let lot = opening("L1", Side::Buy, "100", "50", 3, 10);
    version(&desk, "L1", 1, lot.clone());
    desk.settle();
    let told = desk.now();
    version(&desk, "L1", 1, lot);
    let conflict = version(&desk, "L1", 1, opening("L1", Side::Buy, "90", "50", 3, 10));
    desk.settle();
    assert_eq!(desk.now(), told);
    assert_eq!(verdicts(&desk), [Verdict::Accepted, Verdict::Stale { current: 1 }]);
    let letters: Vec<_> = desk.house.read::<DeadLetter>(DEAD_LETTERS);
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].0, letters[0].1.reason.as_str()), (conflict, "other_lot"));

    version(&desk, "L1", 2, opening("L1", Side::Sell, "90", "50", 3, 10));
    desk.settle();
    assert_eq!(flows(&desk)[0], "EQUITY_PERFORMANCE opening|L1 2025-03-10 = -18000");
    version(&desk, "L1", 3, What::Withdrawn);
    desk.settle();
    assert_eq!(desk.now().1, []);
    audited(&desk);
}

#[test]
fn no_trade_has_the_source_of_opening_lots() {
    let mut desk = desk();
    let id = TradeId::new(OPENING, "T1").expect("two names");
    let event = TradeEvent::New(terms(Side::Buy, "100", "50", 3));
    desk.house.put_trade(&bookflow::domain::trade::Trade { key: key(), id, version: 1, event });
    version(&desk, "L1", 0, opening("L1", Side::Buy, "100", "50", 3, 10));
    desk.settle();
    let reasons: Vec<_> =
        desk.house.read::<DeadLetter>(DEAD_LETTERS).into_iter().map(|(_, letter)| letter.reason).collect();
    assert_eq!(reasons, ["internal_event", "version_zero"]);
    audited(&desk);
}

/// Why records were refused, in the order of their places.
fn reasons(desk: &Desk) -> Vec<String> {
    desk.house.read::<DeadLetter>(DEAD_LETTERS).into_iter().map(|(_, letter)| letter.reason).collect()
}

#[test]
fn a_position_is_in_the_currency_of_the_lots_that_were_there_before() {
    let mut desk = desk();
    version(&desk, "L1", 1, opening("L1", Side::Buy, "100", "50", 3, 10));
    let euro = Terms { currency: Currency::new("EUR").expect("euros"), ..terms(Side::Sell, "40", "60", 11) };
    desk.version("T1", 1, TradeEvent::New(euro.clone()));
    desk.trade("T1", Side::Sell, "40", "60", 11);
    desk.version("T1", 2, TradeEvent::Amend(euro.clone()));
    desk.settle();
    assert_eq!(reasons(&desk), ["currency_differs", "currency_differs"]);
    version(&desk, "L1", 2, What::Withdrawn);
    desk.version("T1", 2, TradeEvent::Amend(euro));
    desk.settle();
    assert_eq!(reasons(&desk).len(), 2, "alone it may change its currency");
    audited(&desk);
}

#[test]
fn a_lot_that_no_life_leads_to_is_a_dead_letter_and_the_contract_may_come() {
    let mut desk = Desk::new();
    let with = |change: &dyn Fn(&mut Arrival)| {
        let What::Arrival(mut arrival) = opening("L1", Side::Buy, "100", "100", 3, 10) else { unreachable!() };
        change(&mut arrival);
        What::Arrival(arrival)
    };
    let kept = |kept| Change::Cost { date: march(4), kept };
    let origin = |change: &dyn Fn(&mut Origin)| {
        with(&|arrival| change(arrival.origin.as_deref_mut().expect("an opening says where it comes from")))
    };
    let stay = |day| Stay { security: Symbol::new("OLD").expect("a name"), until: march(day) };
    let many = Decimal::from(900_000_000_000_000_000_i64);
    let lots = [
        origin(&|origin| origin.changes = vec![kept(Decimal::MAX)]),
        origin(&|origin| origin.changes = vec![kept(Decimal::NEGATIVE_ONE)]),
        origin(&|origin| {
            origin.changes = vec![Change::Units { date: march(4), before: many, after: Decimal::new(1, 10) }]
        }),
        origin(&|origin| {
            origin.changes = vec![Change::Units { date: march(4), before: 100.into(), after: (-100).into() }]
        }),
        origin(&|origin| origin.price = Decimal::NEGATIVE_ONE),
        origin(&|origin| origin.stays = vec![stay(8), stay(6)]),
        with(&|arrival| arrival.lot.price = Decimal::NEGATIVE_ONE),
        with(&|arrival| arrival.lot.remaining = Decimal::ZERO),
        with(&|arrival| arrival.lot.opened = 99.into()),
        with(&|arrival| arrival.lot.settle_date = Some(march(2))),
        with(&|arrival| arrival.lot.currency = Currency::new("HRK").expect("kuna")),
        with(&|arrival| arrival.date = march(2)),
    ];
    let count = lots.len();
    for lot in lots {
        version(&desk, "L1", 1, lot);
    }
    desk.settle();
    assert_eq!(reasons(&desk), vec!["undecodable"; count]);
    version(&desk, "L1", 1, origin(&|origin| origin.changes = vec![kept(Decimal::new(5, 1))]));
    desk.contract(1, &valued());
    desk.security();
    desk.business_date(14);
    desk.settle();
    assert_eq!((reasons(&desk).len(), verdicts(&desk)), (count, vec![Verdict::Accepted]));
    audited(&desk);
}
