//! `calculation-chunks.*`: a unit of work of a calculation job, with all it needs.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::jobs::chunk::{Chunk, ContractPart, PositionPart};
use crate::domain::jobs::contract::{Averaging, Financing, Leg, Rate};
use crate::domain::jobs::job::{Calculation, Job};
use crate::domain::jobs::market::{Dividend, MarketData, Observation, Series};
use crate::domain::key::{ContractId, InvalidName};
use crate::domain::lots::cost::signed_like;
use crate::domain::lots::given::{Deal, GivenClose, GivenLot};
use crate::domain::names::{IndexName, LotId, PositionId, Symbol};
use crate::domain::trade::captured::Place;
use crate::messages::any_chunk::AnyChunk;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

// Each table is in the order of its schema's symbols, after UNKNOWN.
pub(super) const AVERAGINGS: [Averaging; 2] = [Averaging::Simple, Averaging::Compounded];
pub(super) const CALCULATIONS: [&str; 2] = ["VALUATION", "HISTORICAL"];
pub(super) const LEGS: [&str; 3] = ["EQUITY", "INTEREST", "DIVIDEND"];

impl Message for Chunk {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::Chunk;

    fn write(&self, out: &mut Encoder) {
        write_of_request(out, self);
        out.optional(None::<()>, |_, ()| ());
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        match AnyChunk::read(input)? {
            AnyChunk::OfRequest(chunk) => Ok(chunk),
            AnyChunk::OfDocument(_) => Err(invalid("document")("it is a chunk of a document")),
        }
    }
}

/// All but the document, which is behind it.
pub(super) fn write_of_request(out: &mut Encoder, chunk: &Chunk) {
    write_job(out, &chunk.job);
    out.number(chunk.number);
    out.array(chunk.contracts.iter(), write_contract);
    out.notices(&chunk.notices);
    write_series(out, &chunk.market.prices, Symbol::as_str, |out, value| out.quantity(value));
    write_series(out, &chunk.market.rates, IndexName::as_str, |out, value| out.rate(value));
    out.array(chunk.market.dividends.iter(), |out, (name, dividends)| {
        out.text(name.as_str());
        out.array(dividends.iter(), write_dividend);
    });
}

pub(super) fn read_of_request(input: &mut Decoder) -> Result<Chunk, Unreadable> {
    Ok(Chunk {
        job: read_job(input)?,
        number: input.number()?,
        contracts: input.array(read_contract)?,
        notices: input.notices()?,
        market: MarketData {
            prices: read_series(input, "prices", Symbol::new, |input| input.quantity())?,
            rates: read_series(input, "rates", IndexName::new, |input| input.rate())?,
            dividends: read_named(input, "dividends", Symbol::new, |input| input.array(read_dividend))?,
        },
    })
}

fn write_job(out: &mut Encoder, job: &Job) {
    out.job(&job.id);
    out.hash(job.request);
    out.date(job.valuation_date);
    let (name, range) = match job.calculation {
        Calculation::Valuation => ("VALUATION", None),
        Calculation::Historical { from, to } => ("HISTORICAL", Some((from, to))),
    };
    out.symbol(&CALCULATIONS, &name);
    out.optional(range.map(|(from, _)| from), Encoder::date);
    out.optional(range.map(|(_, to)| to), Encoder::date);
}

fn read_job(input: &mut Decoder) -> Result<Job, Unreadable> {
    let (id, request) = (input.job()?, input.hash()?);
    let (valuation_date, calculation) = read_days(input)?;
    Ok(Job { id, request, valuation_date, calculation })
}

