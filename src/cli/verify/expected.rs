//! What one position's records must have been answered, worked out again from the rules of capture; shares no code with it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::domain::key::{PositionKey, TradeId};
use crate::domain::lots::happening::{Happening, OPENING};
use crate::domain::money::Currency;
use crate::domain::trade::answer::{Answer, Refusal, Verdict};
use crate::domain::trade::captured::Place;
use crate::domain::trade::{Terms, Trade, TradeEvent};

/// Versions of one trade that may wait at the same time.
const HELD_MAX: usize = 1_000;

/// A position as the records so far leave it.
#[derive(Default)]
pub struct Expected {
    pub trades: BTreeMap<TradeId, Known>,
    /// Lots from other positions, by the highest version of each.
    pub arrivals: BTreeMap<TradeId, Happening>,
    /// Of the position's last record; `None` while nothing has ever been live in it.
    pub currency: Option<Currency>,
    pub revision: u64,
    pub quantity: Decimal,
    live: u64,
}

/// A trade as its records so far leave it.
pub struct Known {
    /// The surviving version; 0 while all versions are held.
    pub version: u32,
    pub event: Option<TradeEvent>,
    pub place: Place,
    pub revision: u64,
    pub held: BTreeMap<u32, (TradeEvent, Place)>,
}

/// What a record does: its rows on the blotter, without the realised result, and what it sends to other positions.
#[derive(Default)]
pub struct Taken {
    pub rows: Vec<Answer>,
    pub sends: Vec<Trade>,
}

/// A version on its way.
struct Line {
    place: Place,
    version: u32,
    event: TradeEvent,
    released_by: Option<Place>,
}

impl Known {
    fn first_seen(place: Place) -> Known {
        Known { version: 0, event: None, place, revision: 0, held: BTreeMap::new() }
    }

    /// The terms in force, while it is live.
    pub fn terms(&self) -> Option<&Terms> {
        self.event.as_ref().and_then(terms_of)
    }
}

impl Expected {
    /// Takes the next record. `beyond` are held versions that were refused because a number would not fit, which is the
    /// one thing that is believed here: to know it, every trade would have to be replayed at every record.
    pub fn take(&mut self, trade: &Trade, place: Place, beyond: &[Place]) -> Result<Taken, Refusal> {
        if trade.version == 0 {
            return Err(Refusal::VersionZero);
        }
        let first_seen = || Known::first_seen(place);
        let judged = judge(self.trades.entry(trade.id.clone()).or_insert_with(first_seen), trade, place);
        let currency = self.currency;
        let taken = judged.and_then(|judged| match judged {
            Judged::Unchanged(verdict) => Ok(self.unchanged(trade, place, verdict)),
            Judged::Next => self.next(trade, place, beyond),
            Judged::Force => self.force(trade, place, beyond),
        });
        let known = &self.trades[&trade.id];
        if known.terms().is_none() && currency.is_some() {
            self.currency = currency; // of several versions at once the last one counts
        }
        if known.version == 0 && known.held.is_empty() {
            self.trades.remove(&trade.id);
        }
        taken
    }

    /// Takes the next version of a lot that comes from another position or was there before.
    pub fn arrive(&mut self, key: &PositionKey, moved: &Happening, place: Place) -> Result<Answer, Refusal> {
        let known = self.arrivals.get(&moved.id);
        let (revision_before, current) = (self.revision, known.map_or(0, |known| known.version));
        let stale = known.is_some() && moved.version <= current;
        if moved.id.source() == OPENING {
            if moved.version == 0 {
                return Err(Refusal::VersionZero);
            }
            if known.is_some_and(|known| moved.version == current && known != moved) {
                return Err(Refusal::OtherLot);
            }
        }
        if !stale {
            let currency = moved.arrival().map(|arrival| arrival.lot.currency);
            if let (Some(position), Some(trade)) = (self.currency, currency)
                && position != trade
            {
                return Err(Refusal::CurrencyDiffers { position, trade });
            }
            self.currency = self.currency.or(currency);
            self.revision += u64::from(self.currency.is_some());
            self.arrivals.insert(moved.id.clone(), moved.clone());
        }
        Ok(Answer {
            place,
            key: key.clone(),
            id: moved.id.clone(),
            version: moved.version,
            verdict: if stale { Verdict::Stale { current } } else { Verdict::Accepted },
            released_by: None,
            revision_before,
            revision_after: self.revision,
            quantity_after: self.quantity,
            realised_delta: None,
        })
    }

