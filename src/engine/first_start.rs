//! First start: the explicit act after which a missing offset is always an error.

use std::time::Duration;

use super::broker::{Broker, ErrorKind, GroupMembership, Member, OffsetToCommit, TopicPartition};
use super::clock::Clock;
use super::mark::TurnMark;
use super::stop::Stop;
use super::topology::Checked;

/// What a first start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstStart {
    Committed {
        partitions: usize,
    },
    /// The group has run before, without these inputs: they begin, and nothing else moves.
    Joined {
        topics: Vec<&'static str>,
    },
    /// The group has run before; nothing was done.
    AlreadyStarted,
}

/// For how long it is tried again beside others, and while a cluster that has just been given its topics, or lacks a broker, elects who coordinates
/// the group.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries, times the tries: others are left alone for as long.
const LEFT_ALONE: Duration = Duration::from_millis(500);

/// Commits start offset and mark of every input partition that the group has never read, in one transaction. Safe to be called by several workers at
/// once: they share a transactional id, so one fences the other, who looks again and finds offsets. `wait` is for one question for offsets.
pub fn first_start(
    checked: &Checked,
    broker: &dyn Broker,
    clock: &dyn Clock,
    wait: Duration,
) -> Result<FirstStart, Stop> {
    let deadline = clock.elapsed() + PATIENCE;
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(checked, broker, wait) {
            Err(Stop::Broker(error))
                if matches!(error.kind, ErrorKind::Fenced | ErrorKind::Unavailable) && clock.elapsed() < deadline =>
            {
                clock.sleep(LEFT_ALONE * tries);
            }
            done => return done,
        }
    }
}

fn attempt(checked: &Checked, broker: &dyn Broker, wait: Duration) -> Result<FirstStart, Stop> {
    let spec = &checked.spec;
    let client_id = format!("{}-first-start", spec.group());
    let mut producer = broker.producer(&client_id).map_err(Stop::Broker)?;
    let member = Member { group: spec.group(), client_id, instance_id: None };
    let mut consumer = broker.consumer(&member).map_err(Stop::Broker)?;
    let inputs: Vec<_> = (0..checked.partitions).flat_map(|partition| spec.inputs(partition)).collect();
    let committed = consumer.committed(&inputs, wait).map_err(Stop::Broker)?;
    consumer.close();
    let missing = inputs.into_iter().zip(committed).filter(|(_, committed)| committed.is_none());
    let missing: Vec<_> = missing.map(|(input, _)| input).collect();
    if missing.is_empty() {
        return Ok(FirstStart::AlreadyStarted);
    }
    // What lacks some of its offsets has lost them.
    let new = |topic| missing.iter().filter(|input| input.topic == topic).count() == checked.partitions as usize;
    let never_ran = new(spec.lead) && spec.companions.iter().all(|topic| new(topic));
    if let Some(lost) = missing.iter().find(|input| !never_ran && (input.topic == spec.lead || !new(input.topic))) {
        return Err(Stop::NeverStarted { partition: *lost });
    }
    let mut reader = broker.reader().map_err(Stop::Broker)?;
    let mut offsets = Vec::new();
    for partition in 0..checked.partitions {
        // Beside inputs that were read before, theirs counts: it is of a later turn.
        let mut mark = TurnMark { clean: true, ..TurnMark::default() };
        for &topic in &spec.state {
            let end = reader.bounds(TopicPartition { topic, partition }).map_err(Stop::Broker)?.end;
            mark.ends.insert(topic.to_string(), end);
        }
        for input in spec.inputs(partition).into_iter().filter(|input| new(input.topic)) {
            let offset = reader.bounds(input).map_err(Stop::Broker)?.start;
            offsets.push(OffsetToCommit { partition: input, offset, metadata: mark.to_string() });
        }
    }
    // No member reads these inputs yet, so the offsets come from nobody: generation -1 and no member id.
    let nobody = GroupMembership { group: spec.group(), generation: -1, member_id: String::new(), instance_id: None };
    let done =
        producer.begin().and_then(|()| producer.send_offsets(&offsets, &nobody)).and_then(|()| producer.commit());
    done.map_err(Stop::Broker)?;
    Ok(match never_ran {
        true => FirstStart::Committed { partitions: offsets.len() },
        false => FirstStart::Joined { topics: spec.companions.iter().copied().filter(|topic| new(topic)).collect() },
    })
}
