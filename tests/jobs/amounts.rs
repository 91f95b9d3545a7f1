//! What each leg pays, by hand.

use bookflow::domain::jobs::cashflow::FlowKind::{Dividend, EquityPerformance, Interest};
use bookflow::domain::jobs::cashflow::{Explain, FlowStatus};
use serde_json::{Value, json};

use crate::run::{closing, contract, decimal, lot, one, position, request, run};

#[test]
fn performance_is_quantity_times_the_move_of_the_price() {
    let lots = json!([
        lot("L1", 1000, "120", "2024-01-10", "2024-01-12"),
        lot("S1", -1000, "130", "2024-01-11", "2024-01-16")
    ]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!(run.amounts(), [("L1", EquityPerformance, 3_000_000), ("S1", EquityPerformance, -2_000_000)]);
}

#[test]
fn a_true_zero_is_a_result() {
    let lots = json!([lot("L1", 1000, "150.00", "2024-01-10", "2024-01-12")]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!(run.amounts(), [("L1", EquityPerformance, 0)]);
    assert_eq!(run.rows(), [""; 0]);
}

#[test]
fn a_lot_of_nothing_pays_nothing_and_says_so() {
    let run = run(&request("2024-06-28", one("EQUITY_LEG", json!([lot("L1", 0, "120", "2024-01-10", "2024-01-12")]))));
    assert_eq!(run.amounts(), [("L1", EquityPerformance, 0)]);
}

#[test]
fn a_lot_bought_after_the_valuation_date_has_no_flow() {
    let lots =
        json!([lot("L1", 1000, "120", "2024-06-29", "2024-07-01"), lot("L2", 1, "149", "2024-06-28", "2024-07-01")]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    assert_eq!(run.amounts(), [("L2", EquityPerformance, 100)]);
}

#[test]
fn a_closed_part_is_realised_at_its_closing_price_and_only_the_rest_is_unrealised() {
    let lots = json!([
        lot("L1", 1000, "120", "2024-01-10", "2024-01-12"),
        lot("L2", 500, "130", "2024-02-01", "2024-02-05"),
        closing("X1", -1200, "160", "2024-03-01", "2024-03-05"),
    ]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    let flows: Vec<_> = run
        .flows
        .iter()
        .map(|flow| {
            (flow.lot.as_str(), flow.closing_lot.as_ref().map(|lot| lot.as_str()), flow.status, flow.amount.minor)
        })
        .collect();
    assert_eq!(
        flows,
        [
            ("L1", Some("X1"), FlowStatus::Realised, 4_000_000),
            ("L2", Some("X1"), FlowStatus::Realised, 600_000),
            ("L2", None, FlowStatus::Accrued, 600_000),
        ]
    );
}

#[test]
fn the_unwinding_method_decides_which_lot_is_closed() {
    for (method, relieved) in [
        ("FIFO", "L1"),
        ("LIFO", "L3"),
        ("HIFO", "L2"),
        ("HICO", "L2"), // highest cost, as the replaced service's documents call it
        ("LOFO", "L1"),
        ("AVERAGE", "L1"), // lots go oldest first and keep what they cost
        ("MAX_LOSS", "L2"),
        ("MIN_GAIN", "L2"),
        ("MAX_GAIN", "L1"),
    ] {
        let mut close = closing("X1", 100, "160", "2024-03-01", "2024-03-05");
        close["unwindingMethod"] = method.into();
        let lots = json!([
            close,
            lot("L1", 100, "120", "2024-01-10", "2024-01-12"),
            lot("L2", 100, "140", "2024-01-11", "2024-01-16"),
            lot("L3", 100, "130", "2024-02-01", "2024-02-05"),
            lot("L4", 100, "110", "2024-03-04", "2024-03-06"), // not yet bought when the close was done
        ]);
        let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
        let closed: Vec<_> =
            run.flows.iter().filter(|flow| flow.closing_lot.is_some()).map(|flow| flow.lot.as_str()).collect();
        assert_eq!(closed, [relieved], "{method}");
    }
}

#[test]
fn closing_lots_work_in_the_order_of_their_dates_however_they_are_listed() {
    let lots = json!([
        closing("X2", -100, "170", "2024-04-01", "2024-04-03"),
        closing("X1", -100, "160", "2024-03-01", "2024-03-05"),
        lot("L2", 100, "130", "2024-02-01", "2024-02-05"),
        lot("L1", 100, "120", "2024-01-10", "2024-01-12"),
    ]);
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
    let closed: Vec<_> = run
        .flows
        .iter()
        .map(|flow| (flow.lot.as_str(), flow.closing_lot.as_ref().map(|lot| lot.as_str()), flow.amount.minor))
        .collect();
    assert_eq!(closed, [("L2", Some("X2"), 400_000), ("L1", Some("X1"), 400_000)]);
}

#[test]
fn a_closing_lot_of_either_sign_closes_the_only_direction_that_is_open() {
    for quantity in [400, -400] {
        let lots = json!([
            lot("S1", -400, "130", "2024-01-10", "2024-01-12"),
            closing("X1", quantity, "100", "2024-03-01", "2024-03-05")
        ]);
        let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
        assert_eq!(run.amounts(), [("S1", EquityPerformance, 1_200_000)], "{quantity}");
    }
}

#[test]
fn with_both_directions_open_the_sign_of_a_closing_lot_decides() {
    let both =
        || [lot("L1", 100, "120", "2024-01-10", "2024-01-12"), lot("S1", -100, "130", "2024-01-10", "2024-01-12")];
    for (quantity, relieved) in [(-100, "L1"), (100, "S1")] {
        let [long, short] = both();
        let lots = json!([long, short, closing("X1", quantity, "140", "2024-03-01", "2024-03-05")]);
        let run = run(&request("2024-06-28", one("EQUITY_LEG", lots)));
        let closed: Vec<_> =
            run.flows.iter().filter(|flow| flow.closing_lot.is_some()).map(|flow| flow.lot.as_str()).collect();
        assert_eq!(closed, [relieved]);
    }
}

#[test]
fn a_long_pays_interest_from_its_settlement_and_a_short_receives_it() {
    let lots = json!([
        lot("L1", 1000, "120", "2024-06-26", "2024-06-28"),
        lot("S1", -1000, "120", "2024-06-26", "2024-06-28")
    ]);
    let run = run(&request("2024-06-30", one("INTEREST_LEG", lots)));
    assert_eq!(run.amounts(), [("L1", Interest, -3500), ("S1", Interest, 3500)]); // 120,000 x 5.25 % x 2 / 360
}

#[test]
fn an_unsettled_lot_bears_no_interest() {
    let lots = json!([lot("L1", 1000, "120", "2024-06-28", "2024-07-01")]);
    let run = run(&request("2024-06-28", one("INTEREST_LEG", lots)));
    assert_eq!(run.amounts(), [("L1", Interest, 0)]);
}

#[test]
fn sterling_counts_365_days() {
    let mut contracts = one("INTEREST_LEG", json!([lot("L1", 1000, "120", "2024-06-26", "2024-06-28")]));
    contracts[0]["positions"][0]["currency"] = "GBP".into();
    let run = run(&request("2024-06-30", contracts));
    assert_eq!(run.amounts(), [("L1", Interest, -3452)]); // 34.520548
    assert_eq!(run.flows[0].amount.currency.code(), "GBP");
}

#[test]
fn an_interest_leg_may_name_its_rate_spread_and_day_count() {
    for (terms, settled, day, amount) in [
        // 120,000 x 6 % x 31 / 360: to the 1st of March January's last day counts as the 30th.
        (
            json!({ "rateType": "FIXED", "fixedRate": "0.05", "spread": "0.01", "dayCount": "30/360" }),
            "2024-01-31",
            "2024-03-01",
            -62_000,
        ),
        // 120,000 x 5 % x (2 / 365 + 1 / 366)
        (
            json!({ "rateType": "FIXED", "fixedRate": "0.05", "dayCount": "ACT/ACT.ISDA" }),
            "2023-12-30",
            "2024-01-02",
            -4_927,
        ),
        // 120,000 x (5.25 % + 0.75 %) x 2 / 365
        (
            json!({ "rateType": "FLOATING", "index": "SOFR", "resetFrequency": "DAILY", "spread": 0.0075, "dayCount": "ACT_365" }),
            "2024-06-28",
            "2024-06-30",
            -3_945,
        ),
        // 120,000 x 5.25 % x 31 / 360, by an index that counts actual days
        (json!({ "dayCount": "30/360" }), "2024-01-31", "2024-03-01", -54_250),
    ] {
        let mut contracts = one("INTEREST_LEG", json!([lot("L1", 1000, "120", "2023-12-01", settled)]));
        contracts[0]["positions"][0]["interestLeg"] = terms.clone();
        assert_eq!(run(&request(day, contracts)).amounts(), [("L1", Interest, amount)], "{terms}");
    }
}

#[test]
fn a_change_of_the_rate_counts_from_its_day() {
    let mut request =
        request("2024-06-30", one("INTEREST_LEG", json!([lot("L1", 1000, "120", "2024-06-26", "2024-06-27")])));
    request["marketData"]["data"]["rates"][0]["changes"] = json!([{ "date": "2024-06-29", "rate": 0.06 }]);
    let run = run(&request);
    assert_eq!(run.flows[0].unrounded, decimal("-55")); // 120,000 x (2 x 5.25 % + 1 x 6 %) / 360
    let Explain::Interest { rates, .. } = &run.flows[0].explain else { panic!("interest explains interest") };
    assert_eq!(
        rates.iter().map(|span| (span.rate, span.observed.is_some())).collect::<Vec<_>>(),
        [(decimal("0.0525"), false), (decimal("0.06"), true)]
    );
}

#[test]
fn a_long_series_of_rates_is_explained_by_its_average() {
    let mut request =
        request("2024-03-11", one("INTEREST_LEG", json!([lot("L1", 1000, "120", "2024-02-28", "2024-03-01")])));
    let daily: Vec<_> =
        (1..=10).map(|day| json!({ "date": format!("2024-03-{day:02}"), "rate": format!("0.05{day:02}") })).collect();
    request["marketData"]["data"]["rates"][0]["changes"] = daily.into();
    let run = run(&request);
    assert_eq!(run.amounts(), [("L1", Interest, -16_850)]); // 120,000 x 0.5055 / 360
    let Explain::Interest { rates, .. } = &run.flows[0].explain else { panic!("interest explains interest") };
    assert_eq!((rates.len(), rates[0].rate), (1, decimal("0.05055")));
}

#[test]
fn a_rate_observed_on_the_day_of_settlement_needs_no_base() {
    let lots = json!([lot("L1", 1000, "120", "2024-06-26", "2024-06-28")]);
    let mut request = request("2024-06-30", one("INTEREST_LEG", lots));
    request["marketData"]["data"]["rates"][0] =
        json!({ "index": "SOFR", "changes": [{ "date": "2024-06-28", "rate": 0.0525 }] });
    let run = run(&request);
    assert_eq!(run.amounts(), [("L1", Interest, -3500)]);
    let Explain::Interest { rates, .. } = &run.flows[0].explain else { panic!("interest explains interest") };
    assert_eq!(rates.len(), 1, "no span of no days");
}

#[test]
fn a_closed_part_bears_interest_until_its_closing_settles() {
    let lots = json!([
        lot("L1", 1000, "120", "2024-06-03", "2024-06-05"),
        closing("X1", -400, "130", "2024-06-13", "2024-06-17")
    ]);
    let run = run(&request("2024-06-25", one("INTEREST_LEG", lots)));
    assert_eq!(run.amounts(), [("L1", Interest, -8400), ("L1", Interest, -21000)]); // 48,000 x 12 days; 72,000 x 20 days
    assert_eq!(
        run.flows.iter().map(|flow| flow.status).collect::<Vec<_>>(),
        [FlowStatus::Realised, FlowStatus::Accrued]
    );
}

#[test]
fn a_dividend_goes_to_whoever_held_the_lot_the_day_before_it_went_ex() {
    let lots = json!([
        lot("BEFORE", 1000, "120", "2024-03-14", "2024-03-18"),
        lot("ON", 1000, "120", "2024-03-15", "2024-03-19"),
        lot("SHORT", -300, "120", "2024-01-10", "2024-01-12"),
    ]);
    let run = run(&request("2024-06-28", one("DIVIDEND_LEG", lots)));
    assert_eq!(run.amounts(), [("BEFORE", Dividend, 200_000), ("SHORT", Dividend, -60_000)]);
}

#[test]
fn dividends_of_one_day_are_flows_of_their_own_and_one_that_comes_twice_is_one() {
    let mut request =
        request("2024-06-28", one("DIVIDEND_LEG", json!([lot("L1", 1000, "120", "2024-01-10", "2024-01-12")])));
    let known = run(&request).flows[0].id;
    let listed = |request: &mut Value| {
        let listed = &mut request["marketData"]["data"]["dividends"][0]["dividends"];
        listed.as_array_mut().expect("a list").clone()
    };
    let ordinary = listed(&mut request)[0].clone();
    let (mut special, mut taxed) = (ordinary.clone(), ordinary.clone());
    special["amount"] = "5".into();
    taxed["withholdingTaxRate"] = 15.into();
    let mut with = |dividends: Value| {
        request["marketData"]["data"]["dividends"][0]["dividends"] = dividends;
        run(&request).flows
    };
    let flows = with(json!([ordinary, special, taxed, special, ordinary]));
    let ids: std::collections::BTreeSet<_> = flows.iter().map(|flow| flow.id).collect();
    assert_eq!((flows.len(), ids.len()), (3, 3));
    assert!(ids.contains(&known), "one keeps the id that a day's only dividend has");
    assert_eq!(with(json!([taxed, ordinary, special])), flows, "whatever the order");
    assert_eq!(with(json!([ordinary]))[0].id, known);
}

#[test]
fn a_lot_of_nothing_is_entitled_to_nothing_and_says_so() {
    let run =
        run(&request("2024-06-28", one("DIVIDEND_LEG", json!([lot("L1", 0, "120", "2024-01-10", "2024-01-12")]))));
    assert_eq!(run.amounts(), [("L1", Dividend, 0)]);
}

#[test]
fn a_lot_closed_on_the_ex_date_keeps_its_dividend_and_one_closed_before_does_not() {
    for (closed, paid) in [("2024-03-14", 0), ("2024-03-15", 200_000)] {
        let lots = json!([
            lot("L1", 1000, "120", "2024-01-10", "2024-01-12"),
            closing("X1", -1000, "130", closed, "2024-03-19")
        ]);
        let run = run(&request("2024-06-28", one("DIVIDEND_LEG", lots)));
        assert_eq!(run.total(), paid, "closed on {closed}");
    }
}

#[test]
fn a_dividend_before_the_contract_or_after_the_valuation_date_is_not_paid() {
    let lots = json!([lot("L1", 1000, "120", "2023-01-10", "2023-01-12")]);
    let mut early = one("DIVIDEND_LEG", lots.clone());
    early[0]["startDate"] = "2024-03-16".into();
    assert_eq!(run(&request("2024-06-28", early)).total(), 0);
    assert_eq!(run(&request("2024-03-14", one("DIVIDEND_LEG", lots.clone()))).total(), 0);
    assert_eq!(run(&request("2024-03-15", one("DIVIDEND_LEG", lots))).total(), 200_000);
}

#[test]
fn sums_never_cross_currencies() {
    let mut euro = position("P2", "EQUITY_LEG", json!([lot("L2", 10, "100", "2024-01-10", "2024-01-12")]));
    euro["currency"] = "EUR".into();
    let dollar = position("P1", "EQUITY_LEG", json!([lot("L1", 1, "100", "2024-01-10", "2024-01-12")]));
    let run = run(&request("2024-06-28", json!([contract("C1", json!([dollar, euro]))])));
    let sums: Vec<_> =
        run.outcome.totals.sums.iter().map(|((currency, ..), sum)| (currency.code().to_owned(), *sum)).collect();
    assert_eq!(sums, [("EUR".to_owned(), 50_000), ("USD".to_owned(), 5_000)]);
}

#[test]
fn a_history_values_every_day_of_its_range_as_it_stood() {
    let lots = json!([
        lot("L1", 100, "120", "2024-03-01", "2024-03-05"),
        closing("X1", -40, "130", "2024-03-03", "2024-03-05")
    ]);
    let mut request = request("2024-03-04", one("EQUITY_LEG", lots));
    request["calculationType"] = "HISTORICAL_RECALCULATION".into();
    request["dateRange"] = json!({ "fromDate": "2024-02-29", "toDate": "2024-03-03" });
    let run = run(&request);
    let days: Vec<_> =
        run.flows.iter().map(|flow| (flow.valuation_date.to_string(), flow.status, flow.amount.minor)).collect();
    let expected = [
        ("2024-03-01", FlowStatus::Accrued, 300_000),
        ("2024-03-02", FlowStatus::Accrued, 300_000),
        ("2024-03-03", FlowStatus::Realised, 40_000),
        ("2024-03-03", FlowStatus::Accrued, 180_000),
    ];
    assert_eq!(days, expected.map(|(day, status, amount)| (day.to_owned(), status, amount)));
}

#[test]
fn the_same_request_gives_the_same_flows_and_ids() {
    let lots =
        json!([lot("L1", 1000, "120", "2024-01-10", "2024-01-12"), lot("L2", 5, "90", "2024-01-10", "2024-01-12")]);
    let (first, second) = (
        run(&request("2024-06-28", one("EQUITY_LEG", lots.clone()))),
        run(&request("2024-06-28", one("EQUITY_LEG", lots))),
    );
    assert_eq!(first.flows, second.flows);
    assert_eq!(first.outcome, second.outcome);
    assert_ne!(first.flows[0].id, first.flows[1].id);
    // Written down, so that a change of the recipe is noticed: ids are for ever.
    assert_eq!(first.flows[0].id.to_string(), "2e124dc888516d6fe6fe2905901d773b");
}
