//! The contracts of a document -> numbered chunks, in the lane that the size of the job asks for. Each brings what its contracts name.

use std::collections::HashSet;

use super::cut::{Frame, Used};
use super::stream::StreamedContract;
use crate::domain::jobs::job::{Job, Lane};
use crate::domain::jobs::notice::{Notice, NoticeCode, Place};
use crate::domain::jobs::split::{Cut, Plan, Queue, SplitLimits};
use crate::domain::jobs::totals::Counts;
use crate::domain::key::ContractId;
use crate::messages::any_chunk::{DocumentChunk, StatedContract};

/// Takes contracts one at a time.
pub struct Splitter<'a> {
    job: Job,
    frame: &'a Frame,
    limits: SplitLimits,
    draft: Draft,
    queue: Queue<DocumentChunk>,
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
        Splitter { job, frame, limits, draft: Draft::default(), queue: Queue::new(limits), seen: HashSet::new() }
    }
}

impl Cut for Splitter<'_> {
    /// With its place among the contracts.
    type Contract = (u32, StreamedContract);
    type Chunk = DocumentChunk;

    fn contract(&mut self, (place, contract): (u32, StreamedContract)) -> Vec<(Lane, DocumentChunk)> {
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
        self.queue.count(counts);
        self.queue.ready()
    }

    fn notice(&mut self, notice: Notice) -> Vec<(Lane, DocumentChunk)> {
        if self.draft.notices.len() >= self.limits.chunk_positions {
            self.close(); // so that a document of unreadable contracts is cut, too
        }
        self.draft.notices.push(notice);
        self.queue.ready()
    }

    fn finish(mut self) -> (Vec<(Lane, DocumentChunk)>, Plan) {
        self.close();
        self.queue.finish()
    }
}

impl Splitter<'_> {
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
        let around = self.frame.with(&used).into();
        let job = self.job.clone();
        self.queue.push(|number| DocumentChunk { job, number, notices, around, counts, contracts });
    }
}
