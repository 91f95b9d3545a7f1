//! `captured-actions`: what happened to a position besides trades, and what it did; the state that restatement replays.

use rust_decimal::Decimal;

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use crate::domain::lots::happening::{Arrival, Departure, Effect, Happened, Happening, Phase, Sent, What};
use crate::domain::lots::origin::{Change, Origin, Stay};
use crate::domain::names::Symbol;
use crate::domain::number::ratio::Ratio;
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::relief::{
    read_before, read_instruction, read_lot, read_refused, read_relief, write_before, write_instruction, write_lot,
    write_refused, write_relief,
};
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// A happening of a position, with what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedAction {
    pub key: PositionKey,
    pub happened: Happened,
}

/// In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Name {
    Split,
    StockDividend,
    SpinOff,
    MergerCash,
    MergerStock,
    MergerMixed,
    SymbolChange,
    Departure,
    Arrival,
    Withdrawn,
}

pub(super) const NAMES: [Name; 10] = [
    Name::Split,
    Name::StockDividend,
    Name::SpinOff,
    Name::MergerCash,
    Name::MergerStock,
    Name::MergerMixed,
    Name::SymbolChange,
    Name::Departure,
    Name::Arrival,
    Name::Withdrawn,
];

impl Message for CapturedAction {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::CapturedAction;

    fn write(&self, out: &mut Encoder) {
        let Happened { happening, effect } = &self.happened;
        out.key(&self.key);
        out.trade_id(&happening.id);
        out.number(happening.version);
        Fields::of(&happening.what).write(out);
        out.quantity(effect.opened);
        out.array(effect.reliefs.iter(), write_relief);
        out.quantity(effect.change);
        out.optional(effect.before.as_deref(), write_before);
        out.optional(effect.cash_in_lieu.as_ref(), Encoder::money);
        out.array(effect.sent.iter(), write_sent);
        out.quantity(effect.missing);
        out.optional(effect.refused.as_deref(), write_refused);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let key = input.key("account_book_security")?;
        let (id, version) = (input.trade_id("id")?, input.number()?);
        let what = Fields::read(input, &key, &id)?;
        let effect = Effect {
            opened: input.quantity()?,
            reliefs: input.array(read_relief)?,
            change: input.quantity()?,
            before: input.optional(|input| read_before(input, &key))?.map(Box::new),
            cash_in_lieu: input.optional(Decoder::money)?,
            sent: input.array(read_sent)?,
            missing: input.quantity()?,
            refused: input.optional(read_refused)?.map(Box::new),
        };
        Ok(CapturedAction { key, happened: Happened { happening: Happening { id, version, what }, effect } })
    }
}

/// What a version says, field by field.
struct Fields<'a> {
    name: Name,
    date: Option<chrono::NaiveDate>,
    to: Option<&'a PositionKey>,
    ratio: Option<Ratio>,
    cash: Option<Decimal>,
    new_price: Option<Decimal>,
    closes: Option<(Decimal, Decimal)>,
    fractions: Fractions,
    departure: Option<&'a Departure>,
    arrival: Option<&'a Arrival>,
}

