//! Whom a client asks: one that has forgotten all brokers is given the first ones again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;

use super::native;
use super::settings::Settings;

/// Not more often: librdkafka keeps a line of each time.
const EVERY: Duration = Duration::from_secs(5);

/// A broker that comes back after a stall of the whole cluster may say that there is no broker at all. librdkafka forgets those it knew then, the
/// first ones among them, and asks nobody for ever (librdkafka#5301).
pub(super) struct Brokers {
    bootstrap: String,
    looked: Mutex<Instant>,
}

impl Brokers {
    pub(super) fn of(settings: &Settings) -> Brokers {
        Brokers { bootstrap: settings.bootstrap().to_owned(), looked: Mutex::new(Instant::now()) }
    }

    /// To be called now and then, whatever the client does.
    pub(super) fn keep<C: ClientContext>(&self, client: &Client<C>) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.elapsed() < EVERY {
            return;
        }
        *looked = Instant::now();
        if !native::knows_controller(client) {
            native::add_brokers(client, &self.bootstrap);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};

    use super::super::context::Silent;
    use super::*;

    #[test]
    fn a_client_that_knows_no_broker_asks_the_first_ones() {
        let broker = TcpListener::bind("127.0.0.1:0").expect("a free port");
        broker.set_nonblocking(true).expect("a socket can");
        let client: BaseConsumer<Silent> = ClientConfig::new()
            .set("group.id", "nobody")
            .create_with_context(Silent::default())
            .expect("a client without brokers");
        let bootstrap = broker.local_addr().expect("it is bound").to_string();
        let brokers = Brokers { bootstrap, looked: Mutex::new(Instant::now() - EVERY) };
        brokers.keep(client.client());
        let began = Instant::now();
        while broker.accept().is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody asks");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
