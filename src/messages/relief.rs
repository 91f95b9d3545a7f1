//! Parts about which lots are taken: the policy, what is ordered for one close, what was taken and why, and what undoing that needs.

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::lot::{Age, Before, Chosen, Image, Lot, Relief};
use crate::domain::lots::method::{Instruction, InvalidInstruction, ReliefMethod, ReliefPolicy};
use crate::domain::trade::SCALE_MAX;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// In the order of the schema's symbols, after UNKNOWN.
pub const METHODS: [ReliefMethod; 8] = [
    ReliefMethod::Fifo,
    ReliefMethod::Lifo,
    ReliefMethod::Hifo,
    ReliefMethod::Lofo,
    ReliefMethod::Average,
    ReliefMethod::MaxLoss,
    ReliefMethod::MinGain,
    ReliefMethod::MaxGain,
];

/// In the order of the schema's symbols, after UNKNOWN.
pub const CHOSEN: [Chosen; 9] = [
    Chosen::By(ReliefMethod::Fifo),
    Chosen::By(ReliefMethod::Lifo),
    Chosen::By(ReliefMethod::Hifo),
    Chosen::By(ReliefMethod::Lofo),
    Chosen::By(ReliefMethod::Average),
    Chosen::By(ReliefMethod::MaxLoss),
    Chosen::By(ReliefMethod::MinGain),
    Chosen::By(ReliefMethod::MaxGain),
    Chosen::Listed,
];

/// In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Problem {
    Quantity,
    NotOpen,
    Sum,
}

pub const PROBLEMS: [Problem; 3] = [Problem::Quantity, Problem::NotOpen, Problem::Sum];

pub fn write_policy(out: &mut Encoder, policy: &ReliefPolicy) {
    out.symbol(&METHODS, &policy.first());
    out.array(policy.changes().iter(), |out, (since, method)| {
        out.date(*since);
        out.symbol(&METHODS, method);
    });
}

pub fn read_policy(input: &mut Decoder) -> Result<ReliefPolicy, Unreadable> {
    let first = input.symbol(&METHODS, "first")?;
    let changes = input.array(|input| Ok((input.date()?, input.symbol(&METHODS, "method")?)))?;
    Ok(ReliefPolicy::new(first, changes))
}

pub fn write_instruction(out: &mut Encoder, instruction: &Instruction) {
    let (method, lots) = match instruction {
        Instruction::Method(method) => (Some(method), &[][..]),
        Instruction::Lots(lots) => (None, &lots[..]),
    };
    out.optional(method, |out, method| out.symbol(&METHODS, method));
    out.array(lots.iter(), |out, (lot, quantity)| {
        out.trade_id(lot);
        out.quantity(*quantity);
    });
}

pub fn read_instruction(input: &mut Decoder) -> Result<Instruction, Unreadable> {
    let method = input.optional(|input| input.symbol(&METHODS, "method"))?;
    let lots: Vec<(TradeId, _)> = input.array(|input| Ok((input.trade_id("lot")?, input.quantity()?)))?;
    match method {
        None => Ok(Instruction::Lots(lots)),
        Some(method) if lots.is_empty() => Ok(Instruction::Method(method)),
        Some(_) => Err(invalid("relief")("a method and lots exclude each other")),
    }
}

pub fn write_refused(out: &mut Encoder, refused: &InvalidInstruction) {
    let (problem, lot, sum) = match refused {
        InvalidInstruction::Quantity(lot) => (Problem::Quantity, Some(lot), None),
        InvalidInstruction::NotOpen(lot) => (Problem::NotOpen, Some(lot), None),
        InvalidInstruction::Sum { listed, closed } => (Problem::Sum, None, Some((*listed, *closed))),
    };
    out.symbol(&PROBLEMS, &problem);
    out.optional(lot, Encoder::trade_id);
    out.optional(sum.map(|(listed, _)| listed), Encoder::exact);
    out.optional(sum.map(|(_, closed)| closed), Encoder::exact);
}

