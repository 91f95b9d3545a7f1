//! Terms that few agreements need: day counts with a schedule, disrupted valuations, break fees, tax on dividends.

use std::collections::BTreeMap;
use std::sync::Arc;

use bookflow::domain::calendar::{Calendar, Weekend};
use bookflow::domain::daycount::{Coupons, DayCount};
use bookflow::domain::dividends::declared::{Jurisdiction, SourceTax};
use bookflow::domain::dividends::terms::{Payout, Share};
use bookflow::domain::dividends::withholding::Treatment;
use bookflow::domain::equity::terms::ReturnType;
use bookflow::domain::fees::early_end::BreakFee;
use bookflow::domain::market::carry::{CarryForward, Quote};
use bookflow::domain::market::fx::{FixName, FixPolicy, FxMode, Pair};
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::money::Currency;
use bookflow::domain::rates::terms::RateTerms;
use bookflow::domain::schedule::{Disrupted, Roll};
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::flows::{Book, Explained};
use bookflow::domain::swap::product::Product;
use bookflow::domain::swap::terms::Swap;

use crate::fixture::{acme, agreement, day, decimal, interest, lines, market, minor, on, swap, usd};

const BOUGHT: &str = "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";
const SOLD: &str = "T2 SELL 4000 @ 51.00 on 2025-04-22 settles 2025-04-23";

/// The explanation of the first flow of a kind, as a table.
fn explained(book: &Book<'_>, kind: Kind) -> String {
    let explained = book.explained(|_| true).into_iter().find(|explained| explained.flow.name.kind == kind);
    explained.and_then(|explained| explained.explanation).expect("such a flow, calculated").to_string()
}

/// 500,000 at 3.6 % for 24 nights, which have 17 business days.
fn interest_by(
    day_count: DayCount,
    change: impl Fn(&mut bookflow::domain::financing::terms::FinancingTerms),
) -> String {
    let mut terms = swap();
    let long = &mut terms.financing.as_mut().expect("financed").long;
    (long.rate, long.spread, long.day_count) = (RateTerms::Fixed(decimal("0.036")), decimal("0"), day_count);
    change(long);
    on(&agreement(terms, &[BOUGHT]), &mut market(&[("2025-04-25", "50")]), "2025-04-25", |book| {
        let found = lines(book).into_iter().find(|line| line.starts_with("INTEREST")).expect("there is interest");
        found.rsplit_once("2025-05-02 ").expect("a payment date").1.to_owned()
    })
}

#[test]
fn icma_interest_is_measured_in_regular_coupon_periods() {
    let anchor = day("2025-04-01");
    let half_yearly = Coupons { anchor, months: 6, roll: Roll::through(anchor, false) };
    // 183 days to October 1st, twice a year: 18,000 x 24 / 366.
    assert_eq!(interest_by(DayCount::ActActIcma, |long| long.coupons = Some(half_yearly)), "-1180.33 USD");
    assert_eq!(interest_by(DayCount::ActActIcma, |_| {}), "MISSING_TERM");
}

#[test]
fn business_days_of_a_calendar_bear_interest_over_252() {
    let calendar = |last| {
        let holidays = [day("2025-04-18")];
        Some(Arc::new(Calendar::new("HOME", Weekend::SATURDAY_SUNDAY, holidays, day("2025-01-01"), day(last))))
    };
    // 18,000 x 17 / 252.
    assert_eq!(interest_by(DayCount::Bus252, |long| long.counted_days = calendar("2025-12-31")), "-1214.29 USD");
    assert_eq!(interest_by(DayCount::Bus252, |long| long.counted_days = calendar("2025-04-20")), "MISSING_CALENDAR");
    assert_eq!(interest_by(DayCount::Bus252, |_| {}), "MISSING_TERM");
}

/// The valuation of April 30 came to another date, or stayed without an official close.
fn with_disruption(disrupted: Disrupted) -> Swap {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    terms.equity.valuation_dates = vec![disrupted.date()];
    terms.equity.disrupted = BTreeMap::from([(disrupted.date(), disrupted)]);
    terms
}

