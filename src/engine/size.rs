//! How many records a turn may have: few where one of them is at fault, no more than the brokers take in time, and more at once where they take long.

use std::time::Duration;

/// A turn has failed as a whole: halves turns until the record at fault is alone, and widens them again behind it.
#[derive(Clone, Copy)]
pub(super) struct Search {
    pub turn_records: usize,
    records_left: usize,
}

impl Search {
    /// After a turn of so many records has failed.
    pub fn after(search: Option<Search>, records: usize) -> Search {
        let records_left = search.map_or(records, |search| search.records_left.max(records));
        Search { turn_records: records.div_ceil(2), records_left }
    }

    /// After a turn of so many records was committed: true once all are through.
    pub fn passed(&mut self, records: usize) -> bool {
        if records > 0 {
            // One of a tick alone says nothing about records.
            self.turn_records = self.turn_records.saturating_mul(2);
        }
        self.records_left = self.records_left.saturating_sub(records);
        self.records_left == 0
    }
}

/// Halves turns whose records are delivered late, or not at all, and widens them again: the same records would take as long again, and while they
/// do more arrive for the next turn.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    /// None: the settings' own bounds are enough.
    pub turn_records: Option<usize>,
    /// Records of the last turn that was delivered, and how long they took.
    last: Option<(usize, Duration)>,
}

impl Pace {
    /// After all records of a turn, which had so many of the input, were delivered. A turn of a tick alone says nothing about records.
    pub fn delivered(&mut self, records: usize, took: Duration, limit: Duration) {
        if records == 0 {
            return;
        }
        let this = (records, took);
        let last = self.last.replace(this);
        if took >= limit && last.is_none_or(|last| depends_on_records(last.min(this), last.max(this))) {
            self.turn_records = Some(records.div_ceil(2));
        } else if let Some(most) = self.turn_records.as_mut().filter(|most| records >= **most) {
            *most += if took < limit / 4 { *most } else { most.div_ceil(2) };
        }
    }

    /// How long a turn with so many records waits for more: half of what the last one's took to be delivered. A busy broker is asked for fewer, larger
    /// transactions, which makes all of them quicker; one at ease is hardly waited for, and a few records not at all.
    pub fn gathers(&self, records: usize, most: Duration) -> Duration {
        let took = self.last.filter(|_| records >= MANY_RECORDS).map_or(Duration::ZERO, |(_, took)| took);
        (took / 2).min(most)
    }

    /// After some were not. Where as many had been delivered before, the brokers were away; it is tried once with as many, but never with more
    /// than it was allowed.
    pub fn failed(&mut self, records: usize) {
        let before = self.last.take().map_or(0, |(delivered, _)| delivered);
        if records > 0 {
            let most = self.turn_records.unwrap_or(usize::MAX);
            self.turn_records = Some(before.max(records.div_ceil(2)).min(most));
        }
    }
}

/// A turn of fewer is that of a quiet stream.
const MANY_RECORDS: usize = 32;

/// Whether fewer records would be delivered sooner. Not where the link takes its time over each request, or the brokers were away: half as
/// many again, or more, take hardly longer.
fn depends_on_records((few, sooner): (usize, Duration), (many, later): (usize, Duration)) -> bool {
    many < few + few.div_ceil(2) || later >= sooner.mul_f64(1.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_widens_behind_records_and_not_behind_a_tick() {
        let mut search = Search::after(Some(Search::after(None, 8)), 4);
        assert!(!search.passed(0));
        assert_eq!((search.turn_records, search.records_left), (2, 8));
        assert!(!search.passed(2));
        assert_eq!((search.turn_records, search.records_left), (4, 6));
        assert!(search.passed(6));
    }

    const LIMIT: Duration = Duration::from_secs(4);

    fn delivered(pace: &mut Pace, records: usize, ms: u64) -> Option<usize> {
        pace.delivered(records, Duration::from_millis(ms), LIMIT);
        pace.turn_records
    }

    #[test]
    fn turns_are_halved_while_they_are_late_and_grow_where_larger_ones_may_be_in_time() {
        let mut pace = Pace::default();
        assert_eq!(delivered(&mut pace, 900, 3_999), None);
        assert_eq!(delivered(&mut pace, 1_800, 8_000), Some(900));
        assert_eq!(delivered(&mut pace, 900, 4_000), Some(450));
        assert_eq!(delivered(&mut pace, 0, 9_000), Some(450), "a tick alone");
        assert_eq!(delivered(&mut pace, 449, 10), Some(450), "one that is not full says nothing about a larger one");
        assert_eq!(delivered(&mut pace, 450, 2_000), Some(675));
        assert_eq!(delivered(&mut pace, 675, 999), Some(1_350));
    }

    #[test]
    fn turns_are_not_halved_below_what_was_delivered_before_the_brokers_were_away() {
        let mut pace = Pace::default();
        pace.failed(300);
        assert_eq!(pace.turn_records, Some(150), "nothing is known");
        assert_eq!(delivered(&mut pace, 150, 2_000), Some(225));
        pace.failed(20);
        assert_eq!(pace.turn_records, Some(150));
        pace.failed(150);
        assert_eq!(pace.turn_records, Some(75), "they are still away, or it is too much now");

        let mut pace = Pace::default();
        assert_eq!(delivered(&mut pace, 800, 9_000), Some(400));
        pace.failed(400);
        assert_eq!(pace.turn_records, Some(400), "not as many again as were late");
    }

    #[test]
    fn a_turn_of_many_records_waits_for_more_where_deliveries_take_long() {
        let most = Duration::from_millis(10);
        let mut pace = Pace::default();
        assert_eq!(pace.gathers(1_000, most), Duration::ZERO, "nothing is known");
        delivered(&mut pace, 100, 4);
        assert_eq!(pace.gathers(MANY_RECORDS, most), Duration::from_millis(2));
        assert_eq!(pace.gathers(MANY_RECORDS - 1, most), Duration::ZERO);
        delivered(&mut pace, 100, 90);
        assert_eq!(pace.gathers(MANY_RECORDS, most), most);
    }

    #[test]
    fn turns_stay_large_where_small_ones_would_take_as_long() {
        let mut pace = Pace::default();
        assert_eq!(delivered(&mut pace, 4_000, 40), None);
        assert_eq!(delivered(&mut pace, 3, 9_000), None, "the brokers were away");
        let mut pace = Pace::default();
        // Each request of the link takes so long that it is four seconds and a millisecond a record.
        let widths = (0..40).scan(400, |records, _| {
            *records = delivered(&mut pace, *records, 4_000 + *records as u64).unwrap_or(*records);
            Some(*records)
        });
        let narrowest = widths.min();
        assert!(narrowest >= Some(200), "{narrowest:?}");
    }
}
