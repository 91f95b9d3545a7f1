//! The admin port: `/metrics`, `/livez`, `/readyz`, `/startupz`, `/healthz`, on a thread and a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use std::{io, net};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::oneshot;

use super::probes::{self, Probe};
use super::watch::Watch;
use crate::engine::clock::Clock;
use crate::engine::health::Health;

/// Histograms are summed up this often even when nobody scrapes; else they would grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the port tells about.
#[derive(Clone)]
pub struct Told {
    pub health: Health,
    pub clock: Arc<dyn Clock>,
    /// Set once the worker has been told to stop.
    pub draining: Arc<AtomicBool>,
    pub kafka: Arc<Watch>,
    /// None where the worker uses none.
    pub redis: Option<Arc<Watch>>,
    pub metrics: PrometheusHandle,
}

/// The open port; closes when dropped.
pub struct AdminPort {
    pub address: SocketAddr,
    close: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Clone)]
struct Shared {
    told: Told,
    once_ready: Arc<AtomicBool>,
}

impl AdminPort {
    /// Binds now, so that a port that is taken is told at the start.
    pub fn open(bind: SocketAddr, told: Told) -> io::Result<AdminPort> {
        let listener = net::TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (close, closed) = oneshot::channel();
        let shared = Shared { told, once_ready: Arc::default() };
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.block_on(serve(listener, shared, closed));
        })?;
        Ok(AdminPort { address, close: Some(close), thread: Some(thread) })
    }
}

impl Drop for AdminPort {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: net::TcpListener, shared: Shared, closed: oneshot::Receiver<()>) {
    let upkeep = {
        let metrics = shared.told.metrics.clone();
        async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                metrics.run_upkeep();
            }
        }
    };
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .route("/healthz", get(healthz))
        .with_state(shared);
    let served = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, routes).await
    };
    // An open connection must not keep the worker from ending: whoever asks then gets no answer.
    tokio::select! {
        _ = closed => {}
        _ = upkeep => {}
        ended = served => if let Err(error) = ended {
            tracing::error!(%error, "admin port closed");
        }
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, shared.told.metrics.render()).into_response()
}

async fn livez(State(shared): State<Shared>) -> Response {
    answer(probes::live(&shared.told.health, shared.told.clock.elapsed()))
}

async fn readyz(State(shared): State<Shared>) -> Response {
    answer(shared.ready())
}

async fn startupz(State(shared): State<Shared>) -> Response {
    shared.ready();
    let once_ready = shared.once_ready.load(Ordering::Relaxed);
    answer(probes::started(&shared.told.health, once_ready, shared.told.clock.elapsed()))
}

async fn healthz(State(shared): State<Shared>) -> Response {
    let Told { health, clock, kafka, redis, .. } = &shared.told;
    let redis = redis.as_ref().map(|redis| redis.answers());
    answer(probes::healthy(health, &kafka.answers(), redis.as_ref(), clock.elapsed()))
}

impl Shared {
    /// A start is over with the first moment of readiness; a later rebalance does not undo it.
    fn ready(&self) -> Probe {
        let Told { health, clock, draining, .. } = &self.told;
        let probe = probes::ready(health, draining.load(Ordering::Relaxed), clock.elapsed());
        self.once_ready.fetch_or(probe.good, Ordering::Relaxed);
        probe
    }
}

fn answer(probe: Probe) -> Response {
    let status = if probe.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], probe.body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::engine::clock::SystemClock;

    fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = net::TcpStream::connect(address).expect("the port is open");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    #[test]
    fn probes_and_metrics_answer_over_http() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        metrics::with_local_recorder(&recorder, || metrics::counter!("bookflow_txn_total").increment(3));
        let health = Health::default();
        let clock = Arc::new(SystemClock::start());
        let watch = |answer: Result<(), String>| {
            let clock = Arc::new(SystemClock::start());
            Arc::new(Watch::start("test", move || answer.clone(), clock, Duration::from_millis(1)).expect("a thread"))
        };
        let kafka = watch(Ok(()));
        let redis = Some(watch(Err("refused".into())));
        let told =
            Told { health: health.clone(), clock, draining: Arc::default(), kafka: kafka.clone(), redis, metrics };
        let port = AdminPort::open("127.0.0.1:0".parse().expect("an address"), told).expect("a free port");
        assert!(ask(port.address, "/metrics").contains("bookflow_txn_total 3"));
        assert!(ask(port.address, "/livez").starts_with("HTTP/1.1 200"));
        assert!(ask(port.address, "/startupz").starts_with("HTTP/1.1 503"), "no thread has begun");
        let beat = health.beat("book-0");
        beat.tasks(true, 1, 1);
        assert!(ask(port.address, "/readyz").starts_with("HTTP/1.1 200"));
        beat.tasks(true, 0, 1);
        assert!(ask(port.address, "/readyz").starts_with("HTTP/1.1 503"));
        assert!(ask(port.address, "/startupz").starts_with("HTTP/1.1 200"), "started once is started");
        beat.tasks(true, 1, 1);
        while kafka.answers().last.is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        let degraded = ask(port.address, "/healthz");
        assert!(degraded.starts_with("HTTP/1.1 200") && degraded.contains("refused"), "{degraded}");
        beat.stopped("fenced");
        assert!(ask(port.address, "/healthz").starts_with("HTTP/1.1 503"));
        assert!(ask(port.address, "/").starts_with("HTTP/1.1 404"));
    }
}
