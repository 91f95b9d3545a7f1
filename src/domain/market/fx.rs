//! Exchange rates: settlement currency per unit of price currency, from one named fix, straight, inverted or over a base.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use compact_str::{CompactString, format_compact};
use rust_decimal::Decimal;

use super::carry::{Accepted, CarryForward, Quote};
use crate::domain::blocked::{Blocked, out_of_range};
use crate::domain::explain::pad::Pad;
use crate::domain::explain::{Fact, Observed};
use crate::domain::key::PART_LENGTH_MAX;
use crate::domain::money::{Currency, Ended, UnknownCurrency};
use crate::domain::names::name;

name! {
    /// Name of a published fix, such as the one of 16:00 in London.
    FixName, "fix", PART_LENGTH_MAX
}

/// Two currencies in the order of a rate: units of `settlement` for one unit of `price`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pair {
    pub price: Currency,
    pub settlement: Currency,
}

/// How a return in price currency becomes an amount in settlement currency: FpML `fxFeature`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FxMode {
    /// Both currencies are one.
    None,
    /// Prices are converted, each at the rate of its own day: quantity x (P1 x X1 - P0 x X0). The client bears the rate of what he holds.
    Composite,
    /// The return is converted at the rate of its last day: quantity x (P1 - P0) x X1.
    CrossCurrency,
    /// The return is converted at an agreed rate: quantity x (P1 - P0) x rate.
    Quanto(Decimal),
}

/// Why a text is no pair.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidPair {
    #[error("is not a pair; write EUR/USD for dollars per euro")]
    Form,
    #[error(transparent)]
    Currency(#[from] UnknownCurrency),
}

/// Which rates a contract uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FixPolicy {
    pub fix: FixName,
    /// For a date that has no fixing. A date that the fix's own calendar leaves out is adjusted to the fixing day before it by whoever
    /// asks; then nothing is carried forward.
    pub carry: CarryForward,
    /// Whether the fixing of the opposite pair may be used, and to how many decimals its inverse is rounded, halves away from zero.
    pub inverse_decimals: Option<u32>,
    /// The currency over which a rate may be crossed when the pair itself is not fixed.
    pub base: Option<Currency>,
}

/// Where fixings come from.
pub trait Fixings {
    /// The last fixing of exactly this pair on or before a date.
    fn last(&self, fix: &FixName, pair: Pair, date: NaiveDate) -> Option<Quote>;
}

/// A rate with the fixings it is made of; nothing is looked up any more.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FxRate<'a> {
    /// Agreed with a trade, or by the contract.
    Agreed(Decimal),
    Fixed(Leg<'a>),
    /// Over a base: units of base for one of price currency, times units of settlement currency for one of base.
    Crossed(Leg<'a>, Leg<'a>),
}

/// One fixing: pair, fix, date and version identify it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Leg<'a> {
    fix: &'a FixName,
    /// As it was published.
    pair: Pair,
    accepted: Accepted,
    inverse_decimals: Option<u32>,
}

impl FixPolicy {
    /// The pairs whose fixings may be looked up for the rate of one.
    pub fn looked_up(&self, pair: Pair) -> impl Iterator<Item = Pair> {
        let crossed = self.base.filter(|base| *base != pair.price && *base != pair.settlement);
        let legs = crossed.map(|base| [Pair { settlement: base, ..pair }, Pair { price: base, ..pair }]);
        let inverted = self.inverse_decimals.is_some();
        let both = move |pair: Pair| [Some(pair), inverted.then(|| pair.opposite())].into_iter().flatten();
        std::iter::once(pair).chain(legs.into_iter().flatten()).flat_map(both)
    }

