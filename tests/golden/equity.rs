//! The equity leg: total return with a reset, notional reset or constant, partial unwind, exchange rates.

use std::collections::BTreeMap;

use bookflow::domain::dividends::amount::amount as dividend_amount;
use bookflow::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind};
use bookflow::domain::dividends::terms::{
    AmountType, DividendPeriod, DividendTerms, Entitlement, FxTrigger, PaymentRule, Payout, Share, SpecialDividends,
};
use bookflow::domain::equity::mark::Mark;
use bookflow::domain::equity::performance::{Span, attribute, performance};
use bookflow::domain::equity::terms::{EquityNotional, ReturnType};
use bookflow::domain::explain::pad::Silent;
use bookflow::domain::financing::notional::{Financed, Price as NotionalPrice};
use bookflow::domain::market::fx::{FxMode, FxRate, Pair};
use bookflow::domain::money::Currency;
use bookflow::domain::rates::schedule::Period;
use bookflow::domain::swap::flow::Kind;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::case::{Case, Node};
use crate::leg::{self, Leg, usd};
use crate::swap::{acme, agreement, deal, flows, market, swap};

fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency in use")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("the test writes a date")
}

#[test]
fn notional_reset_and_constant_notional() {
    let case = Case::load("26_notional_reset_vs_constant");
    let quantity = case.inputs().at("qty").decimal();
    let prices: BTreeMap<NaiveDate, Decimal> =
        case.inputs().at("prices").items().iter().map(|row| (row.item(0).date(), row.item(1).decimal())).collect();
    let market = market(prices.clone());
    let [(first, initial), (last, final_price)] =
        [prices.first_key_value(), prices.last_key_value()].map(|price| price.expect("the case has prices"));

    let check = |expected: Node<'_>, notional: EquityNotional| {
        let mut swap = swap(prices.keys().skip(1).copied().collect());
        swap.equity.notional = notional;
        let agreement = agreement(swap, quantity, deal(*first, *first, *initial), None);
        let flows = flows(&agreement, &market, *last, Kind::EquityPerformance);
        let (open, resets) = flows.split_last().expect("a flow for each reset and what is open");
        assert_eq!((open.end, open.amount.money.minor), (None, 0), "a reset leaves nothing unrealised");
        let mut total = Decimal::ZERO;
        for (row, flow) in expected.items().iter().zip(resets) {
            row.at("start").is_date(flow.start);
            row.at("end").is_date(flow.end.expect("a reset ends it"));
            row.at("equity_amount").is(flow.amount.money.to_decimal());
            let held = match notional {
                EquityNotional::Reset => quantity,
                EquityNotional::Constant => quantity * initial / prices[&flow.start],
            };
            row.at("notional").is((held * prices[&flow.start]).round_dp(10));
            total += flow.amount.money.to_decimal();
            if let Some(unrounded) = row.find("equity_amount_unrounded") {
                unrounded.is_near(flow.amount.unrounded, case.tolerance("equity_amount_unrounded"));
                row.at("qty_unrounded").is_near(held, case.tolerance("equity_amount_unrounded"));
            } else {
                row.at("qty").is(held);
            }
        }
        total
    };
    let total = check(case.expected().at("with_reset"), EquityNotional::Reset);
    case.expected().at("sum_with_reset").is(total);
    assert_eq!(total, quantity * (final_price - initial), "resets telescope");
    check(case.expected().at("without_reset"), EquityNotional::Constant);
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

/// The dividend of the case; a long gets a part of it with the equity amount.
fn dividend(case: &Case) -> (Declared, DividendTerms) {
    let (inputs, dividend) = (case.inputs(), case.inputs().at("market").at("dividend"));
    let ratio = inputs.at("contract").at("dividend").at("payout_ratio").decimal();
    let declared = Declared {
        id: DividendId::new("D").expect("a name"),
        version: 1,
        of: acme(),
        kind: DividendKind::Ordinary,
        status: Declaration::Confirmed,
        gross: dividend.at("gross").decimal(),
        currency: usd(),
        ex_date: dividend.at("ex_date").date(),
        record_date: dividend.at("record_date").date(),
        pay_date: Some(dividend.at("issuer_pay_date").date()),
        source_tax: None,
    };
    let terms = DividendTerms {
        entitlement: Entitlement::ExDate,
        amount_type: AmountType::Ex,
        period: DividendPeriod::Second,
        payout: Payout { long: Some(Share::Ratio(ratio)), short: None },
        payment: PaymentRule::CashSettlement,
        reinvested: false,
        currency: usd(),
        fx_trigger: FxTrigger::Ex,
        special: SpecialDividends::Included,
    };
    (declared, terms)
}

