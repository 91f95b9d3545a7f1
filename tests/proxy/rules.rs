//! What is to happen to which request, and what has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::frame::Request;

/// A kind of request, by Kafka's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Api(pub i16);

impl Api {
    pub const PRODUCE: Api = Api(0);
    pub const FETCH: Api = Api(1);
    pub const INIT_PRODUCER_ID: Api = Api(22);
    pub const ADD_PARTITIONS: Api = Api(24);
    pub const ADD_OFFSETS: Api = Api(25);
    pub const END_TXN: Api = Api(26);
    pub const TXN_OFFSET_COMMIT: Api = Api(28);
}

/// What the client sees of a request or an answer that does not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks: the client tries again after its back-off.
    Disconnect,
    /// Nothing: the client waits until its time limit.
    Silence,
}

/// A direction in which nothing passes while it is cut; what waits is delivered afterwards, as TCP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Requests,
    Answers,
}

/// What the proxy has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests seen, held ones included.
    pub requests: BTreeMap<Api, usize>,
    pub held: usize,
    pub delivered_late: usize,
    pub answers_lost: usize,
    /// Requests and answers that met a cut.
    pub cut: usize,
}

impl Counts {
    pub fn of(&self, api: Api) -> usize {
        self.requests.get(&api).copied().unwrap_or(0)
    }
}

#[derive(Default)]
pub(super) struct Rules {
    holds: Vec<(Api, String, Loss)>,
    losses: Vec<(Api, usize, Loss)>,
    pub(super) delays: BTreeMap<Api, Duration>,
    pub(super) delay: Duration,
    pub(super) cuts: BTreeSet<(SocketAddr, Way)>,
    pub(super) held: Vec<Held>,
    /// Counted down by requests of this kind once something is held.
    pub(super) deliver_before: Option<(Api, usize)>,
    pub(super) counts: Counts,
}

/// A request kept back.
pub(super) struct Held {
    pub(super) api: Api,
    pub(super) bytes: Vec<u8>,
    pub(super) upstream: SocketAddr,
}

pub(super) enum Fate {
    Pass { after_held: bool },
    Hold(Loss),
}

impl Rules {
    pub(super) fn hold_next(&mut self, api: Api, client: &str, loss: Loss) {
        self.holds.push((api, client.to_owned(), loss));
    }

    pub(super) fn lose_answers(&mut self, api: Api, count: usize, loss: Loss) {
        self.losses.push((api, count, loss));
    }

    pub(super) fn request(&mut self, request: &Request) -> (Fate, Duration) {
        *self.counts.requests.entry(request.api).or_default() += 1;
        let delay = self.delay + self.delays.get(&request.api).copied().unwrap_or_default();
        let caught =
            self.holds.iter().position(|(api, client, _)| *api == request.api && request.client.contains(client));
        match caught {
            Some(place) => {
                self.counts.held += 1;
                (Fate::Hold(self.holds.remove(place).2), delay)
            }
            None => (Fate::Pass { after_held: self.time_has_come(request.api) }, delay),
        }
    }

    fn time_has_come(&mut self, asked: Api) -> bool {
        match &mut self.deliver_before {
            Some((api, left)) if *api == asked && !self.held.is_empty() => {
                *left -= 1;
                let come = *left == 0;
                if come {
                    self.deliver_before = None;
                }
                come
            }
            _ => false,
        }
    }

    pub(super) fn answer(&mut self, asked: Api) -> Option<Loss> {
        let (_, left, loss) = self.losses.iter_mut().find(|(api, left, _)| *api == asked && *left > 0)?;
        *left -= 1;
        self.counts.answers_lost += 1;
        Some(*loss)
    }
}
