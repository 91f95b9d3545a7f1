//! Floating rates: what a financing leg observes, when, with which weight, and what it comes to between two dates.
//! In reading order:

pub mod terms; // what a contract says about its rate
pub mod business_days; // the days of a calendar by number
pub mod fixings; // what an index published for its days
pub mod daily; // a fixing -> the rate of a day: floor, cap, spread inside
pub mod schedule; // which fixing counts for which days of a period, one by one
pub mod table; // everything compounded and summed up to each day, so that any stretch costs two look-ups
pub mod index; // fixings with their tables, kept up to date
pub mod accrual; // rate x days of a period: what all kinds of rates come to
pub mod overnight; // overnight rates, compounded or averaged
