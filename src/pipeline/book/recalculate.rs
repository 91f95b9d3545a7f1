//! Jobs by reference: a partition works its share off in place, a bounded number of positions and days a tick, trades first.

use chrono::NaiveDate;
use hashbrown::HashMap;

use super::recalculations::{Front, Since};
use super::{BYTES_AN_EFFORT, Book, OnePosition, security};
use crate::domain::flows::row::{FlowRow, Obstacle, changes};
use crate::domain::jobs::chunk::ChunkResult;
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::notice::{NoticeCode, Place};
use crate::domain::jobs::recalculation::{Recalculation, RecalculationKind, Selection};
use crate::domain::jobs::share::{Begun, RESULTS, Share, ShareEnd, number};
use crate::domain::jobs::totals::Counts;
use crate::domain::key::{ContractId, PositionKey, Timestamp};
use crate::domain::lots::ledger::Ledger;
use crate::domain::lots::position::Position;
use crate::domain::lots::shelf::Shelf;
use crate::domain::names::{LotId, PositionId, Symbol};
use crate::engine::batch::Record;
use crate::engine::stage::{Cause, Context, ProcessError, all_or_nothing};
use crate::messages::calculation_request::{CalculationRequest, RequestWord};
use crate::messages::key::day_key;
use crate::messages::position_flows::PositionFlows;
use crate::pipeline::due::Number;
use crate::pipeline::flows::{Told, WhatIf, earlier_securities, flows, not_calculated, says, selects, series, tried};
use crate::pipeline::knowledge::{KNOWLEDGE, Knowledge, Subject};
use crate::pipeline::refusals::{WRONG_KEY, undecodable, unencodable};
use crate::pipeline::topics::{self, CHUNK_RESULTS_BATCH, HISTORICAL_FLOWS, WHAT_IF_FLOWS};
use crate::telemetry;

/// What is done for the job at the front.
struct Work<'a> {
    job: &'a JobId,
    recalculation: &'a Recalculation,
    cause: Cause,
    /// What is known now, and what lots are kept by.
    now: &'a Knowledge,
    as_it_was: &'a Knowledge,
    /// Of WHAT_IF: with what it changes.
    changed: Option<&'a Knowledge>,
    /// What trades of this turn have changed is theirs to tell.
    touched: HashMap<Number, Cause>,
}

/// A position that it is done for.
struct Case<'a> {
    number: Number,
    key: &'a PositionKey,
    security: Symbol,
    contracts: Vec<ContractId>,
    /// Those of them that are selected.
    selected: Vec<ContractId>,
    revision: u64,
}

/// How the lots of a position were to be closed by what the job calculates with.
struct Then {
    /// None where they are closed so now.
    copy: Option<Shelf>,
    /// Why its flows are blocked.
    obstacle: Option<Obstacle>,
    /// Why those that count now are.
    now: Option<Obstacle>,
}

