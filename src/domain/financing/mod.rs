//! Financing: a long pays interest on the settled notional of its lots, a short receives it.
//! In reading order:

pub mod terms; // what a contract says about a financing leg
pub mod coupon; // what one unit of notional bears
pub mod notional; // what is financed, and when it changes
pub mod interest; // notional x rate x days, once or night by night
pub mod booking; // cumulative amounts -> what is booked each day
