//! Positions on which the calculation breaks down, in the build that told them or in the auditor's.

use bookflow::domain::flows::row::BlockedContract;
use bookflow::domain::key::{PositionKey, TradeId};
use bookflow::domain::trade::captured::CapturedTrade;
use bookflow::pipeline::flows::not_calculated;

use super::*;

#[test]
fn flows_that_a_defect_of_another_build_has_blocked_are_unproved_and_no_difference() {
    let mut paper = worked();
    let blocked = tellings(&paper).into_iter().find(|(.., told)| calculated(told)).expect("the load has one").3.key;
    blocked_by_a_defect(&mut paper, &blocked);
    let report = audited(&paper);
    assert!(report.clean(), "{report}");
    named(&report, &blocked, "start one without it");
}

#[test]
fn a_calculation_that_breaks_down_ends_no_audit_and_its_position_is_unproved() {
    let mut paper = worked();
    let broken = broken(&mut paper);
    let report = audited(&paper);
    // The trade itself, which no capture left so.
    found(&report, Damage::Torn, 1);
    named(&report, &broken, "in this build");
}

#[test]
fn a_defect_that_the_auditor_has_too_proves_what_is_told_of_it() {
    let mut paper = worked();
    let broken = broken(&mut paper);
    blocked_by_a_defect(&mut paper, &broken);
    let report = audited(&paper);
    found(&report, Damage::Torn, 1);
    assert_eq!(report.unproved, Vec::<String>::new());
}

fn named(report: &Report, position: &PositionKey, advice: &str) {
    let [unproved] = &report.unproved[..] else { panic!("one position is unproved\n{report}") };
    assert!(unproved.starts_with(position.as_str()) && unproved.contains(advice), "{report}");
}

fn calculated(told: &PositionFlows) -> bool {
    told.rows.read().expect("rows").1.iter().any(|row| row.result.is_ok())
}

/// Lets the last telling of a position be that the calculation broke down.
fn blocked_by_a_defect(paper: &mut Paper, position: &PositionKey) {
    changed_telling(paper, |told| {
        if told.key != *position {
            return false;
        }
        let (blocked, rows) = told.rows.read().expect("rows");
        let blocked = blocked.into_iter().map(|blocked| blocked.contract);
        let contracts: BTreeSet<_> = blocked.chain(rows.into_iter().map(|row| row.contract)).collect();
        let obstacle = not_calculated("in other words");
        let blocked: Vec<_> =
            contracts.into_iter().map(|contract| BlockedContract { contract, obstacle: obstacle.clone() }).collect();
        told.rows = Rows::parts(&blocked, &[]).expect("they fit").swap_remove(0);
        true
    });
}

/// Lets a trade of a calculated position close a lot that was never opened, over which the calculation breaks down. Answers the position.
fn broken(paper: &mut Paper) -> PositionKey {
    let calculated: BTreeSet<_> =
        tellings(paper).into_iter().filter(|(.., told)| calculated(told)).map(|(.., told)| told.key).collect();
    for partition in 0..PARTITIONS {
        let log = paper.log(CAPTURED_TRADES, partition);
        let last: BTreeMap<_, _> = log.records.iter().map(|(offset, key, _)| (key.clone(), *offset)).collect();
        for (_, _, value) in log.records.iter_mut().filter(|(offset, key, _)| last[key] == *offset) {
            let Some((cause, mut trade)) = value.as_deref().map(message::<CapturedTrade>) else { continue };
            if calculated.contains(&trade.key) && trade.terms().is_some() && !trade.reliefs.is_empty() {
                trade.reliefs[0].lot = TradeId::new("NOBODY", "NEVER").expect("two names");
                *value = Some(encoded::<CapturedTrade>(cause, &trade));
                return trade.key;
            }
        }
    }
    panic!("no trade of a calculated position closes a lot")
}
