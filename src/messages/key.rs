//! Record keys, and the partition they belong to: murmur2 over the key's bytes, as Java clients do it, so that all producers agree.

use std::iter;

use chrono::NaiveDate;

use crate::domain::jobs::chunk::Chunk;
use crate::domain::jobs::job::JobId;
use crate::domain::key::{ContractId, PositionKey, TradeId};

/// The record key of what is kept per trade: `account_book_security_source|trade_id`.
///
/// A position's key has exactly two `_`, so the third one ends it whatever the trade is called.
pub fn trade_key(key: &PositionKey, id: &TradeId, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_str().as_bytes());
    out.push(b'_');
    out.extend_from_slice(id.as_str().as_bytes());
}

/// The record key of a part of a position's flows: `account_book_security`, of further parts `account_book_security_N`.
pub fn part_key(key: &PositionKey, part: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_str().as_bytes());
    if part > 0 {
        out.extend_from_slice(format!("_{part}").as_bytes());
    }
}

/// The inverse of [`part_key`].
pub fn parse_part_key(bytes: &[u8]) -> Option<(PositionKey, u32)> {
    let text = std::str::from_utf8(bytes).ok()?;
    match text.match_indices('_').nth(2) {
        None => Some((PositionKey::parse(text).ok()?, 0)),
        Some((end, _)) => Some((PositionKey::parse(&text[..end]).ok()?, text[end + 1..].parse().ok()?)),
    }
}

/// The record key of a job's flows of one contract part: `job/contract/part/piece`, with `%` and `/` percent-encoded.
pub fn flows_key(job: &JobId, contract: &ContractId, part: u32, piece: u32) -> String {
    format!("{}{}/{part}/{piece}", of_job(job), encode(contract.as_str()))
}

/// The record key of a part of a position's flows on a day, as a job has them: `job/account_book_security/day/part`.
pub fn day_key(job: &JobId, position: &PositionKey, day: NaiveDate, part: u32) -> String {
    format!("{}{}/{day}/{part}", of_job(job), encode(position.as_str()))
}

/// What every key of a job's chunks and flows begins with.
pub fn of_job(job: &JobId) -> String {
    format!("{}/", encode(job.as_str()))
}

/// The record key of a chunk, `job/contract/part/number` of its first contract: chunks spread, and one that cannot be read is
/// still known by its key.
pub fn chunk_key(chunk: &Chunk) -> String {
    let first = chunk.contracts.first();
    chunk_key_of(&chunk.job.id, first.map(|first| (&first.id, first.part)), chunk.number)
}

/// The same from its parts; `first` is the first contract and its part.
pub(super) fn chunk_key_of(job: &JobId, first: Option<(&ContractId, u32)>, number: u32) -> String {
    let contract = first.map_or(String::new(), |(contract, _)| encode(contract.as_str()));
    format!("{}{contract}/{}/{number}", of_job(job), first.map_or(0, |(_, part)| part))
}

/// The record key of a chunk whose job keeps to so many partitions: the chunk's own if it belongs there, or else the first of `key/1`, `key/2`, ... that does.
///
/// A job has neighbours, chosen by its name: two jobs share all of their partitions or none, because one that is shared would keep the later job as long as all.
pub fn key_within(job: &JobId, key: String, partitions: i32, limit: Option<usize>) -> String {
    let width = limit.and_then(|limit| i32::try_from(limit).ok()).unwrap_or(partitions).clamp(1, partitions);
    let part = partition(job.as_str().as_bytes(), partitions / width);
    let belongs = |key: &String| partition(key.as_bytes(), partitions) / width == part;
    let others = (1u64..).map(|number| format!("{key}/{number}"));
    iter::once(key.clone()).chain(others).find(belongs).expect("hashes reach every partition")
}

/// The chunk's own key, of one that [`key_within`] made.
pub fn own_chunk_key(key: &str) -> &str {
    match key.match_indices('/').nth(3) {
        Some((end, _)) if key[end + 1..].parse::<u64>().is_ok() => &key[..end],
        _ => key,
    }
}

/// The inverse of [`chunk_key`] and [`key_within`]: the job, its first contract if it has one, and its number.
pub fn parse_chunk_key(bytes: &[u8]) -> Option<(JobId, Option<ContractId>, u32)> {
    let parts: Vec<_> = own_chunk_key(std::str::from_utf8(bytes).ok()?).split('/').collect();
    let [job, contract, part, number] = parts[..] else { return None };
    part.parse::<u32>().ok()?;
    let contract = match contract {
        "" => None,
        contract => Some(ContractId::new(&decode(contract)).ok()?),
    };
    Some((JobId::new(&decode(job)).ok()?, contract, number.parse().ok()?))
}

fn encode(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

fn decode(name: &str) -> String {
    name.replace("%2F", "/").replace("%25", "%")
}

/// The inverse of [`trade_key`].
pub fn parse_trade_key(bytes: &[u8]) -> Option<(PositionKey, TradeId)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (end, _) = text.match_indices('_').nth(2)?;
    Some((PositionKey::parse(&text[..end]).ok()?, TradeId::parse(&text[end + 1..]).ok()?))
}

