//! Corporate actions under a swap: a split changes no cash flow, a fraction is paid in cash, what goes elsewhere takes its reference along.

use std::collections::BTreeSet;

use bookflow::domain::equity::terms::EquityNotional;
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::fees::trade::{Charge, FeeRounding, Sides, TradeFee, TradeFeeKind};
use bookflow::domain::financing::terms::NotionalBasis;
use bookflow::domain::flows::id::FlowId;
use bookflow::domain::key::{PositionKey, Timestamp, TradeId};
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happening::{Departure, Happening, What};
use bookflow::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use bookflow::domain::market::carry::{CarryForward, Quote};
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::swap::agreement::{Agreement, Held, ReferencePrice};
use bookflow::domain::swap::flow::{Flow, Kind};
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::{Holding, Problem, Why};
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, Swap};
use bookflow::domain::trade::TradeEvent;
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fixture::{
    acme, agreement, day, decimal, exchange_day, happening, interest, lines, market, minor, on, swap,
};

const BOUGHT: &str = "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";

fn ratio(numerator: u64, denominator: u64) -> Ratio {
    Ratio::new(numerator, denominator).expect("above zero")
}

fn split(ex_date: NaiveDate, ratio: Ratio, fractions: Fractions) -> Happening {
    happening("S1", What::Action(CorporateAction { ex_date, kind: ActionKind::Split { ratio, fractions } }))
}

/// A trade of the world without a split: `units` and `cents` are scaled so that both worlds can say them.
#[derive(Clone, Debug)]
struct Traded {
    buy: bool,
    units: u64,
    cents: u64,
    day: u64,
    lag: u64,
}

/// Two worlds: in one the units are split on a day of April, in the other they never are.
#[derive(Clone, Debug)]
struct Worlds {
    new: u64,
    old: u64,
    ex: u64,
    trades: Vec<Traded>,
    closes: Vec<u64>,
    dividend: u64,
}

fn april(number: u64) -> NaiveDate {
    day("2025-04-01") + Days::new(number)
}

impl Worlds {
    /// Units and price of a day in one of the worlds.
    fn scaled(&self, number: u64, units: u64, cents: u64, splits: bool) -> (Decimal, Decimal) {
        let (more, less) = if splits && number >= self.ex { (self.new, self.old) } else { (self.old, self.new) };
        (Decimal::from(units * more), Decimal::new((cents * less) as i64, 2))
    }

    fn agreement(&self, swap: &Swap, relief: &ReliefPolicy, splits: bool) -> Agreement {
        let trades: Vec<String> = self
            .trades
            .iter()
            .enumerate()
            .map(|(id, Traded { buy, units, cents, day, lag })| {
                let (units, price) = self.scaled(*day, *units, *cents, splits);
                let side = if *buy { "BUY" } else { "SELL" };
                format!("T{id} {side} {units} @ {price} on {} settles {}", april(*day), april(day + lag))
            })
            .collect();
        let trades: Vec<&str> = trades.iter().map(String::as_str).collect();
        let mut agreement = agreement(swap.clone(), &trades);
        agreement.relief = relief.clone();
        if splits {
            agreement.happenings = vec![split(april(self.ex), ratio(self.new, self.old), Fractions::Keep)];
        }
        agreement
    }

    fn market(&self, splits: bool) -> Market {
        let mut market = market(&[]);
        let price = |(number, cents)| self.scaled(number, 1, cents, splits).1;
        let quote =
            |(number, cents): (u64, &u64)| Quote { date: april(number), value: price((number, *cents)), version: 1 };
        market.prices.insert(acme(), Quotes::new((0..).zip(&self.closes).map(quote).collect()));
        let declared = &mut market.dividends.get_mut(&acme()).expect("the fixture has one")[0];
        declared.ex_date = april(self.dividend);
        declared.record_date = april(self.dividend);
        // Who is entitled holds it at the close before, in the units of that day.
        let last_with_it = (0..self.dividend).rev().find(|day| exchange_day(april(*day))).unwrap_or(0);
        declared.gross = price((last_with_it, 37));
        market
    }
}

fn any_worlds() -> impl Strategy<Value = Worlds> {
    let traded = (any::<bool>(), 1..200_u64, 500..900_u64, 0..26_u64, 0..3_u64)
        .prop_map(|(buy, units, cents, day, lag)| Traded { buy, units, cents, day, lag });
    let (trades, closes) = (prop::collection::vec(traded, 1..8), prop::collection::vec(500..900_u64, 30));
    (1..8_u64, 1..8_u64, 1..26_u64, trades, closes, 2..26_u64).prop_map(|(new, old, ex, trades, closes, dividend)| {
        // Units trade without what happens on an ex date from that day on, so it is one of trading.
        let ex = (ex..).find(|ex| exchange_day(april(*ex))).expect("the market opens again");
        Worlds { new, old, ex, trades, closes, dividend }
    })
}