#[test]
fn a_total_return_with_a_reset_and_a_dividend() {
    let case = Case::load("25_trs_period_reset_dividend");
    let (inputs, expected) = (case.inputs(), case.expected());
    let contract = inputs.at("contract");
    let quantity = contract.at("qty").decimal();
    let (opened, effective) = (contract.at("trade_date").date(), contract.at("effective_date").date());
    let valued = contract.at("valuation_date").date();
    let (initial, last) = (contract.at("initial_price").decimal(), inputs.at("market").at("final_price").decimal());
    let (declared, terms) = dividend(&case);
    let mut swap = swap(vec![valued]);
    (swap.equity.return_type, swap.dividends) = (ReturnType::Total, Some(terms));
    let payout = swap.dividends.as_ref().expect("passed on").payout;
    let agreement = agreement(swap, quantity, deal(opened, effective, initial), None);
    let next = valued.succ_opt().expect("a day after");
    let mut market = market([(valued, last), (next, last + Decimal::ONE)]);
    market.dividends.insert(acme(), vec![declared.clone()]);

    let performances = flows(&agreement, &market, valued, Kind::EquityPerformance);
    let [reset, open] = performances.as_slice() else { panic!("a reset, and what is open after it") };
    assert_eq!((open.start, open.amount.money.minor), (valued, 0));
    let price_return = reset.amount;
    expected.at("price_return").is(price_return.money.to_decimal());
    let of_holding = dividend_amount(&mut Silent, quantity, &declared, payout, None, usd()).expect("small");
    expected.at("dividend_gross").is(of_holding.gross.to_decimal());
    let dividends = flows(&agreement, &market, valued, Kind::Dividend);
    let [paid] = dividends.as_slice() else { panic!("one dividend") };
    expected.at("dividend_paid").is(paid.amount.money.to_decimal());
    assert_eq!(paid.payment_date, reset.payment_date, "with the equity amount");
    let total = price_return.money.checked_add(paid.amount.money).expect("small");
    expected.at("equity_amount_total").is(total.to_decimal());
    expected.at("rate_of_return").is((price_return.unrounded + paid.amount.unrounded) / (quantity * initial));

    let leg = financing_leg(&case, &contract.at("financing"));
    let paid_on = reset.payment_date.expect("a reset is paid");
    expected.at("payment_date").is_date(paid_on);
    contract.at("cash_settlement_payment_date").is_date(paid_on);
    let period = Period { start: effective, end: paid_on };
    let (interest, rate) = financing(&leg, quantity, initial, period);
    expected.at("financing_days").is((period.end - period.start).num_days());
    expected.at("financing_rate").is_near(rate, case.tolerance("rate"));
    expected
        .at("financing_amount_unrounded")
        .is_near(-interest.unrounded, case.tolerance("financing_amount_unrounded"));
    expected.at("financing_amount").is(-interest.money.to_decimal());
    expected.at("net_to_client").is(total.checked_add(interest.money).expect("small").to_decimal());

    // A dollar above the price it starts from, each unit has earned a dollar.
    let after = flows(&agreement, &market, next, Kind::EquityPerformance);
    let earned = after.last().expect("it is open").amount.unrounded / quantity;
    let new_initial = last + Decimal::ONE - earned;
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
    let (unwound, price) = (unwind.at("qty").decimal(), unwind.at("price").decimal());
    let remaining = quantity - unwound;
    expected.at("remaining_qty").is(remaining);
    let closing = deal(unwind.at("trade_date").date(), unwind.at("settle_date").date(), price);
    let agreement = agreement(swap(vec![valued]), quantity, deal(opened, opened, initial), Some((unwound, closing)));
    let (between, last) = (day("2025-04-25"), inputs.at("final_price").decimal());
    let next = valued.succ_opt().expect("a day after");
    let marked = inputs.at("mtm_price_2025_04_25").decimal();
    let market = market([(between, marked), (valued, last), (next, last + Decimal::ONE)]);
    let leg = financing_leg(&case, &inputs.at("financing"));
    let interest = |quantity, end| financing(&leg, quantity, initial, Period { start: opened, end }).0.money;

    let before = flows(&agreement, &market, between, Kind::EquityPerformance);
    let [close_out, open] = before.as_slice() else { panic!("what was closed, and what is open") };
    assert!(close_out.closed && !open.closed);
    let paid_on = close_out.payment_date.expect("a close-out is paid");
    expected.at("unwind_pay_date").is_date(paid_on);
    let (equity, financed) = (close_out.amount.money, interest(unwound, paid_on));
    expected.at("unwind_equity_realised").is(equity.to_decimal());
    expected.at("unwind_interest").is(-financed.to_decimal());
    expected.at("unwind_net").is(equity.checked_add(financed).expect("small").to_decimal());
    expected.at("unrealised_2025_04_25").is(open.amount.money.to_decimal());

    let after = flows(&agreement, &market, valued, Kind::EquityPerformance);
    let [_, reset, open] = after.as_slice() else { panic!("what was closed, a reset, and what is open after it") };
    let paid_on = reset.payment_date.expect("a reset is paid");
    expected.at("reset_pay_date").is_date(paid_on);
    let (equity, financed) = (reset.amount.money, interest(remaining, paid_on));
    expected.at("reset_equity_amount").is(equity.to_decimal());
    expected.at("reset_interest").is(-financed.to_decimal());
    expected.at("reset_net").is(equity.checked_add(financed).expect("small").to_decimal());
    assert_eq!(open.amount.money.minor, 0, "a reset leaves nothing unrealised");
    let later = flows(&agreement, &market, next, Kind::EquityPerformance);
    let earned = later.last().expect("it is open").amount.unrounded / remaining;
    expected.at("new_initial_price").is(last + Decimal::ONE - earned);
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
    let span = Span { start: (given("qty"), &start), end: (given("qty"), &end) };
    let amount = |fx| performance(&mut Silent, &span, None, fx, currencies).expect("small numbers").money;
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
