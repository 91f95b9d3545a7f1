//! The contracts of a document -> numbered chunks, in the lane that the size of the job asks for. Each brings what its contracts name.

use std::collections::HashSet;

use super::cut::{Frame, Used};
use super::stream::StreamedContract;
use crate::domain::jobs::job::{Job, Lane};
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::jobs::split::{Plan, SplitLimits};
use crate::domain::jobs::totals::Counts;
use crate::domain::key::ContractId;
use crate::messages::any_chunk::{DocumentChunk, StatedContract};

/// Takes contracts one at a time and holds back no more than a real-time job: until there is one contract more, the lane is open.
pub struct Splitter<'a> {
    job: Job,
    frame: &'a Frame,
    limits: SplitLimits,
    lane: Option<Lane>,
    /// Chunks that wait for the lane.
    held: Vec<DocumentChunk>,
    draft: Draft,
    chunks: u32,
    counts: Counts,
    /// To find a contract that comes twice.
    seen: HashSet<ContractId>,
}

/// The chunk that is being filled.
#[derive(Default)]
struct Draft {
    contracts: Vec<StatedContract>,
    notices: Vec<Notice>,
    used: Used,
    counts: Counts,
    /// Of its contracts and what they use.
    bytes: usize,
}

/// 1 MB: a chunk of the usual size stays far below it, and contracts of many trades make smaller chunks.
const CHUNK_BYTES: usize = 1 << 20;
/// What a contract may take with all that it names: below the bound of the topic.
const CONTRACT_BYTES_MAX: usize = 3 << 20;

impl<'a> Splitter<'a> {
    pub fn new(job: Job, frame: &'a Frame, limits: SplitLimits) -> Splitter<'a> {
        Splitter {
            job,
            frame,
            limits,
            lane: None,
            held: Vec::new(),
            draft: Draft::default(),
            chunks: 0,
            counts: Counts::default(),
            seen: HashSet::new(),
        }
    }

    /// Takes the next contract; gives the chunks that are ready.
    pub fn contract(&mut self, place: u32, contract: StreamedContract) -> Vec<(Lane, DocumentChunk)> {
        let StreamedContract { id, json, lots, texts } = contract;
        let mut used = Used::new();
        self.frame.named(&texts, &mut used);
        let bytes = json.len() + self.frame.bytes(&used);
        let error = |code, field: &str, problem: String| {
            let message = format!("{problem}; the contract is not calculated");
            Place::of(&id).error(code, &format!("contracts[{place}]{field}"), message)
        };
        if bytes > CONTRACT_BYTES_MAX {
            let problem = format!(
                "it and the market data that it names take {bytes} bytes; allowed: {CONTRACT_BYTES_MAX}, or send it in a file of its \
                 own to `bookflow calculate`"
            );
            return self.notice(error(NoticeCode::Unsupported, "", problem));
        }
        if !self.seen.insert(id.clone()) {
            let problem = format!("{id} is listed before; give each contract its own id");
            return self.notice(error(NoticeCode::DuplicateId, ".contractId", problem));
        }
        let counts = Counts { contracts: 1, positions: 1, lots };
        self.make_room(counts, json.len() + self.frame.bytes(used.difference(&self.draft.used)));
        self.draft.bytes += json.len() + self.frame.bytes(used.difference(&self.draft.used));
        self.draft.used.extend(used);
        self.draft.counts.add(counts);
        self.draft.contracts.push(StatedContract { id, place, json });
        self.counts.add(counts);
        self.ready()
    }

    /// Takes a row about something that is no contract, or none that can be read; gives the chunks that are ready.
    pub fn notice(&mut self, notice: Notice) -> Vec<(Lane, DocumentChunk)> {
        if self.draft.notices.len() >= self.limits.chunk_positions {
            self.close(); // so that a document of unreadable contracts is cut, too
        }
        self.draft.notices.push(notice);
        self.ready()
    }

    /// The last chunks, and what there was in all.
    pub fn finish(mut self) -> (Vec<(Lane, DocumentChunk)>, Plan) {
        self.close();
        let lane = self.lane.unwrap_or(Lane::Realtime);
        self.lane = Some(lane);
        let plan = Plan { lane, chunks: self.chunks, counts: self.counts };
        (self.ready(), plan)
    }

    /// Closes the draft when this much more would not fit.
    fn make_room(&mut self, more: Counts, bytes: usize) {
        let Draft { counts: Counts { positions, lots, .. }, bytes: filled, .. } = self.draft;
        let holds = positions + more.positions <= self.limits.chunk_positions.max(1) as u64
            && lots + more.lots <= self.limits.chunk_lots as u64
            && filled + bytes <= CHUNK_BYTES;
        if !holds && positions > 0 {
            self.close();
        }
    }

    fn close(&mut self) {
        let Draft { contracts, notices, used, counts, .. } = std::mem::take(&mut self.draft);
        if contracts.is_empty() && notices.is_empty() {
            return;
        }
        self.chunks += 1;
        let around = self.frame.with(&used).into();
        let (job, number) = (self.job.clone(), self.chunks);
        self.held.push(DocumentChunk { job, number, notices, around, counts, contracts });
    }

    fn ready(&mut self) -> Vec<(Lane, DocumentChunk)> {
        let Counts { positions, lots, .. } = self.counts;
        if positions > self.limits.realtime_positions as u64 || lots > self.limits.realtime_lots as u64 {
            self.lane = Some(Lane::Batch);
        }
        let Some(lane) = self.lane else { return Vec::new() };
        self.held.drain(..).map(|chunk| (lane, chunk)).collect()
    }
}
