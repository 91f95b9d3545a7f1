//! How far a flow has come, which event may bring it further, and what a change of its amount does to it.
//!
//! ```text
//! Projected ──► Accrued ──► Realised ──► Instructed ──► Settled
//!     │            │        │ │  ▲           │  ▲
//!     │            │        │ ▼  │           ▼  │
//!     │            │        │ Deferred      Failed ──► Disputed
//!     │            │        └──► Netted
//!     └────────────┴──────┬─────┘
//!                         ▼
//!                      Reversed ──► Projected       the open four ◄──► Blocked
//! ```

use std::fmt;

use crate::domain::blocked::Blocked;
use crate::domain::flows::id::FlowId;
use crate::domain::trade::captured::Place;

/// Where a flow stands. Up to `Deferred` nobody outside has been told, so its amount may be restated in place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    Open(Stage),
    /// Its amount cannot be calculated; it goes on from the same stage when the missing input arrives.
    Blocked {
        stage: Stage,
        reason: Blocked,
    },
    /// Told to whoever pays.
    Instructed,
    /// The payment did not go through; it may be instructed again.
    Failed,
    /// The payer denies it; how that ends is settled outside, and comes back as an adjustment.
    Disputed,
    Settled,
    /// Paid as a part of the net flow `into`.
    Netted {
        into: FlowId,
    },
    /// Restated to zero: the trade, dividend or fee it paid for is gone.
    Reversed,
}

/// The stages of a flow that only this house knows of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Expected: a dividend that was announced, a payment of the schedule.
    Projected,
    /// Running: a memo without cash, superseded by the flow of the whole period.
    Accrued,
    /// Determined, and due on its payment date.
    Realised,
    /// Determined, and paid later than it would be by the usual rule.
    Deferred,
}

/// What can happen to a flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// What was reversed is expected again.
    Project,
    Accrue,
    Realise,
    Defer,
    Instruct,
    Settle,
    Fail,
    Dispute,
    Net {
        into: FlowId,
    },
    Reverse,
    Block(Blocked),
    Unblock,
}

/// One step of a flow's life, and the record that caused it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    pub from: Status,
    pub to: Status,
    pub event: Event,
    pub cause: Place,
}

/// An event that cannot happen to a flow where it stands; nothing changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Illegal {
    pub status: Status,
    pub event: Event,
}

impl Status {
    /// What `event` makes of the flow. Two departures from a plain line: a flow that was told outside is never blocked, because its
    /// amount no longer changes; and what was reversed may be projected again, because a cancelled trade may come back under its id.
    pub fn on(&self, event: Event, cause: Place) -> Result<Transition, Illegal> {
        use Stage::{Accrued, Deferred, Projected, Realised};
        let to = match (self, &event) {
            (Status::Reversed, Event::Project) => Status::Open(Projected),
            (Status::Open(Projected), Event::Accrue) => Status::Open(Accrued),
            (Status::Open(Accrued | Deferred), Event::Realise) => Status::Open(Realised),
            (Status::Open(Realised), Event::Defer) => Status::Open(Deferred),
            (Status::Open(Realised) | Status::Failed, Event::Instruct) => Status::Instructed,
            (Status::Open(Realised), Event::Net { into }) => Status::Netted { into: *into },
            (Status::Open(_) | Status::Blocked { .. }, Event::Reverse) => Status::Reversed,
            (Status::Open(stage), Event::Block(reason)) | (Status::Blocked { stage, .. }, Event::Block(reason)) => {
                Status::Blocked { stage: *stage, reason: reason.clone() }
            }
            (Status::Blocked { stage, .. }, Event::Unblock) => Status::Open(*stage),
            (Status::Instructed, Event::Settle) => Status::Settled,
            (Status::Instructed, Event::Fail) => Status::Failed,
            (Status::Failed, Event::Dispute) => Status::Disputed,
            _ => return Err(Illegal { status: self.clone(), event }),
        };
        Ok(Transition { from: self.clone(), to, event, cause })
    }