/// Three valuations, three interest periods, a commission, and fees for every night.
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
        (financing.long.notional, financing.short.notional) = (basis, basis);
        let rate = DailyFeeRate::Agreed(decimal("0.0325"));
        let nightly = |kind| DailyFeeTerms { kind, rate: rate.clone(), year_days: 360 };
        terms.daily_fees = vec![nightly(DailyFeeKind::Borrow), nightly(DailyFeeKind::Custody)];
        terms.trade_fees = vec![TradeFee {
            kind: TradeFeeKind::Commission,
            charge: Charge::OnValue { rate: decimal("0.001"), minimum: None },
            sides: Sides::Both,
            rounding: FeeRounding::MinorUnits,
        }];
        terms
    })
}

fn any_relief() -> impl Strategy<Value = ReliefPolicy> {
    let methods = [ReliefMethod::Fifo, ReliefMethod::Lifo, ReliefMethod::Hifo, ReliefMethod::MaxLoss];
    let method = || prop::sample::select(methods.to_vec());
    (method(), method(), 0..26_u64)
        .prop_map(|(first, then, since)| ReliefPolicy::new(first, vec![(april(since), then)]))
}

proptest! {
    /// Invariant 14 at the level of flows: names, days, stages, payment dates and amounts are the same in both worlds, on every day.
    #[test]
    fn a_split_changes_no_cash_flow(
        worlds in any_worlds(), terms in any_terms(), relief in any_relief(), today in 0..29_u64
    ) {
        let flows = |splits| {
            let agreement = worlds.agreement(&terms, &relief, splits);
            on(&agreement, &mut worlds.market(splits), &april(today).to_string(), |book| {
                let told = |flow: &Flow<'_, &str>| {
                    let amount = flow.result.as_ref().map(|calculated| calculated.amount.money).map_err(|blocked| blocked.code());
                    format!("{} {} {:?} {amount:?}", flow.name, flow.stage.name(), flow.payment_date)
                };
                book.flows().iter().map(told).collect::<Vec<_>>()
            })
        };
        prop_assert_eq!(flows(true), flows(false));
    }
}

/// Golden 26 without reset, whose units are split in two in the middle of its second period.
#[test]
fn a_constant_notional_stays_what_it_was_when_units_are_split() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.notional = EquityNotional::Constant;
    terms.equity.valuation_dates = ["2025-04-30", "2025-05-30", "2025-06-30"].map(day).into();
    let mut agreement = agreement(terms, &[BOUGHT]);
    agreement.happenings = vec![split(day("2025-05-15"), ratio(2, 1), Fractions::Keep)];
    let closes = [("2025-04-30", "52.50"), ("2025-05-30", "24.125"), ("2025-06-30", "27.55")];
    on(&agreement, &mut market(&closes), "2025-06-30", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [2_500_000, -4_047_619, 7_098_446, 0]);
    });
}

#[test]
fn a_reverse_split_pays_the_fraction_what_it_earned() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates.clear();
    let bought = "T1 BUY 105 @ 50.00 on 2025-03-31 settles 2025-04-01";
    let mut agreement = agreement(terms, &[bought]);
    let price = decimal("515.00");
    agreement.happenings = vec![split(day("2025-04-15"), ratio(1, 10), Fractions::CashInLieu { price })];
    on(&agreement, &mut market(&[("2025-04-16", "520.00")]), "2025-04-16", |book| {
        // Half a new unit is five old ones: 0.5 x 515.00 - 5 x 50.00; and 10 x 520.00 - 100 x 50.00 of the others.
        assert_eq!(
            lines(book),
            [
                "CASH_IN_LIEU T1 2025-03-31..2025-04-15 REALISED 2025-04-15 7.50 USD",
                "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - 200.00 USD",
            ]
        );
    });
}

