//! Lots that go on in another position: both sides together pay what one lot that stayed would have paid, whatever became known first.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::blocked::Blocked;
use bookflow::domain::equity::terms::EquityNotional;
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::fees::trade::{Charge, FeeRounding, Sides, TradeFee, TradeFeeKind};
use bookflow::domain::financing::terms::{CompoundingBase, NotionalBasis};
use bookflow::domain::flows::status::Stage;
use bookflow::domain::key::{PositionKey, Timestamp};
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happen::happen;
use bookflow::domain::lots::happening::{Arrival, Departure, Happening, Sent, What};
use bookflow::domain::lots::life::Market as Settlement;
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::origin::Change;
use bookflow::domain::lots::shelf::Shelf;
use bookflow::domain::market::carry::Quote;
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::names::Symbol;
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::swap::arrived::Before;
use bookflow::domain::swap::flow::{Flow, Kind};
use bookflow::domain::swap::position::shares;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, Swap};
use bookflow::domain::trade::capture::capture;
use bookflow::domain::trade::captured::Place;
use bookflow::domain::trade::{Terms, TradeEvent};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fixture::{acme, day, decimal, exchange_day, happening, interest, market, swap, trade};

/// Positions by key, each told what the others send.
#[derive(Default)]
struct House {
    shelves: BTreeMap<PositionKey, Shelf>,
}

struct Stated;

impl Settlement for Stated {
    fn settle_date(&self, _: Option<&Symbol>, trade_date: NaiveDate) -> NaiveDate {
        trade_date
    }

    fn fx(&self, _: NaiveDate) -> Decimal {
        Decimal::ONE
    }
}

fn in_security(security: &str) -> PositionKey {
    PositionKey::new("A", "B", security).expect("a key")
}

impl House {
    fn trade(&mut self, security: &str, words: &str) {
        let mut trade = trade(words);
        trade.key = in_security(security);
        let TradeEvent::New(terms) = &mut trade.event else { panic!("the fixture makes new trades") };
        terms.contract = Some(swap().id);
        let shelf = self.shelves.entry(trade.key.clone()).or_default();
        let captured = capture(shelf, &trade, Place { topic: 0, partition: 0, offset: 0 }).expect("it counts");
        let moves = captured.moves.clone();
        shelf.keep(captured);
        self.deliver(moves);
    }

    fn happen(&mut self, key: &PositionKey, happening: &Happening) {
        let shelf = self.shelves.entry(key.clone()).or_default();
        let change = happen(shelf, key, happening).expect("it can happen");
        let sends = change.sends.clone();
        shelf.keep_happen(change);
        self.deliver(sends);
    }

    fn act(&mut self, version: u32, date: &str, kind: ActionKind) {
        let what = What::Action(CorporateAction { ex_date: day(date), kind });
        self.happen(&in_security("ACME"), &Happening { version, ..happening("M", what) });
    }

    fn deliver(&mut self, sends: Vec<Sent>) {
        sends.into_iter().for_each(|Sent { to, happening }| self.happen(&to, &happening));
    }

    /// The flows of all positions, each as `look` sees it.
    fn flows<R>(
        &self,
        swap: &Swap,
        market: &mut Market,
        today: NaiveDate,
        look: impl Fn(&Flow<'_, &str>) -> R,
    ) -> Vec<R> {
        if let Some(financing) = &swap.financing {
            market.rates.prepare(&financing.long);
            market.rates.prepare(&financing.short);
        }
        let of = |security: &str| {
            let underlier = Symbol::new(security).expect("a name");
            (underlier.clone(), Arc::new(Swap { underlier, ..swap.clone() }))
        };
        let before: Before = ["ACME", "NEW", "NEXT"].map(of).into();
        let mut seen = Vec::new();
        for (key, shelf) in &self.shelves {
            for mut share in shares(shelf, &Stated) {
                let (_, swap) = of(&key.security());
                let told = share.flows(&swap, &before, market, today, |flow| seen.push(look(&flow)));
                told.expect("prices fit");
            }
        }
        seen
    }

    fn lines(&self, swap: &Swap, market: &mut Market, today: &str) -> Vec<String> {
        self.flows(swap, market, day(today), |flow| {
            let end = flow.name.end.map_or("-".to_owned(), |end| end.to_string());
            let amount = match &flow.result {
                Ok(calculated) => calculated.amount.money.to_string(),
                Err(reason) => reason.code().to_owned(),
            };
            format!("{} {} {}..{end} {amount}", flow.name.kind.name(), flow.name.of, flow.name.start)
        })
    }
}

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).expect("above zero")
}

