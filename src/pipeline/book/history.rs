//! The live trades of positions in business order: those in memory by their entries, older ones as the segments of the table have them.

use std::iter::from_fn;

use super::keys::{TradeKey, borrowed};
use crate::domain::key::PositionKey;
use crate::domain::trade::captured::CapturedTrade;
use crate::domain::trade::{BusinessOrder, Order, owned};
use crate::engine::ordered::Ordered;
use crate::engine::table::{Entry, Table, Undoable};
use crate::pipeline::codecs::history_of;
use crate::pipeline::due::Number;

type Trades = Table<TradeKey, CapturedTrade>;

#[derive(Default)]
pub(super) struct History {
    recent: Ordered,
    /// Per position, the latest that has ever left memory: what comes after it is known without a look at the segments.
    left: Vec<Option<Order>>,
}

impl History {
    /// A trade has been captured that stood there before, if it stood anywhere.
    pub fn put(&mut self, position: Number, entry: Entry, before: Option<&Order>, trades: &Trades) {
        self.recent.reorder(position, entry, before.map(borrowed), |entry| order(trades, entry));
    }

    /// A trade leaves memory.
    pub fn leave(&mut self, position: Number, order: BusinessOrder<'_>) {
        let position = position as usize;
        if self.left.len() <= position {
            self.left.resize(position + 1, None);
        }
        if self.left[position].as_ref().map(borrowed) < Some(order) {
            self.left[position] = Some(owned(order));
        }
    }

    /// Those that leave memory are found in segments from now on.
    pub fn forget(&mut self, trades: &Trades) {
        self.recent.retain(|entry| !trades.leaves(entry));
    }

    /// A position's live trades, latest first.
    pub fn latest_first<'a>(
        &'a self,
        trades: &'a Trades,
        key: &PositionKey,
        position: Number,
    ) -> impl Iterator<Item = &'a CapturedTrade> + use<'a> {
        let recent = self.recent.scan(position).rev().filter_map(|entry| trades.at(entry));
        let left = self.left.get(position as usize).and_then(Option::as_ref).map(borrowed);
        let (mut recent, mut older, key) = (recent.peekable(), None, key.clone());
        from_fn(move || {
            if left.is_none() || recent.peek().is_some_and(|trade| trade.order() > left) {
                return recent.next();
            }
            let older = older.get_or_insert_with(|| {
                // What is later has come back into memory, and has been told.
                let aged = trades.aged_from_latest(&history_of(&key));
                aged.skip_while(move |trade| trade.order() > left).peekable()
            });
            let next = recent.peek().and_then(|trade| trade.order());
            // One that came back into memory may stand in both.
            let same = older.next_if(|trade| trade.order() >= next);
            match same {
                Some(trade) if trade.order() > next => Some(trade),
                _ => recent.next(),
            }
        })
    }

    /// Where the latest of them stands.
    pub fn latest<'a>(&'a self, trades: &'a Trades, key: &PositionKey, position: Number) -> Option<BusinessOrder<'a>> {
        let recent = self.recent.scan(position).next_back().and_then(|entry| order(trades, entry));
        match self.left.get(position as usize).and_then(Option::as_ref).map(borrowed) {
            left if recent > left || left.is_none() => recent,
            _ => self.latest_first(trades, key, position).next()?.order(),
        }
    }

    /// Becomes the trades that are in memory, after a restore.
    pub fn rebuild(&mut self, live: impl Iterator<Item = (Number, Entry)>, trades: &Trades) {
        self.left.clear();
        self.recent.rebuild(live, |entry| order(trades, entry));
    }

    pub fn index(&mut self) -> &mut dyn Undoable {
        &mut self.recent
    }
}

fn order(trades: &Trades, entry: Entry) -> Option<BusinessOrder<'_>> {
    trades.at(entry)?.order()
}
