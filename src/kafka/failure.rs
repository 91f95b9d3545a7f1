//! librdkafka's errors by what can be done about them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::engine::broker::{BrokerError, ErrorKind};

/// What was tried, why it failed, and what kind of failure that is.
pub(super) fn broker_error(tried: &str, error: &KafkaError) -> BrokerError {
    match error.rdkafka_error_code() {
        // A transaction's error has a text of its own, which says more than its code.
        Some(code) => match error {
            KafkaError::Transaction(detail) => coded(tried, code, &detail.string()),
            _ => coded(tried, code, &code.to_string()),
        },
        // These come without a code: configuration, a closed client, assignment calls.
        None => BrokerError::new(ErrorKind::Fatal, format!("cannot {tried}: {error}")),
    }
}

pub(super) fn coded(tried: &str, code: Code, detail: &str) -> BrokerError {
    BrokerError::new(kind(code), format!("cannot {tried}: {detail} ({code:?})"))
}

pub(super) fn unavailable(message: &str) -> BrokerError {
    BrokerError::new(ErrorKind::Unavailable, message)
}

/// librdkafka reconnects by itself: such an event is news, not the failure of a call.
pub(super) fn only_news(code: Code) -> bool {
    use Code::*;
    matches!(
        code,
        BrokerTransportFailure
            | AllBrokersDown
            | Resolve
            | OperationTimedOut
            | RequestTimedOut
            | NotCoordinator
            | CoordinatorLoadInProgress
            | CoordinatorNotAvailable
            | NetworkException
            | NotLeaderForPartition
            | LeaderNotAvailable
            | NoError
            // The group took everything away because we were too slow: the rebalance event that follows says so.
            | PollExceeded
    )
}

pub(super) fn kind(code: Code) -> ErrorKind {
    use Code::*;
    match code {
        Fenced
        | ProducerFenced
        | InvalidProducerEpoch
        | InvalidTransactionalState
        | TransactionCoordinatorFenced
        | InvalidProducerIdMapping => ErrorKind::Fenced,
        UnknownMemberId | IllegalGeneration | RebalanceInProgress | StaleMemberEpoch | FencedMemberEpoch
        | AssignmentLost => ErrorKind::NotMember,
        FencedInstanceId | UnreleasedInstanceId => ErrorKind::TwinInstance,
        AutoOffsetReset | OffsetOutOfRange | NoOffset => ErrorKind::OffsetOutOfRange,
        MessageSizeTooLarge | InvalidMessageSize | MessageBatchTooLarge => ErrorKind::TooLarge,
        Authentication
        | SaslAuthenticationFailed
        | TopicAuthorizationFailed
        | GroupAuthorizationFailed
        | ClusterAuthorizationFailed
        | TransactionalIdAuthorizationFailed
        | SSL => ErrorKind::Denied,
        MessageTimedOut
        | BrokerTransportFailure
        | AllBrokersDown
        | DestroyBroker
        | Resolve
        | OperationTimedOut
        | TimedOutQueue
        | RequestTimedOut
        | BrokerNotAvailable
        | LeaderNotAvailable
        | NotLeaderForPartition
        | ReplicaNotAvailable
        | NetworkException
        | CoordinatorLoadInProgress
        | CoordinatorNotAvailable
        | NotCoordinator
        | NotEnoughReplicas
        | NotEnoughReplicasAfterAppend
        | ConcurrentTransactions
        | UnstableOffsetCommit
        | KafkaStorageError
        | NotController
        | WaitingForCoordinator
        | QueueFull
        | PurgeQueue
        | PurgeInflight
        | ThrottlingQuotaExceeded
        | Retry
        | InProgress
        | PreviousInProgress => ErrorKind::Unavailable,
        _ => ErrorKind::Fatal,
    }
}
