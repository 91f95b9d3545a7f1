//! Any value of the messages about jobs, for property tests.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::domain::daycount::DayCount;
use crate::domain::flows::id::FlowId;
use crate::domain::jobs::cashflow::{CashFlow, DividendTax, Explain, FlowKind, FlowStatus, RateSpan};
use crate::domain::jobs::chunk::{Chunk, ChunkResult, ContractFlows, ContractPart, PositionPart};
use crate::domain::jobs::collect::{ChunkSet, Collecting, Progress, Stage};
use crate::domain::jobs::contract::{Averaging, Financing, Leg, Rate};
use crate::domain::jobs::job::{Calculation, Ending, Job, JobId, Missing, Outcome, Started};
use crate::domain::jobs::market::{Dividend, MarketData, Observation, Series, Withholding};
use crate::domain::jobs::notice::{Notice, NoticeCode, Severity};
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind, Selection};
use crate::domain::jobs::share::{Begun, Share, ShareEnd};
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::key::{ContractId, InvalidName, Timestamp};
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::names::{IndexName, LotId, PositionId, Symbol};
use crate::messages::any_chunk::{AnyChunk, DocumentChunk, StatedContract};
use crate::messages::calculation_request::{Asked, CalculationRequest, RequestWord};
use crate::messages::cash_flows::JobCashFlows;
use crate::messages::dead_letter::{DeadLetter, Original};
use crate::messages::flow_samples;
use crate::messages::job_control::{ControlWord, JobControl};
use crate::messages::job_parts::{DAY_COUNTS, FLOW_KINDS, FLOW_STATUSES, TREATMENTS};
use crate::messages::samples::{count, currency, date, key, money, quantity, version};

fn name<T: std::fmt::Debug>(make: fn(&str) -> Result<T, InvalidName>) -> impl Strategy<Value = T> {
    "[A-Za-z0-9 _é-]{1,20}".prop_map(move |text| make(&text).expect("a name"))
}

/// Any decimal(28,12).
fn rate() -> impl Strategy<Value = Decimal> {
    let unscaled = prop_oneof![-1_000_000_000_000i128..1_000_000_000_000, -(10i128.pow(28)) + 1..10i128.pow(28)];
    unscaled.prop_map(|unscaled| Decimal::from_i128_with_scale(unscaled, 12))
}

/// Any decimal at all.
fn exact() -> impl Strategy<Value = Decimal> {
    (-(1i128 << 96) + 1..1i128 << 96, 0u32..=28)
        .prop_map(|(digits, scale)| Decimal::from_i128_with_scale(digits, scale))
}

fn day_count() -> impl Strategy<Value = DayCount> {
    prop::sample::select(&DAY_COUNTS)
}

fn flow_kind() -> impl Strategy<Value = FlowKind> {
    prop::sample::select(&FLOW_KINDS)
}

fn flow_status() -> impl Strategy<Value = FlowStatus> {
    prop::sample::select(&FLOW_STATUSES)
}

fn counts() -> impl Strategy<Value = Counts> {
    (count(), count(), count()).prop_map(|(contracts, positions, lots)| Counts { contracts, positions, lots })
}

fn totals() -> impl Strategy<Value = ControlTotals> {
    let sums = btree_map((currency(), flow_kind(), flow_status()), any::<i128>(), 0..5);
    (counts(), count(), count(), count(), sums, any::<u128>(), count(), count()).prop_map(
        |(counts, flows, errors, warnings, sums, hash, calculated, changed)| ControlTotals {
            counts,
            flows,
            errors,
            warnings,
            sums,
            hash,
            calculated,
            changed,
        },
    )
}

fn notice() -> impl Strategy<Value = Notice> {
    let severity = prop_oneof![Just(Severity::Error), Just(Severity::Warning)];
    let code = prop::sample::select(&NoticeCode::ALL);
    let place = (option::of(name(ContractId::new)), option::of(name(PositionId::new)), option::of(name(LotId::new)));
    (severity, place, code, "[a-z.]{0,10}", ".{0,40}").prop_map(|(severity, place, code, field, message)| Notice {
        severity,
        contract: place.0,
        position: place.1,
        lot: place.2,
        code,
        field: field.into(),
        message,
    })
}

