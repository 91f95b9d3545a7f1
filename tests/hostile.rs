//! Bytes that are no message: read or refused, never a panic, never more memory than the bytes are worth.

#[path = "../benches/counting.rs"]
mod counting; // how much memory is held at the most

use std::sync::atomic::Ordering::Relaxed;

use bookflow::domain::jobs::chunk::ChunkResult;
use bookflow::domain::jobs::collect::Progress;
use bookflow::domain::jobs::job::Outcome;
use bookflow::domain::jobs::share::Share;
use bookflow::domain::lots::lot::Lot;
use bookflow::domain::lots::position::Position;
use bookflow::domain::market::snapshot::MarketSnapshot;
use bookflow::domain::trade::Trade;
use bookflow::domain::trade::captured::CapturedTrade;
use bookflow::messages::any_chunk::AnyChunk;
use bookflow::messages::blotter::BlotterRow;
use bookflow::messages::calculation_request::CalculationRequest;
use bookflow::messages::captured_action::CapturedAction;
use bookflow::messages::cash_flows::JobCashFlows;
use bookflow::messages::contract::ContractVersion;
use bookflow::messages::data_point::DataPoint;
use bookflow::messages::dead_letter::DeadLetter;
use bookflow::messages::job_control::JobControl;
use bookflow::messages::position_flows::PositionFlows;
use bookflow::messages::schemas::{SchemaName, Schemas};
use bookflow::messages::view;
use bookflow::messages::wire::Encoder;

use counting::{HELD, PEAK};

/// What one record of 8 KB may cost at its worst moment.
const PEAK_MAX: usize = 1 << 20;
const RECORD_BYTES: usize = 8 << 10;

/// One test, so that nothing else allocates at the same time.
#[test]
fn hostile_bytes_cost_no_more_than_they_are_worth() {
    let schemas = Schemas::embedded();
    for schema in SchemaName::ALL {
        for body in bodies() {
            let mut record = Vec::new();
            schemas.frame(*schema, &mut record);
            record.extend_from_slice(&body);
            let read = peak(|| read(&schemas, *schema, &record));
            assert!(read < PEAK_MAX, "{} bytes to read {schema:?} from {:02x?}", read, &body[..body.len().min(16)]);
            let shown = peak(|| drop(view::record(&schemas, &record)));
            assert!(
                shown < 4 * PEAK_MAX,
                "{} bytes to show {schema:?} from {:02x?}",
                shown,
                &body[..body.len().min(16)]
            );
        }
    }
    let sound = |schema, body: Vec<u8>| {
        let mut record = Vec::new();
        schemas.frame(schema, &mut record);
        record.extend_from_slice(&body);
        record
    };
    let (rows, held) = (sound(SchemaName::ChunkResult, many_notices()), sound(SchemaName::CapturedTrade, many_held()));
    let flows = sound(SchemaName::JobCashFlows, many_flows());
    assert_eq!(schemas.decode::<ChunkResult>(&rows).map(|(_, result)| result.rows.len()), Ok(RECORD_BYTES / 7));
    assert_eq!(schemas.decode::<CapturedTrade>(&held).map(|(_, trade)| trade.held.len()), Ok(RECORD_BYTES / 7));
    assert_eq!(schemas.decode::<JobCashFlows>(&flows).map(|(_, flows)| flows.flows.flows.len()), Ok(1));
    assert!(peak(|| drop(vec![0u8; 5_000])) >= 5_000, "the counter counts");
}

fn read(schemas: &Schemas, schema: SchemaName, record: &[u8]) {
    match schema {
        SchemaName::Trade => drop(schemas.decode::<Trade>(record)),
        SchemaName::CapturedTrade => drop(schemas.decode::<CapturedTrade>(record)),
        SchemaName::Position => drop(schemas.decode::<Position>(record)),
        SchemaName::Lot => drop(schemas.decode::<Lot>(record)),
        SchemaName::Blotter => drop(schemas.decode::<BlotterRow>(record)),
        SchemaName::Chunk => drop(schemas.decode::<AnyChunk>(record)),
        SchemaName::JobCashFlows => drop(schemas.decode::<JobCashFlows>(record)),
        SchemaName::ChunkResult => drop(schemas.decode::<ChunkResult>(record)),
        SchemaName::JobControl => drop(schemas.decode::<JobControl>(record)),
        SchemaName::JobProgress => drop(schemas.decode::<Progress>(record)),
        SchemaName::Outcome => drop(schemas.decode::<Outcome>(record)),
        SchemaName::DeadLetter => drop(schemas.decode::<DeadLetter>(record)),
        SchemaName::Contract => drop(schemas.decode::<ContractVersion>(record)),
        SchemaName::DataPoint => drop(schemas.decode::<DataPoint>(record)),
        SchemaName::PositionFlows => drop(schemas.decode::<PositionFlows>(record)),
        SchemaName::MarketSnapshot => drop(schemas.decode::<MarketSnapshot>(record)),
        SchemaName::CalculationRequest => drop(schemas.decode::<CalculationRequest>(record)),
        SchemaName::RecalculationShare => drop(schemas.decode::<Share>(record)),
        SchemaName::CapturedAction => drop(schemas.decode::<CapturedAction>(record)),
    }
}