fn priced(closes: &[(&str, &[(&str, &str)])]) -> Market {
    let mut market = market(&[]);
    for (security, closes) in closes {
        let quote = |(date, price): &(&str, &str)| Quote { date: day(date), value: decimal(price), version: 1 };
        let of = Symbol::new(security).expect("a name");
        market.prices.insert(of, Quotes::new(closes.iter().map(quote).collect()));
    }
    market
}

/// Performance alone, valued on a day.
fn performance_valued_on(dates: &[&str]) -> Swap {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates = dates.iter().map(|date| day(date)).collect();
    terms
}

/// Earlier builds took such lots in: nothing that is calculated of them may stop a worker.
#[test]
fn a_lot_beyond_all_numbers_is_blocked_and_its_neighbour_is_paid() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01");
    let date = day("2025-04-07");
    let (few, many) = (Decimal::new(1, 10), Decimal::from(900_000_000_000_000_000_u64));
    for (id, changes) in [
        ("L1", vec![Change::Cost { date, kept: Decimal::MAX }]),
        ("L2", vec![Change::Units { date, before: many, after: few }]),
    ] {
        let TradeEvent::New(terms) = trade(&format!("{id} BUY 900 @ 30.00 on 2025-03-31 settles 2025-04-01")).event
        else {
            panic!("the fixture makes new trades")
        };
        let terms = Terms { contract: Some(swap().id), ..terms };
        let happening = happening(id, What::Withdrawn);
        let lot = Lot::of_trade(&in_security("ACME"), &happening.id, &terms, 900.into(), 900.into(), 0);
        let mut arrival = Arrival::opening(lot, day("2025-04-15"));
        arrival.origin.as_mut().expect("an opening has one").changes = changes;
        house.happen(&in_security("ACME"), &Happening { what: What::Arrival(Box::new(arrival)), ..happening });
    }
    let mut market = priced(&[("ACME", &[("2025-04-09", "30.50"), ("2025-04-16", "31.00")])]);
    let told = house.lines(&performance_valued_on(&["2025-04-09"]), &mut market, "2025-04-16");
    assert_eq!(
        told,
        [
            "EQUITY_PERFORMANCE TEST|L1 2025-03-31..- OUT_OF_RANGE",
            "EQUITY_PERFORMANCE TEST|L2 2025-03-31..- OUT_OF_RANGE",
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 50.50 USD",
            "EQUITY_PERFORMANCE TEST|T1 2025-04-09..- 50.50 USD",
        ]
    );
}

/// 101 units are 25.25 new ones: 25 go on from 120, and the fraction, which is one old unit, earned 130 / 4 - 30.
#[test]
fn a_stock_merger_with_a_fraction_goes_on_from_what_the_old_units_were_measured_from() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01");
    let fractions = Fractions::CashInLieu { price: decimal("130.00") };
    let kind = ActionKind::MergerStock { to: in_security("NEW"), ratio: ratio(1, 4), fractions };
    house.act(1, "2025-04-15", kind);
    let mut market = priced(&[("NEW", &[("2025-04-16", "128.00")])]);
    assert_eq!(
        house.lines(&performance_valued_on(&[]), &mut market, "2025-04-16"),
        [
            "CASH_IN_LIEU TEST|T1 2025-03-31..2025-04-15 2.50 USD",
            "EQUITY_PERFORMANCE TEST|M#TEST|T1 2025-04-15..- 200.00 USD",
        ]
    );
}

#[test]
fn a_cash_merger_pays_once_and_leaves_nothing() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01");
    house.act(1, "2025-04-15", ActionKind::MergerCash { price: decimal("31.00") });
    let paid = house.lines(&performance_valued_on(&[]), &mut priced(&[]), "2025-04-16");
    assert_eq!(paid, ["EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-15 101.00 USD"]);
}