fn series<N: Ord + std::fmt::Debug>(
    name: impl Strategy<Value = N>,
    value: impl Strategy<Value = Decimal> + Clone,
) -> impl Strategy<Value = BTreeMap<N, Series>> {
    let observation = |(date, value): (NaiveDate, Decimal)| Observation { date, value };
    let base = option::of((date(), value.clone()).prop_map(observation));
    let changes = btree_map(date(), value, 0..4).prop_map(move |all| all.into_iter().map(observation).collect());
    btree_map(name, (base, changes).prop_map(|(base, changes)| Series { base, changes }), 0..3)
}

fn market() -> impl Strategy<Value = MarketData> {
    let dividend = (date(), quantity(), currency(), option::of(withholding()))
        .prop_map(|(ex_date, per_share, currency, withholding)| Dividend { ex_date, per_share, currency, withholding });
    let dividends = btree_map(name(Symbol::new), vec(dividend, 0..3), 0..3);
    let prices = series(name(Symbol::new), quantity().boxed());
    (prices, series(name(IndexName::new), rate().boxed()), dividends)
        .prop_map(|(prices, rates, dividends)| MarketData { prices, rates, dividends })
}

fn withholding() -> impl Strategy<Value = Withholding> {
    (rate(), proptest::sample::select(&TREATMENTS[..])).prop_map(|(rate, treatment)| Withholding { rate, treatment })
}

fn leg() -> impl Strategy<Value = Leg> {
    let averaging = prop_oneof![Just(Averaging::Simple), Just(Averaging::Compounded)];
    let rate_of = prop_oneof![
        rate().prop_map(Rate::Fixed),
        (name(IndexName::new), averaging).prop_map(|(name, averaging)| Rate::Index { name, averaging }),
    ];
    prop_oneof![
        Just(Leg::Equity),
        (rate_of, rate(), day_count()).prop_map(|(rate, spread, day_count)| Leg::Interest(Financing {
            rate,
            spread,
            day_count
        })),
        rate().prop_map(|payout_ratio| Leg::Dividend { payout_ratio }),
    ]
}

fn deal() -> impl Strategy<Value = Deal> {
    (quantity(), date(), date()).prop_map(|(price, trade_date, settle_date)| Deal { trade_date, settle_date, price })
}

fn given_lot() -> impl Strategy<Value = GivenLot> {
    let units = quantity().prop_filter("a close takes something", |quantity| !quantity.is_zero());
    let close =
        (name(LotId::new), units, deal()).prop_map(|(id, units, deal)| GivenClose { id, quantity: units.abs(), deal });
    (name(LotId::new), quantity(), deal(), vec(close, 0..3)).prop_map(|(id, quantity, opened, mut closes)| {
        closes.sort_by_key(|close| close.deal.trade_date);
        GivenLot { id, quantity, opened, closes }
    })
}

fn contract() -> impl Strategy<Value = ContractPart> {
    let position = (name(PositionId::new), leg(), name(Symbol::new), currency(), vec(given_lot(), 0..3))
        .prop_map(|(id, leg, underlying, currency, lots)| PositionPart { id, leg, underlying, currency, lots });
    (name(ContractId::new), version(), date(), counts(), vec(position, 0..3))
        .prop_map(|(id, part, start, counts, positions)| ContractPart { id, part, start, counts, positions })
}

fn job() -> impl Strategy<Value = Job> {
    let calculation = prop_oneof![
        Just(Calculation::Valuation),
        (date(), date()).prop_map(|(from, to)| Calculation::Historical { from, to }),
    ];
    (name(JobId::new), any::<u128>(), date(), calculation).prop_map(|(id, request, valuation_date, calculation)| Job {
        id,
        request,
        valuation_date,
        calculation,
    })
}

pub fn chunk() -> impl Strategy<Value = Chunk> {
    (job(), version(), vec(contract(), 0..3), vec(notice(), 0..3), market())
        .prop_map(|(job, number, contracts, notices, market)| Chunk { job, number, contracts, notices, market })
}

pub fn any_chunk() -> impl Strategy<Value = AnyChunk> {
    let stated = (name(ContractId::new), version(), "\\PC{0,20}");
    let stated = stated.prop_map(|(id, place, json)| StatedContract { id, place, json: json.into() });
    let document = (job(), version(), vec(notice(), 0..3), "\\PC{0,20}", counts(), vec(stated, 0..3)).prop_map(
        |(job, number, notices, around, counts, contracts)| {
            let around = around.into();
            AnyChunk::OfDocument(DocumentChunk { job, number, notices, around, counts, contracts })
        },
    );
    prop_oneof![chunk().prop_map(AnyChunk::OfRequest), document]
}