fn with_fallback(prices: &[(&str, &str)]) -> Market {
    let mut market = market(&[("2025-05-02", "53.00"), ("2025-05-05", "54.00")]);
    let quote = |(date, price): &(&str, &str)| Quote { date: day(date), value: decimal(price), version: 1 };
    market.fallback_prices.insert(acme(), Quotes::new(prices.iter().map(quote).collect()));
    market
}

#[test]
fn a_postponed_valuation_is_valued_and_paid_later_and_says_so() {
    let (from, to) = (day("2025-04-30"), day("2025-05-02"));
    let terms = with_disruption(Disrupted::Postponed { from, to });
    on(&agreement(terms, &[BOUGHT]), &mut with_fallback(&[]), "2025-05-05", |book| {
        assert_eq!(
            lines(book),
            [
                "EQUITY_PERFORMANCE T1 2025-03-31..2025-05-02 REALISED 2025-05-06 30000.00 USD",
                "EQUITY_PERFORMANCE T1 2025-05-02..- ACCRUED - 10000.00 USD",
            ]
        );
        let warnings: Vec<String> = book.warnings().iter().map(ToString::to_string).collect();
        assert_eq!(warnings[0], "disrupted valuation of 2025-04-30 postponed to 2025-05-02");
        let table = explained(book, Kind::EquityPerformance);
        assert!(table.contains("disrupted valuation of 2025-04-30 postponed to 2025-05-02"), "{table}");
        assert!(table.contains("price ACME 2025-05-02 v1"), "{table}");
    });
}

#[test]
fn a_fallback_price_counts_on_its_own_date_alone() {
    let terms = with_disruption(Disrupted::Fallback(day("2025-04-30")));
    let first = |prices: &[(&str, &str)]| {
        on(&agreement(terms.clone(), &[BOUGHT]), &mut with_fallback(prices), "2025-05-02", |book| {
            (lines(book)[0].clone(), book.warnings().len())
        })
    };
    let valued = "EQUITY_PERFORMANCE T1 2025-03-31..2025-04-30 REALISED 2025-05-02";
    assert_eq!(first(&[("2025-04-30", "51.50")]), (format!("{valued} 15000.00 USD"), 1));
    assert_eq!(first(&[("2025-04-29", "51.50")]), (format!("{valued} MISSING_FALLBACK_PRICE"), 1));
}

#[test]
fn a_disruption_for_which_nothing_is_agreed_blocks() {
    let terms = with_disruption(Disrupted::Unagreed(day("2025-04-30")));
    let mut market = with_fallback(&[("2025-04-30", "51.50")]);
    on(&agreement(terms, &[BOUGHT]), &mut market, "2025-05-02", |book| {
        assert!(lines(book).iter().all(|line| line.ends_with("MISSING_TERM")), "{:#?}", lines(book));
    });
}

fn with_break_fee(fee: BreakFee) -> Swap {
    let mut terms = swap();
    (terms.product, terms.dividends) = (Product::EquitySwap, None);
    terms.termination = Some(day("2025-06-02"));
    terms.interest_periods = vec![interest("2025-04-01", "2025-06-02", Some("2025-06-02"))];
    terms.break_fee = Some(fee);
    terms
}

const SECOND_LOT: &str = "T0 BUY 1000 @ 40.00 on 2025-03-28 settles 2025-03-31";

/// Lines of fees on a day; the sale takes 1,000 units at 40.00 and 3,000 at 50.00.
fn break_fees(fee: BreakFee, date: &str) -> Vec<String> {
    let closes = [("2025-04-21", "51.00"), ("2025-04-23", "51.00"), ("2025-04-30", "52.00")];
    let agreement = agreement(with_break_fee(fee), &[SECOND_LOT, BOUGHT, SOLD]);
    on(&agreement, &mut market(&closes), date, |book| {
        lines(book).into_iter().filter(|line| line.starts_with("FEE")).collect()
    })
}

