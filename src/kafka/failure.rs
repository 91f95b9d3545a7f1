//! librdkafka's errors by what can be done about them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::engine::broker::{BrokerError, ErrorKind};

/// What was tried, why it failed, and what kind of failure that is.
pub(super) fn broker_error(tried: &str, error: &KafkaError) -> BrokerError {
    let code = match error {
        // Its own accessor leaves this one out.
        KafkaError::AdminOp(code) => Some(*code),
        _ => error.rdkafka_error_code(),
    };
    match code {
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

/// A broker that does not know a topic, or not all of its partitions.
pub(super) fn unknown(code: Code) -> bool {
    use Code::*;
    matches!(code, UnknownTopic | UnknownPartition | UnknownTopicOrPartition | UnknownTopicId)
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
        // A leader that has just been elected, and one that others do not know yet.
        | OffsetNotAvailable
        | FencedLeaderEpoch
        | UnknownLeaderEpoch
        | ListenerNotFound
        | PreferredLeaderNotAvailable
        | EligibleLeadersNotAvailable
        | FetchSessionIdNotFound
        | InvalidFetchSessionEpoch
        | UnknownTopicId
        | RebootstrapRequired
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_an_admin_that_comes_late_is_one_that_passes() {
        for code in [Code::OperationTimedOut, Code::DestroyBroker, Code::BrokerTransportFailure] {
            let error = broker_error("create topics", &KafkaError::AdminOp(code));
            assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
        }
    }

    /// Kafka's protocol calls them retriable (the list of error codes in its guide): none of them may stop a worker. Of one that does not know a topic
    /// only whoever has seen it can say whether it will.
    #[test]
    fn what_brokers_want_to_be_asked_again_stops_nobody() {
        let codes = [5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 88, 89, 100];
        for code in codes {
            let code = Code::from(rdkafka::types::RDKafkaRespErr::try_from(code).expect("a code of the protocol"));
            assert_eq!(kind(code), ErrorKind::Unavailable, "{code:?}");
        }
    }
}
