//! What the business or the wire refuses, as the engine's dead letters name it.

use crate::domain::answer::Refusal;
use crate::engine::stage::ProcessError;
use crate::messages::framing::FramingError;
use crate::messages::schemas::Undecodable;

/// A trade without effect.
pub fn refused(refusal: Refusal) -> ProcessError {
    ProcessError::rejected(refusal.code(), refusal)
}

/// Bytes that are no message, or none yet.
pub fn undecodable(error: Undecodable) -> ProcessError {
    let reason = match &error {
        Undecodable::Registry(_) => return ProcessError::unavailable(error),
        Undecodable::Oversized(_) => "oversized",
        Undecodable::Framing(FramingError::Empty) => "empty",
        Undecodable::Framing(FramingError::WrongMagic(_)) => "wrong_magic",
        Undecodable::Framing(FramingError::Truncated(_)) => "truncated",
        Undecodable::UnknownSchema(_) => "unknown_schema",
        Undecodable::Incompatible { .. } => "schema",
        Undecodable::Unreadable(_) => "undecodable",
    };
    ProcessError::rejected(reason, error)
}
