//! A stream of contracts -> numbered chunks, in the lane that the size of the job asks for.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;

use super::chunk::{Chunk, ContractPart, PositionPart};
use super::contract::{Contract, Leg};
use super::job::{Calculation, Job, Lane};
use super::market::MarketData;
use super::notice::{Notice, NoticeCode, Place};
use super::resolve::resolve;
use super::totals::Counts;
use super::wanted::Wanted;
use crate::domain::key::ContractId;
use crate::domain::lots::given::GivenLot;
use crate::domain::names::Symbol;

/// How large chunks and real-time jobs may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SplitLimits {
    /// Positions of a chunk.
    pub chunk_positions: usize,
    /// Lots of a chunk, counted once for each day that is valued and each dividend gone ex; what closed a lot counts like a lot.
    pub chunk_lots: usize,
    /// Positions up to which a job takes the real-time lane.
    pub realtime_positions: usize,
    /// Lots up to which it does.
    pub realtime_lots: usize,
}

/// What a job was cut into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    pub lane: Lane,
    pub chunks: u32,
    pub counts: Counts,
}

/// Contracts that are read one at a time -> chunks, whatever the contracts look like. Each call gives the chunks that are ready.
pub trait Cut {
    type Contract;
    type Chunk;

    fn contract(&mut self, contract: Self::Contract) -> Vec<(Lane, Self::Chunk)>;

    /// Takes a row about something that is no contract, or none that can be read.
    fn notice(&mut self, notice: Notice) -> Vec<(Lane, Self::Chunk)>;

    /// The last chunks, and what there was in all.
    fn finish(self) -> (Vec<(Lane, Self::Chunk)>, Plan);

    /// Takes what was read: a contract, or the row that stands for one that cannot be read.
    fn take(&mut self, read: Result<Self::Contract, Box<Notice>>) -> Vec<(Lane, Self::Chunk)> {
        match read {
            Ok(contract) => self.contract(contract),
            Err(notice) => self.notice(*notice),
        }
    }
}

/// Chunks that are cut, in the order of their numbers. They wait until the size of the job has decided its lane, so no more than a real-time job is held back.
pub struct Queue<C> {
    limits: SplitLimits,
    lane: Option<Lane>,
    held: Vec<C>,
    chunks: u32,
    counts: Counts,
}

/// Takes contracts one at a time, and a contract that is too large for a chunk in pieces.
pub struct Splitter<'a> {
    job: Job,
    market: &'a MarketData,
    /// Symbols of which nobody knows whether there are dividends.
    untold: BTreeSet<Symbol>,
    limits: SplitLimits,
    draft: Draft,
    queue: Queue<Chunk>,
    /// To find a contract that comes twice.
    seen: HashSet<ContractId>,
}

/// The chunk that is being filled.
#[derive(Default)]
struct Draft {
    contracts: Vec<ContractPart>,
    notices: Vec<Notice>,
    size: Size,
    /// The market data that it takes along.
    wanted: Wanted,
}

/// Rates and dividends that a chunk takes along at most: 1 to 2 MB of the 4 that the topic takes.
const CHUNK_VALUES_MAX: usize = 100_000;
/// Rows that were found before calculation, of a chunk: about 300 KB.
const CHUNK_NOTICES_MAX: usize = 1_000;

/// What counts against the limits of a chunk.
#[derive(Clone, Copy, Default)]
struct Size {
    positions: usize,
    lots: usize,
    /// Rates and dividends, each name once.
    values: usize,
}

impl Default for SplitLimits {
    fn default() -> SplitLimits {
        SplitLimits {
            chunk_positions: 500,
            chunk_lots: 2_500,         // 500 positions of the usual five lots: about 300 KB a chunk
            realtime_positions: 1_000, // what the replaced service answered at once
            realtime_lots: 5_000,      // the same; with it, a submission holds back less than 1 MB
        }
    }
}

