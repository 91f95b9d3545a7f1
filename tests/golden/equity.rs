//! The equity leg: total return with a reset, notional reset or constant, partial unwind, exchange rates.

use std::collections::BTreeMap;

use bookflow::domain::blocked::Blocked;
use bookflow::domain::dividends::amount::paid_per_share;
use bookflow::domain::equity::mark::{Mark, Price};
use bookflow::domain::equity::performance::{attribute, performance};
use bookflow::domain::equity::periods::{CloseOut, Ending, Holding, Marks, Span};
use bookflow::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use bookflow::domain::explain::pad::Silent;
use bookflow::domain::financing::notional::{Financed, Price as NotionalPrice};
use bookflow::domain::market::carry::{Accepted, Quote};
use bookflow::domain::market::fx::{FxMode, FxRate, Pair};
use bookflow::domain::money::Currency;
use bookflow::domain::money::amount::Amount;
use bookflow::domain::names::Symbol;
use bookflow::domain::rates::schedule::Period;
use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;

use crate::case::{Case, Node};
use crate::leg::{self, Leg};

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
        Ok(Mark { date, price: Price::Observed { of: &self.symbol, accepted, disrupted: None }, fx: None })
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
        disrupted: BTreeMap::new(),
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
            let price = |mark: &Mark<'_>| mark.price.number(&mut Silent);
            let held = match terms.notional {
                EquityNotional::Reset => quantity,
                EquityNotional::Constant => quantity * price(&span.first) / price(&span.start),
            };
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

/// What a long pays for a part of its notional, and the rate per year.
fn financing(leg: &Leg, quantity: Decimal, price: Decimal, period: Period) -> (leg::Amount, Decimal) {
    let part = Financed { quantity, price: NotionalPrice::of(price), period };
    (leg.amount(period, part, period.end), leg.rate(period))
}

/// What the golden files call the financing, with the fixings of the case.
fn financing_leg(case: &Case, terms: &Node<'_>) -> Leg {
    Leg::new(leg::rates_of(&case.inputs()), leg::terms(terms))
}

#[test]
fn a_total_return_with_a_reset_and_a_dividend() {
    let case = Case::load("25_trs_period_reset_dividend");
    let (inputs, expected) = (case.inputs(), case.expected());
    let (contract, market) = (inputs.at("contract"), inputs.at("market"));
    let quantity = contract.at("qty").decimal();
    let (opened, valued) = (contract.at("trade_date").date(), contract.at("valuation_date").date());
    let (initial, last) = (contract.at("initial_price").decimal(), market.at("final_price").decimal());
    let closes = Market::new([(valued, last)]);
    let terms = EquityTerms { return_type: ReturnType::Total, ..terms(vec![valued]) };
    let holding = Holding { quantity, opened: Mark::traded("initial price", opened, initial), closed: None };
    let spans = spans(&terms, holding, valued, &closes);
    let [reset, open] = spans.as_slice() else { panic!("a reset, and what is open after it") };

    let price_return = performance(&mut Silent, quantity, reset, terms.notional, terms.fx, dollars()).expect("small");
    expected.at("price_return").is(price_return.money.to_decimal());
    let gross = market.at("dividend").at("gross").decimal();
    let dividend_gross =
        Amount::product(&mut Silent, "gross dividend", quantity, gross, currency("USD")).expect("small");
    expected.at("dividend_gross").is(dividend_gross.money.to_decimal());
    let ratio = contract.at("dividend").at("payout_ratio").decimal();
    let per_share = paid_per_share(&mut Silent, gross, ratio).expect("small");
    let paid = Amount::product(&mut Silent, "dividend", quantity, per_share, currency("USD")).expect("small");
    expected.at("dividend_paid").is(paid.money.to_decimal());
    let total = price_return.money.checked_add(paid.money).expect("small");
    expected.at("equity_amount_total").is(total.to_decimal());
    expected.at("rate_of_return").is((price_return.unrounded + paid.unrounded) / (quantity * initial));

    let leg = financing_leg(&case, &contract.at("financing"));
    let paid_on = reset.payment_date.expect("a reset is paid");
    expected.at("payment_date").is_date(paid_on);
    contract.at("cash_settlement_payment_date").is_date(paid_on);
    let period = Period { start: contract.at("effective_date").date(), end: paid_on };
    let (interest, rate) = financing(&leg, quantity, initial, period);
    expected.at("financing_days").is((period.end - period.start).num_days());
    expected.at("financing_rate").is_near(rate, case.tolerance("rate"));
    expected
        .at("financing_amount_unrounded")
        .is_near(-interest.unrounded, case.tolerance("financing_amount_unrounded"));
    expected.at("financing_amount").is(-interest.money.to_decimal());
    expected.at("net_to_client").is(total.checked_add(interest.money).expect("small").to_decimal());

    let new_initial = open.start.price.number(&mut Silent);
    expected.at("new_initial_price").is(new_initial);
    expected.at("new_equity_notional").is(quantity * new_initial);
    // The financing follows on the payment date: a reset is a close and a re-open that settle then.
    expected.at("new_financing_notional_from").is_date(leg.terms.switch_date(valued, paid_on));
}