#[test]
fn what_ends_early_pays_the_break_fee_once_a_trade() {
    let line = "FEE T2 2025-04-22..2025-06-02 REALISED 2025-04-23";
    assert_eq!(break_fees(BreakFee::Fixed(decimal("250")), "2025-04-23"), [format!("{line} -250.00 USD")]);
    let of_notional = BreakFee::OfNotional(decimal("0.001"));
    assert_eq!(break_fees(of_notional, "2025-04-23"), [format!("{line} -190.00 USD")]);
    // 190,000 x 0.65 % x 40 / 360, from the settlement to the termination.
    let make_whole = BreakFee::MakeWhole { spread: decimal("0.0065"), year_days: 360 };
    assert_eq!(break_fees(make_whole, "2025-04-23"), [format!("{line} -137.22 USD")]);
    assert_eq!(break_fees(make_whole, "2025-04-21"), [""; 0], "nothing has ended yet");
}

#[test]
fn a_break_fee_is_explained_and_keeps_its_id() {
    let make_whole = BreakFee::MakeWhole { spread: decimal("0.0065"), year_days: 360 };
    let agreement = agreement(with_break_fee(make_whole), &[SECOND_LOT, BOUGHT, SOLD]);
    let id = |date: &str| {
        on(&agreement, &mut market(&[("2025-04-23", "51"), ("2025-04-30", "52")]), date, |book| {
            let flows = book.flows();
            let fee = flows.iter().find(|flow| flow.name.kind == Kind::Fee).expect("a fee");
            let id = fee.name.id(fee.currency);
            let explained = book.explained(|wanted| wanted == id).into_iter().find(|explained| explained.id == id);
            let Explained { flow, explanation, .. } = explained.expect("it is there");
            assert_eq!(&flow, fee);
            let explanation = explanation.expect("calculated");
            assert!(explanation.to_string().contains("notional that ends"), "{explanation}");
            let recomputed = explanation.recompute().expect("every line follows");
            assert_eq!(
                recomputed,
                Some(bookflow::domain::explain::Value::Money(flow.result.expect("calculated").amount.money))
            );
            id
        })
    };
    assert_eq!(id("2025-04-23"), id("2025-04-30"));
}

#[test]
fn without_an_end_there_is_nothing_to_break() {
    let mut terms = with_break_fee(BreakFee::Fixed(decimal("250")));
    terms.equity.valuation_dates.clear();
    assert_eq!(terms.product.check(&terms), Ok(()));
    terms.termination = None;
    assert_eq!(terms.product.check(&terms).expect_err("it has no end").field, "breakFee");
}

/// The dividend of a holding: 0.40 on 10,000 units, taxed at 15 % in the United States.
fn dividend(trade: &str, treatment: Treatment, taxed: bool) -> (Result<i64, String>, String) {
    let mut terms = swap();
    terms.dividends.as_mut().expect("passed on").payout =
        Payout { long: Some(Share::AfterTax(treatment)), short: None };
    let mut market = market(&[("2025-04-25", "51.00")]);
    let tax = SourceTax { rate: decimal("0.15"), jurisdiction: Jurisdiction::new("US").expect("a name") };
    market.dividends.get_mut(&acme()).expect("listed")[0].source_tax = taxed.then_some(tax);
    on(&agreement(terms, &[trade]), &mut market, "2025-04-25", |book| {
        let flows = book.flows();
        let flow = flows.iter().find(|flow| flow.name.kind == Kind::Dividend).expect("a dividend");
        match &flow.result {
            Ok(calculated) => (Ok(calculated.amount.money.minor), explained(book, Kind::Dividend)),
            Err(reason) => (Err(reason.code().to_owned()), String::new()),
        }
    })
}

