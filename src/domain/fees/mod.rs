//! Fees: what a trade, a day or an early end costs the client. A fee is a charge above zero; its flow is below zero, because the client
//! pays it.
//! In reading order:

pub mod trade; // commission, clearing, stamp duty, regulatory fee, ticket
pub mod daily; // custody and stock borrow, accrued night by night
pub mod crossing; // what of a trade's costs falls on its closing part
pub mod early_end; // what ends before its time costs
