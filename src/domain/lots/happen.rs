//! A happening -> what it changes in its position: the highest version of each counts, whatever came when.

use super::happening::{Happened, Happening, Sent, What, resend};
use super::lot::LotChange;
use super::method::ReliefPolicy;
use super::position::Position;
use super::relief::{OutOfRange, Totals};
use super::restate::{Change, New, Restated, restate};
use crate::domain::key::PositionKey;
use crate::domain::lots::ledger::Ledger;
use crate::domain::money::{Currency, Money};
use crate::domain::trade::answer::Refusal;
use crate::domain::trade::captured::CapturedTrade;

/// Everything one happening changes. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happen {
    /// The happening itself first, then others that do something else now.
    pub happened: Vec<Happened>,
    pub trades: Vec<CapturedTrade>,
    pub lots: Vec<LotChange>,
    pub position: Option<Position>,
    /// What other positions must know.
    pub sends: Vec<Sent>,
}

/// Decides what a happening does; a version that is known, or lower than one that is, changes nothing.
pub fn happen<L: Ledger>(ledger: &L, key: &PositionKey, happening: &Happening) -> Result<Happen, Refusal> {
    let known = ledger.happened(&happening.id);
    if known.is_some_and(|known| known.happening.version >= happening.version) {
        return Ok(Happen::default());
    }
    let before = ledger.position();
    let currency = currency(before, happening)?;
    let revision = before.map_or(0, |position| position.revision) + u64::from(currency.is_some());
    let change = Change {
        key,
        id: &happening.id,
        before: known.and_then(|known| known.happening.moment()),
        after: Some(New::Happening(happening)),
        revision,
    };
    let restated = restate(ledger, &change).map_err(|OutOfRange| Refusal::OutOfRange)?;
    let Restated { mut effect, trades, happened, lots, mut sends, totals } = restated;
    let (sent, news) = resend(known.map_or(&[], |known| &known.effect.sent), std::mem::take(&mut effect.sent));
    sends.extend(news);
    effect.sent = sent;
    let own = Happened { happening: happening.clone(), effect };
    let position = currency.map(|currency| position(key, revision, currency, totals, ledger.policy()));
    Ok(Happen { happened: std::iter::once(own).chain(happened).collect(), trades, lots, position, sends })
}

/// The position's currency; `None` while nothing was ever in it. What arrives must be in the same.
fn currency(before: Option<&Position>, happening: &Happening) -> Result<Option<Currency>, Refusal> {
    let known = before.map(|position| position.currency);
    let arriving = match &happening.what {
        What::Arrival(arrival) => Some(arrival.lot.currency),
        _ => None,
    };
    match (known, arriving) {
        (Some(position), Some(trade)) if position != trade => Err(Refusal::CurrencyDiffers { position, trade }),
        (known, arriving) => Ok(known.or(arriving)),
    }
}

pub(in crate::domain) fn position(
    key: &PositionKey,
    revision: u64,
    currency: Currency,
    totals: Totals,
    relief: &ReliefPolicy,
) -> Position {
    Position {
        key: key.clone(),
        revision,
        quantity: totals.quantity,
        currency,
        realised: Money { minor: totals.realised, currency },
        cost: Money { minor: totals.cost, currency },
        costing: totals.costing,
        open_lots: totals.open_lots,
        relief: relief.clone(),
    }
}
