//! Closing lots of a request -> what each takes from the open lots, by its unwinding method.
//!
//! The order of relief is that of `lots`. The queue is not: a request lists longs and shorts of a position side by side, a closing lot that finds
//! nothing opens nothing, and each lot comes with a method of its own; none of that can be in a position.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::contract::{ContractLot, Unsupported};
use crate::domain::lots::given::{Deal, GivenLot};
use crate::domain::lots::method::{Rank, Ranking, ReliefMethod};
use crate::domain::names::LotId;

/// Why a closing lot did not do all of its work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unclosed {
    /// So much of its quantity found no open lot.
    Rest { lot: LotId, rest: Decimal },
    /// Its method is unknown, so nobody can say which lots are still open.
    Method { lot: LotId, method: Unsupported },
}

/// Works the closing lots off by date. Each takes only from lots that were bought by its own day, so that what stood on any
/// earlier day can still be told from the result.
pub fn unwind(opened: &mut [GivenLot], mut closings: Vec<ContractLot>) -> Vec<Unclosed> {
    closings.sort_by_key(|closing| closing.cost_date); // stable: as listed within a day
    let mut open = OpenLots { remaining: opened.iter().map(|lot| lot.quantity).collect(), queues: BTreeMap::new() };
    closings.into_iter().filter_map(|closing| open.close(closing, opened)).collect()
}

/// What is still open, and the order in which each method takes it.
struct OpenLots {
    /// Of each lot, by its place in the position; signed.
    remaining: Vec<Decimal>,
    /// By what the methods come down to and direction (true is long). Sorted once: the orders do not depend on what was closed.
    queues: BTreeMap<(Ranking, bool), Queue>,
}

struct Queue {
    places: Vec<usize>,
    /// All places before it are used up, so that a position of many lots is not searched from the start each time.
    head: usize,
}

impl OpenLots {
    fn close(&mut self, closing: ContractLot, opened: &mut [GivenLot]) -> Option<Unclosed> {
        let method = match closing.unwinding {
            Ok(method) => method,
            Err(ref method) => return Some(Unclosed::Method { lot: closing.id, method: method.clone() }),
        };
        let long = self.first(method, true, closing.cost_date, opened);
        let short = self.first(method, false, closing.cost_date, opened);
        // Where only one direction is open there is nothing else to close, however the quantity is signed.
        let closes_longs = short.is_none() || (long.is_some() && closing.quantity.is_sign_negative());
        let mut rest = closing.quantity.abs();
        while !rest.is_zero() {
            let Some(place) = self.first(method, closes_longs, closing.cost_date, opened) else {
                return Some(Unclosed::Rest { lot: closing.id, rest });
            };
            let taken = self.remaining[place].abs().min(rest);
            rest -= taken;
            self.remaining[place] -= if closes_longs { taken } else { -taken };
            opened[place].closes.push(closing.close(taken));
        }
        None
    }

    /// The place of the lot that the method takes next on a day.
    fn first(&mut self, method: ReliefMethod, long: bool, day: NaiveDate, opened: &[GivenLot]) -> Option<usize> {
        let ranking = method.ranking(long);
        let queue = self.queues.entry((ranking, long)).or_insert_with(|| Queue::new(ranking, long, opened));
        let used_up = |place: &usize| self.remaining[*place].is_zero();
        while queue.places.get(queue.head).is_some_and(used_up) {
            queue.head += 1;
        }
        let left = &queue.places[queue.head..];
        left.iter().copied().find(|place| !used_up(place) && opened[*place].opened.trade_date <= day)
    }
}

impl Queue {
    fn new(ranking: Ranking, long: bool, opened: &[GivenLot]) -> Queue {
        let mut places: Vec<usize> =
            (0..opened.len()).filter(|&place| opened[place].quantity.is_sign_positive() == long).collect();
        places.sort_by_key(|&place| {
            let Deal { trade_date, price, .. } = opened[place].opened;
            Rank::of(ranking, (trade_date, place), || price)
        });
        Queue { places, head: 0 }
    }
}