pub fn read_refused(input: &mut Decoder) -> Result<InvalidInstruction, Unreadable> {
    let problem = input.symbol(&PROBLEMS, "problem")?;
    let lot = input.optional(|input| input.trade_id("lot"))?;
    let listed = input.optional(|input| input.exact("listed"))?;
    let closed = input.optional(|input| input.exact("closed"))?;
    match (problem, lot, listed, closed) {
        (Problem::Quantity, Some(lot), None, None) => Ok(InvalidInstruction::Quantity(lot)),
        (Problem::NotOpen, Some(lot), None, None) => Ok(InvalidInstruction::NotOpen(lot)),
        (Problem::Sum, None, Some(listed), Some(closed)) => Ok(InvalidInstruction::Sum { listed, closed }),
        _ => Err(invalid("refused")("a lot or two sums are missing, or there is too much")),
    }
}

pub fn write_relief(out: &mut Encoder, relief: &Relief) {
    out.trade_id(&relief.lot);
    out.quantity(relief.quantity);
    let open_price = relief.open_price.round_dp(SCALE_MAX);
    out.quantity(open_price);
    out.money(&relief.realised);
    out.optional((open_price != relief.open_price).then_some(relief.open_price), Encoder::exact);
    out.symbol(&CHOSEN, &relief.chosen);
    out.date(relief.age.trade_date);
    out.instant(relief.age.exec_time);
    out.count(relief.age.source_seq);
}

pub fn read_relief(input: &mut Decoder) -> Result<Relief, Unreadable> {
    let (lot, quantity) = (input.trade_id("lot")?, input.quantity()?);
    let (open_price, realised) = (input.quantity()?, input.money()?);
    let open_price = input.optional(|input| input.exact("exact_open_price"))?.unwrap_or(open_price);
    let chosen = input.symbol(&CHOSEN, "chosen")?;
    let age = Age { trade_date: input.date()?, exec_time: input.instant()?, source_seq: input.count()? };
    Ok(Relief { lot, quantity, open_price, realised, chosen, age })
}

pub fn write_before(out: &mut Encoder, before: &Before) {
    out.optional(before.pool, Encoder::long);
    out.array(before.lots.iter(), write_image);
}

pub fn read_before(input: &mut Decoder, key: &PositionKey) -> Result<Before, Unreadable> {
    Ok(Before { pool: input.optional(Decoder::long)?, lots: input.array(|input| read_image(input, key))? })
}

/// Of the fact's own position.
fn write_image(out: &mut Encoder, Image { lot, after }: &Image) {
    write_lot(out, lot);
    out.quantity(*after);
}

fn read_image(input: &mut Decoder, key: &PositionKey) -> Result<Image, Unreadable> {
    Ok(Image { lot: read_lot(input, key)?, after: input.quantity()? })
}

/// A lot as it stood or as it travels: of a position that is known, with revision 0.
pub fn write_lot(out: &mut Encoder, lot: &Lot) {
    out.trade_id(&lot.id);
    out.contract(lot.contract.as_ref());
    out.quantity(lot.opened);
    out.quantity(lot.remaining);
    out.quantity(lot.price);
    out.shared_cost(lot.shared.as_deref());
    out.currency(lot.currency);
    out.date(lot.trade_date);
    out.optional(lot.settle_date, Encoder::date);
    out.instant(lot.exec_time);
    out.count(lot.source_seq);
}

pub fn read_lot(input: &mut Decoder, key: &PositionKey) -> Result<Lot, Unreadable> {
    Ok(Lot {
        key: key.clone(),
        id: input.trade_id("lot")?,
        contract: input.contract()?,
        opened: input.quantity()?,
        remaining: input.quantity()?,
        price: input.quantity()?,
        shared: input.shared_cost()?,
        currency: input.currency()?,
        trade_date: input.date()?,
        settle_date: input.optional(Decoder::date)?,
        exec_time: input.instant()?,
        source_seq: input.count()?,
        revision: 0,
    })
}
