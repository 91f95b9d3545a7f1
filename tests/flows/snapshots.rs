//! Snapshots: a name stands for one moment for ever, whatever comes later.

use bookflow::cli::snapshots::{Numbered, named};
use bookflow::cli::submit::snapshot::take;
use bookflow::domain::flows::row::Snapshot;
use bookflow::domain::market::snapshot::{Moment, SnapshotName};

use crate::desk::{Desk, TERMS, march};

fn name(text: &str) -> SnapshotName {
    SnapshotName::new(text).expect("a name")
}

fn snapshot(desk: &Desk, text: &str) -> (i64, Moment, bool) {
    let (Numbered { number, snapshot }, new) =
        take(&desk.house.stand.broker, &desk.house.schemas, name(text)).expect("taken");
    assert_eq!(snapshot.name, name(text));
    (number, snapshot.moment, new)
}

#[test]
fn a_name_is_given_once_and_stands_for_what_was_known_then() {
    let desk = Desk::new();
    desk.contract(1, TERMS);
    desk.price(10, 1, "53");
    desk.price(11, 1, "52");
    desk.business_date(10);
    let known = Snapshot { contracts: 1, market_data: 2, reference_data: 1 };
    assert_eq!(snapshot(&desk, "EOD-10"), (0, Moment { known, day: march(10) }, true));
    desk.price(10, 2, "54");
    desk.business_date(11);
    assert_eq!(snapshot(&desk, "EOD-10"), (0, Moment { known, day: march(10) }, false));
    let later = Snapshot { market_data: 3, reference_data: 2, ..known };
    let (number, moment, new) = snapshot(&desk, "EOD-11");
    assert!(number > 0 && new, "numbers follow their order");
    assert_eq!(moment, Moment { known: later, day: march(11) });
    let found = named(&desk.house.stand.broker, &desk.house.schemas, &name("EOD-10")).expect("readable");
    assert_eq!(found.map(|found| found.snapshot.moment.known), Some(known));
}

#[test]
fn without_a_business_date_there_is_no_snapshot() {
    let desk = Desk::new();
    let refused = take(&desk.house.stand.broker, &desk.house.schemas, name("EOD"));
    assert!(refused.err().expect("refused").message.contains("no business date"));
}