    fn unchanged(&self, trade: &Trade, place: Place, verdict: Verdict) -> Taken {
        Taken { rows: vec![self.row(trade, place, trade.version, verdict, None, self.revision)], sends: Vec::new() }
    }

    fn next(&mut self, trade: &Trade, place: Place, beyond: &[Place]) -> Result<Taken, Refusal> {
        let line = Line { place, version: trade.version, event: trade.event.clone(), released_by: None };
        self.may_follow(trade, &line.event)?;
        let mut taken = Taken::default();
        self.apply(trade, line, Verdict::Accepted, &mut taken);
        self.release(trade, place, beyond, &mut taken);
        Ok(taken)
    }

    fn force(&mut self, trade: &Trade, place: Place, beyond: &[Place]) -> Result<Taken, Refusal> {
        let held = self.trades.get(&trade.id).and_then(|known| known.held.get(&trade.version)).cloned();
        let (event, held_place) = held.ok_or(Refusal::NothingHeld)?;
        self.may_follow(trade, &event)?;
        let mut taken = self.unchanged(trade, place, Verdict::Accepted);
        self.known(trade).held.remove(&trade.version);
        let line = Line { place: held_place, version: trade.version, event, released_by: Some(place) };
        self.apply(trade, line, Verdict::Released, &mut taken);
        self.release(trade, place, beyond, &mut taken);
        Ok(taken)
    }

    /// Held versions that need wait no longer, least first.
    fn release(&mut self, trade: &Trade, by: Place, beyond: &[Place], taken: &mut Taken) {
        loop {
            let known = self.known(trade);
            let (version, at) = (known.version, known.place);
            let Some(next) = known.held.first_entry().filter(|next| *next.key() <= version.saturating_add(1)) else {
                return;
            };
            let (held, (event, place)) = next.remove_entry();
            let verdict = if held < version {
                Verdict::Stale { current: version }
            } else if held == version {
                Verdict::Refused(Refusal::Conflict { first: at })
            } else if beyond.contains(&place) {
                Verdict::Refused(Refusal::OutOfRange)
            } else {
                self.may_follow(trade, &event).map_or_else(Verdict::Refused, |()| Verdict::Released)
            };
            if verdict == Verdict::Released {
                let line = Line { place, version: held, event, released_by: Some(by) };
                self.apply(trade, line, verdict, taken);
            } else {
                taken.rows.push(self.row(trade, place, held, verdict, Some(by), self.revision));
            }
        }
    }