pub(super) fn read_days(input: &mut Decoder) -> Result<(NaiveDate, Calculation), Unreadable> {
    let valuation_date = input.date()?;
    let name = input.symbol(&CALCULATIONS, "calculation")?;
    let (from, to) = (input.optional(Decoder::date)?, input.optional(Decoder::date)?);
    match (name, from, to) {
        ("VALUATION", None, None) => Ok((valuation_date, Calculation::Valuation)),
        ("HISTORICAL", Some(from), Some(to)) => Ok((valuation_date, Calculation::Historical { from, to })),
        _ => Err(invalid("calculation")("its days are missing, or there are too many of them")),
    }
}

fn write_contract(out: &mut Encoder, contract: &ContractPart) {
    out.text(contract.id.as_str());
    out.number(contract.part);
    out.date(contract.start);
    out.counts(&contract.counts);
    out.array(contract.positions.iter(), write_position);
}

fn read_contract(input: &mut Decoder) -> Result<ContractPart, Unreadable> {
    Ok(ContractPart {
        id: input.name("contract", ContractId::new)?,
        part: input.number()?,
        start: input.date()?,
        counts: input.counts()?,
        positions: input.array(read_position)?,
    })
}

fn write_position(out: &mut Encoder, position: &PositionPart) {
    out.text(position.id.as_str());
    let (name, financing, payout_ratio) = match &position.leg {
        Leg::Equity => ("EQUITY", None, None),
        Leg::Interest(financing) => ("INTEREST", Some(financing), None),
        Leg::Dividend { payout_ratio } => ("DIVIDEND", None, Some(*payout_ratio)),
    };
    out.symbol(&LEGS, &name);
    out.optional(financing, write_financing);
    out.optional(payout_ratio, Encoder::rate);
    out.text(position.underlying.as_str());
    out.currency(position.currency);
    out.array(position.lots.iter(), write_lot);
}

fn read_position(input: &mut Decoder) -> Result<PositionPart, Unreadable> {
    let id = input.name("position", PositionId::new)?;
    let name = input.symbol(&LEGS, "leg")?;
    let financing = input.optional(read_financing)?;
    let payout_ratio = input.optional(Decoder::rate)?;
    let leg = match (name, financing, payout_ratio) {
        ("EQUITY", None, None) => Leg::Equity,
        ("INTEREST", Some(financing), None) => Leg::Interest(financing),
        ("DIVIDEND", None, Some(payout_ratio)) => Leg::Dividend { payout_ratio },
        _ => return Err(invalid("leg")("its terms are missing, or there are too many of them")),
    };
    Ok(PositionPart {
        id,
        leg,
        underlying: input.name("underlying", Symbol::new)?,
        currency: input.currency()?,
        lots: input.array(read_lot)?,
    })
}

fn write_financing(out: &mut Encoder, financing: &Financing) {
    let (fixed, index) = match &financing.rate {
        Rate::Fixed(rate) => (Some(*rate), None),
        Rate::Index { name, averaging } => (None, Some((name, averaging))),
    };
    out.optional(fixed, Encoder::rate);
    out.optional(index, |out, (name, _)| out.text(name.as_str()));
    out.optional(index, |out, (_, averaging)| out.symbol(&AVERAGINGS, averaging));
    out.rate(financing.spread);
    out.day_count(financing.day_count);
}

fn read_financing(input: &mut Decoder) -> Result<Financing, Unreadable> {
    let fixed = input.optional(Decoder::rate)?;
    let index = input.optional(|input| input.name("index", IndexName::new))?;
    let averaging = input.optional(|input| input.symbol(&AVERAGINGS, "averaging"))?;
    let rate = match (fixed, index, averaging) {
        (Some(rate), None, None) => Rate::Fixed(rate),
        (None, Some(name), Some(averaging)) => Rate::Index { name, averaging },
        _ => return Err(invalid("financing")("neither a fixed rate nor an index with its averaging")),
    };
    Ok(Financing { rate, spread: input.rate()?, day_count: input.day_count()? })
}

