//! Golden cases of financing and dividends, through the kernel itself where the request cannot say what they need.

use bookflow::domain::daycount::DayCount;
use bookflow::domain::jobs::calculate::calculate_contract;
use bookflow::domain::jobs::cashflow::CashFlow;
use bookflow::domain::jobs::chunk::{ContractPart, PositionPart};
use bookflow::domain::jobs::contract::{Averaging, Financing, Leg, Rate};
use bookflow::domain::jobs::job::{Calculation, Job, JobId};
use bookflow::domain::jobs::market::{Dividend, MarketData, Observation, Series};
use bookflow::domain::jobs::rates::RequestedRates;
use bookflow::domain::jobs::totals::Counts;
use bookflow::domain::key::ContractId;
use bookflow::domain::lots::given::{Deal, GivenClose, GivenLot};
use bookflow::domain::money::Currency;
use bookflow::domain::names::{IndexName, LotId, PositionId, Symbol};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::run::decimal;

fn golden(text: &str) -> Value {
    serde_json::from_str(text).expect("a golden file is JSON")
}

fn date(value: &Value) -> NaiveDate {
    value.as_str().and_then(|text| text.parse().ok()).expect("the golden file has a date")
}

fn number(value: &Value) -> Decimal {
    match value {
        Value::String(text) => decimal(text),
        other => decimal(&other.to_string()),
    }
}

fn deal(value: &Value, price: Decimal) -> Deal {
    Deal { trade_date: date(&value["trade_date"]), settle_date: date(&value["settle_date"]), price }
}

fn usd() -> Currency {
    Currency::new("USD").expect("a currency in use")
}

fn value(lots: Vec<GivenLot>, leg: Leg, market: &MarketData, day: NaiveDate) -> Vec<CashFlow> {
    let job = Job {
        id: JobId::new("J").expect("a name"),
        request: 0,
        valuation_date: day,
        calculation: Calculation::Valuation,
    };
    let position = PositionPart {
        id: PositionId::new("P").expect("a name"),
        leg,
        underlying: Symbol::new("S").expect("a name"),
        currency: usd(),
        lots,
    };
    let part = ContractPart {
        id: ContractId::new("C").expect("a name"),
        part: 0,
        start: NaiveDate::MIN,
        counts: Counts::default(),
        positions: vec![position],
    };
    let rates = RequestedRates::new(market, std::slice::from_ref(&part), &job);
    let (flows, notices) = calculate_contract(&part, market, &rates, &job);
    assert_eq!(notices.iter().filter(|notice| notice.code.name() != "WEEKEND_SETTLEMENT").count(), 0, "{notices:?}");
    flows
}

fn financing(text: &str, averaging: Averaging) {
    let case = golden(text);
    let inputs = &case["inputs"];
    let mut lots: Vec<GivenLot> = inputs["lots"]
        .as_array()
        .expect("the case lists lots")
        .iter()
        .map(|lot| GivenLot {
            id: LotId::new(lot["lot"].as_str().expect("a lot has a name")).expect("a name"),
            quantity: number(&lot["qty"]),
            opened: deal(lot, number(&lot["price"])),
            closes: Vec::new(),
        })
        .collect();
    let close = &inputs["close"];
    lots[0].closes.push(GivenClose {
        id: LotId::new("X1").expect("a name"),
        quantity: number(&close["qty"]),
        deal: deal(close, number(&close["price"])),
    });
    let fixings = match inputs["fixings"].as_object() {
        Some(fixings) => fixings.clone(),
        // The compounded case names the series of the simple one.
        None => golden(include_str!("../golden/23_financing_three_lots_simple.json"))["inputs"]["fixings"]
            .as_object()
            .expect("the simple case lists fixings")
            .clone(),
    };
    let changes = fixings
        .iter()
        .map(|(day, rate)| Observation { date: day.parse().expect("a fixing has a date"), value: number(rate) })
        .collect();
    let name = IndexName::new("TEST-ON").expect("a name");
    let mut market = MarketData::default();
    market.rates.insert(name.clone(), Series::new(None, changes).expect("one fixing a day"));
    let leg = Leg::Interest(Financing {
        rate: Rate::Index { name, averaging },
        spread: number(&inputs["spread"]),
        day_count: DayCount::Act360,
    });
    let flows = value(lots, leg, &market, date(&inputs["period"][1]));
    let slices = case["expected"]["slices"].as_array().expect("the case lists slices");
    assert_eq!(flows.len(), slices.len());
    for (flow, slice) in flows.iter().zip(slices) {
        assert_eq!(flow.lot.as_str(), slice["lot"]);
        assert_eq!(-flow.amount.to_decimal(), number(&slice["interest"]), "{}", slice["lot"]);
        let expected = number(&slice["interest_unrounded"]);
        assert_eq!(-flow.unrounded.round_dp(10), expected.round_dp(10), "{}", slice["lot"]);
    }
    let total: Decimal = flows.iter().map(|flow| flow.amount.to_decimal()).sum();
    assert_eq!(-total, number(&case["expected"]["sum_of_rounded_slices"]));
}

#[test]
fn overnight_financing_of_three_lots_with_a_partial_close_simple() {
    financing(include_str!("../golden/23_financing_three_lots_simple.json"), Averaging::Simple);
}

#[test]
fn overnight_financing_of_three_lots_with_a_partial_close_compounded() {
    financing(include_str!("../golden/24_financing_three_lots_compounded.json"), Averaging::Compounded);
}

#[test]
fn dividend_entitlement_by_ex_date_with_a_ratio() {
    let case = golden(include_str!("../golden/29_dividend_entitlement_manufactured.json"));
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let lots: Vec<GivenLot> = inputs["trades"]
        .as_array()
        .expect("the case lists trades")
        .iter()
        .enumerate()
        .map(|(index, trade)| GivenLot {
            id: LotId::new(&format!("T{index}")).expect("a name"),
            quantity: number(&trade["qty"]),
            opened: deal(trade, Decimal::ONE),
            closes: Vec::new(),
        })
        .collect();
    let dividend = Dividend {
        ex_date: date(&inputs["dividend"]["ex_date"]),
        per_share: number(&inputs["dividend"]["gross"]),
        currency: usd(),
        withholding: None,
    };
    let mut market = MarketData::default();
    market.dividends.insert(Symbol::new("S").expect("a name"), vec![dividend]);
    for (ratio, paid) in [
        (Decimal::ONE, &expected["long_gross"]),
        (number(&inputs["long_terms"]["payout_ratio"]), &expected["long_paid"]),
    ] {
        let flows =
            value(lots.clone(), Leg::Dividend { payout_ratio: ratio }, &market, date(&inputs["dividend"]["pay_date"]));
        let total: Decimal = flows.iter().map(|flow| flow.amount.to_decimal()).sum();
        assert_eq!(total, number(paid));
    }
}