/// What leaves at 53.00 after a valuation at 52.50 is measured from 52.50 there: nothing is paid twice, nothing is lost.
#[test]
fn a_transfer_takes_its_reference_along() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates = vec![day("2025-04-09")];
    let departure = Departure {
        to: PositionKey::new("A", "OTHER", "ACME").expect("a key"),
        quantity: decimal("4000"),
        date: day("2025-04-15"),
        exec_time: Timestamp(0),
        source_seq: 9,
        instruction: None,
    };
    let closes = [("2025-04-09", "52.50"), ("2025-04-16", "54.00")];
    let mut source = agreement(terms.clone(), &[BOUGHT]);
    source.happenings = vec![happening("X1", What::Departure(departure))];
    let (arrival, reference) = on(&source, &mut market(&closes), "2025-04-16", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [2_500_000, 900_000], "10,000 x 2.50, 6,000 x 1.50");
        let [moved] = &book.moves()[..] else { panic!("one lot leaves") };
        (moved.sent.happening.clone(), moved.reference.clone().expect("it is known"))
    });
    assert_eq!(reference, ReferencePrice { date: day("2025-04-09"), price: decimal("52.50") });
    let mut target = agreement(terms, &[]);
    target.references.insert(arrival.id.clone(), reference);
    target.happenings = vec![arrival];
    on(&target, &mut market(&closes), "2025-04-16", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [600_000], "4,000 x 1.50");
    });
}

/// A unit of the child for two of the parent, at 45.00 and 10.00: the child takes a tenth of what the parent is measured from.
#[test]
fn a_spin_off_shares_the_reference_between_parent_and_child() {
    let child = PositionKey::new("A", "B", "CHILD").expect("a key");
    let kind = ActionKind::SpinOff {
        to: child.clone(),
        ratio: ratio(1, 2),
        parent_close: decimal("45.00"),
        child_close: decimal("10.00"),
        fractions: Fractions::Keep,
    };
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates.clear();
    let mut parent = agreement(terms.clone(), &[BOUGHT]);
    parent.happenings = vec![happening("C1", What::Action(CorporateAction { ex_date: day("2025-04-15"), kind }))];
    let (arrival, reference) = on(&parent, &mut market(&[("2025-04-16", "46.00")]), "2025-04-16", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [1_000_000], "10,000 x (46.00 - 45.00)");
        let [moved] = &book.moves()[..] else { panic!("one lot comes of it") };
        (moved.sent.happening.clone(), moved.reference.clone().expect("it is known"))
    });
    assert_eq!(reference.price, decimal("10"), "5.00 of each of 10,000 units, shared by 5,000");
    let mut held = agreement(terms, &[]);
    held.key = child;
    held.references.insert(arrival.id.clone(), reference);
    held.happenings = vec![arrival];
    on(&held, &mut market(&[("2025-04-16", "11.00")]), "2025-04-16", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [500_000], "5,000 x (11.00 - 10.00)");
    });
}

#[test]
fn mergers_close_what_is_paid_in_cash_and_move_the_rest_with_its_reference() {
    let merged = PositionKey::new("A", "B", "NEW").expect("a key");
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates.clear();
    let under = |kind| {
        let mut agreement = agreement(terms.clone(), &["T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01"]);
        agreement.happenings =
            vec![happening("M1", What::Action(CorporateAction { ex_date: day("2025-04-15"), kind }))];
        on(&agreement, &mut market(&[]), "2025-04-16", |book| {
            let moves = book.moves();
            let moved = moves.iter().map(|moved| {
                let reference = moved.reference.clone().expect("it is known");
                (moved.arrival.lot.remaining, reference.price)
            });
            (lines(book), moved.collect::<Vec<_>>())
        })
    };
    let closed =
        |kind: &str, amount: &str| format!("{kind} T1 2025-03-31..2025-04-15 REALISED 2025-04-15 {amount} USD");
    let cash = under(ActionKind::MergerCash { price: decimal("31.00") });
    assert_eq!(cash, (vec![closed("EQUITY_PERFORMANCE", "101.00")], vec![]));

    // 25.25 new units: 25 move, a quarter of one, which is one old unit, is paid.
    let fractions = Fractions::CashInLieu { price: decimal("130.00") };
    let stock = under(ActionKind::MergerStock { to: merged.clone(), ratio: ratio(1, 4), fractions });
    assert_eq!(stock, (vec![closed("CASH_IN_LIEU", "2.50")], vec![(decimal("25"), decimal("120"))]));

    // 10 of 40 are cash: a quarter of each unit is closed at 40.00; the rest is half a new unit each, from 45.00 a unit.
    let (cash, price) = (decimal("10.00"), decimal("60.00"));
    let kind = ActionKind::MergerMixed { cash, to: merged, ratio: ratio(1, 2), price, fractions: Fractions::Keep };
    let mixed = under(kind);
    assert_eq!(mixed, (vec![closed("EQUITY_PERFORMANCE", "252.50")], vec![(decimal("50.5"), decimal("45"))]));
}

