//! What a document means where it says little, and where it says it in another way.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::*;
use crate::domain::blocked::Blocked;
use crate::domain::daycount::Coupons;
use crate::domain::dividends::terms::{PaymentRule, Payout, Share};
use crate::domain::dividends::withholding::Treatment;
use crate::domain::equity::terms::{CommissionIn, EquityNotional, ReturnType, UnwindPayment};
use crate::domain::financing::terms::{FinancingTerms, NotionalBasis};
use crate::domain::lots::method::ReliefMethod;
use crate::domain::market::carry::CarryForward;
use crate::domain::market::fx::FxMode;
use crate::domain::money::Currency;
use crate::domain::schedule::Roll;
use crate::domain::swap::agreement::Held;
use crate::domain::trade::TradeEvent;

fn day(text: &str) -> NaiveDate {
    crate::messages::request::scalar::parse_date(text).expect("a date")
}

/// A swap with nothing but what must be there.
fn least() -> Value {
    json!({
        "contractId": "C", "product": "EQUITY_SWAP", "underlier": "ACME", "priceCurrency": "USD",
        "effectiveDate": "2025-01-15", "terminationDate": "2025-07-15",
        "calendars": { "exchange": "XNYS", "payment": "HOME" },
        "financing": { "long": { "rate": { "kind": "FIXED", "rate": "0.05" }, "dayCount": "ACT/360" } },
        "trades": [],
    })
}

fn read_all(contract: Value, market: Value) -> Document {
    let document = json!({
        "valuationDate": "2025-04-30", "contracts": [contract], "marketData": market,
        "calendars": { "HOME": { "from": "2025-01-01", "to": "2025-12-31", "holidays": ["2025-04-18"] } },
    });
    read_document(document.to_string().as_bytes()).expect("a document")
}

fn read(contract: Value) -> Agreement {
    read_all(contract, json!({})).contracts.remove(0).expect("a contract")
}

fn refused(contract: Value) -> String {
    read_all(contract, json!({})).contracts.remove(0).expect_err("no contract").invalid.to_string()
}

fn with(name: &str, value: Value) -> Value {
    let mut contract = least();
    contract[name] = value;
    contract
}

#[test]
fn what_is_not_said_is_as_usual() {
    let Agreement { swap, relief, held, .. } = read(least());
    assert_eq!(swap.currencies.settlement, Currency::new("USD").expect("in use"));
    let equity = &swap.equity;
    assert_eq!((equity.return_type, equity.notional), (ReturnType::Price, EquityNotional::Reset));
    assert_eq!((equity.unwind_payment, equity.commission), (UnwindPayment::Settlement, CommissionIn::OwnFlow));
    assert_eq!((equity.payment_offset, equity.fx), (2, FxMode::None));
    assert_eq!(equity.valuation_dates, [day("2025-07-15")]);
    let financing = swap.financing.expect("there is one");
    let FinancingTerms { rate, spread, day_count, .. } = financing.long.clone();
    let plain = FinancingTerms::plain(rate, spread, day_count);
    assert_eq!(financing.long, FinancingTerms { termination: Some(day("2025-07-15")), ..plain });
    assert_eq!(financing.short, financing.long);
    assert_eq!(swap.prices.carry, CarryForward::Never);
    assert_eq!((swap.dividends, swap.fix), (None, None));
    assert_eq!(relief.method_on(day("2025-04-01")), ReliefMethod::Fifo);
    assert_eq!(held, Held::Trades(Vec::new()));
}

#[test]
fn a_day_count_gets_what_it_needs_from_the_interest_schedule_and_the_calendars() {
    let long = |change: &dyn Fn(&mut Value)| {
        let mut contract = with("interestPeriods", json!({ "every": "3M", "stub": "SHORT_LAST", "endOfMonth": true }));
        contract["effectiveDate"] = json!("2025-01-31");
        change(&mut contract);
        let financing = read(contract).swap.financing.expect("there is one");
        (financing.long.coupons, financing.long.counted_days.map(|days| days.name().to_owned()))
    };
    let day_count =
        |name: &'static str| move |contract: &mut Value| contract["financing"]["long"]["dayCount"] = json!(name);
    assert_eq!(long(&day_count("ACT/360")), (None, None));
    let coupons = |anchor, months, roll| Some(Coupons { anchor: day(anchor), months, roll });
    assert_eq!(long(&day_count("ACT/ACT.ICMA")), (coupons("2025-01-31", 3, Roll::EndOfMonth), None));
    let backward = long(&|contract| {
        day_count("ACT/ACT.ICMA")(contract);
        contract["interestPeriods"] = json!({ "every": "6M" });
    });
    assert_eq!(backward, (coupons("2025-07-15", 6, Roll::Day(15)), None), "counted from the end");
    let stated = long(&|contract| {
        day_count("ACT/ACT.ICMA")(contract);
        contract["financing"]["long"]["coupons"] =
            json!({ "every": "1Y", "through": "2024-02-29", "endOfMonth": true });
    });
    assert_eq!(stated, (coupons("2024-02-29", 12, Roll::EndOfMonth), None));
    assert_eq!(long(&day_count("BUS/252")), (None, Some("HOME".into())));
    let named = long(&|contract| {
        day_count("BUS/252")(contract);
        contract["financing"]["long"]["dayCountCalendar"] = json!("XNYS");
    });
    assert_eq!(named, (None, Some("XNYS".into())));

    let mut idle = least();
    idle["financing"]["long"]["coupons"] = json!({ "every": "1Y", "through": "2024-02-29" });
    let problem = "contracts[0].financing.long.coupons: means something with dayCount ACT/ACT.ICMA only";
    assert_eq!(refused(idle), problem);
}

