//! Every flow can be calculated again from its explanation, to the same bytes.

use bookflow::domain::explain::{Fact, Line, Observed, Value};
use bookflow::domain::fees::daily::DailyFeeKind;
use bookflow::domain::financing::terms::NotionalBasis;
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::flows::Explained;
use bookflow::domain::swap::terms::{DailyFeeRate, DailyFeeTerms, Swap};
use chrono::NaiveDate;

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

/// Of the first days of April.
const CLOSES: [(&str, &str); 9] = [
    ("2025-04-01", "50.10"),
    ("2025-04-02", "50.20"),
    ("2025-04-03", "50.30"),
    ("2025-04-04", "50.40"),
    ("2025-04-07", "50.70"),
    ("2025-04-08", "50.80"),
    ("2025-04-09", "50.90"),
    ("2025-04-10", "50.10"),
    ("2025-04-11", "50.11"),
];

/// Financed on what it is worth each night.
fn marked() -> Swap {
    let mut terms = swap();
    terms.equity.valuation_dates.clear();
    terms.financing.as_mut().expect("financed").long.notional = NotionalBasis::DailyMtm;
    terms
}

#[test]
fn interest_marked_each_night_and_fees_recompute() {
    let mut terms = marked();
    let rate = DailyFeeRate::Agreed(decimal("0.0007"));
    terms.daily_fees = vec![DailyFeeTerms { kind: DailyFeeKind::Custody, rate, year_days: 365 }];
    assert!(explained_as_calculated(terms, &TRADES[..2], &CLOSES, "2025-04-11") > 4);
}

/// Each night goes on where the one before has led, so that an explanation grows with the nights and not with their square.
#[test]
fn interest_marked_each_night_writes_each_fixing_once() {
    on(&agreement(marked(), &TRADES[..1]), &mut market(&CLOSES), "2025-04-11", |book| {
        let explained = book.explained(|_| true);
        let interest = explained.iter().find(|explained| explained.flow.name.kind == Kind::Interest);
        let lines = &interest.and_then(|interest| interest.explanation.as_ref()).expect("it is calculated").lines;
        let fixing = |line: &Line| match line {
            Line::Given { fact: Fact::Observed(Observed { what: "fixing", date, .. }), .. } => Some(*date),
            _ => None,
        };
        let fixings: Vec<NaiveDate> = lines.iter().filter_map(fixing).collect();
        assert_eq!(fixings.len(), 8, "one a business day from the settlement on the 1st to the 11th");
        assert!(fixings.is_sorted_by(|left, right| left < right), "{fixings:?}");
    });
}