fn write_lot(out: &mut Encoder, lot: &GivenLot) {
    out.text(lot.id.as_str());
    out.quantity(lot.quantity);
    write_deal(out, &lot.opened);
    out.array(lot.closes.iter(), |out, close| {
        out.text(close.id.as_str());
        out.quantity(signed_like(lot.quantity, close.quantity));
        write_deal(out, &close.deal);
    });
}

fn read_lot(input: &mut Decoder) -> Result<GivenLot, Unreadable> {
    let (id, quantity, opened) = (input.name("lot", LotId::new)?, input.quantity()?, read_deal(input)?);
    let closes = input.array(|input| {
        let (id, closed) = (input.name("lot", LotId::new)?, input.quantity()?);
        let close = GivenClose { id, quantity: signed_like(quantity, closed), deal: read_deal(input)? };
        if close.quantity > Decimal::ZERO {
            Ok(close)
        } else {
            Err(invalid("closes")("a close has not its lot's sign"))
        }
    })?;
    if !closes.is_sorted_by_key(|close| close.deal.trade_date) {
        return Err(invalid("closes")("they do not ascend by date"));
    }
    Ok(GivenLot { id, quantity, opened, closes })
}

fn write_deal(out: &mut Encoder, deal: &Deal) {
    out.quantity(deal.price);
    out.date(deal.trade_date);
    out.date(deal.settle_date);
}

fn read_deal(input: &mut Decoder) -> Result<Deal, Unreadable> {
    Ok(Deal { price: input.quantity()?, trade_date: input.date()?, settle_date: input.date()? })
}

fn write_dividend(out: &mut Encoder, dividend: &Dividend) {
    out.date(dividend.ex_date);
    out.quantity(dividend.per_share);
    out.currency(dividend.currency);
    out.optional(dividend.withholding, Encoder::withholding);
}

fn read_dividend(input: &mut Decoder) -> Result<Dividend, Unreadable> {
    Ok(Dividend {
        ex_date: input.date()?,
        per_share: input.quantity()?,
        currency: input.currency()?,
        withholding: input.optional(Decoder::withholding)?,
    })
}

fn write_series<N>(
    out: &mut Encoder,
    all: &BTreeMap<N, Series>,
    name: impl Fn(&N) -> &str,
    value: fn(&mut Encoder, Decimal),
) {
    let write = |out: &mut Encoder, observation: &Observation| {
        out.date(observation.date);
        value(out, observation.value);
    };
    out.array(all.iter(), |out, (key, series)| {
        out.text(name(key));
        out.optional(series.base.as_ref(), write);
        out.array(series.changes.iter(), write);
    });
}

fn read_series<N: Ord>(
    input: &mut Decoder,
    field: &'static str,
    name: fn(&str) -> Result<N, InvalidName>,
    value: fn(&mut Decoder) -> Result<Decimal, Unreadable>,
) -> Result<BTreeMap<N, Series>, Unreadable> {
    let read = |input: &mut Decoder| Ok(Observation { date: input.date()?, value: value(input)? });
    let series = read_named(input, field, name, |input| {
        Ok(Series { base: input.optional(read)?, changes: input.array(read)? })
    })?;
    let date = |observation: &Observation| -> NaiveDate { observation.date };
    if series.values().any(|series| !series.changes.is_sorted_by(|a, b| date(a) < date(b))) {
        return Err(invalid(field)("changes are not ascending by date, one a date"));
    }
    Ok(series)
}

fn read_named<N: Ord, T>(
    input: &mut Decoder,
    field: &'static str,
    name: fn(&str) -> Result<N, InvalidName>,
    mut read: impl FnMut(&mut Decoder) -> Result<T, Unreadable>,
) -> Result<BTreeMap<N, T>, Unreadable> {
    let entries = input.array(|input| Ok((input.name(field, name)?, read(input)?)))?;
    let (listed, entries) = (entries.len(), BTreeMap::from_iter(entries));
    if entries.len() == listed { Ok(entries) } else { Err(invalid(field)("one name twice")) }
}
