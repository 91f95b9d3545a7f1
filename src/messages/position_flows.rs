//! `cash-flows`: all current cash flows of one position. Its rows stay encoded: they are compared, kept and sent far more often than read.

use chrono::NaiveDate;
use compact_str::CompactString;

use crate::domain::flows::id::FlowId;
use crate::domain::flows::row::{BlockedContract, FlowChange, FlowRow, Obstacle, RowAmount, Snapshot};
use crate::domain::flows::status::Stage;
use crate::domain::key::{ContractId, PositionKey};
use crate::domain::swap::flow::Kind;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, Unwritable};

/// The flows of a position, or a part of them.
#[derive(Clone, PartialEq, Debug)]
pub struct PositionFlows {
    pub key: PositionKey,
    pub part: u32,
    pub parts: u32,
    /// Of the position.
    pub revision: u64,
    /// The flows stand at the end of this day; none while no business date is known.
    pub day: Option<NaiveDate>,
    pub snapshot: Snapshot,
    pub changes: Vec<FlowChange>,
    pub rows: Rows,
}

/// Flows and blocked contracts, encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows(Box<[u8]>);

/// About what a part of a position's flows may take: far below the bound of the topic.
const PART_BYTES: usize = 512 << 10;

impl Rows {
    /// Cuts flows into parts of at most 512 KB; there is always a first part, and the blocked contracts are in it.
    pub fn parts(blocked: &[BlockedContract], flows: &[FlowRow]) -> Result<Vec<Rows>, Unwritable> {
        let mut parts = Vec::with_capacity(1);
        let (mut rows, mut count, mut row) = (Vec::new(), 0u64, Vec::new());
        let mut blocked = blocked;
        let mut close = |rows: &mut Vec<u8>, count: &mut u64| -> Result<(), Unwritable> {
            let mut part = Vec::with_capacity(rows.len() + 16);
            let mut out = Encoder::new(&mut part);
            out.array(std::mem::take(&mut blocked).iter(), write_blocked);
            if *count > 0 {
                out.count(std::mem::take(count));
            }
            out.finish()?;
            part.append(rows);
            Encoder::new(&mut part).count(0);
            parts.push(Rows(part.into()));
            Ok(())
        };
        for flow in flows {
            row.clear();
            let mut out = Encoder::new(&mut row);
            write_flow(&mut out, flow);
            out.finish()?;
            if rows.len() + row.len() > PART_BYTES && count > 0 {
                close(&mut rows, &mut count)?;
            }
            rows.extend_from_slice(&row);
            count += 1;
        }
        if count > 0 || flows.is_empty() {
            close(&mut rows, &mut count)?;
        }
        Ok(parts)
    }

    pub fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    pub fn read(&self) -> Result<(Vec<BlockedContract>, Vec<FlowRow>), Unreadable> {
        let mut input = Decoder::new(&self.0);
        Ok((input.array(read_blocked)?, input.array(read_flow)?))
    }
}

/// In the order of the schema's symbols, after UNKNOWN.
pub const SWAP_FLOW_KINDS: [Kind; 9] = [
    Kind::EquityPerformance,
    Kind::CashInLieu,
    Kind::Interest,
    Kind::ShortRebate,
    Kind::Dividend,
    Kind::Commission,
    Kind::Fee,
    Kind::BorrowFee,
    Kind::Reinvestment,
];

/// In the order of the schema's symbols, after UNKNOWN.
pub(super) const STAGES: [Stage; 4] = [Stage::Projected, Stage::Accrued, Stage::Realised, Stage::Deferred];

impl Message for PositionFlows {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::PositionFlows;

