//! Decides: money, dates, trades, lots, cash flows, jobs. Pure: no serde, no clock, no I/O.