impl Book {
    pub(super) fn on_request(&mut self, record: &Record<'_>, context: &Context<'_>) -> Result<(), ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::rejected("tombstone", "a request has a value"))?;
        let (_, CalculationRequest { job, word }) = self.schemas.decode(value).map_err(undecodable)?;
        if record.key != Some(job.as_str().as_bytes()) {
            return Err(ProcessError::rejected(WRONG_KEY, format!("the key of a request of job {job} is its name")));
        }
        match word {
            RequestWord::Calculate(asked) => self.recalculations.ask(job, *asked, record.cause()),
            RequestWord::Cancel => self.recalculations.cancel(&job, Timestamp(context.now_us)),
        }
        Ok(())
    }

    /// A request that cannot be processed is answered where its key tells the job, so that nobody waits for the deadline.
    pub(super) fn answer_request(
        &self,
        record: &Record<'_>,
        reason: &str,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
        let Some(job) = key.and_then(|key| JobId::new(key).ok()) else { return Ok(()) };
        for result in 1..=RESULTS {
            let answer = ChunkResult::not_calculated(job.clone(), number(context.partition, result), None, reason);
            self.tell_result(&answer, record.cause(), context)?;
        }
        Ok(())
    }

    /// Does a tick's work for the job that was asked for first.
    pub(super) fn recalculate(&mut self, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let now = Timestamp(context.now_us);
        self.recalculations.forget(now);
        let Some((requested, mut share)) = self.recalculations.first() else {
            self.recalculations.front = None;
            return Ok(());
        };
        if requested.asked.recalculation.deadline < now {
            share.end = Some(ShareEnd { at: now, complete: false });
            self.recalculations.keep(share);
            return Ok(());
        }
        let front = self.recalculations.front.take().filter(|front| front.job == share.job);
        let mut front = match front {
            Some(front) => front,
            None => Front::new(share.job.clone(), requested.clone(), &self.schemas).map_err(unencodable)?,
        };
        let worked = self.work(&mut front, &mut share, context);
        let finished = share.begun.is_none() && front.behind(share.after.as_ref()).is_empty();
        self.recalculations.front = Some(front);
        if worked? {
            for result in share.results(context.partition, finished) {
                self.tell_result(&result, topics::cause(requested.place), context)?;
            }
            share.end = finished.then_some(ShareEnd { at: now, complete: true });
            self.recalculations.keep(share);
        }
        Ok(())
    }

    /// Works off the next positions; false while the views that they are calculated with are not read yet.
    fn work(&mut self, front: &mut Front, share: &mut Share, context: &mut Context<'_>) -> Result<bool, ProcessError> {
        let Some(as_it_was) = context.past::<Knowledge>(&front.as_it_was) else { return Ok(false) };
        let changed = front.changed.as_ref().map(|past| context.past::<Knowledge>(past));
        if changed.is_some_and(|changed| changed.is_none()) {
            return Ok(false);
        }
        let requested = front.requested.clone();
        let work = Work {
            job: &share.job.clone(),
            recalculation: &requested.asked.recalculation,
            cause: topics::cause(requested.place),
            now: context.view(KNOWLEDGE)?,
            as_it_was,
            changed: changed.flatten(),
            touched: self.due.touched(),
        };
        front.line_up(&self.numbers.keys, share.after.as_ref());
        share.positions.get_or_insert(front.behind(None).len() as u64);
        self.look_back(front, share, &work);
        let begun = share.after.clone().filter(|_| share.begun.is_some());
        let begun = begun.map(|key| (key.clone(), self.numbers.of(&key)));
        let mut effort = 0;
        for (key, number) in begun.iter().chain(front.behind(share.after.clone().as_ref())) {
            if effort >= self.effort_a_tick {
                break;
            }
            let case = self.case(*number, key, &work);
            if let Some(case) = &case
                && share.begun.is_none()
            {
                let counts = &mut share.totals.counts;
                counts.add(Counts { contracts: case.selected.len() as u64, positions: 1, lots: 0 });
            }
            let stands = |case: &Case<'_>| self.stands(case, front.since.as_ref()?, &work);
            let more = match case.as_ref().map(|case| (case, stands(case))) {
                None => {
                    effort += 1;
                    None
                }
                Some((case, Some(rows))) => {
                    effort += self.effort(key);
                    share.totals.counts.lots += open_lots(self.positions.get(key));
                    rows.iter().for_each(|row| tally_row(share, case, row, None));
                    None
                }
                Some((case, None)) => self.calculate(case, share, &mut effort, &work, context)?,
            };
            match more {
                Some(begun) => share.begin(key.clone(), begun),
                None => share.pass(key.clone()),
            }
        }
        Ok(true)
    }

    /// Finds out once what has changed since the job that an INCREMENTAL one names.
    fn look_back(&self, front: &mut Front, share: &mut Share, work: &Work<'_>) {
        let RecalculationKind::Incremental { since } = &work.recalculation.kind else { return };
        if front.since.is_some() {
            return;
        }
        let covers = |earlier: &&Recalculation| {
            let kind = matches!(earlier.kind, RecalculationKind::Full | RecalculationKind::Incremental { .. });
            kind && (earlier.selection == work.recalculation.selection || earlier.selection == Selection::default())
        };
        let earlier = self.recalculations.completed(since).filter(covers);
        front.since = earlier.map(|earlier| Since::new(earlier, work.now));
        if earlier.is_none() && share.done == 0 {
            let message =
                format!("job {since} is not known any more as one that calculated all of this: nothing was left out");
            share.totals.warnings += 1;
            share.note(Place::request().warning(NoticeCode::NotCalculated, "since", message));
        }
    }

    /// None for a position that has no flows under a contract that is selected, and never had.
    fn case<'k>(&self, number: Number, key: &'k PositionKey, work: &Work<'_>) -> Option<Case<'k>> {
        let contracts: Vec<_> = self.contracts.scan(&number).map(|(contract, _)| contract.clone()).collect();
        let (security, selection) = (security(key), &work.recalculation.selection);
        let selected = contracts.iter().filter(|contract| selects(selection, contract, &security, work.as_it_was));
        let selected: Vec<_> = selected.cloned().collect();
        let left_behind = || contracts.is_empty() && selection.whole_positions() && !self.told(key).is_empty();
        if selected.is_empty() && !left_behind() {
            return None;
        }
        let revision = self.positions.get(key).map_or(0, |position| position.revision);
        Some(Case { number, key, security, contracts, selected, revision })
    }

    /// The flows that were told last, if they are what a calculation would come to.
    fn stands(&self, case: &Case<'_>, since: &Since, work: &Work<'_>) -> Option<Vec<FlowRow>> {
        let told = self.told(case.key);
        let first = told.first()?;
        let day = work.as_it_was.day();
        if first.revision != case.revision || first.day != day || is_ahead(first, work) {
            return None;
        }
        let changed = |subject: &Subject| since.changed.contains(subject);
        let of_security = [Subject::Underlier(case.security.clone()), Subject::CorporateActions(case.security.clone())];
        let position = OnePosition::of(self, case.key);
        let mut earlier = position.happened_from_latest().flat_map(earlier_securities);
        let measured_elsewhere = earlier.any(|security| changed(&Subject::Underlier(security.clone())));
        if changed(&Subject::All) || of_security.iter().any(changed) || measured_elsewhere {
            return None;
        }
        for contract in &case.contracts {
            work.as_it_was.standing(contract, &case.security).ok()?;
            let depends = || work.as_it_was.depends(contract, &case.security, changed);
            if changed(&Subject::Contract(contract.clone())) || depends() {
                return None;
            }
        }
        let mut rows = Vec::new();
        for part in told {
            let (blocked, flows) = part.rows.read().expect("it was read before it was kept");
            // What was blocked may have been so for a reason that no subject tells.
            if !blocked.is_empty() {
                return None;
            }
            rows.extend(flows.into_iter().filter(|row| case.selected.contains(&row.contract)));
        }
        Some(rows)
    }

    /// A defect of the kernel is a row of the outcome, not the end of the worker. Answers how far the position is where more of it is left.
    fn calculate(
        &mut self,
        case: &Case<'_>,
        share: &mut Share,
        effort: &mut u64,
        work: &Work<'_>,
        context: &mut Context<'_>,
    ) -> Result<Option<Begun>, ProcessError> {
        share.totals.calculated += u64::from(share.begun.is_none());
        let rows = std::mem::take(&mut share.rows);
        let (mut counted, mut more) = (share.clone(), None);
        let calculated = all_or_nothing(self, context, |book, context| {
            more = book.calculate_some(case, &mut counted, effort, work, context)?;
            Ok(())
        });
        if calculated.is_ok() {
            std::mem::swap(share, &mut counted);
        }
        let new = std::mem::replace(&mut share.rows, rows);
        new.into_iter().for_each(|row| share.note(row));
        match calculated {
            Ok(()) => {}
            Err(ProcessError::Rejected { message, .. }) => {
                telemetry::position_not_calculated(case.key, &message);
                *effort += 1;
                share.totals.errors += 1;
                let why = not_calculated(&message).message.into();
                share.note(place(case).error(NoticeCode::NotCalculated, "position", why));
            }
            Err(unavailable) => return Err(unavailable),
        }
        Ok(more)
    }

    fn calculate_some(
        &mut self,
        case: &Case<'_>,
        share: &mut Share,
        effort: &mut u64,
        work: &Work<'_>,
        context: &mut Context<'_>,
    ) -> Result<Option<Begun>, ProcessError> {
        // What trades of this turn have changed is theirs to tell.
        if let Some(cause) = work.touched.get(&case.number).filter(|_| replaces(work)) {
            self.tell(case.number, *cause, work.now, context)?;
        }
        let then = self.then(case, work, context)?;
        if share.begun.is_none() {
            let now = self.positions.get(case.key);
            share.totals.counts.lots += open_lots(then.copy.as_ref().map_or(now, |copy| copy.position.as_ref()));
        }
        if let RecalculationKind::Historical { .. } = work.recalculation.kind {
            return self.history(case, &then, share, effort, work, context);
        }
        *effort += self.effort(case.key);
        if replaces(work) {
            self.replace(case, &then, share, work)?
        } else {
            self.what_if(case, &then, share, work, context)?
        }
        Ok(None)
    }

    /// Works the lots out as contracts and issuers say now, and as the contracts said then: a snapshot gives the same for ever.
    fn then(&mut self, case: &Case<'_>, work: &Work<'_>, context: &mut Context<'_>) -> Result<Then, ProcessError> {
        let obstacle = self.agree(case.key, case.number, work.cause, work.now, context)?;
        let said_now = || work.now.agreed(case.key, case.contracts.iter()).1;
        let (agreed, problem) = work.as_it_was.agreed(case.key, case.contracts.iter());
        let (copy, refusal) = match tried(&OnePosition::of(self, case.key), agreed.policy) {
            Some((copy, refusal)) => (Some(copy), refusal),
            None => (None, obstacle.clone().filter(|obstacle| said_now().as_ref() != Some(obstacle))),
        };
        Ok(Then { copy, obstacle: problem.or(refusal), now: obstacle })
    }

    /// Tells the flows anew where they differ, unless they stand on newer data already: nothing goes back.
    fn replace(
        &mut self,
        case: &Case<'_>,
        then: &Then,
        share: &mut Share,
        work: &Work<'_>,
    ) -> Result<(), ProcessError> {
        let (contracts, security, obstacle) = (case.contracts.iter(), &case.security, then.obstacle.as_ref());
        let told = match &then.copy {
            None => flows(&OnePosition::of(self, case.key), contracts, security, work.as_it_was, obstacle),
            Some(copy) => flows(copy, contracts, security, work.as_it_was, obstacle),
        };
        let told = told.unwrap_or_default();
        tally(share, case, &told, None);
        let last = self.told(case.key);
        if last.first().is_some_and(|last| is_ahead(last, work)) {
            return Ok(());
        }
        let (parts, records) = (last.len(), told.records(case.key, case.revision, work.as_it_was, &last));
        let records = records.map_err(unencodable)?;
        if !records.is_empty() && self.is_up_to_date(case, then, &last, work)? {
            return Ok(());
        }
        share.totals.changed += records.iter().map(|record| record.changes.len() as u64).sum::<u64>();
        self.put_flows(case.key, records, parts, work.cause);
        Ok(())
    }

    /// Whether what was told last is what newer data than the job's come to. A record does not say so itself: what they come to is not told again
    /// where it is what was told before.
    fn is_up_to_date(
        &self,
        case: &Case<'_>,
        then: &Then,
        last: &[&PositionFlows],
        work: &Work<'_>,
    ) -> Result<bool, ProcessError> {
        if !work.now.snapshot().ahead_of(work.recalculation.moment.known) {
            return Ok(false);
        }
        let (position, contracts) = (OnePosition::of(self, case.key), case.contracts.iter());
        let now = flows(&position, contracts, &case.security, work.now, then.now.as_ref()).unwrap_or_default();
        let parts = now.parts().map_err(unencodable)?;
        Ok(says(last, parts.iter()))
    }

    /// Sends the flows of each day, with what differs from the day before, up to the effort of a tick.
    fn history(
        &self,
        case: &Case<'_>,
        then: &Then,
        share: &mut Share,
        effort: &mut u64,
        work: &Work<'_>,
        context: &mut Context<'_>,
    ) -> Result<Option<Begun>, ProcessError> {
        let (selected, security, obstacle) = (&case.selected, &case.security, then.obstacle.as_ref());
        let begun = share.begun;
        let to = work.recalculation.days().last();
        let left = work.recalculation.days().skip_while(|day| begun.is_some_and(|begun| *day <= begun.day));
        // The last day that was told comes once more, for what differs from it.
        let again = begun.and_then(|begun| begun.told);
        let (now, days) = (OnePosition::of(self, case.key), again.into_iter().chain(left));
        let series: Box<dyn Iterator<Item = (NaiveDate, Told)>> = match &then.copy {
            None => Box::new(series(&now, selected, security, work.as_it_was, obstacle, days)),
            Some(copy) => Box::new(series(copy, selected, security, work.as_it_was, obstacle, days)),
        };
        let (mut last, mut before) = (again, Vec::new());
        for (day, told) in series {
            if again == Some(day) {
                before = told.flows;
                continue;
            }
            *effort += 1;
            if !told.is_empty() {
                tally(share, case, &told, Some(day));
                let changes = changes(&before, &told.flows);
                let records = told.of_job(case.key, case.revision, day, work.as_it_was.snapshot(), changes);
                let records = records.map_err(unencodable)?;
                *effort += bytes(&records) / BYTES_AN_EFFORT;
                self.send_of_job(HISTORICAL_FLOWS, work, day, records, context)?;
                (last, before) = (Some(day), told.flows);
            }
            if *effort >= self.effort_a_tick && Some(day) != to {
                return Ok(Some(Begun { day, told: last }));
            }
        }
        Ok(None)
    }

    /// Sends what would differ.
    fn what_if(
        &mut self,
        case: &Case<'_>,
        then: &Then,
        share: &mut Share,
        work: &Work<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        let changed = work.changed.expect("a WHAT_IF has its changes");
        let policy = changed.agreed(case.key, case.contracts.iter()).0.policy;
        let what_if = WhatIf { policy, selected: &case.selected, security: &case.security };
        let obstacle = then.obstacle.as_ref();
        let (before, after) = match &then.copy {
            None => what_if.of(&OnePosition::of(self, case.key), work.as_it_was, changed, obstacle),
            Some(copy) => what_if.of(copy, work.as_it_was, changed, obstacle),
        };
        tally(share, case, &after, None);
        let changes = changes(&before.flows, &after.flows);
        let differing = after.unlike(&before);
        if changes.is_empty() && differing.is_empty() {
            return Ok(());
        }
        share.totals.changed += changes.len() as u64;
        let day = changed.day().unwrap_or(work.recalculation.moment.day);
        let records = differing.of_job(case.key, case.revision, day, changed.snapshot(), changes);
        self.send_of_job(WHAT_IF_FLOWS, work, day, records.map_err(unencodable)?, context)
    }

    fn send_of_job(
        &self,
        topic: &'static str,
        work: &Work<'_>,
        day: NaiveDate,
        records: Vec<PositionFlows>,
        context: &mut Context<'_>,
    ) -> Result<(), ProcessError> {
        for record in records {
            let key = day_key(work.job, &record.key, day, record.part);
            context.send(topic, key.as_bytes(), |out| self.schemas.encode(&record, topics::place(work.cause), out))?;
        }
        Ok(())
    }

    fn tell_result(&self, result: &ChunkResult, cause: Cause, context: &mut Context<'_>) -> Result<(), ProcessError> {
        let key = result.job.as_str().as_bytes();
        context.send(CHUNK_RESULTS_BATCH, key, |out| self.schemas.encode(result, topics::place(cause), out))
    }
}