fn explain() -> impl Strategy<Value = Explain> {
    let span = (date(), date(), rate(), option::of(date())).prop_map(|(from, to, rate, observed)| RateSpan {
        from,
        to,
        rate,
        observed,
    });
    let tax = (withholding(), money(), money()).prop_map(|(withholding, gross, withheld)| DividendTax {
        withholding,
        gross,
        withheld,
    });
    let interest = ((exact(), day_count(), rate(), any::<bool>()), date(), date(), vec(span, 0..4));
    prop_oneof![
        (quantity(), quantity(), quantity(), date()).prop_map(|(quantity, cost_price, price, price_date)| {
            Explain::Performance { quantity, cost_price, price, price_date }
        }),
        interest.prop_map(|((notional, day_count, spread, compounded), from, to, rates)| {
            Explain::Interest { notional, day_count, spread, compounded, from, to, rates }
        }),
        (quantity(), quantity(), rate(), date(), option::of(tax)).prop_map(
            |(quantity, per_share, payout_ratio, ex_date, tax)| {
                Explain::Dividend { quantity, per_share, payout_ratio, ex_date, tax }
            }
        ),
    ]
}

pub fn job_cash_flows() -> impl Strategy<Value = JobCashFlows> {
    let names = (name(ContractId::new), name(PositionId::new), name(LotId::new), option::of(name(LotId::new)));
    let amounts = (flow_kind(), flow_status(), money(), exact());
    let flow = (any::<u128>(), names, date(), amounts, explain()).prop_map(
        |(id, (contract, position, lot, closing_lot), valuation_date, (kind, status, amount, unrounded), explain)| {
            CashFlow {
                id: FlowId(id),
                contract,
                position,
                lot,
                closing_lot,
                kind,
                status,
                valuation_date,
                amount,
                unrounded,
                explain,
            }
        },
    );
    let rows = vec(flow_samples::row(), 0..4);
    (name(JobId::new), name(ContractId::new), (version(), version()), vec(flow, 0..4), rows).prop_map(
        |(job, contract, (part, piece), flows, rows)| JobCashFlows {
            job,
            flows: ContractFlows { contract, part, piece, flows, rows },
        },
    )
}

pub fn chunk_result() -> impl Strategy<Value = ChunkResult> {
    (name(JobId::new), version(), totals(), vec(notice(), 0..4)).prop_map(|(job, number, totals, rows)| ChunkResult {
        job,
        number,
        totals,
        rows,
    })
}

fn started() -> impl Strategy<Value = Started> {
    (any::<u128>(), any::<i64>().prop_map(Timestamp), option::of(name(JobId::new)))
        .prop_map(|(request, deadline, predecessor)| Started { request, deadline, predecessor })
}

pub fn job_control() -> impl Strategy<Value = JobControl> {
    let word = prop_oneof![
        started().prop_map(ControlWord::Started),
        (version(), option::of(counts())).prop_map(|(chunks, counts)| ControlWord::Planned { chunks, counts }),
        ".{0,20}".prop_map(|reason| ControlWord::Cancelled { reason: reason.into() }),
        ".{0,20}".prop_map(|reason| ControlWord::Rejected { reason: reason.into() }),
    ];
    (name(JobId::new), word).prop_map(|(job, word)| JobControl { job, word })
}

pub fn outcome() -> impl Strategy<Value = Outcome> {
    let range = (version(), version()).prop_map(|(one, other)| (one.min(other), one.max(other)));
    let ending = prop_oneof![
        Just(Ending::Completed),
        Just(Ending::CompletedWithErrors),
        version().prop_map(|received| Ending::TimedOut { missing: Missing::Plan { received } }),
        vec(range, 0..3).prop_map(|ranges| Ending::TimedOut { missing: Missing::Chunks(ranges) }),
        ".{0,20}".prop_map(|reason| Ending::Cancelled { reason: reason.into() }),
        ".{0,20}".prop_map(|reason| Ending::Rejected { reason: reason.into() }),
    ];
    let head = (name(JobId::new), option::of(any::<u128>()), option::of(name(JobId::new)));
    (head, ending, totals(), vec(notice(), 0..4)).prop_map(|((job, request, predecessor), ending, totals, rows)| {
        Outcome { job, request, predecessor, ending, totals, rows }
    })
}

