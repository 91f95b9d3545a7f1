//! What load to generate: how much, over how many keys, and what share of it is out of the ordinary.

use std::fmt;
use std::str::FromStr;

use super::trades::Trades;

/// A load of trade records. The same load is the same bytes, on every machine.
#[derive(Clone, Debug)]
pub struct Load {
    pub seed: u64,
    /// All records count, those without effect too.
    pub records: u64,
    /// Positions that trades are spread over.
    pub keys: u32,
    /// Exponent of the Zipf distribution over the keys: 0 spreads evenly, 1 gives the busiest of 10,000 a tenth.
    pub zipf: f64,
    pub mix: Mix,
    /// Records of one business day.
    pub day_records: u64,
    /// How many days before its arrival a late trade may have been executed.
    pub late_days: u64,
    /// After how many records a gap is filled at the latest.
    pub gap_records: u64,
}

/// The shares of records that are not simply a new trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    pub amends: Share,
    pub cancels: Share,
    pub rebooks: Share,
    /// New trades of an earlier business day.
    pub late: Share,
    /// Records that were sent before.
    pub duplicates: Share,
    /// Other content under a version that was sent before.
    pub conflicts: Share,
    /// Versions that come before the one they build on.
    pub gaps: Share,
    pub poison: Share,
}

/// A share in hundredths of a percent, written and read in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(pub u32);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLoad {
    #[error("{0} is not a percentage from 0 to 100 with at most two decimals")]
    Share(String),
    #[error("the shares add up to more than 100 percent")]
    Mix,
    #[error("a load has at least one key")]
    NoKeys,
    #[error("a Zipf exponent is a number from 0 to 10")]
    Zipf,
}

impl Load {
    /// `records` trades with everything in them that happens in real life.
    pub fn new(seed: u64, records: u64) -> Load {
        Load {
            seed,
            records,
            keys: 10_000,
            zipf: 1.0,
            mix: Mix::default(),
            day_records: 2_000, // a million trades are two years, so that a late trade goes back a page, not a book
            late_days: 2,
            gap_records: 500,
        }
    }

    /// The records, in the order in which they are sent.
    pub fn trades(&self) -> Result<Trades, InvalidLoad> {
        if self.mix.sum() > Share::WHOLE {
            return Err(InvalidLoad::Mix);
        }
        if self.keys == 0 {
            return Err(InvalidLoad::NoKeys);
        }
        if !(0.0..=10.0).contains(&self.zipf) {
            return Err(InvalidLoad::Zipf);
        }
        Ok(Trades::new(self.clone()))
    }
}

impl Mix {
    /// New trades and nothing else.
    pub const PLAIN: Mix = Mix {
        amends: Share(0),
        cancels: Share(0),
        rebooks: Share(0),
        late: Share(0),
        duplicates: Share(0),
        conflicts: Share(0),
        gaps: Share(0),
        poison: Share(0),
    };

    fn sum(&self) -> u32 {
        let Mix { amends, cancels, rebooks, late, duplicates, conflicts, gaps, poison } = *self;
        [amends, cancels, rebooks, late, duplicates, conflicts, gaps, poison].iter().map(|share| share.0).sum()
    }
}

impl Default for Mix {
    fn default() -> Mix {
        Mix {
            amends: Share(800),
            cancels: Share(200),
            rebooks: Share(50),
            late: Share(100),
            duplicates: Share(100),
            conflicts: Share(20),
            gaps: Share(50),
            poison: Share(20),
        }
    }
}

impl Share {
    pub const WHOLE: u32 = 10_000;
}

impl FromStr for Share {
    type Err = InvalidLoad;

    fn from_str(text: &str) -> Result<Share, InvalidLoad> {
        let invalid = || InvalidLoad::Share(text.to_owned());
        let number = text.trim_end_matches('%');
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return Err(invalid());
        }
        let hundredths: u32 = format!("{whole}{fraction:0<2}").parse().map_err(|_| invalid())?;
        (hundredths <= Share::WHOLE).then_some(Share(hundredths)).ok_or_else(invalid)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}", self.0 / 100),
            fraction => write!(f, "{}.{fraction:02}", self.0 / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_as_it_is_written() {
        for text in ["0", "100", "8", "0.25", "12.50"] {
            let share: Share = text.parse().expect("a percentage");
            assert_eq!(share.to_string(), text, "{text}");
        }
        for text in ["", "-1", "101", "1.234", "x", "1,5", "99999999999"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_load_that_cannot_be_is_refused() {
        let mix = Mix { amends: Share(9_900), ..Mix::default() };
        assert_eq!(Load { mix, ..Load::new(1, 1) }.trades().err(), Some(InvalidLoad::Mix));
        assert_eq!(Load { keys: 0, ..Load::new(1, 1) }.trades().err(), Some(InvalidLoad::NoKeys));
        assert_eq!(Load { zipf: f64::NAN, ..Load::new(1, 1) }.trades().err(), Some(InvalidLoad::Zipf));
    }
}