/// 10 of 40 are cash: a quarter of each unit is closed at 40; the rest is half a new unit each, from 45 a unit.
#[test]
fn a_mixed_merger_closes_the_part_that_the_cash_pays_for() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01");
    let (cash, price, to) = (decimal("10.00"), decimal("60.00"), in_security("NEW"));
    let kind = ActionKind::MergerMixed { cash, to, ratio: ratio(1, 2), price, fractions: Fractions::Keep };
    house.act(1, "2025-04-15", kind);
    let mut market = priced(&[("NEW", &[("2025-04-16", "46.00")])]);
    assert_eq!(
        house.lines(&performance_valued_on(&[]), &mut market, "2025-04-16"),
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-15 252.50 USD",
            "EQUITY_PERFORMANCE TEST|M#TEST|T1 2025-04-15..- 50.50 USD",
        ]
    );
}

/// A unit of the child for two of the parent, at 45 and 10: the child takes a tenth of the 52.50 that the parent was valued at.
#[test]
fn a_spin_off_shares_what_the_parent_was_measured_from_after_a_valuation() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01");
    let kind = ActionKind::SpinOff {
        to: in_security("NEW"),
        ratio: ratio(1, 2),
        parent_close: decimal("45.00"),
        child_close: decimal("10.00"),
        fractions: Fractions::Keep,
    };
    house.act(1, "2025-04-15", kind);
    let closes: [(&str, &[_]); 2] =
        [("ACME", &[("2025-04-09", "52.50"), ("2025-04-16", "48.25")]), ("NEW", &[("2025-04-16", "11.00")])];
    assert_eq!(
        house.lines(&performance_valued_on(&["2025-04-09"]), &mut priced(&closes), "2025-04-16"),
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 25000.00 USD",
            "EQUITY_PERFORMANCE TEST|T1 2025-04-15..- 10000.00 USD",
            "EQUITY_PERFORMANCE TEST|M#TEST|T1 2025-04-15..- 2500.00 USD",
        ],
        "10,000 x (48.25 - 47.25), 5,000 x (11.00 - 10.50)"
    );
}

/// Two changes of symbol, a split between them, and a valuation in each of the three securities.
#[test]
fn a_lot_is_measured_through_all_the_securities_that_it_was_of() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 100 @ 50.00 on 2025-03-31 settles 2025-04-01");
    house.act(1, "2025-04-10", ActionKind::SymbolChange { to: in_security("NEW") });
    let issued = |id, date, kind| happening(id, What::Action(CorporateAction { ex_date: day(date), kind }));
    let split = ActionKind::Split { ratio: ratio(2, 1), fractions: Fractions::Keep };
    house.happen(&in_security("NEW"), &issued("S", "2025-04-15", split));
    let again = ActionKind::SymbolChange { to: in_security("NEXT") };
    house.happen(&in_security("NEW"), &issued("N", "2025-04-17", again));
    let terms = performance_valued_on(&["2025-04-09", "2025-04-14", "2025-04-23"]);
    let closes: [(&str, &[_]); 3] = [
        ("ACME", &[("2025-04-09", "52.00"), ("2025-04-14", "1.00")]),
        ("NEW", &[("2025-04-09", "1.00"), ("2025-04-14", "53.00"), ("2025-04-23", "1.00")]),
        ("NEXT", &[("2025-04-14", "1.00"), ("2025-04-23", "27.00"), ("2025-04-24", "28.00")]),
    ];
    assert_eq!(
        house.lines(&terms, &mut priced(&closes), "2025-04-24"),
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 200.00 USD",
            "EQUITY_PERFORMANCE TEST|M#TEST|T1 2025-04-10..2025-04-14 100.00 USD",
            "EQUITY_PERFORMANCE TEST|N#TEST|M#TEST|T1 2025-04-17..2025-04-23 100.00 USD",
            "EQUITY_PERFORMANCE TEST|N#TEST|M#TEST|T1 2025-04-23..- 200.00 USD",
        ]
    );
    let mut unknown = priced(&closes[1..]);
    assert_eq!(
        house.lines(&terms, &mut unknown, "2025-04-24")[..2],
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 MISSING_PRICE",
            "EQUITY_PERFORMANCE TEST|M#TEST|T1 2025-04-10..2025-04-14 MISSING_PRICE",
        ],
        "what it was measured from elsewhere is not known, so it is not known here"
    );
}

