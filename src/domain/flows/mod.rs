//! What becomes of a cash flow once its amount is known.

pub mod id; // the name of a flow, the same in every run
pub mod status; // how far a flow has come
pub mod row; // a flow as others are told of it
pub mod adjustment; // a changed amount: in place, or beside what was paid
pub mod netting; // payments that become one
