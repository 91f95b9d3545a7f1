//! Schedules: the dates on which something is valued, reset or paid.
//!
//! Quarters from the end of a month, and what they leave over at the start:
//!
//! ```
//! use bookflow::domain::schedule::{Regular, Stub, unadjusted};
//! use chrono::NaiveDate;
//!
//! let date = |month, day| NaiveDate::from_ymd_opt(2025, month, day).expect("a date");
//! let quarters = Regular { months: 3, stub: Stub::ShortFirst, end_of_month: true, first: None, last: None };
//! let dates = unadjusted(date(1, 15), date(8, 31), &quarters).expect("in order");
//! assert_eq!(dates, [date(1, 15), date(2, 28), date(5, 31), date(8, 31)]);
//! ```

mod roll; // the day of the month that dates fall on
mod generation; // dates at regular distances, stubs
mod disruption; // a valuation date without a price

pub use disruption::{Disrupted, Disruption, Valued, valued};
pub use generation::{InvalidSchedule, Regular, Stub, adjusted, unadjusted};
pub use roll::{Roll, last_of_month};
