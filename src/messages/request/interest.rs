//! The terms of an interest leg: what a request says, and the market's convention where it says nothing.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::scalar::{Number, Raw, number, optional_number, optional_text, shortened, word};
use super::{InvalidValue, Path};
use crate::domain::daycount::DayCount;
use crate::domain::jobs::contract::{Averaging, Financing, Rate};
use crate::domain::money::Currency;
use crate::domain::names::IndexName;
use crate::messages::job_parts::DAY_COUNTS;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WireInterestLeg<'a> {
    #[serde(borrow)]
    rate_type: Raw<'a>,
    #[serde(borrow)]
    fixed_rate: Raw<'a>,
    #[serde(borrow)]
    index: Raw<'a>,
    #[serde(borrow)]
    reset_frequency: Raw<'a>,
    #[serde(borrow)]
    spread: Raw<'a>,
    #[serde(borrow)]
    day_count: Raw<'a>,
}

/// `leg` is the member `interestLeg` of the position at `path`, `index` the one that the contract names.
pub(super) fn financing(
    leg: Raw<'_>,
    index: Option<&IndexName>,
    currency: Currency,
    path: &Path,
    of_contract: &Path,
) -> Result<Financing, InvalidValue> {
    let path = path.field("interestLeg");
    let at = |field| {
        let path = &path;
        move |problem: String| path.field(field).invalid(problem)
    };
    let wire: WireInterestLeg<'_> = match leg {
        None => WireInterestLeg::default(),
        Some(leg) => serde_json::from_str(leg.get()).map_err(|error| path.clone().invalid(error.to_string()))?,
    };
    let fixed = match wire.rate_type {
        None => false,
        given => word(given, &RATE_TYPES).map_err(at("rateType"))?,
    };
    let rate = if fixed {
        Rate::Fixed(number(wire.fixed_rate, Number::Rate).and_then(fraction).map_err(at("fixedRate"))?)
    } else {
        let own = optional_text(wire.index).map_err(at("index"))?;
        let own = own.map(|name| IndexName::new(&name).map_err(|error| at("index")(error.to_string()))).transpose()?;
        let missing = || of_contract.field("index").invalid("missing, but a position is an INTEREST_LEG");
        let name = own.or_else(|| index.cloned()).ok_or_else(missing)?;
        if wire.reset_frequency.is_some() {
            // With rarer resets a change of the rate would not count from its day.
            word(wire.reset_frequency, &[("DAILY", ())]).map_err(at("resetFrequency"))?;
        }
        // A request lists changes of a rate and no calendar, so nobody can say on which days it would compound.
        Rate::Index { name, averaging: Averaging::Simple }
    };
    let spread = optional_number(wire.spread, Number::Rate).map_err(at("spread"))?;
    let spread = spread.map_or(Ok(Decimal::ZERO), fraction).map_err(at("spread"))?;
    Ok(Financing { rate, spread, day_count: day_count(wire.day_count, currency).map_err(at("dayCount"))? })
}

/// True is fixed.
const RATE_TYPES: [(&str, bool); 2] = [("FLOATING", false), ("FIXED", true)];

/// Words of the replaced service's documents that mean one thing only. Its ACT_ACT and THIRTY_360 may mean several.
const WORDS: [(&str, DayCount); 2] = [("ACT_360", DayCount::Act360), ("ACT_365", DayCount::Act365Fixed)];

fn day_count(raw: Raw<'_>, currency: Currency) -> Result<DayCount, String> {
    let Some(text) = optional_text(raw)? else { return Ok(DayCount::of_money_market(currency)) };
    let known = WORDS.iter().find(|(word, _)| *word == text).map(|(_, day_count)| *day_count);
    known.or_else(|| text.parse().ok().filter(|named| DAY_COUNTS.contains(named))).ok_or_else(|| {
        let names = DAY_COUNTS.map(|day_count| day_count.to_string()).join(", ");
        format!("{} is unknown or may mean several; allowed: {names}", shortened(&text))
    })
}

fn fraction(rate: Decimal) -> Result<Decimal, String> {
    if rate.abs() < Decimal::ONE {
        return Ok(rate);
    }
    let (rate, fraction) = (rate.normalize(), (rate / Decimal::ONE_HUNDRED).normalize());
    Err(format!("{rate}: percent? write {fraction}"))
}
