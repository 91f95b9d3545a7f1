//! Doubt: a new producer with the same id resolves the old transaction, and the committed turn marks say how it ended.

use std::time::Duration;

use super::broker::{BrokerError, ErrorKind};
use super::settings::Planted;
use super::stop::Stop;
use super::worker::{Producing, Worker};
use crate::telemetry;

impl Worker {
    /// Nothing more is done with this producer. Its drop waits for its threads; then its id can be taken over. A twin is no reason to stop here: to the
    /// broker the turn of a static member that was put out and is back, as another one, comes from a twin, too. A true one is told to the consumer.
    pub(super) fn doubt(&mut self, cause: &'static str, error: BrokerError) -> Result<(), Stop> {
        if error.kind == ErrorKind::Denied {
            return Err(Stop::of(error, &self.member.client_id));
        }
        if error.kind == ErrorKind::Fenced {
            self.count_fencing()?;
        }
        if self.planted(Planted::DoubtfulProducerKept) {
            return self.judge_without_recreation();
        }
        if self.planted(Planted::ErrorCodeTrusted) {
            self.undo_touched();
        }
        if self.planted(Planted::DoubtTakenForDone) {
            self.keep_touched();
        }
        self.producing = Producing::Doubtful { cause, next_try: Duration::ZERO, tries: 0 };
        Ok(())
    }

    /// True when there is no doubt, or no doubt any more.
    pub(super) fn resolve_doubt(&mut self) -> Result<bool, Stop> {
        let now = self.clock.elapsed();
        let Producing::Doubtful { cause, next_try, tries } = self.producing else { return Ok(true) };
        if now < next_try {
            return Ok(false);
        }
        match self.recreate_and_judge() {
            Ok(true) => {
                telemetry::producer_recreated(self.checked.spec.name, cause);
                Ok(true)
            }
            Ok(false) => {
                let next_try = now + self.backoff(tries);
                self.producing = Producing::Doubtful { cause, next_try, tries: tries + 1 };
                Ok(false)
            }
            Err(stop) => Err(stop),
        }
    }

    fn recreate_and_judge(&mut self) -> Result<bool, Stop> {
        let producer = match self.broker.producer(&self.member.client_id) {
            Ok(producer) => producer,
            Err(error) if error.kind == ErrorKind::Fenced => {
                self.count_fencing()?;
                return Ok(false);
            }
            Err(error) => return self.tolerate(error).map(|()| false),
        };
        self.alive();
        if !self.judge()? {
            return Ok(false);
        }
        self.producing = Producing::Ready(producer);
        self.rewind_running()?;
        Ok(true)
    }

    /// Our turn was committed: keep it. The turn before stands: forget it and fetch the records again. Anything else
    /// is somebody else's doing: restore. Never decided by an error code, which may come with either end.
    fn judge(&mut self) -> Result<bool, Stop> {
        let touched: Vec<_> = self.tasks.values().filter(|task| task.touched).map(|task| task.partition).collect();
        let Some(found) = self.committed(&touched)? else { return Ok(false) };
        let now = self.clock.elapsed();
        if self.planted(Planted::AddInsteadOfReplace) {
            self.keep_effects();
        }
        let mut committed = false;
        for (partition, (mark, offsets)) in touched.into_iter().zip(found) {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            if task.pending.as_ref().is_some_and(|pending| pending.mark == mark) {
                task.keep_turn(now);
                committed = true;
            } else if task.mark == mark && task.offsets == offsets {
                task.undo_turn();
            } else {
                self.overtaken(partition)?;
            }
        }
        if let Some((records, started)) = self.undecided.take().filter(|_| committed) {
            self.stands(records, started);
        }
        Ok(true)
    }

    /// The coordinator timed a transaction of ours out, once. Twice within the session time-out means a namesake. Of static members the
    /// group tells the older one so, and the other one must outlast it.
    fn count_fencing(&mut self) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let before = self.fenced_at.replace(now).filter(|_| !self.settings.static_membership);
        if before.is_some_and(|before| now.saturating_sub(before) < self.settings.session_timeout) {
            return Err(Stop::Fenced { id: self.member.client_id.clone() });
        }
        telemetry::fenced(self.checked.spec.name);
        if self.planted(Planted::FencedTakenForDone) {
            self.keep_touched();
            return Ok(());
        }
        let inputs: Vec<_> = self.tasks.values().flat_map(|task| task.inputs.clone()).collect();
        self.consumer.pause(&inputs).map_err(Stop::Broker)?;
        self.tasks.values_mut().for_each(|task| task.restart(now));
        Ok(())
    }

    /// The planted bug: marks are read, but the old producer goes on.
    fn judge_without_recreation(&mut self) -> Result<(), Stop> {
        if let Producing::Ready(producer) = &mut self.producing {
            // Whether it is still open is exactly what such an engine does not know.
            let _ = producer.abort();
        }
        if !self.judge()? {
            self.undo_touched();
        }
        self.rewind_running()
    }
}