#[test]
fn a_partial_unwind_is_realised_before_the_reset_realises_the_rest() {
    let case = Case::load("27_trs_partial_unwind");
    let (inputs, expected) = (case.inputs(), case.expected());
    let unwind = inputs.at("unwind");
    let (quantity, initial) = (inputs.at("qty").decimal(), inputs.at("initial_price").decimal());
    let (opened, valued) = (inputs.at("effective_date").date(), inputs.at("valuation_date").date());
    let market = Market::new([
        (day("2025-04-25"), inputs.at("mtm_price_2025_04_25").decimal()),
        (valued, inputs.at("final_price").decimal()),
    ]);
    let terms = terms(vec![valued]);
    let (unwound, price) = (unwind.at("qty").decimal(), unwind.at("price").decimal());
    let remaining = quantity - unwound;
    expected.at("remaining_qty").is(remaining);
    let (closed, settled) = (unwind.at("trade_date").date(), unwind.at("settle_date").date());
    let opening = Mark::traded("initial price", opened, initial);
    let close = CloseOut { mark: Mark::traded("closing price", closed, price), settle_date: settled };
    let taken = Holding { quantity: unwound, opened: opening, closed: Some(close) };
    let kept = Holding { quantity: remaining, opened: opening, closed: None };
    let amount = |holding: Holding<'_>, span: &Span<'_>| {
        performance(&mut Silent, holding.quantity, span, terms.notional, terms.fx, dollars()).expect("small").money
    };
    let leg = financing_leg(&case, &inputs.at("financing"));
    let interest = |quantity, end| financing(&leg, quantity, initial, Period { start: opened, end }).0.money;

    let spans_of_taken = spans(&terms, taken, valued, &market);
    let [close_out] = spans_of_taken.as_slice() else { panic!("what is closed is not reset") };
    let paid_on = close_out.payment_date.expect("a close-out is paid");
    expected.at("unwind_pay_date").is_date(paid_on);
    let (equity, financed) = (amount(taken, close_out), interest(unwound, paid_on));
    expected.at("unwind_equity_realised").is(equity.to_decimal());
    expected.at("unwind_interest").is(-financed.to_decimal());
    expected.at("unwind_net").is(equity.checked_add(financed).expect("small").to_decimal());

    let marked = spans(&terms, kept, day("2025-04-25"), &market);
    let [open] = marked.as_slice() else { panic!("nothing was realised yet") };
    expected.at("unrealised_2025_04_25").is(amount(kept, open).to_decimal());

    let spans_of_kept = spans(&terms, kept, valued, &market);
    let [reset, open] = spans_of_kept.as_slice() else { panic!("a reset, and what is open after it") };
    let paid_on = reset.payment_date.expect("a reset is paid");
    expected.at("reset_pay_date").is_date(paid_on);
    let (equity, financed) = (amount(kept, reset), interest(remaining, paid_on));
    expected.at("reset_equity_amount").is(equity.to_decimal());
    expected.at("reset_interest").is(-financed.to_decimal());
    expected.at("reset_net").is(equity.checked_add(financed).expect("small").to_decimal());
    expected.at("new_initial_price").is(open.start.price.number(&mut Silent));
    assert_eq!(amount(kept, open).minor, 0, "a reset leaves nothing unrealised");
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

    let parts = attribute(&mut Silent, given("qty"), &span, currencies).expect("small numbers");
    let expected = case.expected().at("composite_attribution");
    expected.at("price_pnl_at_end_fx").is(parts.price);
    expected.at("fx_pnl_on_initial").is(parts.fx);
    assert_eq!(parts.price + parts.fx, composite.to_decimal());

    let initial_notional = given("qty") * given("initial_price_eur") * given("eurusd_initial");
    let rate = composite.to_decimal() / initial_notional;
    case.expected().at("rate_of_return_composite").is(rate.round_dp(12));
}