    /// The status as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Open(stage) => stage.name(),
            Status::Blocked { .. } => "BLOCKED",
            Status::Instructed => "INSTRUCTED",
            Status::Failed => "FAILED",
            Status::Disputed => "DISPUTED",
            Status::Settled => "SETTLED",
            Status::Netted { .. } => "NETTED",
            Status::Reversed => "REVERSED",
        }
    }
}

impl Stage {
    /// The stage as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Projected => "PROJECTED",
            Stage::Accrued => "ACCRUED",
            Stage::Realised => "REALISED",
            Stage::Deferred => "DEFERRED",
        }
    }
}

impl Event {
    /// The event as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Project => "PROJECT",
            Event::Accrue => "ACCRUE",
            Event::Realise => "REALISE",
            Event::Defer => "DEFER",
            Event::Instruct => "INSTRUCT",
            Event::Settle => "SETTLE",
            Event::Fail => "FAIL",
            Event::Dispute => "DISPUTE",
            Event::Net { .. } => "NET",
            Event::Reverse => "REVERSE",
            Event::Block(_) => "BLOCK",
            Event::Unblock => "UNBLOCK",
        }
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot happen to a flow that is {}", self.event.name(), self.status.name())
    }
}

impl std::error::Error for Illegal {}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSE: Place = Place { topic: 1, partition: 2, offset: 3 };
    const NET: FlowId = FlowId(7);

    fn gap() -> Blocked {
        Blocked::VersionGap { of: "T1".into(), missing: 2 }
    }

    fn events() -> [Event; 12] {
        use Event::*;
        [
            Project,
            Accrue,
            Realise,
            Defer,
            Instruct,
            Settle,
            Fail,
            Dispute,
            Net { into: NET },
            Reverse,
            Block(gap()),
            Unblock,
        ]
    }

    /// The names of the events that may happen, and where each leads.
    fn permitted(status: &Status) -> Vec<String> {
        let step = |event: Event| status.on(event, CAUSE).ok();
        events()
            .into_iter()
            .filter_map(step)
            .map(|step| format!("{} -> {}", step.event.name(), step.to.name()))
            .collect()
    }

    #[test]
    fn these_transitions_are_permitted_and_no_others() {
        for (status, expected) in [
            (Status::Open(Stage::Projected), "ACCRUE -> ACCRUED, REVERSE -> REVERSED, BLOCK -> BLOCKED"),
            (Status::Open(Stage::Accrued), "REALISE -> REALISED, REVERSE -> REVERSED, BLOCK -> BLOCKED"),
            (
                Status::Open(Stage::Realised),
                "DEFER -> DEFERRED, INSTRUCT -> INSTRUCTED, NET -> NETTED, REVERSE -> REVERSED, BLOCK -> BLOCKED",
            ),
            (Status::Open(Stage::Deferred), "REALISE -> REALISED, REVERSE -> REVERSED, BLOCK -> BLOCKED"),
            (
                Status::Blocked { stage: Stage::Accrued, reason: gap() },
                "REVERSE -> REVERSED, BLOCK -> BLOCKED, UNBLOCK -> ACCRUED",
            ),
            (Status::Instructed, "SETTLE -> SETTLED, FAIL -> FAILED"),
            (Status::Failed, "INSTRUCT -> INSTRUCTED, DISPUTE -> DISPUTED"),
            (Status::Reversed, "PROJECT -> PROJECTED"),
            (Status::Disputed, ""),
            (Status::Settled, ""),
            (Status::Netted { into: NET }, ""),
        ] {
            assert_eq!(permitted(&status).join(", "), expected, "{}", status.name());
        }
    }

    #[test]
    fn a_transition_names_its_cause() {
        let step = Status::Open(Stage::Projected).on(Event::Accrue, CAUSE).expect("a projected flow accrues");
        assert_eq!((step.from, step.cause), (Status::Open(Stage::Projected), CAUSE));
    }

    #[test]
    fn a_refusal_says_what_and_where() {
        let refused = Status::Settled.on(Event::Reverse, CAUSE).expect_err("what is settled stays");
        assert_eq!(refused.to_string(), "REVERSE cannot happen to a flow that is SETTLED");
    }
}
