//! The live trades of positions in business order: those in memory by an index, older ones as the segments of the table have them.

use std::iter::from_fn;

use super::keys::{Order, Ordered, TradeKey, owned, reorder};
use crate::domain::key::PositionKey;
use crate::domain::trade::BusinessOrder;
use crate::domain::trade::captured::CapturedTrade;
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
    /// A trade is captured, or stands elsewhere now.
    pub fn put(&mut self, position: Number, before: Option<Order>, after: Option<Order>, entry: Entry) {
        reorder(&mut self.recent, position, before, after, entry);
    }

    /// A trade that is not in memory.
    pub fn leave(&mut self, position: Number, order: BusinessOrder<'_>) {
        leave(&mut self.left, position as usize, &owned(order));
    }

    /// Follows the trades that have just left memory.
    pub fn follow(&mut self, trades: &Trades) {
        let History { recent, left } = self;
        recent.retain(|position, order, entry| {
            let there = trades.at(*entry).is_some();
            if !there {
                leave(left, position, order);
            }
            there
        });
    }

    /// A position's live trades, latest first.
    pub fn latest_first<'a>(
        &'a self,
        trades: &'a Trades,
        key: &PositionKey,
        position: Number,
    ) -> impl Iterator<Item = &'a CapturedTrade> + use<'a> {
        let recent = self.recent.scan(&position).rev().filter_map(|(_, entry)| trades.at(*entry));
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
        let recent = self.recent.scan(&position).next_back().map(|(order, _)| borrowed(order));
        match self.left.get(position as usize).and_then(Option::as_ref).map(borrowed) {
            left if recent > left || left.is_none() => recent,
            _ => self.latest_first(trades, key, position).next()?.order(),
        }
    }

    /// Becomes the trades that are in memory, after a restore.
    pub fn rebuild(&mut self, trades: impl Iterator<Item = (Number, Order, Entry)>) {
        self.left.clear();
        self.recent.rebuild(trades);
    }

    pub fn index(&mut self) -> &mut dyn Undoable {
        &mut self.recent
    }
}

fn leave(left: &mut Vec<Option<Order>>, position: usize, order: &Order) {
    if left.len() <= position {
        left.resize(position + 1, None);
    }
    if left[position].as_ref().is_none_or(|latest| latest < order) {
        left[position] = Some(order.clone());
    }
}

fn borrowed((date, time, seq, id): &Order) -> BusinessOrder<'_> {
    (*date, *time, *seq, id)
}
