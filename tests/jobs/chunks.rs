//! Cutting a job into chunks changes nothing of what comes out.

use bookflow::cli::generate::request::RequestShape;
use bookflow::domain::jobs::calculate::calculate;
use bookflow::domain::jobs::cashflow::CashFlow;
use bookflow::domain::jobs::chunk::{Chunk, ChunkResult};
use bookflow::domain::jobs::collect::Progress;
use bookflow::domain::jobs::job::{JobEvent, Lane, Outcome, Started};
use bookflow::domain::jobs::notice::ROWS_KEPT;
use bookflow::domain::jobs::split::SplitLimits;
use bookflow::domain::jobs::totals::ControlTotals;
use bookflow::domain::key::Timestamp;
use bookflow::messages::request::read_request;
use bookflow::messages::schemas::Schemas;
use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::run::{closing, contract, decimal, lot, one, position, request, run, run_with};

const LEGS: [&str; 4] = ["EQUITY_LEG", "INTEREST_LEG", "DIVIDEND_LEG", "CURRENCY_LEG"];

fn limits(chunk_positions: usize, chunk_lots: usize) -> SplitLimits {
    SplitLimits { chunk_positions, chunk_lots, ..SplitLimits::default() }
}

/// A lot of some kind from a few small numbers, odd ones included.
fn any_lot(index: usize, (quantity, day, kind): (i64, u32, u8)) -> Value {
    let (bought, settled) = (format!("2024-03-{day:02}"), format!("2024-03-{:02}", day + 2));
    let id = format!("L{}", if kind == 9 { 0 } else { index }); // some ids come twice
    match kind {
        0 | 1 => closing(&id, quantity, "141.17", &bought, &settled),
        2 => {
            let mut lot = lot(&id, quantity, "120.33", &bought, &settled);
            lot["status"] = "CLOSED".into();
            lot
        }
        _ => lot(&id, quantity, &format!("1{day:02}.37"), &bought, &settled),
    }
}

prop_compose! {
    fn any_position()(leg in 0_usize..4, lots in prop::collection::vec((-50_i64..100, 1_u32..28, 0_u8..10), 0..12)) -> (usize, Vec<Value>) {
        (leg, lots.into_iter().enumerate().map(|(index, seed)| any_lot(index, seed)).collect())
    }
}

prop_compose! {
    fn any_contracts()(contracts in prop::collection::vec(prop::collection::vec(any_position(), 0..6), 1..8)) -> Value {
        contracts.into_iter().enumerate().map(|(number, positions)| {
            let positions: Vec<Value> = positions
                .into_iter()
                .enumerate()
                .map(|(index, (leg, lots))| position(&format!("P{index}"), LEGS[leg], lots.into()))
                .collect();
            let mut contract = contract(&format!("C{number}"), positions.into());
            if number == 5 {
                contract["endDate"] = "never".into();
            }
            contract
        }).collect()
    }
}

fn sorted(mut flows: Vec<CashFlow>) -> Vec<CashFlow> {
    flows.sort_by_key(|flow| flow.id);
    flows
}

