//! Dates by a rule: at regular distances over the life of a contract, moved to business days.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::dates::Life;
use super::object::{Item, Object};
use crate::domain::calendar::{Calendar, Convention};
use crate::domain::daycount::Coupons;
use crate::domain::schedule::{Regular, Roll, Stub, adjusted, unadjusted};
use crate::messages::request::scalar::shortened;
use crate::messages::request::{InvalidValue, Path};

/// Ten years; whoever means longer has mistyped.
const MONTHS_MAX: u32 = 120;

/// `{"every": "3M", "stub": "SHORT_FIRST", "convention": "MODFOLLOWING", "endOfMonth": false}`.
pub(super) struct Rule {
    path: Path,
    regular: Regular,
    convention: Convention,
    /// Business days from the end of a period to its payment; only interest periods have it.
    pub payment_offset: Option<u32>,
}

impl Rule {
    pub fn read(item: Item<'_>, life: Life, paid: Paid) -> Result<Rule, InvalidValue> {
        let path = item.path.clone();
        let object = item.object()?;
        // Without an end there is nothing to count back from.
        let usual = if life.termination.is_some() { Stub::ShortFirst } else { Stub::ShortLast };
        let stubs = if life.termination.is_some() { &STUBS[..] } else { &STUBS[2..] };
        let rule = Rule {
            path,
            regular: Regular {
                months: months(object.member("every")?)?,
                stub: object.word("stub", stubs)?.unwrap_or(usual),
                end_of_month: object.optional("endOfMonth").map_or(Ok(false), Item::flag)?,
                first: within(&object, "firstRegular", life)?,
                last: within(&object, "lastRegular", life)?,
            },
            convention: object
                .optional("convention")
                .map_or(Ok(Convention::ModifiedFollowing), |item| item.named(str::parse::<Convention>))?,
            payment_offset: match paid {
                Paid::WithOffset => Some(object.count("paymentOffset")?.unwrap_or(0)),
                Paid::Elsewhere => None,
            },
        };
        object.end()?;
        Ok(rule)
    }

    /// The regular dates before they are moved to business days, continued beyond the stubs at either end.
    pub fn coupons(&self, life: Life) -> Coupons {
        let Regular { months, stub, end_of_month, first, last } = self.regular;
        let (start, end) = (first.unwrap_or(life.effective), last.or(life.termination));
        let anchor = match stub {
            Stub::ShortFirst | Stub::LongFirst => end.unwrap_or(start),
            Stub::ShortLast | Stub::LongLast => start,
        };
        Coupons { anchor, months, roll: Roll::through(anchor, end_of_month) }
    }

    /// From the effective date, which stays as it is, to the termination date; of an open-ended contract to the first date after the one on which
    /// it is looked at.
    pub fn dates(&self, life: Life, calendar: &Calendar) -> Result<Vec<NaiveDate>, InvalidValue> {
        let invalid = |problem: String| self.path.clone().invalid(problem);
        let end = life.termination.or_else(|| self.next_after(life)).unwrap_or(NaiveDate::MAX);
        let dates = unadjusted(life.effective, end, &self.regular).map_err(|problem| invalid(problem.to_string()))?;
        let mut dates = adjusted(&dates, calendar, self.convention, self.convention)
            .map_err(|outside| invalid(outside.to_string()))?;
        if let Some(first) = dates.first_mut() {
            *first = life.effective;
        }
        dates.dedup();
        Ok(dates)
    }

    fn next_after(&self, life: Life) -> Option<NaiveDate> {
        let anchor = self.regular.first.unwrap_or(life.effective);
        let roll = Roll::through(anchor, self.regular.end_of_month);
        let mut months = 0_i32;
        loop {
            months = months.checked_add(i32::try_from(self.regular.months).ok()?)?;
            let date = roll.date(anchor, months)?;
            if date > life.valuation_date {
                return Some(date);
            }
        }
    }
}

/// `{"every": "6M", "through": "2025-03-15", "endOfMonth": false}`.
pub(super) fn coupons(item: Item<'_>) -> Result<Coupons, InvalidValue> {
    let object = item.object()?;
    let months = months(object.member("every")?)?;
    let anchor = object.member("through")?.date()?;
    let end_of_month = object.optional("endOfMonth").map_or(Ok(false), Item::flag)?;
    object.end()?;
    Ok(Coupons { anchor, months, roll: Roll::through(anchor, end_of_month) })
}

/// Whether a rule says when its periods are paid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Paid {
    WithOffset,
    Elsewhere,
}

/// `3M`, `1Y`.
fn months(item: Item<'_>) -> Result<u32, InvalidValue> {
    let path = item.path.clone();
    let text: Cow<'_, str> = item.text()?;
    let months = match (text.strip_suffix('M'), text.strip_suffix('Y')) {
        (Some(months), _) => months.parse().ok(),
        (_, Some(years)) => years.parse::<u32>().ok().and_then(|years| years.checked_mul(12)),
        _ => None,
    };
    months.filter(|months| (1..=MONTHS_MAX).contains(months)).ok_or_else(|| {
        path.invalid(format!(
            "{} is no distance; allowed: 1M to {MONTHS_MAX}M, 1Y to {}Y",
            shortened(&text),
            MONTHS_MAX / 12
        ))
    })
}

fn within(object: &Object<'_>, name: &'static str, life: Life) -> Result<Option<NaiveDate>, InvalidValue> {
    object.optional(name).map(|item| item.not_before(life.effective)).transpose()
}

/// Those that need an end come first.
const STUBS: [(&str, Stub); 4] = [
    ("SHORT_FIRST", Stub::ShortFirst),
    ("LONG_FIRST", Stub::LongFirst),
    ("SHORT_LAST", Stub::ShortLast),
    ("LONG_LAST", Stub::LongLast),
];