    /// Whether the trade may become what `event` says.
    fn may_follow(&self, trade: &Trade, event: &TradeEvent) -> Result<(), Refusal> {
        let known = self.trades.get(&trade.id);
        let live = known.and_then(Known::terms);
        match (known.and_then(|known| known.event.as_ref()), event) {
            (_, TradeEvent::Force) => return Err(Refusal::NothingHeld),
            (Some(TradeEvent::Rebook { to, .. }), event) if !matches!(event, TradeEvent::RebookIn { .. }) => {
                return Err(Refusal::RebookedAway { to: to.clone() });
            }
            (_, TradeEvent::New(_) | TradeEvent::RebookIn { .. }) if live.is_some() => {
                return Err(Refusal::AlreadyLive);
            }
            (Some(TradeEvent::Cancel), TradeEvent::Amend(_) | TradeEvent::Cancel | TradeEvent::Rebook { .. }) => {
                return Err(Refusal::NotLive);
            }
            (_, TradeEvent::Rebook { to, .. }) if *to == trade.key => return Err(Refusal::RebookToItself),
            _ => {}
        }
        let alone = self.live == u64::from(live.is_some()) && self.arrivals.values().all(|one| one.arrival().is_none());
        match (terms_of(event), self.currency) {
            (Some(terms), Some(position)) if !alone && position != terms.currency => {
                Err(Refusal::CurrencyDiffers { position, trade: terms.currency })
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, trade: &Trade, line: Line, verdict: Verdict, taken: &mut Taken) {
        let Line { place, version, event, released_by } = line;
        if let TradeEvent::Rebook { to, terms } = &event {
            let event = TradeEvent::RebookIn { from: trade.key.clone(), terms: terms.clone() };
            taken.sends.push(Trade { key: to.clone(), id: trade.id.clone(), version, event });
        }
        if let Some(gone) = self.known(trade).terms().map(Terms::signed_quantity) {
            self.quantity -= gone;
            self.live -= 1;
        }
        if let Some(terms) = terms_of(&event) {
            self.quantity += terms.signed_quantity();
            self.live += 1;
            self.currency = Some(terms.currency);
        }
        let revision_before = self.revision;
        self.revision += u64::from(self.currency.is_some());
        let revision = self.revision;
        let known = self.known(trade);
        (known.version, known.place, known.revision, known.event) = (version, place, revision, Some(event));
        taken.rows.push(self.row(trade, place, version, verdict, released_by, revision_before));
    }

    fn known(&mut self, trade: &Trade) -> &mut Known {
        self.trades.get_mut(&trade.id).expect("a trade is entered before its first record is taken")
    }

    fn row(
        &self,
        trade: &Trade,
        place: Place,
        version: u32,
        verdict: Verdict,
        released_by: Option<Place>,
        revision_before: u64,
    ) -> Answer {
        Answer {
            place,
            key: trade.key.clone(),
            id: trade.id.clone(),
            version,
            verdict,
            released_by,
            revision_before,
            revision_after: self.revision,
            quantity_after: self.quantity,
            realised_delta: None,
        }
    }
}

enum Judged {
    Unchanged(Verdict),
    Next,
    Force,
}

/// How a version stands to what is known of its trade; one that has to wait is put with those that wait.
fn judge(known: &mut Known, trade: &Trade, place: Place) -> Result<Judged, Refusal> {
    let force = matches!(trade.event, TradeEvent::Force);
    let from_rebook = matches!(trade.event, TradeEvent::RebookIn { .. });
    let same = |event: &TradeEvent, first: Place, revision: Option<u64>| match *event == trade.event {
        true => Ok(Judged::Unchanged(Verdict::Duplicate { first, revision })),
        false => Err(Refusal::Conflict { first }),
    };
    match known.held.get(&trade.version) {
        Some(_) if force => return Ok(Judged::Force),
        Some((event, first)) if !from_rebook => return same(event, *first, None),
        _ => {}
    }
    if trade.version < known.version || (force && trade.version == known.version) {
        return Ok(Judged::Unchanged(Verdict::Stale { current: known.version }));
    }
    if force {
        return Err(Refusal::NothingHeld);
    }
    if let Some(event) = known.event.as_ref().filter(|_| trade.version == known.version) {
        return same(event, known.place, Some(known.revision));
    }
    if from_rebook {
        return Ok(Judged::Next);
    }
    if trade.version == 1 && !matches!(trade.event, TradeEvent::New(_)) {
        return Err(Refusal::FirstVersionNotNew);
    }
    if known.version.checked_add(1) == Some(trade.version) {
        return Ok(Judged::Next);
    }
    if known.held.len() >= HELD_MAX {
        return Err(Refusal::TooManyHeld);
    }
    known.held.insert(trade.version, (trade.event.clone(), place));
    Ok(Judged::Unchanged(Verdict::Held { awaited: known.version + 1 }))
}

/// The terms that an event gives the trade in its own position.
pub fn terms_of(event: &TradeEvent) -> Option<&Terms> {
    match event {
        TradeEvent::New(terms) | TradeEvent::Amend(terms) | TradeEvent::RebookIn { terms, .. } => Some(terms),
        TradeEvent::Cancel | TradeEvent::Rebook { .. } | TradeEvent::Force => None,
    }
}