impl<'a> Splitter<'a> {
    /// A job over several days goes to the batch lane at once, and its chunks hold as many lots fewer as it has days.
    pub fn new(job: Job, market: &'a MarketData, limits: SplitLimits) -> Splitter<'a> {
        let (lane, days) = match job.calculation {
            Calculation::Valuation => (None, 1),
            Calculation::Historical { .. } => (Some(Lane::Batch), job.days().count()),
        };
        let limits = SplitLimits {
            chunk_positions: limits.chunk_positions.max(1),
            chunk_lots: (limits.chunk_lots / days.max(1)).max(1),
            ..limits
        };
        Splitter {
            job,
            market,
            untold: BTreeSet::new(),
            limits,
            draft: Draft::default(),
            queue: Queue { lane, ..Queue::new(limits) },
            seen: HashSet::new(),
        }
    }

    /// The dividends of these could not be learnt, which is not the same as that there are none.
    pub fn without_dividends_of(self, untold: BTreeSet<Symbol>) -> Splitter<'a> {
        Splitter { untold, ..self }
    }
}

impl Cut for Splitter<'_> {
    /// With the rows that came up while it was read.
    type Contract = (Contract, Vec<Notice>);
    type Chunk = Chunk;

    fn contract(&mut self, (contract, mut notices): (Contract, Vec<Notice>)) -> Vec<(Lane, Chunk)> {
        if !self.seen.insert(contract.id.clone()) {
            return self.notice(Place::of(&contract.id).error(
                NoticeCode::DuplicateId,
                "contractId",
                "listed before in this request; this contract is not calculated: give each its own id".to_owned(),
            ));
        }
        let (part, resolved) = resolve(contract, &self.job, self.market, &self.untold);
        notices.extend(resolved);
        self.queue.count(part.counts);
        self.add(part, notices);
        self.queue.ready()
    }

    fn notice(&mut self, notice: Notice) -> Vec<(Lane, Chunk)> {
        let size = Size { positions: 1, ..Size::default() }; // so that a request of unreadable contracts is cut, too
        self.make_room(size);
        self.draft.size.add(size);
        self.draft.notices.push(notice);
        self.queue.ready()
    }

    fn finish(mut self) -> (Vec<(Lane, Chunk)>, Plan) {
        self.close();
        self.queue.finish()
    }
}

impl Splitter<'_> {
    fn add(&mut self, part: ContractPart, notices: Vec<Notice>) {
        for notice in notices {
            if self.draft.notices.len() == CHUNK_NOTICES_MAX {
                self.close();
            }
            self.draft.notices.push(notice);
        }
        self.make_room(self.size(&part));
        if self.limits.hold(self.size(&part)) {
            self.push(part);
            return;
        }
        let mut pieces = cut(part, self.limits, self.market, self.job.last_day()).into_iter().peekable();
        while let Some(piece) = pieces.next() {
            self.push(piece);
            if pieces.peek().is_some() {
                self.close();
            }
        }
    }

    /// What more a contract would make of the draft; more values than that where several of its positions use the same.
    fn size(&self, part: &ContractPart) -> Size {
        let values = part.positions.iter().map(|position| self.draft.wanted.more_values(position, self.market));
        Size { values: values.sum(), ..Size::of(part, self.market, self.job.last_day()) }
    }

    fn push(&mut self, part: ContractPart) {
        self.draft.size.add(Size::of(&part, self.market, self.job.last_day()));
        for position in &part.positions {
            self.draft.size.values += self.draft.wanted.more_values(position, self.market);
            self.draft.wanted.add_part(position);
        }
        self.draft.contracts.push(part);
    }

    /// Closes the draft when `size` more would not fit.
    fn make_room(&mut self, size: Size) {
        let mut filled = self.draft.size;
        filled.add(size);
        if !self.limits.hold(filled) {
            self.close();
        }
    }

    fn close(&mut self) {
        let draft = std::mem::take(&mut self.draft);
        if draft.contracts.is_empty() && draft.notices.is_empty() {
            return;
        }
        let market = self.market.of(&draft.contracts, &self.job);
        let Draft { contracts, notices, .. } = draft;
        self.queue.push(|number| Chunk { job: self.job.clone(), number, market, contracts, notices });
    }
}

impl<C> Queue<C> {
    /// An empty one, with its lane still to be decided.
    pub fn new(limits: SplitLimits) -> Queue<C> {
        Queue { limits, lane: None, held: Vec::new(), chunks: 0, counts: Counts::default() }
    }

