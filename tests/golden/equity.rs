//! The equity leg: total return with a reset, notional reset or constant, partial unwind, exchange rates.

use std::collections::BTreeMap;

use bookflow::domain::blocked::Blocked;
use bookflow::domain::carry::{Accepted, Quote};
use bookflow::domain::contract::Symbol;
use bookflow::domain::equity::mark::{Mark, Price};
use bookflow::domain::equity::performance::{attribute, performance, rate_of_return, shares, total_return};
use bookflow::domain::equity::periods::{CloseOut, Ending, Holding, Marks, Span};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::fx::{FxMode, FxRate, Pair};
use bookflow::domain::money::Currency;
use bookflow::domain::pad::{Kept, Pad, Silent};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use rust_decimal::Decimal;

use crate::case::{Case, Node};

pub fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency in use")
}

pub fn dollars() -> Pair {
    Pair { price: currency("USD"), settlement: currency("USD") }
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("the test writes a date")
}

/// Closes by date, and business days from Monday to Friday.
pub struct Market {
    pub symbol: Symbol,
    pub closes: BTreeMap<NaiveDate, Decimal>,
}

impl Market {
    pub fn new(closes: impl IntoIterator<Item = (NaiveDate, Decimal)>) -> Market {
        Market { symbol: Symbol::new("ACME").expect("a name"), closes: closes.into_iter().collect() }
    }
}

impl<'a> Marks<'a> for &'a Market {
    fn close(&self, date: NaiveDate) -> Result<Mark<'a>, Blocked> {
        let missing = || Blocked::MissingPrice { of: self.symbol.clone(), date };
        let value = *self.closes.get(&date).ok_or_else(missing)?;
        let accepted = Accepted { quote: Quote { date, value, version: 1 }, provisional: false };
        Ok(Mark { date, price: Price::Observed { of: &self.symbol, accepted }, fx: None })
    }

    fn payment_date(&self, valuation: NaiveDate, offset: u32) -> Result<NaiveDate, Blocked> {
        let weekday = |date: &NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let mut days = valuation.iter_days().skip(1).filter(weekday);
        days.nth(offset as usize - 1).ok_or(Blocked::OutOfRange { amount: "the payment date" })
    }
}

pub fn terms(valuation_dates: Vec<NaiveDate>) -> EquityTerms {
    EquityTerms {
        return_type: ReturnType::Price,
        notional: EquityNotional::Reset,
        fx: FxMode::None,
        valuation_dates,
        payment_offset: 2,
        unwind_payment: UnwindPayment::Settlement,
        commission: CommissionIn::OwnFlow,
    }
}

fn spans<'a>(terms: &EquityTerms, holding: Holding<'a>, until: NaiveDate, market: &'a Market) -> Vec<Span<'a>> {
    terms.spans(holding, until, &market).collect::<Result<_, _>>().expect("the case has all prices")
}

#[test]
fn notional_reset_and_constant_notional() {
    let case = Case::load("26_notional_reset_vs_constant");
    let quantity = case.inputs().at("qty").decimal();
    let prices: Vec<_> =
        case.inputs().at("prices").items().iter().map(|row| (row.item(0).date(), row.item(1).decimal())).collect();
    let market = Market::new(prices.iter().copied());
    let (first, last) = (prices[0], prices[prices.len() - 1]);
    let mut terms = terms(prices[1..].iter().map(|(date, _)| *date).collect());
    let holding = Holding { quantity, opened: Mark::traded("initial price", first.0, first.1), closed: None };

    let check = |expected: Node<'_>, terms: &EquityTerms| {
        let spans = spans(terms, holding, last.0, &market);
        let resets: Vec<_> = spans.iter().filter(|span| span.ending == Ending::Reset).collect();
        let mut total = Decimal::ZERO;
        for (row, span) in expected.items().iter().zip(resets) {
            row.at("start").is_date(span.start.date);
            row.at("end").is_date(span.end.date);
            let amount =
                performance(&mut Silent, quantity, span, terms.notional, terms.fx, dollars()).expect("small numbers");
            row.at("equity_amount").is(amount.money.to_decimal());
            let held = shares(&mut Silent, quantity, span, terms.notional).expect("small numbers");
            row.at("notional").is((held * span.start.price.number(&mut Silent)).round_dp(10));
            total += amount.money.to_decimal();
            if let Some(unrounded) = row.find("equity_amount_unrounded") {
                unrounded.is_near(amount.unrounded, case.tolerance("equity_amount_unrounded"));
                row.at("qty_unrounded").is_near(held, case.tolerance("equity_amount_unrounded"));
            } else {
                row.at("qty").is(held);
            }
        }
        total
    };
    let total = check(case.expected().at("with_reset"), &terms);
    case.expected().at("sum_with_reset").is(total);
    assert_eq!(total, quantity * (last.1 - first.1), "resets telescope");
    terms.notional = EquityNotional::Constant;
    check(case.expected().at("without_reset"), &terms);
}

#[test]
fn composite_cross_currency_and_quanto() {
    let case = Case::load("28_fx_compo_crosscurrency_quanto");
    let given = |name: &str| case.inputs().at(name).decimal();
    let currencies = Pair { price: currency("EUR"), settlement: currency("USD") };
    let mark = |what, date: &str, price: &str, rate: &str| Mark {
        fx: Some(FxRate::Agreed(given(rate))),
        ..Mark::traded(what, day(date), given(price))
    };
    let start = mark("initial price", "2025-03-31", "initial_price_eur", "eurusd_initial");
    let end = mark("final price", "2025-04-30", "final_price_eur", "eurusd_final");
    let span = Span { first: start, start, end, ending: Ending::Reset, payment_date: None };
    let amount = |fx| {
        performance(&mut Silent, given("qty"), &span, EquityNotional::Reset, fx, currencies)
            .expect("small numbers")
            .money
    };
    let composite = amount(FxMode::Composite);
    case.expected().at("composite").is(composite.to_decimal());
    case.expected().at("cross_currency").is(amount(FxMode::CrossCurrency).to_decimal());
    case.expected().at("quanto").is(amount(FxMode::Quanto(given("quanto_rate"))).to_decimal());

    let parts = attribute(&mut Silent, given("qty"), &span, composite, currencies).expect("small numbers");
    let expected = case.expected().at("composite_attribution");
    expected.at("price_pnl_at_end_fx").is(parts.price.to_decimal());
    expected.at("fx_pnl_on_initial").is(parts.fx.to_decimal());
    assert_eq!(
        parts.fx.to_decimal(),
        given("qty") * given("initial_price_eur") * (given("eurusd_final") - given("eurusd_initial"))
    );

    let rate = rate_of_return(&mut Silent, &span, FxMode::Composite, currencies).expect("small numbers");
    case.expected().at("rate_of_return_composite").is(rate.round_dp(12));
}