/// 101 units: a part is closed for cash, a fraction of a new unit is paid, the rest moves. Each bears its share of what was due before.
#[test]
fn the_parts_of_a_lot_that_a_merger_splits_have_flows_of_their_own() {
    let mut terms = swap();
    terms.equity.valuation_dates.clear();
    let rate = DailyFeeRate::Agreed(decimal("0.0325"));
    terms.daily_fees = vec![DailyFeeTerms { kind: DailyFeeKind::Custody, rate, year_days: 360 }];
    terms.prices.carry = CarryForward::UpTo { days: 30 };
    let kind = ActionKind::MergerMixed {
        cash: decimal("10.00"),
        to: PositionKey::new("A", "B", "NEW").expect("a key"),
        ratio: ratio(1, 4),
        price: decimal("60.00"),
        fractions: Fractions::CashInLieu { price: decimal("60.00") },
    };
    let mut agreement = agreement(terms, &["T1 BUY 101 @ 30.00 on 2025-03-31 settles 2025-04-01"]);
    agreement.happenings = vec![happening("M1", What::Action(CorporateAction { ex_date: day("2025-04-15"), kind }))];
    on(&agreement, &mut market(&[("2025-04-01", "30.00")]), "2025-04-16", |book| {
        let flows = book.flows();
        for kind in [Kind::Interest, Kind::Fee, Kind::Dividend] {
            let parts = flows.iter().filter(|flow| flow.name.kind == kind && flow.result.is_ok());
            assert_eq!(parts.count(), 3, "{kind:?}");
        }
        let ids: BTreeSet<FlowId> = flows.iter().map(|flow| flow.name.id(flow.currency)).collect();
        assert_eq!(ids.len(), flows.len());
    });
}

#[test]
fn lots_are_taken_as_ordered_and_an_order_that_cannot_be_followed_is_told() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates.clear();
    let trades = [
        "A BUY 100 @ 50.00 on 2025-04-01 settles 2025-04-02",
        "B BUY 100 @ 55.00 on 2025-04-02 settles 2025-04-03",
        "C SELL 100 @ 58.00 on 2025-04-03 settles 2025-04-04",
    ];
    let id = |id: &str| TradeId::new("TEST", id).expect("an id");
    let realised = |instruction| {
        let mut agreement = agreement(terms.clone(), &trades);
        let Held::Trades(trades) = &mut agreement.held else { panic!("it has trades") };
        let TradeEvent::New(terms) = &mut trades[2].event else { panic!("a new trade") };
        terms.relief = Some(Box::new(instruction));
        let (holding, problems) = Holding::of(&agreement);
        let market = market(&[]);
        let book = Book::new(&agreement.swap, &holding, &market, day("2025-04-03")).expect("prices fit");
        let closed = |flow: &Flow<'_, &str>| flow.name.closed_by.is_some();
        let amount = |flow: &Flow<'_, &str>| flow.result.as_ref().expect("it is known").amount.money.minor;
        (book.flows().iter().filter(|flow| closed(flow)).map(amount).collect::<Vec<_>>(), problems)
    };
    assert_eq!(realised(Instruction::Method(ReliefMethod::Hifo)), (vec![30_000], vec![]));
    let listed = Instruction::Lots(vec![(id("B"), 40.into()), (id("A"), 60.into())]);
    assert_eq!(realised(listed), (vec![48_000, 12_000], vec![]));
    let short = Instruction::Lots(vec![(id("B"), 40.into())]);
    let why = Why::NotFollowed(InvalidInstruction::Sum { listed: 40.into(), closed: 100.into() });
    assert_eq!(realised(short), (vec![80_000], vec![Problem { of: id("C"), why }]));
}

#[test]
fn a_price_of_before_the_ex_date_stands_in_for_none_after_it() {
    let mut terms = swap();
    terms.prices.carry = CarryForward::UpTo { days: 5 };
    (terms.financing, terms.dividends) = (None, None);
    let told = |happenings| {
        let mut agreement = agreement(terms.clone(), &[BOUGHT]);
        agreement.happenings = happenings;
        on(&agreement, &mut market(&[("2025-04-14", "51.00")]), "2025-04-15", lines)
    };
    assert_eq!(told(vec![]), ["EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - 10000.00 USD"]);
    let split = split(day("2025-04-15"), ratio(2, 1), Fractions::Keep);
    assert_eq!(told(vec![split]), ["EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - MISSING_PRICE"]);
}