    /// The job has so much more.
    pub fn count(&mut self, more: Counts) {
        self.counts.add(more);
    }

    /// Takes the chunk of the next number.
    pub fn push(&mut self, chunk: impl FnOnce(u32) -> C) {
        self.chunks += 1;
        self.held.push(chunk(self.chunks));
    }

    /// The chunks whose lane is decided.
    pub fn ready(&mut self) -> Vec<(Lane, C)> {
        let Counts { positions, lots, .. } = self.counts;
        if positions > self.limits.realtime_positions as u64 || lots > self.limits.realtime_lots as u64 {
            self.lane = Some(Lane::Batch);
        }
        let Some(lane) = self.lane else { return Vec::new() };
        self.held.drain(..).map(|chunk| (lane, chunk)).collect()
    }

    /// The last chunks, and what there was in all.
    pub fn finish(mut self) -> (Vec<(Lane, C)>, Plan) {
        let lane = *self.lane.get_or_insert(Lane::Realtime);
        let plan = Plan { lane, chunks: self.chunks, counts: self.counts };
        (self.ready(), plan)
    }
}

impl SplitLimits {
    fn hold(&self, size: Size) -> bool {
        size.positions <= self.chunk_positions && size.lots <= self.chunk_lots && size.values <= CHUNK_VALUES_MAX
    }
}

impl Size {
    /// Without values, which depend on what is there already.
    fn of(part: &ContractPart, market: &MarketData, last: NaiveDate) -> Size {
        let of_lots = |position: &PositionPart| {
            let flows = flows_of_slice(position, market, (part.start, last));
            position.lots.iter().map(|lot| weight(lot, flows)).sum::<usize>()
        };
        Size { positions: part.positions.len(), lots: part.positions.iter().map(of_lots).sum(), values: 0 }
    }

    fn add(&mut self, other: Size) {
        self.positions += other.positions;
        self.lots += other.lots;
        self.values += other.values;
    }
}

/// A lot counts once for each flow it may have on a day, so that a chunk's flows are bounded, too.
fn weight(lot: &GivenLot, flows_of_slice: usize) -> usize {
    (1 + lot.closes.len()) * flows_of_slice
}

fn flows_of_slice(position: &PositionPart, market: &MarketData, (from, to): (NaiveDate, NaiveDate)) -> usize {
    match position.leg {
        Leg::Dividend { .. } => market.gone_ex(&position.underlying, from, to).count().max(1),
        Leg::Equity | Leg::Interest(_) => 1,
    }
}

/// Cuts a contract by lot range, so that each piece fits a chunk of its own. The first piece accounts for the whole contract.
fn cut(contract: ContractPart, limits: SplitLimits, market: &MarketData, last: NaiveDate) -> Vec<ContractPart> {
    let piece = |part, counts| ContractPart {
        id: contract.id.clone(),
        part,
        start: contract.start,
        counts,
        positions: Vec::new(),
    };
    let mut pieces = Vec::new();
    let mut current = piece(0, contract.counts);
    let mut size = Size::default();
    let mut wanted = Wanted::default();
    for position in contract.positions {
        let empty = PositionPart { lots: Vec::new(), ..position.clone() };
        let flows = flows_of_slice(&position, market, (contract.start, last));
        let mut fresh = true;
        for lot in position.lots {
            let weight = weight(&lot, flows);
            let values = size.values + wanted.more_values(&empty, market);
            let more = Size { positions: size.positions + usize::from(fresh), lots: size.lots + weight, values };
            if !limits.hold(more) && size.lots > 0 {
                let next = piece(current.part + 1, Counts::default());
                pieces.push(std::mem::replace(&mut current, next));
                (size, wanted) = Default::default();
                fresh = true;
            }
            if fresh {
                current.positions.push(empty.clone());
                size.positions += 1;
                size.values += wanted.more_values(&empty, market);
                wanted.add_part(&empty);
                fresh = false;
            }
            size.lots += weight;
            current.positions.last_mut().expect("a position was just put there").lots.push(lot);
        }
    }
    pieces.push(current);
    pieces
}