/// A contract owes nothing for the days before a lot came to it, so no interest on their interest either: what both sides bear is multiplied to the
/// whole when each compounds from its own start, and added to it when both compound from that of the period.
#[test]
fn compounding_from_the_slice_starts_anew_where_a_lot_arrives() {
    let interest = |compounding, moves: bool| {
        let mut terms = performance_valued_on(&[]);
        terms.financing = swap().financing;
        for side in terms.financing.iter_mut().flat_map(|financing| [&mut financing.long, &mut financing.short]) {
            (side.compounding, side.spread) = (compounding, Decimal::ZERO);
        }
        let mut house = House::default();
        house.trade("ACME", "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01");
        if moves {
            house.act(1, "2025-04-15", ActionKind::SymbolChange { to: in_security("NEW") });
        }
        let unrounded = |flow: &Flow<'_, &str>| {
            let amount = flow.result.as_ref().map(|calculated| calculated.amount.unrounded);
            (flow.name.kind == Kind::Interest).then(|| amount.expect("no fixing is missing"))
        };
        let flows = house.flows(&terms, &mut priced(&[]), day("2025-04-25"), unrounded);
        flows.into_iter().flatten().collect::<Vec<Decimal>>()
    };
    let near = |left: Decimal, right: Decimal| (left - right).abs() < decimal("0.000000000001");
    let grown = |interest: &Decimal| Decimal::ONE - interest / decimal("500000");
    let (parts, whole) = (interest(CompoundingBase::SliceStart, true), interest(CompoundingBase::SliceStart, false));
    assert_eq!((parts.len(), whole.len()), (2, 1));
    assert!(near(parts.iter().map(grown).product(), grown(&whole[0])));
    assert!(!near(parts.iter().sum(), whole[0]));
    assert!(near(interest(CompoundingBase::PeriodStart, true).iter().sum(), whole[0]));
}

fn transfer(to: &PositionKey, quantity: &str, date: &str) -> Happening {
    let departure = Departure {
        to: to.clone(),
        quantity: decimal(quantity),
        date: day(date),
        exec_time: Timestamp(0),
        source_seq: 9,
        instruction: None,
    };
    happening("X", What::Departure(departure))
}

/// 10,000 x 2.50 are paid at the valuation, and 1.50 on 6,000 here and on 4,000 there since.
#[test]
fn a_transfer_between_books_is_measured_from_the_valuation_before() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01");
    let other = PositionKey::new("A", "OTHER", "ACME").expect("a key");
    house.happen(&in_security("ACME"), &transfer(&other, "4000", "2025-04-15"));
    let mut market = priced(&[("ACME", &[("2025-04-09", "52.50"), ("2025-04-16", "54.00")])]);
    assert_eq!(
        house.lines(&performance_valued_on(&["2025-04-09"]), &mut market, "2025-04-16"),
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 25000.00 USD",
            "EQUITY_PERFORMANCE TEST|T1 2025-04-09..- 9000.00 USD",
            "EQUITY_PERFORMANCE TEST|X#TEST|T1 2025-04-15..- 6000.00 USD",
        ]
    );
}

/// A long valued at 52.50 meets a short of 60 at 55.00: at whatever price they close each other, the two come to 60 x 2.50.
#[test]
fn what_arrives_against_the_other_direction_pays_both_sides() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 100 @ 50.00 on 2025-03-31 settles 2025-04-01");
    let other = PositionKey::new("A", "OTHER", "ACME").expect("a key");
    house.happen(&in_security("ACME"), &transfer(&other, "100", "2025-04-15"));
    let mut short = trade("T2 SELL 60 @ 55.00 on 2025-04-10 settles 2025-04-11");
    short.key = other.clone();
    let TradeEvent::New(terms) = &mut short.event else { panic!("the fixture makes new trades") };
    terms.contract = Some(swap().id);
    let shelf = house.shelves.get_mut(&other).expect("it has arrived");
    let captured = capture(shelf, &short, Place { topic: 0, partition: 0, offset: 0 }).expect("it counts");
    shelf.keep(captured);
    let mut market = priced(&[("ACME", &[("2025-04-09", "52.50"), ("2025-04-16", "54.00")])]);
    let lines = house.lines(&performance_valued_on(&["2025-04-09"]), &mut market, "2025-04-16");
    assert_eq!(
        lines,
        [
            "EQUITY_PERFORMANCE TEST|T1 2025-03-31..2025-04-09 250.00 USD",
            "EQUITY_PERFORMANCE TEST|X#TEST|T1 2025-04-15..2025-04-15 -150.00 USD",
            "EQUITY_PERFORMANCE TEST|X#TEST|T1 2025-04-15..- 60.00 USD",
            "EQUITY_PERFORMANCE TEST|T2 2025-04-10..2025-04-15 300.00 USD",
        ]
    );
}

