//! A redis-server of one's own, so that a test may stop and kill it. `dev/up` installs the program.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookflow::cache::redis::{Redis, Settings};
use bookflow::cache::tiers::{self, Cache};

pub const TIMEOUT: Duration = Duration::from_millis(50);
pub const PAUSE: Duration = Duration::from_millis(300);
pub const LIFE: Duration = Duration::from_secs(60);
pub const ABSENT_LIFE: Duration = Duration::from_secs(5);

pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub fn start() -> Server {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        Server::start_with(port, &[])
    }

    pub fn start_with(port: u16, arguments: &[&str]) -> Server {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "local"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: dev/up installs it");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Server { process, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the process and starts another one in its place, empty.
    pub fn restart(mut self) -> Server {
        let port = self.port;
        self.kill();
        Server::start_with(port, &[])
    }

    pub fn kill(&mut self) {
        self.process.kill().expect("it is our child");
        self.process.wait().expect("it is our child");
    }

    /// Takes calls and answers none, as a process does whose machine is out of breath.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("there is a kill command").success());
    }

    pub fn redis(&self) -> Arc<Redis> {
        Arc::new(Redis::new(settings(self.port)).expect("a good address"))
    }

    /// A cache as another process would have it: nothing in process yet.
    pub fn cache(&self) -> Cache {
        cache(Some(self.redis()))
    }

    /// Whoever else uses this Redis.
    pub fn somebody(&self) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("a good address");
        client.get_connection().expect("it is up")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended when the test has killed it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub fn settings(port: u16) -> Settings {
    Settings {
        url: format!("redis://127.0.0.1:{port}"),
        username: None,
        password: None,
        timeout: TIMEOUT,
        connections: 20,
        pause: PAUSE,
    }
}

pub fn cache(redis: Option<Arc<Redis>>) -> Cache {
    let settings =
        tiers::Settings { name: "test", prefix: "test:".into(), life: LIFE, absent_life: ABSENT_LIFE, bytes: 8 << 20 };
    Cache::new(settings, redis)
}