impl<'a> Fields<'a> {
    fn of(what: &'a What) -> Fields<'a> {
        let none = Fields {
            name: Name::Withdrawn,
            date: None,
            to: None,
            ratio: None,
            cash: None,
            new_price: None,
            closes: None,
            fractions: Fractions::Keep,
            departure: None,
            arrival: None,
        };
        match what {
            What::Withdrawn => none,
            What::Arrival(arrival) => Fields { name: Name::Arrival, arrival: Some(arrival), ..none },
            What::Departure(departure) => Fields {
                name: Name::Departure,
                date: Some(departure.date),
                to: Some(&departure.to),
                departure: Some(departure),
                ..none
            },
            What::Action(action) => {
                let (date, to) = (Some(action.ex_date), action.to());
                let none = Fields { date, to, ..none };
                match action.kind {
                    ActionKind::Split { ratio, fractions } => {
                        Fields { name: Name::Split, ratio: Some(ratio), fractions, ..none }
                    }
                    ActionKind::StockDividend { per_unit, fractions } => {
                        Fields { name: Name::StockDividend, ratio: Some(per_unit), fractions, ..none }
                    }
                    ActionKind::SpinOff { ratio, parent_close, child_close, fractions, .. } => {
                        let closes = Some((parent_close, child_close));
                        Fields { name: Name::SpinOff, ratio: Some(ratio), closes, fractions, ..none }
                    }
                    ActionKind::MergerCash { price } => Fields { name: Name::MergerCash, cash: Some(price), ..none },
                    ActionKind::MergerStock { ratio, fractions, .. } => {
                        Fields { name: Name::MergerStock, ratio: Some(ratio), fractions, ..none }
                    }
                    ActionKind::MergerMixed { cash, ratio, price, fractions, .. } => Fields {
                        name: Name::MergerMixed,
                        ratio: Some(ratio),
                        cash: Some(cash),
                        new_price: Some(price),
                        fractions,
                        ..none
                    },
                    ActionKind::SymbolChange { .. } => Fields { name: Name::SymbolChange, ..none },
                }
            }
        }
    }

    fn write(&self, out: &mut Encoder) {
        let in_lieu = match self.fractions {
            Fractions::Keep => None,
            Fractions::CashInLieu { price } => Some(price),
        };
        out.symbol(&NAMES, &self.name);
        out.optional(self.date, Encoder::date);
        out.optional(self.to, Encoder::key);
        out.optional(self.ratio, |out, ratio| {
            out.exact(ratio.numerator());
            out.exact(ratio.denominator());
        });
        let closes = self.closes;
        for number in [self.cash, self.new_price, closes.map(|two| two.0), closes.map(|two| two.1), in_lieu] {
            out.optional(number, Encoder::exact);
        }
        out.optional(self.departure, |out, departure| {
            out.quantity(departure.quantity);
            out.instant(departure.exec_time);
            out.count(departure.source_seq);
            out.optional(departure.instruction.as_ref(), write_instruction);
        });
        out.optional(self.arrival, write_arrival);
    }

    fn read(input: &mut Decoder, key: &PositionKey, id: &TradeId) -> Result<What, Unreadable> {
        let missing = |field: &'static str| move || invalid("what")(format!("it has no {field}"));
        let name = input.symbol(&NAMES, "what")?;
        let date = input.optional(Decoder::date)?;
        let to = input.optional(|input| input.key("to"))?;
        let ratio = input.optional(read_ratio)?;
        let mut number = |field| input.optional(|input| input.exact(field));
        let (cash, new_price) = (number("cash")?, number("new_price")?);
        let (parent_close, child_close) = (number("parent_close")?, number("child_close")?);
        let fractions = number("cash_in_lieu")?.map_or(Fractions::Keep, |price| Fractions::CashInLieu { price });
        let departure = input.optional(|input| {
            let (quantity, exec_time, source_seq) = (input.quantity()?, input.instant()?, input.count()?);
            Ok((quantity, exec_time, source_seq, input.optional(read_instruction)?))
        })?;
        let arrival = input.optional(|input| read_arrival(input, key, id))?;
        let (date, to) = (date.ok_or_else(missing("date")), to.ok_or_else(missing("to")));
        let ratio = ratio.ok_or_else(missing("ratio"));
        let kind = match name {
            Name::Withdrawn => return Ok(What::Withdrawn),
            Name::Arrival => {
                return arrival.ok_or_else(missing("arrival")).map(|arrival| What::Arrival(Box::new(arrival)));
            }
            Name::Departure => {
                let (quantity, exec_time, source_seq, instruction) = departure.ok_or_else(missing("departure"))?;
                let departure = Departure { to: to?, quantity, date: date?, exec_time, source_seq, instruction };
                return Ok(What::Departure(departure));
            }
            Name::Split => ActionKind::Split { ratio: ratio?, fractions },
            Name::StockDividend => ActionKind::StockDividend { per_unit: ratio?, fractions },
            Name::SpinOff => ActionKind::SpinOff {
                to: to?,
                ratio: ratio?,
                parent_close: parent_close.ok_or_else(missing("parent_close"))?,
                child_close: child_close.ok_or_else(missing("child_close"))?,
                fractions,
            },
            Name::MergerCash => ActionKind::MergerCash { price: cash.ok_or_else(missing("cash"))? },
            Name::MergerStock => ActionKind::MergerStock { to: to?, ratio: ratio?, fractions },
            Name::MergerMixed => ActionKind::MergerMixed {
                cash: cash.ok_or_else(missing("cash"))?,
                to: to?,
                ratio: ratio?,
                price: new_price.ok_or_else(missing("new_price"))?,
                fractions,
            },
            Name::SymbolChange => ActionKind::SymbolChange { to: to? },
        };
        Ok(What::Action(CorporateAction { ex_date: date?, kind }))
    }
}

fn read_ratio(input: &mut Decoder) -> Result<Ratio, Unreadable> {
    let mut whole = |field| {
        let number = input.exact(field)?;
        u64::try_from(number)
            .ok()
            .filter(|whole| Decimal::from(*whole) == number)
            .ok_or_else(|| invalid(field)(format!("{number} is not a whole number")))
    };
    let (new, old) = (whole("new_units")?, whole("old_units")?);
    Ratio::new(new, old).ok_or_else(|| invalid("ratio")("units are above zero"))
}

pub(super) fn write_arrival(out: &mut Encoder, arrival: &Arrival) {
    out.date(arrival.date);
    out.boolean(arrival.phase == Phase::Action);
    out.instant(arrival.exec_time);
    out.count(arrival.source_seq);
    write_lot(out, &arrival.lot);
    out.optional(arrival.origin.as_deref(), write_origin);
}

fn write_origin(out: &mut Encoder, Origin { price, stays, changes }: &Origin) {
    out.quantity(*price);
    out.array(stays.iter(), |out, Stay { security, until }| {
        out.text(security.as_str());
        out.date(*until);
    });
    out.array(changes.iter(), |out, change| {
        let (date, units, kept) = match *change {
            Change::Units { date, before, after } => (date, Some((before, after)), None),
            Change::Cost { date, kept } => (date, None, Some(kept)),
        };
        out.date(date);
        out.optional(units, |out, (before, after)| {
            out.exact(before);
            out.exact(after);
        });
        out.optional(kept, Encoder::exact);
    });
}

fn read_origin(input: &mut Decoder) -> Result<Origin, Unreadable> {
    let price = input.quantity()?;
    let stays = input.array(|input| {
        let security = Symbol::new(input.text()?).map_err(invalid("security"))?;
        Ok(Stay { security, until: input.date()? })
    })?;
    let changes = input.array(|input| {
        let date = input.date()?;
        let units = input.optional(|input| Ok((input.exact("before")?, input.exact("after")?)))?;
        match (units, input.optional(|input| input.exact("kept"))?) {
            (Some((before, after)), None) if !after.is_zero() => Ok(Change::Units { date, before, after }),
            (None, Some(kept)) => Ok(Change::Cost { date, kept }),
            _ => Err(invalid("changes")("each has units that something came of, or a part of the cost")),
        }
    })?;
    Ok(Origin { price, stays, changes })
}

/// The lot is of the position it arrives in, under the id of its arrival.
pub(super) fn read_arrival(input: &mut Decoder, to: &PositionKey, id: &TradeId) -> Result<Arrival, Unreadable> {
    let date = input.date()?;
    let phase = if input.boolean()? { Phase::Action } else { Phase::Trade };
    let (exec_time, source_seq) = (input.instant()?, input.count()?);
    let lot = read_lot(input, to)?;
    let origin = input.optional(read_origin)?.map(Box::new);
    match lot.id == *id {
        true => Ok(Arrival { date, phase, exec_time, source_seq, lot, origin }),
        false => Err(invalid("lot")(format!("it is {} in the arrival of {id}", lot.id))),
    }
}

fn write_sent(out: &mut Encoder, Sent { to, happening }: &Sent) {
    out.key(to);
    out.trade_id(&happening.id);
    out.number(happening.version);
    out.optional(happening.arrival(), write_arrival);
}

fn read_sent(input: &mut Decoder) -> Result<Sent, Unreadable> {
    let (to, id, version) = (input.key("to")?, input.trade_id("id")?, input.number()?);
    let arrival = input.optional(|input| read_arrival(input, &to, &id))?;
    let what = arrival.map_or(What::Withdrawn, |arrival| What::Arrival(Box::new(arrival)));
    Ok(Sent { to, happening: Happening { id, version, what } })
}