pub fn progress() -> impl Strategy<Value = Progress> {
    let received = vec(1u32..40, 0..20).prop_map(|numbers| {
        let mut set = ChunkSet::default();
        for number in numbers {
            set.insert(number);
        }
        set
    });
    let collecting =
        (option::of(started()), option::of((version(), option::of(counts()))), received, totals(), vec(notice(), 0..4))
            .prop_map(|(started, planned, received, totals, rows)| Collecting {
                started,
                planned,
                received,
                totals,
                rows,
            });
    let stage = prop_oneof![collecting.prop_map(Stage::Collecting), outcome().prop_map(Stage::Ended)];
    let times = (any::<i64>().prop_map(Timestamp), any::<i64>().prop_map(Timestamp));
    (name(JobId::new), times, stage, version()).prop_map(|(job, (first, last), stage, late)| Progress {
        job,
        first,
        last,
        stage,
        late,
    })
}

pub fn share() -> impl Strategy<Value = Share> {
    let end = (any::<i64>().prop_map(Timestamp), any::<bool>()).prop_map(|(at, complete)| ShareEnd { at, complete });
    let begun = (date(), option::of(date())).prop_map(|(day, told)| Begun { day, told });
    let counted = (option::of(count()), count(), option::of(key()), option::of(begun), version());
    (name(JobId::new), counted, totals(), vec(notice(), 0..3), option::of(end)).prop_map(
        |(job, (positions, done, after, begun, results), totals, rows, end)| Share {
            job,
            positions,
            done,
            after,
            begun,
            results,
            totals,
            rows,
            end,
        },
    )
}

fn selection() -> impl Strategy<Value = Selection> {
    let names = || btree_set("[A-Z]{1,10}", 0..3).prop_map(|names| names.into_iter().map(Into::into).collect());
    (names(), names(), names(), btree_set(name(ContractId::new), 0..3), names()).prop_map(
        |(accounts, books, securities, contracts, products)| Selection {
            accounts,
            books,
            securities,
            contracts,
            products,
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let kind = prop_oneof![
        Just(RecalculationKind::Full),
        name(JobId::new).prop_map(|since| RecalculationKind::Incremental { since }),
        (date(), date()).prop_map(|(from, to)| RecalculationKind::Historical { from, to }),
        Just(RecalculationKind::WhatIf),
    ];
    let changes = (vec(flow_samples::contract(), 0..2), vec(flow_samples::data_point(), 0..2));
    (any::<u128>(), any::<i64>(), kind, selection(), flow_samples::moment(), changes).prop_map(
        |(request, deadline, kind, selection, moment, (contracts, points))| Asked {
            recalculation: Recalculation { request, deadline: Timestamp(deadline), kind, selection, moment },
            contracts,
            points,
        },
    )
}

pub fn calculation_request() -> impl Strategy<Value = CalculationRequest> {
    let word = prop_oneof![
        3 => asked().prop_map(|asked| RequestWord::Calculate(Box::new(asked))),
        1 => Just(RequestWord::Cancel),
    ];
    (name(JobId::new), word).prop_map(|(job, word)| CalculationRequest { job, word })
}

pub fn dead_letter() -> impl Strategy<Value = DeadLetter> {
    let bytes = || vec(any::<u8>(), 0..40);
    let value = prop_oneof![
        Just(Original::Tombstone),
        bytes().prop_map(Original::Bytes),
        (count(), any::<[u8; 32]>()).prop_map(|(length, sha256)| Original::TooLarge { length, sha256 }),
    ];
    let texts = ("[a-z]{1,10}", "[a-z_]{1,20}", ".{0,60}");
    let times = (any::<i64>(), any::<i64>(), version());
    (texts, option::of(bytes()), value, vec(("[a-z]{0,8}", bytes()), 0..3), times).prop_map(
        |((stage, reason, message), key, value, headers, (timestamp, first_seen, attempts))| DeadLetter {
            stage,
            reason,
            message,
            key,
            value,
            headers,
            timestamp: Timestamp(timestamp),
            first_seen: Timestamp(first_seen),
            attempts,
        },
    )
}