    /// The rate of a pair on a date: its own fixing, else the inverse of the opposite one, else both legs over the base.
    pub fn rate<'a>(&'a self, fixings: &impl Fixings, pair: Pair, date: NaiveDate) -> Result<FxRate<'a>, Blocked> {
        let missing = match (self.leg(fixings, pair, date), self.base) {
            (Err(Blocked::MissingFx { .. }), Some(base)) if base != pair.price && base != pair.settlement => {
                let to_base = self.leg(fixings, Pair { settlement: base, ..pair }, date)?;
                let from_base = self.leg(fixings, Pair { price: base, ..pair }, date)?;
                return Ok(FxRate::Crossed(to_base, from_base));
            }
            (leg, _) => leg,
        };
        missing.map(FxRate::Fixed)
    }

    fn leg<'a>(&'a self, fixings: &impl Fixings, pair: Pair, date: NaiveDate) -> Result<Leg<'a>, Blocked> {
        let find = |wanted: Pair, inverse_decimals| {
            let Pair { price, settlement } = pair;
            let missing = || Blocked::MissingFx { price, settlement, date };
            let last = fixings.last(&self.fix, wanted, date).filter(|quote| quote.value > Decimal::ZERO);
            let accepted = self.carry.accept(last, date, || wanted.key(&self.fix), missing)?;
            Ok(Leg { fix: &self.fix, pair: wanted, accepted, inverse_decimals })
        };
        match (find(pair, None), self.inverse_decimals) {
            (Err(Blocked::MissingFx { .. }), Some(decimals)) => find(pair.opposite(), Some(decimals)),
            (leg, _) => leg,
        }
    }
}

impl FxRate<'_> {
    /// The rate on a pad, with every fixing it is made of.
    pub fn number<P: Pad>(&self, pad: &mut P) -> Result<P::Number, Blocked> {
        match self {
            FxRate::Agreed(rate) => Ok(pad.given(|| Fact::Term("agreed rate"), *rate)),
            FxRate::Fixed(leg) => leg.number(pad),
            FxRate::Crossed(to_base, from_base) => {
                let (to_base, from_base) = (to_base.number(pad)?, from_base.number(pad)?);
                pad.multiply("crossed rate", to_base, from_base).ok_or_else(out_of_range("the crossed rate"))
            }
        }
    }

    /// Whether a fixing of an earlier day stands in.
    pub fn provisional(&self) -> bool {
        match self {
            FxRate::Agreed(_) => false,
            FxRate::Fixed(leg) => leg.accepted.provisional,
            FxRate::Crossed(to_base, from_base) => to_base.accepted.provisional || from_base.accepted.provisional,
        }
    }
}

impl Leg<'_> {
    fn number<P: Pad>(&self, pad: &mut P) -> Result<P::Number, Blocked> {
        let Quote { date, value, version } = self.accepted.quote;
        let observed = || Fact::Observed(Observed { what: "fx", key: self.pair.key(self.fix), date, version });
        let fixing = pad.given(observed, value);
        let Some(decimals) = self.inverse_decimals else { return Ok(fixing) };
        let one = pad.given(|| Fact::Count("one"), Decimal::ONE);
        let inverse = pad.divide("inverse", one, fixing).ok_or_else(out_of_range("the inverse rate"))?;
        Ok(pad.round("inverse as stated", inverse, decimals))
    }
}

impl Pair {
    /// The pair of the inverse rate.
    pub fn opposite(self) -> Pair {
        Pair { price: self.settlement, settlement: self.price }
    }

    /// Refuses a day on which one of both is no money any more.
    #[inline]
    pub fn money_on(self, date: NaiveDate) -> Result<(), Ended> {
        self.price.money_on(date)?;
        self.settlement.money_on(date)
    }

    fn key(self, fix: &FixName) -> CompactString {
        format_compact!("{self} {fix}")
    }
}

/// `EUR/USD`: dollars for one euro.
impl FromStr for Pair {
    type Err = InvalidPair;

    fn from_str(text: &str) -> Result<Pair, InvalidPair> {
        let (price, settlement) = text.split_once('/').ok_or(InvalidPair::Form)?;
        Ok(Pair { price: Currency::new(price)?, settlement: Currency::new(settlement)? })
    }
}

