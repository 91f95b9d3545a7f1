//! A proxy that knows Kafka's frames: it keeps a request back and delivers it later, loses answers, slows things down.
//!
//! It stands between a client and the broker's PROXIED listener, whose advertised address is where this listens; so a client
//! that bootstraps here stays here. Whatever it does to a request it does to one copy: the client's retries pass.
#![allow(dead_code)] // each test that includes this uses a part

mod frame; // lengths, keys, correlation ids
mod rules; // what is to happen to which request

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use frame::Request;
pub use rules::{Api, Counts, Loss, Way};
use rules::{Fate, Held, Rules};

/// The proxy's ports are fixed, so tests take turns.
static PORTS: Mutex<()> = Mutex::new(());

pub struct Proxy {
    shared: Arc<Shared>,
    listen: String,
    upstreams: Vec<SocketAddr>,
    listeners: Vec<JoinHandle<()>>,
    _ports: MutexGuard<'static, ()>,
}

struct Shared {
    rules: Mutex<Rules>,
    open: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    late: Mutex<Vec<Late>>,
}

/// What came of a request that was delivered late.
pub struct Late {
    pub api: Api,
    pub request: Vec<u8>,
    /// The answer after its correlation id; empty when the broker closed the connection instead.
    pub answer: Vec<u8>,
}

