//! Every flow can be calculated again from its explanation, to the same bytes.

use bookflow::domain::explain::{Line, Value};
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::financing::terms::NotionalBasis;
use bookflow::domain::swap::flows::Explained;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, Swap};

use crate::fixture::{agreement, decimal, market, on, swap};

fn explained_as_calculated(terms: Swap, trades: &[&str], closes: &[(&str, &str)], date: &str) -> usize {
    on(&agreement(terms, trades), &mut market(closes), date, |book| {
        let flows = book.flows();
        let explained = book.explained(|_| true);
        for (flow, Explained { flow: again, explanation, .. }) in flows.iter().zip(&explained) {
            assert_eq!(again, flow);
            let calculated = flow.result.clone().expect("nothing is missing");
            let explanation = explanation.as_ref().expect("it was wanted");
            let recomputed = explanation.recompute().expect("every line follows from those above it");
            assert_eq!(recomputed, Some(Value::Money(calculated.amount.money)), "{}\n{explanation}", flow.name);
            assert!(explanation.lines.iter().any(|line| matches!(line, Line::Given { .. })), "{}", flow.name);
        }
        assert_eq!(flows.len(), explained.len());
        flows.len()
    })
}

const TRADES: [&str; 3] = [
    "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01",
    "T2 BUY 333 @ 50.77 on 2025-04-09 settles 2025-04-10",
    "T3 SELL 4001 @ 51.13 on 2025-04-22 settles 2025-04-23",
];

#[test]
fn performance_interest_and_dividends_recompute() {
    let closes = [("2025-04-30", "52.50"), ("2025-05-02", "52.75")];
    assert_eq!(explained_as_calculated(swap(), &TRADES, &closes, "2025-05-02"), 13);
}

#[test]
fn interest_marked_each_night_and_fees_recompute() {
    let mut terms = swap();
    terms.equity.valuation_dates.clear();
    terms.financing.as_mut().expect("financed").long.notional = NotionalBasis::DailyMtm;
    let rate = DailyFeeRate::Agreed(decimal("0.0007"));
    terms.daily_fees = vec![DailyFeeTerms { kind: DailyFeeKind::Custody, rate, year_days: 365 }];
    let closes: Vec<(String, String)> =
        (1..=11).map(|day| (format!("2025-04-{day:02}"), format!("50.{day}"))).collect();
    let closes: Vec<(&str, &str)> = closes.iter().map(|(date, price)| (date.as_str(), price.as_str())).collect();
    assert!(explained_as_calculated(terms, &TRADES[..2], &closes, "2025-04-11") > 4);
}
