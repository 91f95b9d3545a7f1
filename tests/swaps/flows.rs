//! What comes of an agreement on a day.

use std::collections::BTreeSet;

use bookflow::domain::equity::terms::{CommissionIn, UnwindPayment};
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::fees::trade::{Charge, FeeRounding, Sides, TradeFee, TradeFeeKind};
use bookflow::domain::financing::terms::{NotionalBasis, NotionalSwitch, SpreadMode};
use bookflow::domain::money::RoundingPolicy;
use bookflow::domain::number::rounding::Rounding;
use bookflow::domain::rates::terms::{Method, RateTerms};
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, Swap};

use crate::fixture::{agreement, day, decimal, interest, lines, market, minor, on, swap};

const BOUGHT: &str = "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";

#[test]
fn a_total_return_swap_pays_performance_dividend_and_interest_of_golden_25() {
    let mut market = market(&[("2025-04-30", "52.50"), ("2025-05-02", "52.75")]);
    on(&agreement(swap(), &[BOUGHT]), &mut market, "2025-05-02", |book| {
        assert_eq!(
            lines(book),
            [
                "EQUITY_PERFORMANCE T1 2025-03-31..2025-04-30 REALISED 2025-05-02 25000.00 USD",
                "EQUITY_PERFORMANCE T1 2025-04-30..- ACCRUED - 2500.00 USD",
                "INTEREST T1 2025-04-01..2025-05-02 REALISED 2025-05-02 -2153.84 USD",
                "INTEREST T1 2025-05-02..2025-06-02 ACCRUED - 0.00 USD",
                "DIVIDEND T1 2025-04-15..- REALISED 2025-05-02 3400.00 USD",
            ]
        );
    });
}

#[test]
fn a_swap_that_has_ended_earns_nothing_more() {
    let swap = Swap {
        termination: Some(day("2025-04-30")),
        interest_periods: vec![interest("2025-04-01", "2025-05-02", Some("2025-05-02"))],
        ..swap()
    };
    let mut market = market(&[("2025-04-30", "52.50"), ("2025-05-02", "52.75")]);
    on(&agreement(swap, &[BOUGHT]), &mut market, "2025-05-02", |book| {
        let kinds: Vec<&str> = book.flows().iter().map(|flow| flow.name.kind.name()).collect();
        assert_eq!(kinds, ["EQUITY_PERFORMANCE", "INTEREST", "DIVIDEND"]);
    });
}

#[test]
fn what_is_closed_is_paid_when_it_settles_and_the_rest_goes_on() {
    let sold = "T2 SELL 4000 @ 51.00 on 2025-04-22 settles 2025-04-23";
    let mut market = market(&[("2025-04-28", "52.00")]);
    on(&agreement(swap(), &[BOUGHT, sold]), &mut market, "2025-04-28", |book| {
        let found = lines(book);
        for line in [
            "EQUITY_PERFORMANCE T1 2025-03-31..2025-04-22 REALISED 2025-04-23 4000.00 USD",
            "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - 12000.00 USD",
        ] {
            assert!(found.iter().any(|found| found == line), "{line} is not in {found:#?}");
        }
        // 1,360.00 of what was sold after the ex date and 2,040.00 of what stays.
        assert_eq!(minor(book, Kind::Dividend), [136_000, 204_000]);
    });
}

#[test]
fn what_is_closed_later_has_cut_nothing_yet() {
    let sold = "T2 SELL 4000 @ 51.00 on 2025-04-22 settles 2025-04-23";
    on(&agreement(swap(), &[BOUGHT, sold]), &mut market(&[("2025-04-21", "52.00")]), "2025-04-21", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [2_000_000]);
        assert_eq!(minor(book, Kind::Dividend), [340_000]);
    });
}

#[test]
fn a_close_out_may_wait_for_the_next_valuation() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.unwind_payment = UnwindPayment::NextPayment;
    let paid = |sold: &str| {
        on(&agreement(terms.clone(), &[BOUGHT, sold]), &mut market(&[("2025-04-30", "52")]), "2025-05-05", |book| {
            let flows = book.flows();
            let close_out = flows.iter().find(|flow| flow.name.closed_by.is_some()).expect("it was sold");
            close_out.payment_date
        })
    };
    assert_eq!(paid("T2 SELL 10000 @ 51.00 on 2025-04-22 settles 2025-04-23"), Some(day("2025-05-02")));
    assert_eq!(
        paid("T2 SELL 10000 @ 51.00 on 2025-04-30 settles 2025-05-01"),
        Some(day("2025-05-02")),
        "the valuation of the same day"
    );
    assert_eq!(paid("T2 SELL 10000 @ 51.00 on 2025-05-02 settles 2025-05-05"), None, "no valuation date is agreed");
}

