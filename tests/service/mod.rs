//! A market data service of one's own over HTTP: it says what it is told to say, and counts who asks.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub struct Service {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Path -> what is said about it.
    said: BTreeMap<String, String>,
    mood: Mood,
    /// Path and query of every request.
    asked: Vec<String>,
    ended: bool,
}

#[derive(Clone, Copy, Default)]
pub enum Mood {
    #[default]
    Fine,
    /// Every answer is this status.
    Status(u16),
    /// So many answers are 503, then all is fine.
    Passing(u32),
    /// Takes requests and answers none.
    Silent,
    /// Closes the connection in the middle of the answer.
    Torn,
}

impl Service {
    pub fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = shared.clone();
                if state.lock().expect("no test panics here").ended {
                    return;
                }
                thread::spawn(move || serve(stream.expect("a connection"), &state));
            }
        });
        Service { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/md", self.address)
    }

    /// What is said about `prices/AAPL` and the like.
    pub fn say(&self, path: &str, json: impl ToString) {
        self.state().said.insert(format!("/md/{path}"), json.to_string());
    }

    pub fn be(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Everything that was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut self.state().asked);
        asked.sort();
        asked
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.state().ended = true;
        TcpStream::connect(self.address).ok(); // wakes the one who waits for connections
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    while let Some(Ok(line)) = lines.next() {
        let target = line.split(' ').nth(1).expect("a request line").to_owned();
        // Up to the empty line behind the headers.
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let path = target.split('?').next().expect("a path").to_owned();
        let (mood, said) = {
            let mut state = state.lock().expect("no test panics here");
            state.asked.push(target);
            let mood = state.mood;
            if let Mood::Passing(left) = mood {
                state.mood = left.checked_sub(1).map_or(Mood::Fine, Mood::Passing);
            }
            (mood, state.said.get(&path).cloned())
        };
        let (status, body) = match (mood, said) {
            (Mood::Status(status), _) => (status, String::new()),
            (Mood::Passing(1..), _) => (503, String::new()),
            (Mood::Silent, _) => {
                thread::sleep(Duration::from_secs(5));
                return;
            }
            (_, None) => (404, String::new()),
            (_, Some(body)) => (200, body),
        };
        let length = body.len() + usize::from(matches!(mood, Mood::Torn));
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() || matches!(mood, Mood::Torn) {
            stream.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}
