//! A changed amount: restated in place while only this house knows it, paid as an adjustment once it was told outside.

use chrono::NaiveDate;

use super::status::Status;
use crate::domain::money::Money;

/// When an adjustment is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdjustmentPolicy {
    Immediate,
    NextPayment,
    OnTermination,
}

/// The dates on which a contract can pay, as the caller knows them; none where the date is not fixed yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaymentDates {
    /// The earliest date a payment instructed now can be made.
    pub earliest: NaiveDate,
    pub next: Option<NaiveDate>,
    pub termination: Option<NaiveDate>,
}

/// What a new amount of a flow comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restatement {
    Unchanged,
    /// A new version of the same flow; the old one stays readable.
    InPlace {
        now: Money,
        delta: Money,
    },
    /// A flow of its own beside the one that was told outside. `payment_date` is none while the policy's date is not fixed.
    Adjustment {
        delta: Money,
        payment_date: Option<NaiveDate>,
    },
}

/// Restates a flow from `booked` to `now`. `booked` is what the flow and its earlier adjustments come to, so that all deltas of a flow
/// add up to its current amount. A netted flow counts as told: its net flow carries its amount. `None` when the currencies differ or
/// the difference does not fit.
pub fn restate(
    status: &Status,
    booked: Money,
    now: Money,
    policy: AdjustmentPolicy,
    dates: PaymentDates,
) -> Option<Restatement> {
    let delta = now.checked_sub(booked)?;
    if delta.minor == 0 {
        return Some(Restatement::Unchanged);
    }
    Some(match status {
        Status::Open(_) | Status::Blocked { .. } | Status::Reversed => Restatement::InPlace { now, delta },
        Status::Instructed | Status::Failed | Status::Disputed | Status::Settled | Status::Netted { .. } => {
            Restatement::Adjustment { delta, payment_date: payment_date(policy, dates) }
        }
    })
}

fn payment_date(policy: AdjustmentPolicy, dates: PaymentDates) -> Option<NaiveDate> {
    match policy {
        AdjustmentPolicy::Immediate => Some(dates.earliest),
        AdjustmentPolicy::NextPayment => dates.next,
        AdjustmentPolicy::OnTermination => dates.termination,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::flows::id::FlowId;
    use crate::domain::flows::status::Stage;
    use crate::domain::money::Currency;

    fn usd(minor: i64) -> Money {
        Money { minor, currency: Currency::new("USD").expect("a currency in use") }
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).expect("a day of June")
    }

    fn dates() -> PaymentDates {
        PaymentDates { earliest: day(3), next: Some(day(20)), termination: None }
    }

    #[test]
    fn what_was_told_outside_is_adjusted_and_never_overwritten() {
        for status in
            [Status::Instructed, Status::Failed, Status::Disputed, Status::Settled, Status::Netted { into: FlowId(1) }]
        {
            let restated = restate(&status, usd(100), usd(70), AdjustmentPolicy::NextPayment, dates());
            let expected = Restatement::Adjustment { delta: usd(-30), payment_date: Some(day(20)) };
            assert_eq!(restated, Some(expected), "{}", status.name());
        }
    }

    #[test]
    fn what_only_this_house_knows_is_restated_in_place() {
        for stage in [Stage::Projected, Stage::Accrued, Stage::Realised, Stage::Deferred] {
            let restated = restate(&Status::Open(stage), usd(100), usd(70), AdjustmentPolicy::Immediate, dates());
            assert_eq!(restated, Some(Restatement::InPlace { now: usd(70), delta: usd(-30) }), "{}", stage.name());
        }
    }

    #[test]
    fn the_policy_names_the_payment_date() {
        for (policy, date) in [
            (AdjustmentPolicy::Immediate, Some(day(3))),
            (AdjustmentPolicy::NextPayment, Some(day(20))),
            (AdjustmentPolicy::OnTermination, None),
        ] {
            let restated = restate(&Status::Settled, usd(1), usd(0), policy, dates());
            assert_eq!(restated, Some(Restatement::Adjustment { delta: usd(-1), payment_date: date }));
        }
    }

    #[test]
    fn amounts_of_two_currencies_have_no_difference() {
        let euro = Money { minor: 100, currency: Currency::new("EUR").expect("a currency in use") };
        assert_eq!(restate(&Status::Settled, usd(100), euro, AdjustmentPolicy::Immediate, dates()), None);
    }

    proptest! {
        #[test]
        fn the_deltas_of_a_settled_flow_add_up_to_its_current_amount(
            first in -1_000_000_i64..1_000_000,
            versions in prop::collection::vec(-1_000_000_i64..1_000_000, 1..10),
        ) {
            let mut booked = usd(first);
            for now in &versions {
                if let Some(Restatement::Adjustment { delta, .. }) =
                    restate(&Status::Settled, booked, usd(*now), AdjustmentPolicy::Immediate, dates())
                {
                    booked = booked.checked_add(delta).expect("small amounts");
                }
            }
            prop_assert_eq!(Some(booked.minor), versions.last().copied());
        }
    }
}