    fn write(&self, out: &mut Encoder) {
        out.key(&self.key);
        out.number(self.part);
        out.number(self.parts);
        out.count(self.revision);
        out.optional(self.day, Encoder::date);
        out.long(self.snapshot.contracts);
        out.long(self.snapshot.market_data);
        out.long(self.snapshot.reference_data);
        out.array(self.changes.iter(), |out, change| {
            out.hash(change.id.0);
            out.optional(change.before, Encoder::long);
            out.optional(change.after, Encoder::long);
        });
        out.encoded(&self.rows.0);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(PositionFlows {
            key: input.key("account_book_security")?,
            part: input.number()?,
            parts: input.number()?,
            revision: input.count()?,
            day: input.optional(Decoder::date)?,
            snapshot: Snapshot { contracts: input.long()?, market_data: input.long()?, reference_data: input.long()? },
            changes: input.array(|input| {
                Ok(FlowChange {
                    id: FlowId(input.hash()?),
                    before: input.optional(Decoder::long)?,
                    after: input.optional(Decoder::long)?,
                })
            })?,
            rows: {
                let rows = input.span(|input| {
                    input.array(read_blocked)?;
                    input.array(read_flow).map(drop)
                })?;
                Rows(rows.into())
            },
        })
    }
}

fn write_blocked(out: &mut Encoder, blocked: &BlockedContract) {
    out.text(blocked.contract.as_str());
    write_obstacle(out, &blocked.obstacle);
}

fn read_blocked(input: &mut Decoder) -> Result<BlockedContract, Unreadable> {
    Ok(BlockedContract { contract: input.name("contract", ContractId::new)?, obstacle: read_obstacle(input)? })
}

pub(super) fn write_flow(out: &mut Encoder, flow: &FlowRow) {
    let text = |out: &mut Encoder, text: &CompactString| out.text(text);
    out.hash(flow.id.0);
    out.text(flow.contract.as_str());
    out.symbol(&SWAP_FLOW_KINDS, &flow.kind);
    out.symbol(&STAGES, &flow.stage);
    out.text(&flow.of);
    out.optional(flow.detail.as_ref(), text);
    out.optional(flow.closed_by.as_ref(), text);
    out.date(flow.start);
    out.optional(flow.end, Encoder::date);
    out.optional(flow.payment_date, Encoder::date);
    out.currency(flow.currency);
    out.optional(flow.result.as_ref().ok(), |out, amount| {
        out.long(amount.minor);
        out.exact(amount.unrounded);
        out.boolean(amount.provisional);
    });
    out.optional(flow.result.as_ref().err(), write_obstacle);
}

pub(super) fn read_flow(input: &mut Decoder) -> Result<FlowRow, Unreadable> {
    let text = |input: &mut Decoder| input.text().map(CompactString::from);
    Ok(FlowRow {
        id: FlowId(input.hash()?),
        contract: input.name("contract", ContractId::new)?,
        kind: input.symbol(&SWAP_FLOW_KINDS, "kind")?,
        stage: input.symbol(&STAGES, "stage")?,
        of: text(input)?,
        detail: input.optional(text)?,
        closed_by: input.optional(text)?,
        start: input.date()?,
        end: input.optional(Decoder::date)?,
        payment_date: input.optional(Decoder::date)?,
        currency: input.currency()?,
        result: read_result(input)?,
    })
}

fn read_result(input: &mut Decoder) -> Result<Result<RowAmount, Obstacle>, Unreadable> {
    let amount = input.optional(|input| {
        Ok(RowAmount { minor: input.long()?, unrounded: input.exact("unrounded")?, provisional: input.boolean()? })
    })?;
    match (amount, input.optional(read_obstacle)?) {
        (Some(amount), None) => Ok(Ok(amount)),
        (None, Some(obstacle)) => Ok(Err(obstacle)),
        _ => Err(crate::messages::wire::invalid("amount")("a flow has an amount or an obstacle")),
    }
}

fn write_obstacle(out: &mut Encoder, obstacle: &Obstacle) {
    out.text(&obstacle.reason);
    out.text(&obstacle.message);
}

fn read_obstacle(input: &mut Decoder) -> Result<Obstacle, Unreadable> {
    Ok(Obstacle { reason: input.text()?.into(), message: input.text()?.into() })
}