#[test]
fn a_long_gets_what_the_tax_leaves_and_is_told_gross_tax_and_net() {
    use Treatment::{DeclaredNet, Deducted, Exempt, Reclaimable};
    for (treatment, paid, gross, tax) in [
        (Deducted, 340_000, "4000.00 USD", "600"),
        (DeclaredNet, 400_000, "4705.88 USD", "705.88"),
        (Reclaimable, 340_000, "4000.00 USD", "600"),
    ] {
        let (amount, table) = dividend(BOUGHT, treatment, true);
        assert_eq!(amount, Ok(paid), "{treatment:?}");
        let line = |name: &str, value: &str| {
            assert!(
                table.lines().any(|line| line.contains(name) && line.contains(value)),
                "{name} {value} in\n{table}"
            );
        };
        line("withholding rate US 2025-04-15 v1", "0.15");
        line("gross dividend", gross);
        line("tax at source", tax);
        line("dividend after tax", &format!("{}.00 USD", paid / 100));
        assert_eq!(table.contains("can be reclaimed"), treatment == Reclaimable);
    }
    let (exempt, table) = dividend(BOUGHT, Exempt, false);
    assert_eq!(exempt, Ok(400_000));
    assert!(table.contains("withholding rate of who is exempt"), "{table}");
}

#[test]
fn a_short_pays_the_gross_amount_whatever_is_withheld_from_a_long() {
    let short = "S1 SELL 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";
    assert_eq!(dividend(short, Treatment::Deducted, true).0, Ok(-400_000));
    assert_eq!(dividend(short, Treatment::DeclaredNet, true).0, Ok(-470_588));
}

#[test]
fn a_tax_that_is_not_known_blocks_its_dividend() {
    for treatment in [Treatment::Deducted, Treatment::DeclaredNet, Treatment::Reclaimable] {
        assert_eq!(dividend(BOUGHT, treatment, false).0, Err("MISSING_WITHHOLDING".to_owned()));
    }
}

#[test]
fn a_dividend_that_nobody_gets_is_a_warning_of_a_price_return() {
    let warned = |change: &dyn Fn(&mut Swap), trades: &[&str]| {
        let mut terms = swap();
        (terms.product, terms.equity.return_type, terms.dividends) = (Product::Cfd, ReturnType::Price, None);
        change(&mut terms);
        on(&agreement(terms, trades), &mut market(&[("2025-04-25", "51")]), "2025-04-25", |book| {
            book.warnings().iter().map(|warning| warning.code()).collect::<Vec<_>>()
        })
    };
    let of_unreturned = ["EX_DATE_IN_PRICE_RETURN"];
    assert_eq!(warned(&|_| {}, &[BOUGHT]), of_unreturned);
    assert_eq!(warned(&|terms| terms.equity.return_type = ReturnType::Total, &[BOUGHT]), [""; 0]);
    assert_eq!(warned(&|terms| terms.dividends = swap().dividends, &[BOUGHT]), [""; 0], "passed on beside it");
    let after = "T1 BUY 10000 @ 50.00 on 2025-04-15 settles 2025-04-16";
    assert_eq!(warned(&|_| {}, &[after]), [""; 0], "bought without it");
}

#[test]
fn a_composite_return_is_explained_by_what_price_and_rate_did() {
    let mut terms = swap();
    (terms.financing, terms.dividends) = (None, None);
    let euro = Currency::new("EUR").expect("a currency");
    terms.currencies = Pair { price: usd(), settlement: euro };
    terms.equity.fx = FxMode::Composite;
    let fix = FixName::new("WM").expect("a name");
    terms.fix = Some(FixPolicy { fix: fix.clone(), carry: CarryForward::Never, inverse_decimals: None, base: None });
    let mut market = market(&[("2025-04-25", "51.00")]);
    let rate = |date, value| Quote { date: day(date), value: decimal(value), version: 1 };
    let rates = Quotes::new(vec![rate("2025-03-31", "0.9"), rate("2025-04-25", "0.88")]);
    market.fx.insert((fix, terms.currencies), rates);
    on(&agreement(terms, &[BOUGHT]), &mut market, "2025-04-25", |book| {
        // 10,000 x (51 x 0.88 - 50 x 0.9) = 10,000 x 1 x 0.88 - 500,000 x 0.02.
        assert_eq!(minor(book, Kind::EquityPerformance), [-120_000]);
        let table = explained(book, Kind::EquityPerformance);
        for (name, value) in [("price P&L, unrounded", "8800"), ("FX P&L, unrounded", "-10000")] {
            assert!(
                table.lines().any(|line| line.contains(name) && line.ends_with(value)),
                "{name} {value} in\n{table}"
            );
        }
    });
}
