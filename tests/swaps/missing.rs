//! What is not known blocks the flows that need it, with a typed reason, and no others. A true 0 is a result.

use bookflow::domain::market::fx::Pair;
use bookflow::domain::money::Currency;
use bookflow::domain::swap::flow::Kind;

use crate::fixture::{agreement, lines, market, minor, on, swap};

const BOUGHT: &str = "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";

#[test]
fn a_missing_close_blocks_the_performance_alone() {
    on(&agreement(swap(), &[BOUGHT]), &mut market(&[("2025-04-24", "51.00")]), "2025-04-25", |book| {
        assert_eq!(
            lines(book),
            [
                "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - MISSING_PRICE",
                "INTEREST T1 2025-04-01..2025-05-02 ACCRUED 2025-05-02 -1668.60 USD",
                "DIVIDEND T1 2025-04-15..- ACCRUED 2025-05-02 3400.00 USD",
            ]
        );
    });
}

#[test]
fn a_valuation_without_a_price_blocks_what_starts_from_it_too() {
    on(&agreement(swap(), &[BOUGHT]), &mut market(&[("2025-05-05", "53.00")]), "2025-05-05", |book| {
        let found = lines(book);
        assert_eq!(found[0], "EQUITY_PERFORMANCE T1 2025-03-31..2025-04-30 REALISED 2025-05-02 MISSING_PRICE");
        assert_eq!(found[1], "EQUITY_PERFORMANCE T1 2025-04-30..- ACCRUED - MISSING_PRICE");
        assert_eq!(found[2], "INTEREST T1 2025-04-01..2025-05-02 REALISED 2025-05-02 -2153.84 USD");
        assert_eq!(found[3], "INTEREST T1 2025-05-02..2025-06-02 ACCRUED - MISSING_PRICE");
    });
}

/// Until the notional of the valuation takes its place, what was agreed stands.
#[test]
fn a_lot_bought_on_a_valuation_without_a_price_is_financed_until_that_would_be_paid() {
    let bought = "T1 BUY 10000 @ 50.00 on 2025-04-30 settles 2025-05-01";
    on(&agreement(swap(), &[bought]), &mut market(&[("2025-05-05", "53.00")]), "2025-05-05", |book| {
        let found = lines(book);
        assert!(
            found.contains(&"INTEREST T1 2025-05-01..2025-05-02 REALISED 2025-05-02 -70.28 USD".to_owned()),
            "{found:#?}"
        );
        assert!(found.contains(&"INTEREST T1 2025-05-02..2025-06-02 ACCRUED - MISSING_PRICE".to_owned()), "{found:#?}");
    });
}

#[test]
fn an_index_that_is_not_loaded_blocks_the_interest_alone() {
    let mut market = market(&[("2025-04-25", "51.00")]);
    market.rates.indices.clear();
    on(&agreement(swap(), &[BOUGHT]), &mut market, "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [1_000_000]);
        assert!(
            lines(book).contains(&"INTEREST T1 2025-04-01..2025-05-02 ACCRUED 2025-05-02 MISSING_FIXING".to_owned())
        );
    });
}

#[test]
fn no_ratio_for_a_long_blocks_its_dividend() {
    let mut terms = swap();
    terms.dividends.as_mut().expect("passed on").payout.long = None;
    on(&agreement(terms, &[BOUGHT]), &mut market(&[("2025-04-25", "51.00")]), "2025-04-25", |book| {
        let dividend = "DIVIDEND T1 2025-04-15..- ACCRUED 2025-05-02 UNKNOWN_DIVIDEND_RATIO".to_owned();
        assert!(lines(book).contains(&dividend), "{:#?}", lines(book));
    });
}

#[test]
fn a_price_after_the_last_day_of_its_currency_blocks_the_performance() {
    let performance = |code| {
        let mut terms = swap();
        let currency = Currency::new(code).expect("a currency");
        terms.currencies = Pair { price: currency, settlement: currency };
        let agreement = agreement(terms, &[BOUGHT]);
        on(&agreement, &mut market(&[("2025-04-25", "51.00")]), "2025-04-25", |book| lines(book).swap_remove(0))
    };
    assert_eq!(performance("BGN"), "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - 10000.00 BGN");
    assert_eq!(performance("HRK"), "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - CURRENCY_ENDED");
}

#[test]
fn a_price_that_has_not_moved_is_a_result_of_zero() {
    on(&agreement(swap(), &[BOUGHT]), &mut market(&[("2025-04-25", "50.00")]), "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [0]);
    });
}
