//! `blotter`: the answer to each trade record, with all that an auditor needs to prove it the only one.

use crate::domain::trade::answer::{Answer, Refusal, Verdict};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

/// An answer and the turn that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlotterRow {
    pub turn: u64,
    /// Of the consumer group, in that turn: it never falls along a partition.
    pub generation: i32,
    pub answer: Answer,
}

/// In the order of the schema's symbols, after UNKNOWN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum VerdictName {
    Accepted,
    Duplicate,
    Stale,
    Held,
    Released,
    Refused,
}

pub(super) const VERDICTS: [VerdictName; 6] = [
    VerdictName::Accepted,
    VerdictName::Duplicate,
    VerdictName::Stale,
    VerdictName::Held,
    VerdictName::Released,
    VerdictName::Refused,
];

/// `Refusal::code` in the order of the schema's symbols, after UNKNOWN.
pub(super) const REFUSALS: [&str; 11] = [
    "version_zero",
    "conflict",
    "first_version_not_new",
    "already_live",
    "not_live",
    "rebooked_away",
    "rebook_to_itself",
    "currency_differs",
    "nothing_held",
    "too_many_held",
    "out_of_range",
];

impl Message for BlotterRow {
    type Cause = Place;
    const SCHEMA: SchemaName = SchemaName::Blotter;

    fn write(&self, out: &mut Encoder) {
        let answer = &self.answer;
        out.key(&answer.key);
        out.count(self.turn);
        out.long(self.generation);
        out.place(&answer.place);
        out.trade_id(&answer.id);
        out.number(answer.version);
        write_verdict(out, &answer.verdict);
        out.optional(answer.released_by.as_ref(), Encoder::place);
        out.count(answer.revision_before);
        out.count(answer.revision_after);
        out.quantity(answer.quantity_after);
        out.optional(answer.realised_delta.as_ref(), Encoder::money);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        let key = input.key("account_book_security")?;
        let (turn, generation) = (input.count()?, input.int()?);
        let answer = Answer {
            key,
            place: input.place()?,
            id: input.trade_id("trade")?,
            version: input.number()?,
            verdict: read_verdict(input)?,
            released_by: input.optional(Decoder::place)?,
            revision_before: input.count()?,
            revision_after: input.count()?,
            quantity_after: input.quantity()?,
            realised_delta: input.optional(Decoder::money)?,
        };
        Ok(BlotterRow { turn, generation, answer })
    }
}

fn write_verdict(out: &mut Encoder, verdict: &Verdict) {
    let (name, first, first_revision, named_version, refusal) = match verdict {
        Verdict::Accepted => (VerdictName::Accepted, None, None, None, None),
        Verdict::Duplicate { first, revision } => (VerdictName::Duplicate, Some(first), *revision, None, None),
        Verdict::Stale { current } => (VerdictName::Stale, None, None, Some(*current), None),
        Verdict::Held { awaited } => (VerdictName::Held, None, None, Some(*awaited), None),
        Verdict::Released => (VerdictName::Released, None, None, None, None),
        Verdict::Refused(refusal) => (VerdictName::Refused, None, None, None, Some(refusal)),
    };
    out.symbol(&VERDICTS, &name);
    out.optional(first, Encoder::place);
    out.optional(first_revision, Encoder::count);
    out.optional(named_version, Encoder::number);
    out.optional(refusal, write_refusal);
}

fn read_verdict(input: &mut Decoder) -> Result<Verdict, Unreadable> {
    let name = input.symbol(&VERDICTS, "verdict")?;
    let first = input.optional(Decoder::place)?;
    let revision = input.optional(Decoder::count)?;
    let named = input.optional(Decoder::number)?;
    let refusal = input.optional(read_refusal)?;
    Ok(match (name, first, named, refusal) {
        (VerdictName::Accepted, None, None, None) => Verdict::Accepted,
        (VerdictName::Duplicate, Some(first), None, None) => Verdict::Duplicate { first, revision },
        (VerdictName::Stale, None, Some(current), None) => Verdict::Stale { current },
        (VerdictName::Held, None, Some(awaited), None) => Verdict::Held { awaited },
        (VerdictName::Released, None, None, None) => Verdict::Released,
        (VerdictName::Refused, None, None, Some(refusal)) => Verdict::Refused(refusal),
        _ => return Err(invalid("verdict")("its details are missing, or there are too many of them")),
    })
}

fn write_refusal(out: &mut Encoder, refusal: &Refusal) {
    let (first, to, currencies) = match refusal {
        Refusal::Conflict { first } => (Some(first), None, None),
        Refusal::RebookedAway { to } => (None, Some(to), None),
        Refusal::CurrencyDiffers { position, trade } => (None, None, Some((*position, *trade))),
        _ => (None, None, None),
    };
    out.symbol(&REFUSALS, &refusal.code());
    out.optional(first, Encoder::place);
    out.optional(to, Encoder::key);
    out.optional(currencies.map(|(position, _)| position), Encoder::currency);
    out.optional(currencies.map(|(_, trade)| trade), Encoder::currency);
}

fn read_refusal(input: &mut Decoder) -> Result<Refusal, Unreadable> {
    let code = input.symbol(&REFUSALS, "refusal")?;
    let first = input.optional(Decoder::place)?;
    let to = input.optional(|input| input.key("to"))?;
    let position = input.optional(Decoder::currency)?;
    let trade = input.optional(Decoder::currency)?;
    Ok(match (code, first, to, position.zip(trade)) {
        ("version_zero", ..) => Refusal::VersionZero,
        ("conflict", Some(first), ..) => Refusal::Conflict { first },
        ("first_version_not_new", ..) => Refusal::FirstVersionNotNew,
        ("already_live", ..) => Refusal::AlreadyLive,
        ("not_live", ..) => Refusal::NotLive,
        ("rebooked_away", _, Some(to), _) => Refusal::RebookedAway { to },
        ("rebook_to_itself", ..) => Refusal::RebookToItself,
        ("currency_differs", _, _, Some((position, trade))) => Refusal::CurrencyDiffers { position, trade },
        ("nothing_held", ..) => Refusal::NothingHeld,
        ("too_many_held", ..) => Refusal::TooManyHeld,
        ("out_of_range", ..) => Refusal::OutOfRange,
        _ => return Err(invalid("refusal")("its details are missing")),
    })
}
