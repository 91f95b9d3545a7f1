//! The topics: file name in `topics/` = topic name = constant here, and the number by which provenance names a topic.

use crate::domain::trade::captured::Place;
use crate::engine::stage::Cause;

pub const TRADES: &str = "trades";
pub const CAPTURED_TRADES: &str = "captured-trades";
pub const CAPTURED_ACTIONS: &str = "captured-actions";
pub const POSITIONS: &str = "positions";
pub const LOTS: &str = "lots";
pub const BLOTTER: &str = "blotter";
pub const CALCULATION_CHUNKS_REALTIME: &str = "calculation-chunks.realtime";
pub const CALCULATION_CHUNKS_BATCH: &str = "calculation-chunks.batch";
pub const JOB_CASH_FLOWS: &str = "job-cash-flows";
pub const CHUNK_RESULTS_REALTIME: &str = "chunk-results.realtime";
pub const CHUNK_RESULTS_BATCH: &str = "chunk-results.batch";
pub const JOB_CONTROL: &str = "job-control";
pub const CALCULATION_OUTCOMES: &str = "calculation-outcomes";
pub const JOB_PROGRESS: &str = "job-progress";
pub const STOPPED_JOBS: &str = "stopped-jobs";
pub const CONTRACTS: &str = "contracts";
pub const MARKET_DATA: &str = "market-data";
pub const REFERENCE_DATA: &str = "reference-data";
pub const CASH_FLOWS: &str = "cash-flows";
pub const MARKET_SNAPSHOTS: &str = "market-snapshots";
pub const CALCULATION_REQUESTS: &str = "calculation-requests";
pub const RECALCULATIONS: &str = "recalculations";
pub const RECALCULATION_SHARES: &str = "recalculation-shares";
pub const HISTORICAL_FLOWS: &str = "historical-flows";
pub const WHAT_IF_FLOWS: &str = "what-if-flows";
pub const DEAD_LETTERS: &str = "dead-letters";

/// A topic's number on the wire. Numbers stand in every record for ever: append, never reorder.
const CODES: [(u16, &str); 26] = [
    (1, TRADES),
    (2, CAPTURED_TRADES),
    (3, POSITIONS),
    (4, LOTS),
    (5, BLOTTER),
    (6, CALCULATION_CHUNKS_REALTIME),
    (7, CALCULATION_CHUNKS_BATCH),
    (8, JOB_CASH_FLOWS),
    (9, CHUNK_RESULTS_REALTIME),
    (10, JOB_CONTROL),
    (11, CALCULATION_OUTCOMES),
    (12, JOB_PROGRESS),
    (13, DEAD_LETTERS),
    (14, CONTRACTS),
    (15, MARKET_DATA),
    (16, REFERENCE_DATA),
    (17, CASH_FLOWS),
    (18, MARKET_SNAPSHOTS),
    (19, CALCULATION_REQUESTS),
    (20, RECALCULATIONS),
    (21, RECALCULATION_SHARES),
    (22, HISTORICAL_FLOWS),
    (23, WHAT_IF_FLOWS),
    (24, CAPTURED_ACTIONS),
    (25, CHUNK_RESULTS_BATCH),
    (26, STOPPED_JOBS),
];

/// Every topic, in the order of its number.
pub fn all() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|&(_, topic)| topic)
}

/// The constant for a name that comes from outside.
pub fn named(name: &str) -> Option<&'static str> {
    all().find(|&topic| topic == name)
}

/// A topic's number; 0 for none of ours.
pub fn code(topic: &str) -> u16 {
    CODES.iter().find(|&&(_, name)| name == topic).map_or(0, |&(code, _)| code)
}

/// The topic with this number.
pub fn coded(code: u16) -> Option<&'static str> {
    CODES.iter().find(|&&(number, _)| number == code).map(|&(_, topic)| topic)
}

/// The engine's cause as the wire names it.
pub fn place(cause: Cause) -> Place {
    Place { topic: code(cause.topic), partition: cause.partition, offset: cause.offset }
}

/// The wire's place as the engine names it; a topic that is none of ours has no name here.
pub fn cause(place: Place) -> Cause {
    Cause { topic: coded(place.topic).unwrap_or(""), partition: place.partition, offset: place.offset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_come_back() {
        for topic in all() {
            assert_eq!(coded(code(topic)), Some(topic));
            assert_eq!(named(topic), Some(topic));
        }
        assert_eq!(code("no-such-topic"), 0);
        assert_eq!(coded(0), None);
    }
}
