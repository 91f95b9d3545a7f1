//! Where a lot comes from: the facts that its legs are measured by in another position from what they were measured from before.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::corporate_action::{ActionKind, CorporateAction};
use super::happening::Effect;
use super::lot::Image;
use super::slice::{Edge, Life, Step};
use super::units::part_of;
use crate::domain::lots::cost::signed_like;
use crate::domain::names::Symbol;

/// What a lot was before it arrived. No valuation is in it: what one came to is looked up where the lot is now, so that a corrected price counts
/// there too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// That its trade opened it at.
    pub price: Decimal,
    /// The securities that it was a lot of, from its trade date on; they touch.
    pub stays: Vec<Stay>,
    /// What issuers did to it there, in business order.
    pub changes: Vec<Change>,
}

/// It was a lot of a security up to a day, which no more counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stay {
    pub security: Symbol,
    pub until: NaiveDate,
}

/// What a corporate action leaves of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Other units, signed, for the same cost. They say the ratio: the lot may have had more of them than what arrives.
    Units { date: NaiveDate, before: Decimal, after: Decimal },
    /// So much of its cost.
    Cost { date: NaiveDate, kept: Decimal },
}

impl Origin {
    /// Whether a lot of a trade date can have come from it as it arrives on a day: what is told of it follows each other, and decimals hold what it
    /// was on the way.
    pub(super) fn leads_to(&self, arrived: Decimal, trade_date: NaiveDate, day: NaiveDate) -> bool {
        let stays = || self.stays.iter().map(|stay| stay.until);
        let changes = || self.changes.iter().map(Change::date);
        let ordered = stays().is_sorted() && changes().is_sorted() && stays().chain(changes()).all(|date| date <= day);
        let turned = self.changes.iter().any(|change| match *change {
            Change::Units { before, after, .. } => {
                !before.is_zero() && before.is_sign_negative() != after.is_sign_negative()
            }
            Change::Cost { .. } => false,
        });
        let opened = Edge { date: trade_date, settle_date: trade_date, price: self.price, fx: Decimal::ONE };
        let (quantity, steps) = self.steps((), arrived);
        let fits = Life { quantity, opened, priced: trade_date, steps }.fits();
        ordered && !turned && fits && self.price >= Decimal::ZERO
    }

    pub(super) fn of_trade(price: Decimal) -> Origin {
        Origin { price, stays: Vec::new(), changes: Vec::new() }
    }

    /// What happened to what arrives, signed, since it was opened; and how much it was then.
    pub(super) fn steps<Id: Copy>(&self, by: Id, arrived: Decimal) -> (Decimal, Vec<Step<Id>>) {
        let (mut quantity, mut steps) = (arrived, Vec::with_capacity(self.changes.len() + 1));
        for change in self.changes.iter().rev() {
            steps.push(match *change {
                Change::Cost { date, kept } => Step::SpinOff { by, date, kept },
                Change::Units { date, before, after } => {
                    let now = quantity;
                    quantity = part_of(before, quantity, after);
                    Step::Split { date, before: quantity, after: now }
                }
            });
        }
        steps.reverse();
        (quantity, steps)
    }
}

impl Change {
    fn date(&self) -> NaiveDate {
        match *self {
            Change::Units { date, .. } | Change::Cost { date, .. } => date,
        }
    }

    /// What an action has changed of a lot that stays where it is.
    pub(super) fn of(action: &CorporateAction, image: &Image, effect: &Effect) -> Option<Change> {
        let date = action.ex_date;
        match action.kind {
            ActionKind::Split { .. } | ActionKind::StockDividend { .. } => {
                let of_lot = effect.reliefs.iter().filter(|relief| relief.lot == image.lot.id);
                let paid: Decimal = of_lot.map(|relief| relief.quantity).sum();
                let before = image.lot.remaining;
                Some(Change::Units { date, before, after: signed_like(before, image.after.abs() + paid) })
            }
            ActionKind::SpinOff { .. } => Some(Change::Cost { date, kept: action.kind.kept() }),
            _ => None,
        }
    }
}