/// The partition that Java's default partitioner gives a record with this key.
pub fn partition(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// Kafka's variant of MurmurHash2 (32 bit, its own fixed seed), bit for bit as in Java.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    // Java's length is a 32-bit int; keys of 4 GB do not exist.
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MIX);
        k ^= k >> SHIFT;
        hash = hash.wrapping_mul(MIX) ^ k.wrapping_mul(MIX);
    }
    if !tail.is_empty() {
        let rest = tail.iter().rev().fold(0u32, |rest, byte| rest << 8 | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^= hash >> 15;
    hash as i32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Computed with `org.apache.kafka.common.utils.Utils` and `BuiltInPartitioner` of kafka-clients 4.3.1.
    const JAVA: &[(&[u8], i32)] = &[
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ];

    #[test]
    fn partitions_are_those_of_java_clients() {
        let of_48: &[(&[u8], i32)] = &[
            (b"", 9),
            (b"a", 28),
            (b"ab", 26),
            (b"21", 12),
            (b"foobar", 30),
            (b"ACC1_BOOK1_AAPL", 24),
            ("Z\u{fc}rich%5F1_b_\u{20ac}".as_bytes(), 14),
        ];
        for (key, partition_of_48) in of_48 {
            assert_eq!(partition(key, 48), *partition_of_48, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn a_trade_key_comes_apart_again() {
        let key = PositionKey::new("A_1", "B", "S%").expect("three names");
        let id = TradeId::new("OMS", "T_1|x").expect("two names");
        let mut bytes = Vec::new();
        trade_key(&key, &id, &mut bytes);
        assert_eq!(bytes, b"A%5F1_B_S%25_OMS|T_1|x");
        assert_eq!(parse_trade_key(&bytes), Some((key, id)));
        assert_eq!(parse_trade_key(b"A_B_S"), None);
        assert_eq!(parse_trade_key(b"A_B_S_T1"), None);
        assert_eq!(parse_trade_key(&[0xff]), None);
    }

    #[test]
    fn flows_of_different_jobs_or_contracts_never_share_a_key() {
        let key = |job, contract, part| {
            flows_key(&JobId::new(job).expect("a name"), &ContractId::new(contract).expect("a name"), part, 2)
        };
        assert_eq!(key("J-1", "EQ/1", 0), "J-1/EQ%2F1/0/2");
        assert_ne!(key("a/b", "c", 1), key("a", "b/c", 1));
        assert_ne!(key("a%2Fb", "c", 1), key("a/b", "c", 1));
    }

    #[test]
    fn a_chunk_is_known_by_its_key() {
        let key = b"J%2F1/EQ%2525/3/12";
        let (job, contract) = (JobId::new("J/1").expect("a name"), ContractId::new("EQ%25").expect("a name"));
        assert_eq!(parse_chunk_key(key), Some((job, Some(contract), 12)));
        assert_eq!(parse_chunk_key(b"J//0/1"), Some((JobId::new("J").expect("a name"), None, 1)));
        assert_eq!(parse_chunk_key(b"J//0/1/7"), parse_chunk_key(b"J//0/1"));
        for other in [&b"J"[..], b"J/C/0", b"J/C/x/1", b"J/C/0/1/x", b"J/C/0/1/", b"J/C/0/1/2/3", b"/C/0/1", &[0xff]] {
            assert_eq!(parse_chunk_key(other), None);
        }
    }

    #[test]
    fn a_job_keeps_to_its_part_of_the_partitions_and_jobs_share_all_of_them_or_none() {
        let of = |job: &str, limit| {
            let job = JobId::new(job).expect("a name");
            let keys = (0..500).map(|number| format!("{job}/C{number}/0/{number}"));
            let within = |key: String| {
                let within = key_within(&job, key.clone(), 48, limit);
                assert_eq!(own_chunk_key(&within), key);
                partition(within.as_bytes(), 48)
            };
            keys.map(within).collect::<BTreeSet<_>>()
        };
        assert_eq!(of("JOB", None), (0..48).collect());
        let parts: BTreeSet<_> = (0..100).map(|number| of(&format!("JOB-{number}"), Some(12))).collect();
        assert_eq!(parts, BTreeSet::from([0, 12, 24, 36].map(|first| (first..first + 12).collect())));
        assert_eq!(of("JOB", Some(30)), (0..30).collect());
        assert_eq!(of("JOB", Some(1)).len(), 1);
        for none in [None, Some(48), Some(10_000)] {
            let (job, key) = (JobId::new("JOB").expect("a name"), "JOB/C/0/1");
            assert_eq!(key_within(&job, key.into(), 48, none), key);
        }
    }

    #[test]
    fn hashes_are_those_of_java_clients() {
        for (key, hash) in JAVA {
            assert_eq!(murmur2(key), *hash, "{}", String::from_utf8_lossy(key));
        }
    }
}
