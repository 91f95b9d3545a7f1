//! Schedules: the dates on which something is valued, reset or paid.

mod roll; // the day of the month that dates fall on

pub use roll::{Roll, last_of_month};
