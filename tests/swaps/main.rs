//! Swaps with full terms: every flow of an agreement, from trades and a market.

mod fixture; // terms, trades, a market
mod flows; // what comes of an agreement on a day
mod terms; // what terms say that few agreements need
mod missing; // what is not known blocks its own flows
mod reinvested; // dividends that buy units
mod explained; // every flow can be calculated again from its explanation
mod stream; // a document and the stream of its trades come to the same
mod replaced; // what the replaced service got wrong
mod actions; // corporate actions and transfers
mod arrived; // lots that go on in another position