#[test]
fn a_long_has_one_measure_of_its_dividends() {
    let payout = |terms: Value| read(with("dividends", terms)).swap.dividends.expect("terms").payout.long;
    assert_eq!(payout(json!({ "payoutRatioLong": "0.85" })), Some(Share::Ratio("0.85".parse().expect("a number"))));
    assert_eq!(payout(json!({ "withholding": "NET_AMOUNT" })), Some(Share::AfterTax(Treatment::DeclaredNet)));
    assert_eq!(
        refused(with("dividends", json!({ "payoutRatioLong": "0.85", "withholding": "GROSS_UP" }))),
        "contracts[0].dividends: has two measures; allowed: one of payoutRatioLong, withholding"
    );
}

#[test]
fn interest_periods_end_with_the_payments_of_the_equity_leg() {
    let periods = |agreement: Agreement| -> Vec<_> {
        let periods = agreement.swap.interest_periods.into_iter();
        periods.map(|interest| (interest.period.start, interest.period.end, interest.payment)).collect()
    };
    let of_list = periods(read(with("valuationDates", json!(["2025-04-16", "2025-07-15"]))));
    // Good Friday is no business day.
    let (first, last) = (day("2025-04-21"), day("2025-07-17"));
    assert_eq!(of_list, [(day("2025-01-15"), first, Some(first)), (first, last, Some(last))]);
    let of_rule = periods(read(with("interestPeriods", json!({ "every": "3M", "paymentOffset": 1 }))));
    let (april, july) = (day("2025-04-15"), day("2025-07-15"));
    assert_eq!(of_rule, [(day("2025-01-15"), april, Some(day("2025-04-16"))), (april, july, Some(day("2025-07-16")))]);
}

#[test]
fn a_rule_gives_valuation_dates_on_business_days_and_runs_ahead_of_an_open_end() {
    let monthly = json!({ "every": "1M", "convention": "FOLLOWING" });
    let dates = read(with("valuationDates", monthly.clone())).swap.equity.valuation_dates;
    let expected = ["2025-02-18", "2025-03-17", "2025-04-15", "2025-05-15", "2025-06-16", "2025-07-15"];
    assert_eq!(dates, expected.map(day)); // the 15th of February is a Saturday, the 17th Presidents' Day in New York
    let mut open = with("valuationDates", monthly);
    (open["product"], open["terminationDate"]) = (json!("CFD"), Value::Null);
    let swap = read(open).swap;
    assert_eq!(swap.equity.valuation_dates, ["2025-02-18", "2025-03-17", "2025-04-15", "2025-05-15"].map(day));
    assert_eq!(swap.financing.map(|financing| financing.long.notional), Some(NotionalBasis::DailyMtm));
}

#[test]
fn calendars_join_and_those_of_the_document_come_first() {
    let joined = read(with("calendars", json!({ "exchange": "XNYS+HOME", "payment": "HOME" }))).swap.exchange_days;
    assert_eq!(joined.after(day("2025-01-20"), 0), Ok(day("2025-01-21")), "a holiday in New York");
    assert_eq!(
        joined.after(day("2026-01-02"), 0),
        Err(Blocked::MissingCalendar { name: "XNYS+HOME".into(), date: day("2026-01-02") }),
        "HOME ends before"
    );
    let unknown = refused(with("calendars", json!({ "exchange": "MARS", "payment": "HOME" })));
    assert!(unknown.starts_with("contracts[0].calendars.exchange: no calendar `MARS`; one of AU, "), "{unknown}");
}

#[test]
fn two_currencies_need_a_way_between_them() {
    let mut contract = with("settlementCurrency", json!("EUR"));
    contract["fx"] = json!({ "mode": "QUANTO", "rate": "0.9", "fix": "WM", "carryForwardDays": 3, "base": "GBP" });
    let swap = read(contract.clone()).swap;
    assert_eq!(swap.equity.fx, FxMode::Quanto("0.9".parse().expect("a number")));
    let fix = swap.fix.expect("a fix");
    assert_eq!((fix.fix.as_str(), fix.carry), ("WM", CarryForward::UpTo { days: 3 }));
    contract["fx"]["mode"] = json!("COMPOSITE");
    let allowed =
        "contracts[0].fx.rate: is not known here; allowed: mode, fix, carryForwardDays, inverseDecimals, base";
    assert_eq!(refused(contract), allowed);
    let needless = refused(with("fx", json!({ "mode": "COMPOSITE", "fix": "WM" })));
    assert_eq!(needless, "contracts[0].fx: prices and amounts are in USD; allowed: no fx, or another currency");
}

