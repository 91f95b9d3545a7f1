//! Daily balances: what a day closes with, and batches of corrections in any order and repetition.

use bookflow::domain::balance::posting::{Cause, LockPolicy, Posted, Posting, PostingId};
use bookflow::domain::balance::{AccountId, Balance, BalanceKey, BookId, Bucket};
use bookflow::domain::flows::id::FlowId;
use bookflow::domain::money::{Currency, Money};
use proptest::prelude::*;

use crate::positions::day;

const OPENING: i64 = 50_000;
const DAYS: u64 = 30;

fn dollars(minor: i64) -> Money {
    Money { minor, currency: Currency::new("USD").expect("a currency in use") }
}

fn opened() -> Balance {
    let key = BalanceKey {
        account: AccountId::new("ACC1").expect("a name"),
        book: BookId::new("B1").expect("a name"),
        bucket: Bucket::Settled,
        currency: dollars(0).currency,
    };
    Balance::open(key, day(0), dollars(OPENING)).expect("one currency")
}

/// Postings of few ids, so that the same id comes often; an id has one content.
fn postings() -> impl Strategy<Value = Vec<Posting>> {
    let contents = prop::collection::vec((0..DAYS, -10_000..10_000_i64), 12);
    (contents, prop::collection::vec(0..12_usize, 0..30)).prop_map(|(contents, sent)| {
        let posting = |number: usize| {
            let (date, minor) = contents[number];
            let id = PostingId::new(&format!("C{number}")).expect("a name");
            Posting { id, value_date: day(date), amount: dollars(minor), cause: Cause::Flow(FlowId(1)) }
        };
        sent.into_iter().map(posting).collect()
    })
}

fn post(balance: &mut Balance, batch: &[Posting]) -> Posted {
    balance.post(batch, LockPolicy::Reject)
}

proptest! {
    #[test]
    fn a_day_closes_with_the_opening_and_all_movements_until_it(postings in postings()) {
        let mut balance = opened();
        post(&mut balance, &postings);
        let mut distinct = postings;
        distinct.sort_by(|left, right| left.id.cmp(&right.id));
        distinct.dedup_by(|left, right| left.id == right.id);
        let mut days = balance.days(day(0), day(DAYS));
        for number in 0..DAYS {
            let until: i64 =
                distinct.iter().filter(|posting| posting.value_date <= day(number)).map(|posting| posting.amount.minor).sum();
            let row = days.next().expect("every day has a row");
            prop_assert_eq!(row.closing.minor, OPENING + until);
            prop_assert_eq!(balance.closing(day(number)), Some(row.closing));
            prop_assert_eq!(row.opening.minor + row.movement.minor, row.closing.minor);
        }
    }

    #[test]
    fn deltas_are_what_the_days_changed_by(before in postings(), batch in postings()) {
        let mut balance = opened();
        post(&mut balance, &before.iter().map(of_another_id).collect::<Vec<_>>());
        let old: Vec<_> = balance.days(day(0), day(DAYS)).collect();
        let posted = post(&mut balance, &batch);
        for (old, new) in old.iter().zip(balance.days(day(0), day(DAYS))) {
            let covers = |from, to: Option<_>| from <= new.date && to.is_none_or(|to| new.date < to);
            let ranges: Vec<_> = posted.ranges.iter().filter(|range| covers(range.from, range.to)).collect();
            prop_assert!(ranges.len() <= 1, "ranges do not overlap");
            let closing_delta = ranges.first().map_or(0, |range| range.closing_delta.minor);
            prop_assert_eq!(new.closing.minor - old.closing.minor, closing_delta);
            let moved = posted.movements.iter().find(|movement| movement.date == new.date);
            prop_assert_eq!(new.movement.minor - old.movement.minor, moved.map_or(0, |moved| moved.delta.minor));
        }
    }

    #[test]
    fn any_order_any_repetition_and_any_cut_into_batches_ends_the_same(
        (postings, shuffled) in postings().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        cut in 0..30_usize,
    ) {
        let (mut once, mut cut_up) = (opened(), opened());
        post(&mut once, &postings);
        let (first, second) = shuffled.split_at(cut.min(shuffled.len()));
        for batch in [second, first, second] {
            post(&mut cut_up, batch);
        }
        prop_assert_eq!(&once, &cut_up);
        let again = post(&mut cut_up, &shuffled);
        prop_assert_eq!((again.ranges, again.movements), (vec![], vec![]), "a replay has no deltas");
    }
}

fn of_another_id(posting: &Posting) -> Posting {
    Posting { id: PostingId::new(&format!("F{}", posting.id)).expect("a name"), ..posting.clone() }
}
