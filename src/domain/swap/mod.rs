//! Swaps on the lots of one underlier: what was agreed, what is known of the market, and every cash flow that comes of both.
//! In reading order:

pub mod terms; // what was agreed, resolved to dates
pub mod product; // what makes it an equity swap, a total return swap, a contract for difference
pub mod interest_periods; // periods that end with the payments of the equity leg
pub mod agreement; // a swap with the trades or lots under it
pub mod held; // the lots and trades under a swap
pub mod flow; // a cash flow: what it pays for, when, what it comes to
pub mod valuation; // a swap on a day, with the market values it names
mod due; // one flow that is due, and its amount on a pad
pub mod dues; // lots -> everything that is due of them
pub mod arrived; // lots that were valued elsewhere before
mod reinvest; // dividends that buy units
mod breaks; // what ends before its time, and what that costs
pub mod warning; // what is odd, and calculated all the same
pub mod position; // a captured position -> its flows, contract by contract
pub mod moves; // lots that go on in another position
pub mod flows; // every cash flow, and the explanation of one
