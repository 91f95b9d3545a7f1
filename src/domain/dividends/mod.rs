//! Dividends of a holding: who is entitled, what is paid, and when.
//! In reading order:

pub mod declared; // what an issuer declared
pub mod terms; // what a contract says about dividends
pub mod entitlement; // whose shares count
pub mod amount; // gross, paid and withheld; reinvested units
pub mod payment; // on which date it is paid, and how far it has come
pub mod withholding; // what the tax at source leaves of it