/// Whether what the job finds takes the place of what was told.
fn replaces(work: &Work<'_>) -> bool {
    matches!(work.recalculation.kind, RecalculationKind::Full | RecalculationKind::Incremental { .. })
}

fn open_lots(position: Option<&Position>) -> u64 {
    position.map_or(0, |position| u64::from(position.open_lots))
}

/// Whether flows were calculated with something that the job does not know.
fn is_ahead(told: &PositionFlows, work: &Work<'_>) -> bool {
    told.snapshot.ahead_of(work.recalculation.moment.known)
}

/// Counts what is selected of a position's flows.
fn tally(share: &mut Share, case: &Case<'_>, told: &Told, day: Option<NaiveDate>) {
    for blocked in told.blocked.iter().filter(|blocked| case.selected.contains(&blocked.contract)) {
        share.totals.errors += 1;
        let Obstacle { reason, message } = &blocked.obstacle;
        let place = position(Place::of(&blocked.contract), case);
        share.note(place.error(NoticeCode::Blocked, reason, message.to_string()));
    }
    told.flows
        .iter()
        .filter(|row| case.selected.contains(&row.contract))
        .for_each(|row| tally_row(share, case, row, day));
}

fn tally_row(share: &mut Share, case: &Case<'_>, row: &FlowRow, day: Option<NaiveDate>) {
    share.totals.add_row(row, day);
    if let Err(Obstacle { reason, message }) = &row.result {
        let place = position(Place::of(&row.contract), case);
        let place = LotId::new(&row.of).map_or(place.clone(), |lot| place.lot(&lot));
        share.note(place.error(NoticeCode::Blocked, reason, message.to_string()));
    }
}

/// A key that is longer than the id of a position is left out: the contract tells.
fn position(place: Place, case: &Case<'_>) -> Place {
    PositionId::new(case.key.as_str()).map_or(place.clone(), |id| place.position(&id))
}

fn place(case: &Case<'_>) -> Place {
    position(case.contracts.first().map_or_else(Place::request, Place::of), case)
}

fn bytes(records: &[PositionFlows]) -> u64 {
    records.iter().map(|record| record.rows.bytes()).sum()
}
