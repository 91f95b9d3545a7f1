//! The open lots in the order in which they are taken: those that were touched, beside the ledger's others.
//!
//! Oldest first the ledger's lots are read one by one, as many as are taken. Any other order looks at all of them once, and puts none of them in
//! its place but those that are taken.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::iter::Peekable;

use super::lot::Lot;
use super::method::{Rank, Ranking};
use super::open_lot::{Name, OpenLot};
use crate::domain::key::TradeId;
use crate::domain::lots::ledger::Ledger;
use crate::domain::trade::BusinessOrder;

pub(super) struct Queue<'a, I: Iterator<Item = &'a Lot>> {
    ranking: Ranking,
    /// What nobody has come to yet; what the ledger says of a touched lot is past.
    stored: Stored<'a, I>,
    /// The touched lots that have something remaining; none until one is asked for, which is not before the last fact has been undone.
    touched: Option<BTreeSet<Place<'a>>>,
}

type Place<'a> = Rank<BusinessOrder<'a>>;

/// The ledger's open lots.
enum Stored<'a, I: Iterator<Item = &'a Lot>> {
    Oldest(Peekable<I>),
    Ranked(BinaryHeap<Reverse<Place<'a>>>),
}

impl<'a, I: Iterator<Item = &'a Lot>> Queue<'a, I> {
    /// Oldest first, as `stored` are.
    pub fn new(stored: I) -> Self {
        Queue { ranking: Ranking::Oldest, stored: Stored::Oldest(stored.peekable()), touched: None }
    }

    /// From here on in this order.
    pub fn rank_by(&mut self, ranking: Ranking, ledger: &'a impl Ledger) {
        if self.ranking == ranking {
            return;
        }
        let again = |place: Place<'a>| ledger.lot(place.age().3).expect("the ledger lists its own lots");
        let ranked = match &mut self.stored {
            Stored::Oldest(lots) => lots.map(|lot| Reverse(place(lot, ranking))).collect(),
            Stored::Ranked(places) => places.drain().map(|Reverse(of)| Reverse(place(again(of), ranking))).collect(),
        };
        *self = Queue { ranking, stored: Stored::Ranked(ranked), touched: None };
    }

    /// The one to take next.
    pub fn first(&mut self, touched: &BTreeMap<Name<'a>, OpenLot<'a>>) -> Option<&'a TradeId> {
        let mut stored = self.peek();
        while stored.is_some_and(|place| touched.contains_key(&Name::of(place.age().3))) {
            self.pop();
            stored = self.peek();
        }
        let first = self.places(touched).first().copied();
        let first = first.map_or(stored, |first| Some(stored.map_or(first, |stored| first.min(stored))));
        first.map(|place| place.age().3)
    }

    /// All of them, once all are touched.
    pub fn all(&mut self, touched: &BTreeMap<Name<'a>, OpenLot<'a>>) -> Vec<&'a TradeId> {
        self.places(touched).iter().map(|place| place.age().3).collect()
    }

    /// A touched lot stands otherwise than before: it goes to its place, if that is another one.
    pub fn moved(&mut self, id: &'a TradeId, before: Option<OpenLot<'a>>, after: OpenLot<'a>) {
        let Some(places) = &mut self.touched else { return };
        let place = |lot: OpenLot<'a>| (!lot.remaining.is_zero()).then(|| lot.rank(self.ranking, id));
        let (before, now) = (before.and_then(place), place(after));
        if before != now {
            if let Some(place) = before {
                places.remove(&place);
            }
            places.extend(now);
        }
    }

    /// Takes the next of the ledger's lots out of the queue, to be touched.
    pub fn pop(&mut self) -> Option<&'a TradeId> {
        match &mut self.stored {
            Stored::Oldest(lots) => lots.next().map(|lot| &lot.id),
            Stored::Ranked(places) => places.pop().map(|Reverse(place)| place.age().3),
        }
    }

    fn peek(&mut self) -> Option<Place<'a>> {
        let ranking = self.ranking;
        match &mut self.stored {
            Stored::Oldest(lots) => lots.peek().map(|lot| place(lot, ranking)),
            Stored::Ranked(places) => places.peek().map(|Reverse(place)| *place),
        }
    }

    fn places(&mut self, touched: &BTreeMap<Name<'a>, OpenLot<'a>>) -> &BTreeSet<Place<'a>> {
        let ranking = self.ranking;
        self.touched.get_or_insert_with(|| {
            let open = touched.iter().filter(|(_, lot)| !lot.remaining.is_zero());
            open.map(|(name, lot)| lot.rank(ranking, name.1)).collect()
        })
    }
}

/// Of a lot as the ledger has it.
fn place(lot: &Lot, ranking: Ranking) -> Place<'_> {
    Rank::of(ranking, lot.order(), || lot.unit_cost().per_unit())
}