impl Proxy {
    /// Listens for every broker that `dev/up` has started.
    pub fn start() -> Proxy {
        let variable = |name: &str| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run tests/run, or eval \"$(dev/up)\" first"))
        };
        let ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let (listen, upstream) = (variable("BOOKFLOW_KAFKA_PROXY_LISTEN"), variable("BOOKFLOW_KAFKA_PROXY_UPSTREAM"));
        let shared = Arc::new(Shared {
            rules: Mutex::default(),
            open: AtomicBool::new(true),
            connections: Mutex::default(),
            late: Mutex::default(),
        });
        let upstreams: Vec<SocketAddr> =
            upstream.split(',').map(|address| address.parse().expect("an address with a port")).collect();
        let listeners = listen.split(',').zip(upstreams.clone()).map(|(listen, upstream)| {
            let listener =
                TcpListener::bind(listen).unwrap_or_else(|error| panic!("cannot listen on {listen}: {error}"));
            let shared = shared.clone();
            thread::spawn(move || accept(&listener, upstream, &shared))
        });
        let listeners = listeners.collect();
        Proxy { shared, listen, upstreams, listeners, _ports: ports }
    }

    /// Where clients bootstrap.
    pub fn bootstrap(&self) -> &str {
        &self.listen
    }

    /// Keeps the next request of this kind back, from clients whose id contains `client`; what the client sees is `loss`.
    pub fn hold_next(&self, api: Api, client: &str, loss: Loss) {
        self.shared.rules().hold_next(api, client, loss);
    }

    /// Waits until `hold_next` has caught its request.
    pub fn wait_held(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.shared.rules().held.is_empty() {
            assert!(Instant::now() < deadline, "no request to hold has come");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Delivers what is held, each on a connection of its own, and returns what the broker said.
    pub fn deliver(&self) -> Vec<Late> {
        self.shared.deliver();
        self.late()
    }

    /// Delivers what is held just before the `nth` request of this kind that comes after it was caught.
    pub fn deliver_before(&self, api: Api, nth: usize) {
        self.shared.rules().deliver_before = Some((api, nth));
    }

    /// What has been delivered late since the last question.
    pub fn late(&self) -> Vec<Late> {
        std::mem::take(&mut self.shared.late.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The broker executes the next `count` requests of this kind, but the client never hears of it.
    pub fn lose_answers(&self, api: Api, count: usize, loss: Loss) {
        self.shared.rules().lose_answers(api, count, loss);
    }

    /// Every request of this kind waits this long, and those behind it on the same connection with it.
    pub fn delay(&self, api: Api, time: Duration) {
        self.shared.rules().delays.insert(api, time);
    }

    /// The same for every request, whatever it is.
    pub fn delay_all(&self, time: Duration) {
        self.shared.rules().delay = time;
    }

    /// From now on nothing passes between clients and this broker, counted from 0, until `mend`.
    pub fn cut(&self, broker: usize, ways: &[Way]) {
        let upstream = self.upstreams[broker];
        self.shared.rules().cuts.extend(ways.iter().map(|way| (upstream, *way)));
    }

    pub fn cut_all(&self) {
        (0..self.upstreams.len()).for_each(|broker| self.cut(broker, &[Way::Requests, Way::Answers]));
    }

    pub fn mend(&self) {
        self.shared.rules().cuts.clear();
    }

    /// Ends all connections; answers how many there were, counted at both ends.
    pub fn reset(&self) -> usize {
        let mut connections = self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.drain(..).filter(|connection| connection.shutdown(Shutdown::Both).is_ok()).count()
    }

    pub fn counts(&self) -> Counts {
        self.shared.rules().counts.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.open.store(false, Ordering::SeqCst);
        for listen in self.listen.split(',') {
            let _ = TcpStream::connect(listen); // wakes the accepting thread, which then ends
        }
        for connection in self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for listener in self.listeners.drain(..) {
            let _ = listener.join(); // the next proxy needs the port
        }
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the broker has answered, so that what passes next comes after it.
    fn deliver(&self) {
        let held = std::mem::take(&mut self.rules().held);
        for late in held.into_iter().map(deliver) {
            self.rules().counts.delivered_late += 1;
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
    }

    /// Holds up what wants to pass while this way is cut.
    fn wait_while_cut(&self, upstream: SocketAddr, way: Way) {
        let cut = |rules: &Rules| rules.cuts.contains(&(upstream, way));
        if cut(&self.rules()) {
            self.rules().counts.cut += 1;
        }
        while cut(&self.rules()) && self.open.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn remember(&self, stream: &TcpStream) -> io::Result<()> {
        let copy = stream.try_clone()?;
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
        Ok(())
    }
}

fn accept(listener: &TcpListener, upstream: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        if !shared.open.load(Ordering::SeqCst) {
            return;
        }
        // A broker that is down looks like one: the client's connection is closed.
        let _ = connect(client, upstream, shared);
    }
}

fn connect(client: TcpStream, upstream: SocketAddr, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.remember(&client)?;
    shared.remember(&server)?;
    let waiting = Waiting::default();
    let (requests, answers) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let (to_requests, to_answers) = (shared.clone(), shared.clone());
    let (asked, answered) = (waiting.clone(), waiting);
    thread::spawn(move || {
        let _ = carry_requests(&requests.0, &requests.1, upstream, &to_requests, &asked);
        close(&requests.0, &requests.1);
    });
    thread::spawn(move || {
        let _ = carry_answers(&answers.0, &answers.1, upstream, &to_answers, &answered);
        close(&answers.0, &answers.1);
    });
    Ok(())
}

/// Correlation ids of requests on their way, with what they asked.
type Waiting = Arc<Mutex<HashMap<i32, Api>>>;

fn carry_requests(
    client: &TcpStream,
    mut server: &TcpStream,
    upstream: SocketAddr,
    shared: &Shared,
    waiting: &Waiting,
) -> io::Result<()> {
    while let Some(bytes) = frame::read(client)? {
        let request = Request::parse(&bytes)?;
        shared.wait_while_cut(upstream, Way::Requests);
        let (fate, delay) = shared.rules().request(&request);
        thread::sleep(delay);
        match fate {
            Fate::Pass { after_held } => {
                if after_held {
                    shared.deliver();
                }
                waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(request.correlation, request.api);
                server.write_all(&bytes)?;
            }
            Fate::Hold(loss) => {
                shared.rules().held.push(Held { api: request.api, bytes, upstream });
                if loss == Loss::Disconnect {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn carry_answers(
    server: &TcpStream,
    mut client: &TcpStream,
    upstream: SocketAddr,
    shared: &Shared,
    waiting: &Waiting,
) -> io::Result<()> {
    while let Some(bytes) = frame::read(server)? {
        shared.wait_while_cut(upstream, Way::Answers);
        let correlation = frame::answer_correlation(&bytes)?;
        let asked = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&correlation);
        match asked.and_then(|api| shared.rules().answer(api)) {
            None => client.write_all(&bytes)?,
            Some(Loss::Silence) => {}
            Some(Loss::Disconnect) => return Ok(()),
        }
    }
    Ok(())
}

fn close(one: &TcpStream, other: &TcpStream) {
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}

fn deliver(held: Held) -> Late {
    let mut server = TcpStream::connect(held.upstream).expect("the broker is there");
    server.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    server.write_all(&held.bytes).expect("sent");
    let answer = frame::read(&server).expect("an answer in time").unwrap_or_default();
    Late { api: held.api, request: held.bytes, answer: answer.get(8..).unwrap_or_default().to_vec() }
}