#[test]
fn a_short_earns_its_rebate_and_pays_for_what_it_borrows_as_in_golden_31() {
    let mut terms = swap();
    let side = terms.financing.as_mut().expect("financed");
    let RateTerms::Overnight(overnight) = &mut side.short.rate else { panic!("overnight") };
    (overnight.method, overnight.observation) =
        (Method::Average, bookflow::domain::rates::terms::Observation::Lookback(0));
    (side.short.spread, side.short.spread_mode) = (decimal("-0.0040"), SpreadMode::Outside);
    side.short.notional = NotionalBasis::Fixed;
    terms.dividends = None;
    terms.equity.valuation_dates.clear();
    let rate = DailyFeeRate::Agreed(decimal("0.0325"));
    terms.daily_fees = vec![DailyFeeTerms { kind: DailyFeeKind::Borrow, rate, year_days: 360 }];
    let trades = [
        "S1 SELL 2000 @ 75.00 on 2025-04-02 settles 2025-04-03",
        "B1 BUY 2000 @ 75.80 on 2025-04-08 settles 2025-04-09",
    ];
    let closes = [("2025-04-03", "75.00"), ("2025-04-04", "74.10"), ("2025-04-07", "76.25"), ("2025-04-08", "75.80")];
    on(&agreement(terms, &trades), &mut market(&closes), "2025-04-09", |book| {
        assert_eq!(minor(book, Kind::ShortRebate), [9_971]);
        assert_eq!(minor(book, Kind::BorrowFee), [-8_113]);
        assert_eq!(minor(book, Kind::EquityPerformance), [-160_000]);
    });
}

#[test]
fn flows_keep_their_names_from_day_to_day_and_no_two_share_one() {
    let trades = [BOUGHT, "T2 SELL 4000 @ 51.00 on 2025-04-22 settles 2025-04-23"];
    let names = |date: &str| {
        let closes = [("2025-04-28", "52.00"), ("2025-04-29", "52.10")];
        on(&agreement(swap(), &trades), &mut market(&closes), date, |book| {
            let flows = book.flows();
            let ids: BTreeSet<_> = flows.iter().map(|flow| flow.name.id(flow.currency)).collect();
            assert_eq!(ids.len(), flows.len(), "{:#?}", lines(book));
            ids
        })
    };
    assert_eq!(names("2025-04-28"), names("2025-04-29"));
}

fn with_commission(commission: CommissionIn) -> Swap {
    let mut terms = swap();
    terms.equity.commission = commission;
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates.clear();
    terms.trade_fees = vec![TradeFee {
        kind: TradeFeeKind::Commission,
        charge: Charge::OnValue { rate: decimal("0.001"), minimum: None },
        sides: Sides::Both,
        rounding: FeeRounding::MinorUnits,
    }];
    terms
}

#[test]
fn a_commission_costs_the_same_in_the_price_and_as_a_flow_of_its_own() {
    let trades = [BOUGHT, "T2 SELL 10000 @ 51.00 on 2025-04-22 settles 2025-04-23"];
    let total = |commission| {
        on(&agreement(with_commission(commission), &trades), &mut market(&[]), "2025-04-28", |book| {
            let (performance, commissions) = (minor(book, Kind::EquityPerformance), minor(book, Kind::Commission));
            (performance.iter().chain(&commissions).sum::<i64>(), commissions.len())
        })
    };
    assert_eq!(total(CommissionIn::OwnFlow), (1_000_000 - 50_000 - 51_000, 2));
    assert_eq!(total(CommissionIn::Price), (1_000_000 - 50_000 - 51_000, 0));
}

#[test]
fn interest_follows_the_settled_notional_of_each_period() {
    let mut terms = swap();
    terms.equity.valuation_dates.clear();
    terms.interest_periods =
        vec![interest("2025-04-01", "2025-04-15", Some("2025-04-17")), interest("2025-04-15", "2025-05-02", None)];
    let financing = terms.financing.as_mut().expect("financed");
    (financing.long.rate, financing.long.spread) = (RateTerms::Fixed(decimal("0.036")), decimal("0"));
    on(&agreement(terms, &[BOUGHT]), &mut market(&[("2025-04-25", "50")]), "2025-04-25", |book| {
        // 500,000 x 3.6 % / 360 = 50.00 a night: 14 nights, then 10.
        assert_eq!(minor(book, Kind::Interest), [-70_000, -50_000]);
    });
    assert_eq!(day("2025-04-25") - day("2025-04-15"), chrono::TimeDelta::days(10));
}

#[test]
fn interest_starts_when_the_purchase_settles_whatever_was_valued_before() {
    let mut terms = swap();
    terms.dividends = None;
    terms.equity.valuation_dates = vec![day("2025-04-25")];
    let long = &mut terms.financing.as_mut().expect("financed").long;
    (long.rate, long.spread) = (RateTerms::Fixed(decimal("0.036")), decimal("0"));
    long.switch = NotionalSwitch::ValuationDate;
    let bought = "T1 BUY 10000 @ 50.00 on 2025-04-24 settles 2025-04-28";
    let mut market = market(&[("2025-04-25", "51.00"), ("2025-04-30", "51.00")]);
    on(&agreement(terms, &[bought]), &mut market, "2025-04-30", |book| {
        // 510,000 x 3.6 % / 360 = 51.00 a night, from the 28th on.
        assert_eq!(minor(book, Kind::Interest), [-10_200]);
    });
}

#[test]
fn money_is_rounded_in_the_mode_of_the_contract() {
    let performance = |rounding: Rounding| {
        let mut terms = swap();
        (terms.financing, terms.dividends) = (None, None);
        terms.rounding = RoundingPolicy::new(rounding);
        let bought = "T1 BUY 0.5 @ 50.00 on 2025-03-31 settles 2025-04-01";
        on(&agreement(terms, &[bought]), &mut market(&[("2025-04-25", "50.03")]), "2025-04-25", |book| {
            minor(book, Kind::EquityPerformance)
        })
    };
    assert_eq!(performance(Rounding::HalfUp), [2]); // 0.015
    assert_eq!(performance(Rounding::Down), [1]);
}
