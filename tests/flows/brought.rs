//! `explain` of jobs that brought their contracts: each flow comes out of its chunk again, byte by byte.

use bookflow::cli::exit::Exit;
use bookflow::cli::explain::{Flow, Publication};
use bookflow::domain::jobs::chunk::ContractFlows;
use bookflow::domain::jobs::job::{Calculation, Job, JobId};
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::messages::any_chunk::AnyChunk;
use bookflow::messages::cash_flows::JobCashFlows;
use bookflow::messages::document::split::Splitter as OfDocument;
use bookflow::messages::document::stream::{read_head, stream_contracts};
use bookflow::messages::key::flows_key;
use bookflow::messages::request::{read_contracts, read_request_as};
use bookflow::pipeline::topics::{CALCULATION_CHUNKS_REALTIME, JOB_CASH_FLOWS};
use serde_json::{Value, json};

use crate::cluster::at;
use crate::explained::{ask, comes_out};
use crate::house::{House, PARTITIONS};

/// One contract with a leg of each kind on a lot of 100, half of it closed.
fn request(price: u32) -> Value {
    let lots = json!([
        {"lotId": "L1", "quantity": 100, "costPrice": "140", "costDate": "2024-01-10", "settlementDate": "2024-01-12", "lotType": "NEW_LOT"},
        {"lotId": "X1", "quantity": -50, "costPrice": "150", "costDate": "2024-02-01", "settlementDate": "2024-02-05", "lotType": "CLOSING_LOT"},
    ]);
    let leg = |id: &str, kind: &str| json!({"positionId": id, "underlying": "AAPL", "currency": "USD", "type": kind, "lots": lots});
    json!({
        "calculationDate": "2024-03-29", "calculationType": "REAL_TIME_PROCESSING",
        "contractPositions": [{
            "contractId": "C1", "underlying": "AAPL", "index": "SOFR", "type": "EQUITY_SWAP", "currency": "USD",
            "startDate": "2024-01-01", "endDate": "2024-12-31",
            "positions": [leg("P1", "EQUITY_LEG"), leg("P2", "INTEREST_LEG"), leg("P3", "DIVIDEND_LEG")],
        }],
        "marketData": {"data": {
            "securities": [{"symbol": "AAPL", "basePrice": price, "baseDate": "2024-01-02", "changes": []}],
            "rates": [{"index": "SOFR", "baseRate": 0.0525, "baseDate": "2024-01-02", "changes": []}],
            "dividends": [{"symbol": "AAPL", "dividends": [{"exDate": "2024-01-15", "amount": 2, "currency": "USD"}]}],
        }},
    })
}

fn named(job: &str) -> JobId {
    JobId::new(job).expect("a name")
}

fn of_request(job: &str, price: u32) -> Vec<AnyChunk> {
    let json = request(price).to_string().into_bytes();
    let read = read_request_as(Some(named(job)), &json[..]).expect("it needs no name of its own");
    let mut splitter = Splitter::new(read.job, &read.market, SplitLimits::default());
    read_contracts(&json[..], |contract| {
        splitter.take(contract);
        Ok::<(), ()>(())
    })
    .expect("nobody stops it");
    splitter.finish().0.into_iter().map(|(_, chunk)| chunk.into()).collect()
}

fn of_document(job: &str) -> Vec<AnyChunk> {
    let path = format!("{}/docs/calculate/equity-swap.json", env!("CARGO_MANIFEST_DIR"));
    let json = std::fs::read(path).expect("it is there");
    let head = read_head(&json[..]).expect("an example");
    let (request, valuation_date) = (head.request, head.valuation_date);
    let job = Job { id: named(job), request, valuation_date, calculation: Calculation::Valuation };
    let mut splitter = OfDocument::new(job, &head.frame, SplitLimits::default());
    stream_contracts(&json[..], |contract| {
        splitter.take(contract);
        Ok::<(), ()>(())
    })
    .expect("nobody stops it");
    splitter.finish().0.into_iter().map(|(_, chunk)| chunk.into()).collect()
}

/// What is published of a job's chunks, each with its flows.
fn published(house: &House, chunks: &[AnyChunk]) -> Vec<(JobCashFlows, Vec<Flow>)> {
    for chunk in chunks {
        house.put(CALCULATION_CHUNKS_REALTIME, &house.raw(chunk, &chunk.key()));
    }
    house.work("calculate.realtime");
    let of_job = |told: &JobCashFlows| chunks.iter().any(|chunk| chunk.job().id == told.job);
    let told = house.read::<JobCashFlows>(JOB_CASH_FLOWS).into_iter().map(|(_, told)| told).filter(of_job);
    told.map(|told| (told.clone(), flows(&told.flows))).collect()
}