/// Units that a dividend has bought stay behind unsaid: neither side guesses.
#[test]
fn what_dividends_have_bought_blocks_both_sides() {
    let mut house = House::default();
    house.trade("ACME", "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01");
    house.act(1, "2025-05-12", ActionKind::SymbolChange { to: in_security("NEW") });
    let mut terms = performance_valued_on(&[]);
    let mut dividends = swap().dividends.expect("they are passed on");
    dividends.reinvested = true;
    dividends.payment = bookflow::domain::dividends::terms::PaymentRule::SharePayment { offset: 0 };
    terms.dividends = Some(dividends);
    let closes: [(&str, &[_]); 2] =
        [("ACME", &[("2025-05-09", "50.00"), ("2025-05-13", "50.00")]), ("NEW", &[("2025-05-13", "50.00")])];
    let reasons: Vec<Option<&str>> = house.flows(&terms, &mut priced(&closes), day("2025-05-13"), |flow| {
        let performance = flow.name.kind == Kind::EquityPerformance;
        flow.result.as_ref().err().filter(|_| performance).map(Blocked::code)
    });
    assert!(reasons.contains(&Some("MISSING_TERM")), "{reasons:?}");
}

/// A trade of the world in which nothing moves.
#[derive(Clone, Debug)]
struct Traded {
    buy: bool,
    units: u64,
    cents: u64,
    day: u64,
    lag: u64,
}

/// In one world ACME becomes NEW on a day of April, `new` units for `old` ones; in the other it stays.
#[derive(Clone, Debug)]
struct Worlds {
    new: u64,
    old: u64,
    ex: u64,
    trades: Vec<Traded>,
    closes: Vec<u64>,
    dividend: u64,
    order: Vec<usize>,
}

fn april(number: u64) -> NaiveDate {
    day("2025-04-01") + Days::new(number)
}

impl Worlds {
    /// Units and price in new or old units.
    fn scaled(&self, units: u64, cents: u64, new: bool) -> (Decimal, Decimal) {
        let (more, less) = if new { (self.new, self.old) } else { (self.old, self.new) };
        (Decimal::from(units * more), Decimal::new((cents * less) as i64, 2))
    }

    fn house(&self, moves: bool, order: impl Iterator<Item = usize>) -> House {
        let mut house = House::default();
        for number in order {
            let Some(Traded { buy, units, cents, day, lag }) = self.trades.get(number) else {
                if moves {
                    let (to, fractions) = (in_security("NEW"), Fractions::Keep);
                    let kind = ActionKind::MergerStock { to, ratio: ratio(self.new, self.old), fractions };
                    house.act(1, &april(self.ex).to_string(), kind);
                }
                continue;
            };
            let new = moves && *day >= self.ex;
            let (units, price) = self.scaled(*units, *cents, new);
            let side = if *buy { "BUY" } else { "SELL" };
            let words = format!("T{number} {side} {units} @ {price} on {} settles {}", april(*day), april(day + lag));
            house.trade(if new { "NEW" } else { "ACME" }, &words);
        }
        house
    }

    fn market(&self, moves: bool) -> Market {
        let mut market = market(&[]);
        for (security, new) in [("ACME", false), ("NEW", true)] {
            let quote = |(number, cents): (u64, &u64)| Quote {
                date: april(number),
                value: self.scaled(1, *cents, new).1,
                version: 1,
            };
            let of = Symbol::new(security).expect("a name");
            market.prices.insert(of, Quotes::new((0..).zip(&self.closes).map(quote).collect()));
        }
        let mut declared = market.dividends.remove(&acme()).expect("the fixture has one").swap_remove(0);
        (declared.ex_date, declared.record_date) = (april(self.dividend), april(self.dividend));
        // Whose units are entitled held them at the close before.
        let last_with_it = (0..self.dividend).rev().find(|day| exchange_day(april(*day))).unwrap_or(0);
        let new = moves && last_with_it >= self.ex;
        declared.gross = self.scaled(1, 37, new).1;
        declared.of = Symbol::new(if new { "NEW" } else { "ACME" }).expect("a name");
        market.dividends.insert(declared.of.clone(), vec![declared]);
        market
    }
}