/// The inverse of [`Pair::from_str`].
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.price, self.settlement)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::explain::Explanation;
    use crate::domain::explain::pad::{Kept, Silent};

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 4, day).expect("a day of April")
    }

    fn pair(text: &str) -> Pair {
        let currency = |code| Currency::new(code).expect("a currency in use");
        Pair { price: currency(&text[..3]), settlement: currency(&text[4..]) }
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("the test writes a decimal")
    }

    /// Fixings by pair and day.
    struct Published(BTreeMap<(Pair, NaiveDate), Decimal>);

    impl Published {
        fn new(fixings: &[(&str, u32, &str)]) -> Published {
            Published(fixings.iter().map(|(text, date, rate)| ((pair(text), day(*date)), decimal(rate))).collect())
        }
    }

    impl Fixings for Published {
        fn last(&self, _: &FixName, pair: Pair, date: NaiveDate) -> Option<Quote> {
            let (&(_, date), &value) = self.0.range((pair, NaiveDate::MIN)..=(pair, date)).next_back()?;
            Some(Quote { date, value, version: 3 })
        }
    }

    fn policy() -> FixPolicy {
        let fix = FixName::new("LONDON-16").expect("a name");
        FixPolicy { fix, carry: CarryForward::Never, inverse_decimals: None, base: None }
    }

    fn rate(policy: &FixPolicy, fixings: &[(&str, u32, &str)], text: &str) -> Result<(Decimal, bool), Blocked> {
        let rate = policy.rate(&Published::new(fixings), pair(text), day(22))?;
        Ok((rate.number(&mut Silent)?, rate.provisional()))
    }

    fn missing(text: &str) -> Blocked {
        let Pair { price, settlement } = pair(text);
        Blocked::MissingFx { price, settlement, date: day(22) }
    }

    #[test]
    fn a_rate_is_the_fixing_of_its_pair_on_its_day() {
        assert_eq!(rate(&policy(), &[("EUR/USD", 22, "1.08")], "EUR/USD"), Ok((decimal("1.08"), false)));
        assert_eq!(rate(&policy(), &[("EUR/USD", 21, "1.08")], "EUR/USD"), Err(missing("EUR/USD")));
        assert_eq!(rate(&policy(), &[("EUR/USD", 22, "0")], "EUR/USD"), Err(missing("EUR/USD")), "0 is no rate");
    }

    #[test]
    fn the_fixing_day_before_stands_in_by_policy_and_provisionally() {
        let policy = FixPolicy { carry: CarryForward::UpTo { days: 3 }, ..policy() };
        assert_eq!(rate(&policy, &[("EUR/USD", 19, "1.08")], "EUR/USD"), Ok((decimal("1.08"), true)));
        let stale = Blocked::Stale { of: "EUR/USD LONDON-16".into(), observed: day(18), age_days: 4 };
        assert_eq!(rate(&policy, &[("EUR/USD", 18, "1.08")], "EUR/USD"), Err(stale));
    }

    #[test]
    fn an_inverse_is_used_only_when_it_is_agreed_and_has_the_stated_decimals() {
        let fixings = [("USD/JPY", 22, "150.37")];
        assert_eq!(rate(&policy(), &fixings, "JPY/USD"), Err(missing("JPY/USD")));
        let policy = FixPolicy { inverse_decimals: Some(6), ..policy() };
        assert_eq!(rate(&policy, &fixings, "JPY/USD"), Ok((decimal("0.006650"), false)));
        let both = [("USD/JPY", 22, "150.37"), ("JPY/USD", 22, "0.0066")];
        assert_eq!(rate(&policy, &both, "JPY/USD"), Ok((decimal("0.0066"), false)), "its own fixing comes first");
    }

    #[test]
    fn a_cross_needs_a_base_and_explains_both_legs() {
        let fixings = [("EUR/USD", 22, "1.10"), ("USD/CHF", 22, "0.90")];
        assert_eq!(rate(&policy(), &fixings, "EUR/CHF"), Err(missing("EUR/CHF")));
        let policy = FixPolicy { base: Some(pair("USD/USD").price), ..policy() };
        assert_eq!(rate(&policy, &fixings, "EUR/CHF"), Ok((decimal("0.9900"), false)));
        assert_eq!(rate(&policy, &fixings[..1], "EUR/CHF"), Err(missing("USD/CHF")));

        let mut paper = Kept::default();
        let crossed = policy.rate(&Published::new(&fixings), pair("EUR/CHF"), day(22)).expect("both legs are fixed");
        crossed.number(&mut paper).expect("small numbers");
        let explanation: Explanation = paper.explanation();
        let table = explanation.to_string();
        for line in ["fx EUR/USD LONDON-16 2025-04-22 v3", "fx USD/CHF LONDON-16 2025-04-22 v3", "crossed rate"] {
            assert!(table.contains(line), "{line} in\n{table}");
        }
    }
}