/// Nothing, one byte over and over, small numbers at random (they pass for counts, symbols and lengths), large counts at
/// every distance from the start, and sound beginnings with as many of the cheapest elements as fit.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = vec![vec![]];
    bodies.extend([0x00, 0x01, 0x02, 0x04, 0x41, 0x7f, 0x80, 0xff].map(|byte| vec![byte; RECORD_BYTES]));
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for most in [4, 8, 16, 64, 256] {
        for _ in 0..40 {
            let next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random % most) as u8
            };
            bodies.push(std::iter::repeat_with(next).take(RECORD_BYTES).collect());
        }
    }
    for huge in [&[0xfe, 0xff, 0xff, 0xff, 0x0f][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]] {
        for distance in 0..60 {
            for before in [0x00, 0x02] {
                bodies.push([&vec![before; distance], huge, &[0x02; 64]].concat());
            }
        }
    }
    bodies.extend([many_notices(), many_held(), many_flows()]);
    bodies
}

/// A chunk result with as many empty rows as fit.
fn many_notices() -> Vec<u8> {
    let mut body = Vec::new();
    let mut out = Encoder::new(&mut body);
    (0..3).for_each(|_| out.long(1));
    out.text("J");
    out.number(1);
    (0..6).for_each(|_| out.count(0));
    out.array([0; 0].iter(), |_, _| ());
    out.fixed(&[0; 16]);
    (0..2).for_each(|_| out.count(0));
    out.array(0..RECORD_BYTES / 7, |out, _| [1, 0, 0, 0, 1, 0, 0].into_iter().for_each(|part: i32| out.long(part)));
    body
}

/// A captured trade with as many held versions as fit.
fn many_held() -> Vec<u8> {
    let mut body = Vec::new();
    let mut out = Encoder::new(&mut body);
    (0..3).for_each(|_| out.long(1));
    out.text("A_B_S");
    out.text("O|T");
    out.number(0);
    [1, 0, 0].into_iter().for_each(|part: i32| out.long(part));
    out.fixed(&[0; 16]);
    (0..4).for_each(|_| out.long(1));
    out.array(0..RECORD_BYTES / 7, |out, _| [1, 3, 0, 0, 0, 0, 0].into_iter().for_each(|part: i32| out.long(part)));
    out.quantity(0.into());
    out.array([0; 0].iter(), |_, _| ());
    (0..2).for_each(|_| out.optional(None::<()>, |_, ()| ()));
    body
}

/// Job cash flows with as many rate spans in one flow as fit.
fn many_flows() -> Vec<u8> {
    let mut body = Vec::new();
    let mut out = Encoder::new(&mut body);
    (0..3).for_each(|_| out.long(1));
    out.text("J");
    out.text("C");
    (0..2).for_each(|_| out.number(0));
    out.array(0..1, |out, _| {
        out.fixed(&[0; 16]);
        ["C", "P", "L"].into_iter().for_each(|name| out.text(name));
        [0, 2, 1, 0, 0].into_iter().for_each(|part: i32| out.long(part));
        out.text("USD");
        out.text("0");
        [0, 1].into_iter().for_each(|part: i32| out.long(part));
        out.text("0");
        out.long(1);
        out.rate(0.into());
        out.boolean(false);
        (0..2).for_each(|_| out.long(0));
        out.array(0..RECORD_BYTES / 5, |out, _| {
            (0..2).for_each(|_| out.long(0));
            out.rate(0.into());
            out.long(0);
        });
        out.long(0);
    });
    out.long(0); // no rows
    body
}

fn peak(work: impl FnOnce()) -> usize {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed) - before
}