fn any_worlds() -> impl Strategy<Value = Worlds> {
    let traded = (any::<bool>(), 1..200_u64, 500..900_u64, 0..26_u64, 0..3_u64)
        .prop_map(|(buy, units, cents, day, lag)| Traded { buy, units, cents, day, lag });
    let (trades, closes) = (prop::collection::vec(traded, 1..8), prop::collection::vec(500..900_u64, 30));
    (1..8_u64, 1..8_u64, 1..26_u64, trades, closes, 2..26_u64).prop_flat_map(
        |(new, old, ex, trades, closes, dividend)| {
            let ex = (ex..).find(|ex| exchange_day(april(*ex))).expect("the market opens again");
            let order = Just((0..=trades.len()).collect::<Vec<_>>()).prop_shuffle();
            order.prop_map(move |order| {
                let (trades, closes) = (trades.clone(), closes.clone());
                Worlds { new, old, ex, trades, closes, dividend, order }
            })
        },
    )
}

/// Three valuations, three interest periods, a commission, and custody for every night.
fn any_terms() -> impl Strategy<Value = Swap> {
    let basis = [NotionalBasis::LotRefPrice, NotionalBasis::DailyMtm, NotionalBasis::Fixed];
    let notional = [EquityNotional::Reset, EquityNotional::Constant];
    (prop::sample::select(basis.to_vec()), prop::sample::select(notional.to_vec())).prop_map(|(basis, notional)| {
        let mut terms = swap();
        terms.equity.notional = notional;
        terms.equity.valuation_dates = ["2025-04-09", "2025-04-17", "2025-04-25"].map(day).into();
        terms.interest_periods = vec![
            interest("2025-04-01", "2025-04-11", Some("2025-04-11")),
            interest("2025-04-11", "2025-04-23", Some("2025-04-23")),
            interest("2025-04-23", "2025-05-02", None),
        ];
        let financing = terms.financing.as_mut().expect("financed");
        for side in [&mut financing.long, &mut financing.short] {
            (side.notional, side.compounding) = (basis, CompoundingBase::PeriodStart);
        }
        terms.dividends.as_mut().expect("passed on").payout.short = Some(1.into());
        let rate = DailyFeeRate::Agreed(decimal("0.0325"));
        terms.daily_fees = vec![DailyFeeTerms { kind: DailyFeeKind::Custody, rate, year_days: 360 }];
        terms.trade_fees = vec![TradeFee {
            kind: TradeFeeKind::Commission,
            charge: Charge::OnValue { rate: decimal("0.001"), minimum: None },
            sides: Sides::Both,
            rounding: FeeRounding::MinorUnits,
        }];
        terms
    })
}

proptest! {
    /// Sums by kind, unrounded, on every day: a position hands over in the middle of a period, and nobody pays twice or nothing.
    #[test]
    fn two_positions_pay_what_one_would_have_paid(worlds in any_worlds(), terms in any_terms(), today in 0..29_u64) {
        let sums = |moves| {
            let mut sums = BTreeMap::<Kind, Decimal>::new();
            let house = worlds.house(moves, 0..=worlds.trades.len());
            let each = house.flows(&terms, &mut worlds.market(moves), april(today), |flow| {
                // What is only projected has not moved yet.
                let counts = flow.stage != Stage::Projected;
                (counts.then_some(flow.name.kind), flow.result.as_ref().map(|calculated| calculated.amount.unrounded).map_err(Blocked::code))
            });
            for (kind, amount) in each {
                let Some(kind) = kind else { continue };
                *sums.entry(kind).or_default() += amount?;
            }
            sums.retain(|_, sum| !sum.round_dp(9).is_zero());
            Ok::<_, &str>(sums.into_iter().map(|(kind, sum)| (kind, sum.round_dp(9))).collect::<Vec<_>>())
        };
        let (moved, stayed) = (sums(true), sums(false));
        prop_assert!(stayed.is_ok(), "{stayed:?}");
        prop_assert_eq!(moved, stayed);
    }

    #[test]
    fn whatever_becomes_known_first_the_flows_are_the_same(worlds in any_worlds(), terms in any_terms()) {
        let told = |order: Vec<usize>| {
            let house = worlds.house(true, order.into_iter());
            house.lines(&terms, &mut worlds.market(true), "2025-04-28")
        };
        prop_assert_eq!(told(worlds.order.clone()), told((0..=worlds.trades.len()).collect()));
    }
}