#[test]
fn a_ratio_that_is_not_said_stays_unknown() {
    let dividends = read(with("dividends", json!({}))).swap.dividends.expect("terms");
    assert_eq!(dividends.payout, Payout { long: None, short: None });
    assert_eq!(dividends.payment, PaymentRule::SharePayment { offset: 0 });
}

#[test]
fn a_later_version_of_a_trade_keeps_the_place_of_its_first() {
    let trade = |id, version, event| {
        json!({
            "tradeId": id, "version": version, "event": event, "side": "BUY", "quantity": 1, "price": 2,
            "tradeDate": "2025-02-03", "settlementDate": "2025-02-04",
        })
    };
    let trades = json!([trade("A", 1, "NEW"), trade("B", 1, "NEW"), trade("A", 2, "AMEND")]);
    let Held::Trades(trades) = read(with("trades", trades)).held else { panic!("trades") };
    let places = trades.iter().map(|trade| match &trade.event {
        TradeEvent::New(terms) | TradeEvent::Amend(terms) => terms.source_seq,
        other => panic!("{other:?}"),
    });
    assert_eq!(places.collect::<Vec<_>>(), [0, 1, 0]);
    let twice = refused(with("trades", json!([trade("A", 1, "NEW"), trade("A", 1, "NEW")])));
    assert!(twice.starts_with("contracts[0].trades[1].tradeId: this version of the trade is listed before"), "{twice}");
}

#[test]
fn lots_close_no_more_than_they_are() {
    let deal = json!({ "price": 2, "tradeDate": "2025-02-03", "settlementDate": "2025-02-04" });
    let part = |id: &str, quantity: i64| {
        let mut part = deal.clone();
        (part["lotId"], part["quantity"]) = (json!(id), json!(quantity));
        part
    };
    let mut contract = least();
    contract["trades"] = Value::Null;
    let mut lot = part("L", -5);
    lot["closes"] = json!([part("X", 3), part("Y", 3)]);
    contract["lots"] = json!([lot]);
    let problem = "contracts[0].lots[0].closes: close 6 of a lot of 5; allowed: what is open";
    assert_eq!(refused(contract.clone()), problem);
    contract["lots"][0]["closes"][1] = part("X", 2);
    let problem = "contracts[0].lots[0].closes[1].lotId: X is listed before; give each lot its own id";
    assert_eq!(refused(contract.clone()), problem);
    contract["lots"][0]["quantity"] = json!(0);
    let problem =
        "contracts[0].lots[0].quantity: 0 opens nothing; allowed: above zero for a long, below zero for a short";
    assert_eq!(refused(contract), problem);
}

#[test]
fn the_highest_version_of_a_dividend_counts() {
    let dividend = |version, gross| json!({ "dividendId": "D", "version": version, "gross": gross, "currency": "USD", "exDate": "2025-02-03" });
    let market = json!({ "dividends": { "ACME": [dividend(2, "0.5"), dividend(1, "0.4")] } });
    let market = read_all(least(), market).market;
    let declared: Vec<_> =
        market.dividends.values().flatten().map(|declared| (declared.version, declared.record_date)).collect();
    assert_eq!(declared, [(2, day("2025-02-03"))]);
}

#[test]
fn every_kind_of_series_is_read_or_left_out_with_its_path() {
    let market = json!({
        "prices": { "ACME": { "2025-04-30": { "value": "52.50", "version": 2 } }, "": {} },
        "fx": { "WM": { "EUR/USD": { "2025-04-30": "1.1" }, "EURUSD": {}, "EUR/XYZ": {} } },
        "feeRates": { "BORROW": { "2025-4-30": "0.03" } },
    });
    let Document { market, unreadable_series, .. } = read_all(least(), market);
    let price = market.prices.values().next().and_then(|quotes| quotes.last(day("2025-04-30"))).expect("a price");
    assert_eq!((price.version, market.fx.len(), market.fee_rates.len()), (2, 1, 0));
    let rows: Vec<String> = unreadable_series.iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        [
            "marketData.prices.: symbol is empty",
            "marketData.fx.WM.EUR/XYZ: `XYZ` is not an ISO 4217 currency",
            "marketData.fx.WM.EURUSD: `EURUSD` is not a pair; write EUR/USD for dollars per euro",
            "marketData.feeRates.BORROW.2025-4-30: `2025-4-30` is not a date; write it as 2024-01-31",
        ]
    );
}