fn flows(of: &ContractFlows) -> Vec<Flow> {
    of.flows.iter().map(Flow::from).chain(of.rows.iter().map(Flow::from)).collect()
}

#[test]
fn every_flow_of_a_job_comes_out_of_its_chunk_again_with_its_lines() {
    let house = House::new();
    for (job, chunks, count) in [("REQUEST", of_request("REQUEST", 155), 6), ("DOCUMENT", of_document("DOCUMENT"), 5)] {
        let told = published(&house, &chunks);
        let flows: Vec<_> = told.into_iter().flat_map(|(_, flows)| flows).collect();
        assert!(flows.len() >= count, "{flows:?}");
        for flow in flows {
            for job in [None, Some(job)] {
                let explained = ask(&house, flow.id, job, None).expect("explained");
                assert!(
                    matches!(&explained.publication, Publication::OfJob(of) if job.is_none_or(|job| of.as_str() == job))
                );
                comes_out(&explained, flow.clone());
            }
        }
    }
}

#[test]
fn the_same_flow_of_two_jobs_is_told_apart_and_the_last_one_is_meant_without_a_name() {
    let house = House::new();
    let mut amounts = Vec::new();
    for (job, price) in [("FIRST", 155), ("SECOND", 160)] {
        let told = published(&house, &of_request(job, price));
        let flow = told[0].1.iter().find(|flow| flow.stage == "ACCRUED" && flow.kind == "EQUITY_PERFORMANCE");
        amounts.push(flow.expect("half of the lot is open").clone());
        house.stand.pass(std::time::Duration::from_secs(1));
    }
    let (first, second) = (&amounts[0], &amounts[1]);
    assert_eq!((first.id, &first.result, &second.result), (second.id, &Ok(75_000), &Ok(100_000)), "50 x 15, 50 x 20");
    for (job, flow) in [(Some("FIRST"), first), (Some("SECOND"), second), (None, second)] {
        comes_out(&ask(&house, first.id, job, None).expect("explained"), flow.clone());
    }
}

#[test]
fn a_flow_of_a_job_that_somebody_has_changed_is_noticed() {
    let house = House::new();
    published(&house, &of_request("REQUEST", 155));
    published(&house, &of_document("DOCUMENT"));
    for (cause, right) in house.read::<JobCashFlows>(JOB_CASH_FLOWS) {
        let mut wrong = right.clone();
        wrong.flows.flows.iter_mut().take(1).for_each(|flow| flow.amount.minor += 1);
        wrong.flows.rows.iter_mut().take(1).for_each(|row| row.result.as_mut().expect("an amount").minor += 1);
        let key = flows_key(&right.job, &right.flows.contract, right.flows.part, right.flows.piece);
        house.put(JOB_CASH_FLOWS, &house.caused(&wrong, cause, &key));
        let flows = flows(&right.flows);
        let changed = ask(&house, flows[0].id, Some(right.job.as_str()), None).expect("explained");
        assert!(!changed.same);
        assert_eq!(changed.again.as_ref(), Some(&flows[0]), "what it should be");
        assert_ne!(changed.flow, flows[0]);
        let beside = ask(&house, flows[1].id, Some(right.job.as_str()), None).expect("explained");
        assert!(!beside.same && beside.again == Some(beside.flow), "it was published with one that is wrong");
    }
}

#[test]
fn a_chunk_that_is_past_its_retention_is_told_with_another_way() {
    let house = House::new();
    let told = published(&house, &of_request("REQUEST", 155));
    for partition in 0..PARTITIONS {
        house.stand.broker.delete_before(at(CALCULATION_CHUNKS_REALTIME, partition), i64::MAX).expect("deleted");
    }
    let flow = &told[0].1[0];
    let refused = ask(&house, flow.id, None, None).err().expect("refused");
    assert!(
        refused.exit == Exit::Precondition && refused.message.contains("past its retention"),
        "{}",
        refused.message
    );
    assert!(refused.next.is_some_and(|next| next.contains(&format!("calculate FILE --explain {}", flow.id))));
}
