//! Schedules: the dates on which something is valued, reset or paid.

mod roll; // the day of the month that dates fall on
mod generation; // dates at regular distances, stubs
mod disruption; // a valuation date without a price

pub use disruption::{Disrupted, Disruption, Valued, valued};
pub use generation::{InvalidSchedule, Regular, Stub, adjusted, unadjusted};
pub use roll::{Roll, last_of_month};