proptest! {
    #[test]
    fn chunk_size_changes_no_flow_and_no_outcome(
        contracts in any_contracts(),
        positions in prop_oneof![1_usize..10, 1_usize..2_000],
        lots in prop_oneof![1_usize..10, 1_usize..2_000],
    ) {
        let request = request("2024-03-27", contracts);
        let whole = run_with(&request, limits(2_000, 100_000));
        let cut = run_with(&request, limits(positions, lots));
        prop_assert_eq!(whole.chunks.len(), 1);
        prop_assert_eq!(&cut.outcome, &whole.outcome);
        let ids: std::collections::BTreeSet<_> = whole.flows.iter().map(|flow| flow.id).collect();
        prop_assert_eq!(ids.len(), whole.flows.len(), "every flow has its own id");
        prop_assert_eq!(sorted(cut.flows), sorted(whole.flows));
        let numbers: Vec<u32> = cut.chunks.iter().map(|(_, chunk)| chunk.number).collect();
        prop_assert_eq!(numbers, (1..=cut.plan.chunks).collect::<Vec<_>>());
        for (_, chunk) in &cut.chunks {
            let held: Vec<_> = chunk.contracts.iter().flat_map(|contract| &contract.positions).collect();
            let weights: Vec<usize> = held.iter().flat_map(|held| &held.lots).map(|lot| 1 + lot.closes.len()).collect();
            prop_assert!(held.len() <= positions, "{} positions in a chunk of {positions}", held.len());
            prop_assert!(weights.iter().sum::<usize>() <= lots || weights.len() == 1, "{weights:?} in a chunk of {lots} lots");
        }
    }

    #[test]
    fn results_of_any_worker_in_any_order_end_the_job_the_same(
        contracts in any_contracts(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let run = run_with(&request("2024-03-27", contracts), limits(1, 3));
        let results: Vec<ChunkResult> = run.chunks.iter().map(|(_, chunk)| calculate(chunk).result).collect();
        // Workers finish in any order, and one may do again what another has done.
        let arriving = picks.iter().map(|pick| pick.get(&results)).chain(&results).cloned().map(JobEvent::Chunk);
        let started = JobEvent::Started(Started { request: run.chunks[0].1.job.request, deadline: Timestamp(1), predecessor: None });
        let planned = JobEvent::Planned { chunks: run.plan.chunks, counts: Some(run.plan.counts) };
        let mut progress = Progress::new(run.outcome.job.clone(), Timestamp(0));
        let outcomes: Vec<Outcome> =
            arriving.chain([started, planned]).filter_map(|event| progress.record(event, Timestamp(0))).collect();
        prop_assert_eq!(outcomes, [run.outcome]);
    }

    #[test]
    fn simple_interest_is_additive_over_any_cut_in_quantity_and_time(
        quantity in 2_i64..1_000_000, part in 1_i64..1_000_000, cut in 2_u32..27, rate in 1_u32..9_999,
    ) {
        let part = 1 + part % (quantity - 1);
        let interest = |lots: Value, day: &str| -> Decimal {
            let mut request = request(day, one("INTEREST_LEG", lots));
            request["marketData"]["data"]["rates"][0]["changes"] = json!([{ "date": "2024-02-14", "rate": format!("0.{rate:04}") }]);
            run(&request).flows.iter().map(|flow| flow.unrounded).sum()
        };
        let from = |day: &str, quantity: i64| lot("L", quantity, "101.37", "2024-02-01", day);
        let whole = interest(json!([from("2024-02-01", quantity)]), "2024-02-28");
        let mut rest = from("2024-02-01", quantity - part);
        rest["lotId"] = "M".into();
        let by_quantity = interest(json!([from("2024-02-01", part), rest]), "2024-02-28");
        let middle = format!("2024-02-{cut:02}");
        let by_time = interest(json!([from("2024-02-01", quantity)]), &middle) + interest(json!([from(&middle, quantity)]), "2024-02-28");
        let close = |other: Decimal| (whole - other).abs() < decimal("0.000000000001");
        prop_assert!(close(by_quantity) && close(by_time), "{whole} {by_quantity} {by_time}");
    }
}

#[test]
fn the_hash_of_the_totals_is_the_hash_of_the_flows() {
    let lots =
        json!([lot("L1", 1, "100", "2024-01-10", "2024-01-12"), lot("L2", 1, "100", "2024-01-10", "2024-01-12")]);
    let run = run_with(&request("2024-06-28", one("EQUITY_LEG", lots)), limits(1, 1));
    let hash_of = |flows: &[CashFlow]| {
        let mut totals = ControlTotals::default();
        flows.iter().for_each(|flow| totals.add_flow(flow));
        totals.hash
    };
    let whole = hash_of(&run.flows);
    assert_eq!((run.plan.chunks, run.outcome.totals.hash), (2, whole));
    let changes: [fn(&mut CashFlow); 4] = [
        |flow| flow.id.0 += 1,
        |flow| flow.amount.minor += 1,
        |flow| flow.unrounded += Decimal::new(1, 9),
        |flow| flow.status = bookflow::domain::jobs::cashflow::FlowStatus::Realised,
    ];
    for change in changes {
        let mut flows = run.flows.clone();
        change(&mut flows[0]);
        assert_ne!(hash_of(&flows), whole);
    }
}

#[test]
fn a_contract_larger_than_a_chunk_is_cut_by_lot_range_after_its_closing_lots_were_worked_off() {
    let mut lots: Vec<Value> =
        (0..6_500).map(|index| lot(&format!("L{index}"), 10, "120", "2024-01-10", "2024-01-12")).collect();
    lots.push(closing("X1", -32_505, "130", "2024-03-01", "2024-03-05")); // the first 3,250 and half of the next
    let run = run(&request("2024-06-28", one("EQUITY_LEG", lots.into())));
    assert_eq!(run.plan.chunks, 4); // 6,501 lots and 3,251 closes at 2,500 a chunk
    assert!(run.chunks.iter().all(|(lane, chunk)| *lane == Lane::Batch && chunk.contracts.len() == 1));
    let realised: i64 = run.flows.iter().filter(|flow| flow.closing_lot.is_some()).map(|flow| flow.amount.minor).sum();
    assert_eq!((realised, run.total() - realised), (32_505 * 1_000, 32_495 * 3_000));
    let counts = run.outcome.totals.counts;
    assert_eq!((counts.contracts, counts.positions, counts.lots), (1, 1, 6_501));
}

#[test]
fn many_flows_of_one_contract_are_published_in_pieces_and_none_in_one() {
    let lots: Value = (0..2_300).map(|index| lot(&format!("L{index}"), 1, "120", "2024-01-10", "2024-01-12")).collect();
    let many = contract("C1", json!([position("P", "EQUITY_LEG", lots)]));
    let run = run(&request("2024-06-28", json!([many, contract("C2", json!([]))])));
    let published: Vec<_> = run.chunks.iter().flat_map(|(_, chunk)| calculate(chunk).flows).collect();
    let pieces: Vec<_> =
        published.iter().map(|one| (one.contract.as_str(), one.part, one.piece, one.flows.len())).collect();
    assert_eq!(pieces, [("C1", 0, 0, 1_000), ("C1", 0, 1, 1_000), ("C1", 0, 2, 300), ("C2", 0, 0, 0)]);
}

#[test]
fn a_long_list_of_dividends_makes_smaller_chunks() {
    let lots: Value = (0..10).map(|index| lot(&format!("L{index}"), 1, "120", "2024-01-10", "2024-01-12")).collect();
    let mut request = request("2024-06-28", one("DIVIDEND_LEG", lots));
    let listed: Vec<Value> =
        (1..=5).map(|day| json!({ "exDate": format!("2024-03-0{day}"), "amount": 1, "currency": "USD" })).collect();
    request["marketData"]["data"]["dividends"][0]["dividends"] = listed.into();
    let run = run_with(&request, limits(10, 10));
    assert_eq!((run.plan.chunks, run.flows.len(), run.total()), (5, 50, 5_000));
}

/// 25 indices with a rate for each of 5,000 days: more than a chunk takes along, of several contracts as of one.
#[test]
fn long_series_of_rates_make_smaller_chunks() {
    let first = NaiveDate::from_ymd_opt(2010, 5, 3).expect("a Monday");
    let days: Vec<Value> =
        first.iter_days().take(5_000).map(|day| json!({ "date": day.to_string(), "rate": 0.05 })).collect();
    let of_index = |number: usize| {
        let mut leg =
            position(&format!("P{number}"), "INTEREST_LEG", json!([lot("L1", 1, "100", "2010-05-03", "2010-05-05")]));
        leg["interestLeg"] = json!({ "rateType": "FLOATING", "index": format!("I{number}") });
        leg
    };
    let apart = (0..25).map(|number| contract(&format!("C{number}"), json!([of_index(number)]))).collect();
    let together = json!([contract("C", (0..25).map(of_index).collect())]);
    for contracts in [apart, together] {
        let mut request = request("2024-01-10", contracts);
        let rate = |number: usize| json!({ "index": format!("I{number}"), "baseRate": 0.05, "baseDate": "2010-05-03", "changes": days });
        request["marketData"]["data"]["rates"] = (0..25).map(rate).collect();
        let run = run(&request);
        assert_eq!((run.plan.chunks, run.flows.len(), run.outcome.totals.errors), (2, 25, 0), "{:?}", run.rows());
        for (_, chunk) in &run.chunks {
            let mut bytes = Vec::new();
            Schemas::embedded().encode(chunk, None, &mut bytes).expect("it fits");
            assert!(bytes.len() < 2_000_000, "{}", bytes.len());
        }
    }
}

#[test]
fn many_rows_of_one_contract_are_no_large_chunk() {
    let elsewhere = |index: usize| {
        let mut lot = lot(&format!("L{index}"), 1, "100", "2024-01-10", "2024-01-12");
        lot["contractId"] = "OTHER".into();
        lot
    };
    let run = run(&request("2024-06-28", one("EQUITY_LEG", (0..2_500).map(elsewhere).collect())));
    let rows: Vec<_> = run.chunks.iter().map(|(_, chunk)| chunk.notices.len()).collect();
    assert_eq!((rows, run.outcome.totals.errors), (vec![1_000, 1_000, 500], 2_500));
}

#[test]
fn the_lane_depends_on_the_positions_and_lots_of_the_whole_job() {
    let contracts = |positions: usize| -> Value {
        (0..positions)
            .map(|number| contract(&format!("C{number}"), json!([position("P", "EQUITY_LEG", json!([]))])))
            .collect()
    };
    for (positions, lane, chunks) in [(1, Lane::Realtime, 1), (1_000, Lane::Realtime, 2), (1_001, Lane::Batch, 3)] {
        let run = run(&request("2024-06-28", contracts(positions)));
        assert_eq!((run.plan.lane, run.plan.chunks), (lane, chunks), "{positions}");
        assert!(run.chunks.iter().all(|(chosen, _)| *chosen == lane));
    }
    for (lots, lane) in [(5_000, Lane::Realtime), (5_001, Lane::Batch)] {
        let lots: Value =
            (0..lots).map(|index| lot(&format!("L{index}"), 1, "120", "2024-01-10", "2024-01-12")).collect();
        assert_eq!(run(&request("2024-06-28", one("EQUITY_LEG", lots))).plan.lane, lane);
    }
}

#[test]
fn a_chunk_carries_only_the_market_data_it_uses() {
    let lots = || json!([lot("L1", 1, "100", "2024-01-10", "2024-01-12")]);
    let mut other = position("P1", "EQUITY_LEG", lots());
    other["underlying"] = "IBM".into();
    let contracts =
        json!([contract("C1", json!([position("P1", "EQUITY_LEG", lots())])), contract("C2", json!([other]))]);
    let mut request = request("2024-06-28", contracts);
    let history: Vec<Value> =
        (1..=28).map(|day| json!({ "date": format!("2024-06-{day:02}"), "price": 100 + day })).collect();
    let securities = request["marketData"]["data"]["securities"].as_array_mut().expect("a list");
    securities.push(json!({ "symbol": "IBM", "basePrice": 1, "baseDate": "2024-01-01", "changes": history }));
    let run = run_with(&request, limits(1, 10));
    let used = &run.chunks[1].1.market;
    assert_eq!(used.prices.keys().map(|symbol| symbol.as_str()).collect::<Vec<_>>(), ["IBM"]);
    assert!(used.rates.is_empty() && used.dividends.is_empty());
    assert_eq!(used.prices.values().map(|series| series.changes.len()).sum::<usize>(), 1);
    assert_eq!(run.amounts()[1].2, 2_800);
}

#[test]
fn market_data_that_a_chunk_does_not_carry_change_nothing() {
    for calculation in [
        json!({}),
        json!({ "calculationType": "HISTORICAL_RECALCULATION", "dateRange": { "fromDate": "2024-06-03", "toDate": "2024-06-28" } }),
    ] {
        let mut json = Vec::new();
        RequestShape::new("JOB", 40, 4, 5).write(&mut json).expect("a request");
        let mut sent: Value = serde_json::from_slice(&json).expect("it is JSON");
        for (name, value) in calculation.as_object().expect("an object") {
            sent[name] = value.clone();
        }
        let all = read_request(sent.to_string().as_bytes()).expect("a request").market;
        let run = run_with(&sent, limits(20, 2_500));
        assert!(run.flows.len() > 500, "{}", run.flows.len());
        for (_, chunk) in run.chunks {
            assert_ne!(chunk.market, all);
            let with_all = calculate(&Chunk { market: all.clone(), ..chunk.clone() });
            assert!(with_all == calculate(&chunk), "chunk {}", chunk.number);
        }
    }
}

#[test]
fn an_outcome_names_the_same_first_rows_whatever_the_chunks() {
    let contracts: Value = (0..3 * ROWS_KEPT)
        .map(|number| {
            let mut bad = position("P1", "EQUITY_LEG", json!([lot("L1", 1, "100", "2024-01-10", "2024-01-12")]));
            bad["underlying"] = "NONE".into();
            contract(&format!("C{number:03}"), json!([bad]))
        })
        .collect();
    let request = request("2024-06-28", contracts);
    let (small, large) = (run_with(&request, limits(1, 1)), run_with(&request, limits(1_000, 1_000)));
    assert_eq!(small.outcome, large.outcome);
    assert_eq!((small.outcome.rows.len(), small.outcome.totals.errors), (ROWS_KEPT, 3 * ROWS_KEPT as u64));
    assert_eq!(small.rows()[0], "MISSING_PRICE C000/P1/L1 underlying");
}
