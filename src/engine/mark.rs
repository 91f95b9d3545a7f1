//! The turn mark: what the committed offsets say about the last turn of a task. The truth about what was committed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Rides as metadata on the offsets of every transaction, at most 4,096 bytes. Written as
/// `b2 t=<turn> g=<generation> l=<life> a=<attempt>[@<input>:<offset>] c=<0|1> s=<topic>:<end>,… v=<topic>:<offset>/<offset>,…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnMark {
    /// Grows by one with every turn of the task, over all its owners.
    pub turn: u64,
    /// The group generation in which the turn was made.
    pub generation: i32,
    /// Who wrote it: while that process lives, no attempt has killed it.
    pub life: Life,
    /// The how-manieth attempt at the task's next turn this is; 0 when the last one was committed.
    pub attempt: u32,
    /// The one record that is attempted, by the number of its input and its offset, once turns have one record.
    pub suspect: Option<(usize, i64)>,
    /// The owner went in order: no attempt has killed it.
    pub clean: bool,
    /// Per state topic, the offset after the last record that belongs to the state.
    pub ends: BTreeMap<String, i64>,
    /// Per view topic, how far the view was when it was last used, by partition.
    pub views: BTreeMap<String, Vec<i64>>,
}

/// A process from its start to its death, known by the moment it began, in microseconds since 1970 UTC. Two processes that
/// began at once would be taken for one, and a death of one of them would not be counted: no harm is done by that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life(pub i64);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a turn mark of this version")]
pub struct NotAMark(String);

impl TurnMark {
    /// The offset up to which a state topic belongs to the state; 0 where nothing was ever written.
    pub fn end(&self, topic: &str) -> i64 {
        self.ends.get(topic).copied().unwrap_or(0)
    }
}

impl fmt::Display for TurnMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b2 t={} g={} l={} a={}", self.turn, self.generation, self.life.0, self.attempt)?;
        if let Some((input, offset)) = self.suspect {
            write!(f, "@{input}:{offset}")?;
        }
        write!(f, " c={}", u8::from(self.clean))?;
        let ends: Vec<_> = self.ends.iter().map(|(topic, end)| format!("{topic}:{end}")).collect();
        let views: Vec<_> = self.views.iter().map(|(topic, at)| format!("{topic}:{}", joined(at))).collect();
        write!(f, " s={} v={}", ends.join(","), views.join(","))
    }
}

impl FromStr for TurnMark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        parse(text).ok_or_else(|| NotAMark(text.into()))
    }
}

fn joined(offsets: &[i64]) -> String {
    offsets.iter().map(i64::to_string).collect::<Vec<_>>().join("/")
}

fn parse(text: &str) -> Option<TurnMark> {
    let mut fields = text.strip_prefix("b2 ")?.split(' ');
    let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    let (turn, generation) = (field("t")?.parse().ok()?, field("g")?.parse().ok()?);
    let life = Life(field("l")?.parse().ok()?);
    let attempt = field("a")?;
    let (attempt, suspect) = match attempt.split_once('@') {
        None => (attempt, None),
        Some((attempt, record)) => (attempt, Some(record.split_once(':')?)),
    };
    let suspect = match suspect {
        None => None,
        Some((input, offset)) => Some((input.parse().ok()?, offset.parse().ok()?)),
    };
    Some(TurnMark {
        turn,
        generation,
        life,
        attempt: attempt.parse().ok()?,
        suspect,
        clean: field("c")? == "1",
        ends: pairs(field("s")?, |end| end.parse().ok())?,
        views: pairs(field("v")?, |at| at.split('/').map(|offset| offset.parse().ok()).collect())?,
    })
}

fn pairs<T>(text: &str, value: impl Fn(&str) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once(':').and_then(|(topic, at)| Some((topic.to_string(), value(at)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_the_round_trip() {
        let mark = TurnMark {
            turn: 42,
            generation: 7,
            life: Life(1_767_571_200_000_000),
            attempt: 4,
            suspect: Some((1, 77)),
            clean: true,
            ends: BTreeMap::from([("lots".into(), 900), ("positions".into(), 77)]),
            views: BTreeMap::from([("contracts".into(), vec![3, 0, 12])]),
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert_eq!(TurnMark::default().to_string().parse(), Ok(TurnMark::default()));
    }

    #[test]
    fn other_metadata_is_not_a_mark() {
        for text in [
            "",
            "hello",
            "b1 t=1 g=1 l=1 a=0 c=0 s= v=",
            "b2 t=x g=1 l=1 a=0 c=0 s= v=",
            "b2 t=1 g=1 a=0 c=0 s= v=",
            "b2 t=1 g=1 l=1 a=3@7 c=0 s= v=",
            "b2 t=1 g=1 l=1 a=0 c=0 s=lots v=",
        ] {
            assert!(text.parse::<TurnMark>().is_err(), "{text}");
        }
    }
}
