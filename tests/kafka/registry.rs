//! Schema ids from the real registry.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use bookflow::kafka::registry::Registry;
use bookflow::messages::schemas::SchemaIds;

use crate::cluster::*;

fn registry() -> Registry {
    Registry::new(&variable("BOOKFLOW_REGISTRY_URL")).expect("address")
}

fn schema(name: &str, fields: &str) -> String {
    format!(r#"{{"type":"record","name":"{}","fields":[{fields}]}}"#, name.replace('-', "_"))
}

#[test]
fn the_same_schema_has_the_same_id_for_everyone_and_comes_back_by_it() {
    let subject = unique("trade-value");
    let schema = schema(subject, r#"{"name":"quantity","type":"long"}"#);
    let id = registry().id(subject, &schema).expect("registered");
    let other = registry();
    assert_eq!(other.id(subject, &schema), Ok(id));
    let back = other.schema(id).expect("answer").expect("there");
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("json");
    assert_eq!(parsed(&back), parsed(&schema));
}

#[test]
fn all_who_register_one_schema_at_once_are_told_its_id() {
    for _ in 0..20 {
        let subject = unique("lots-value");
        let schema = schema(subject, "");
        let start = Barrier::new(6);
        let ids: Vec<_> = thread::scope(|scope| {
            let register = || {
                let registry = registry();
                start.wait();
                registry.id(subject, &schema)
            };
            let all: Vec<_> = (0..6).map(|_| scope.spawn(register)).collect();
            all.into_iter().map(|one| one.join().expect("does not panic").expect("registered")).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[test]
fn an_unknown_id_is_not_there_and_a_silent_registry_is_unavailable() {
    for id in [0, 2_000_000_000, 1 << 31, u32::MAX] {
        assert_eq!(registry().schema(id), Ok(None), "{id}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("address");
    let silent = Registry::new(&format!("http://{nobody}")).expect("address");
    assert!(silent.schema(1).expect_err("nobody listens").to_string().contains("schema registry unavailable"));
}

#[test]
fn a_registry_that_goes_down_changes_nothing_for_what_is_known() {
    let url = variable("BOOKFLOW_REGISTRY_URL");
    let (host, path) = url.strip_prefix("http://").expect("plain http").split_once('/').expect("a path");
    let line = Line::to(host);
    let registry = Registry::new(&format!("http://{}/{path}", line.address)).expect("address");
    let subject = unique("lot-value");
    let schema = schema(subject, r#"{"name":"remaining","type":"long"}"#);
    let id = registry.id(subject, &schema).expect("registered");
    registry.schema(id).expect("answer").expect("there");
    line.cut();
    assert_eq!(registry.id(subject, &schema), Ok(id));
    assert!(registry.schema(id).expect("remembered").is_some());
    registry.schema(id + 1_000_000).expect_err("cannot be asked any more");
}

#[test]
fn a_first_version_is_compatible() {
    let subject = unique("new-value");
    assert_eq!(registry().compatible(subject, &schema(subject, "")), Ok(true));
}

/// A wire to the registry that can be cut.
struct Line {
    address: String,
    open: Arc<AtomicBool>,
}

impl Line {
    fn to(host: &str) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("address").to_string();
        let open = Arc::new(AtomicBool::new(true));
        let (still_open, host) = (open.clone(), host.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !still_open.load(Ordering::SeqCst) {
                    continue; // accepted and dropped: connection reset
                }
                let server = TcpStream::connect(&host).expect("registry");
                carry(client.try_clone().expect("socket"), server.try_clone().expect("socket"), still_open.clone());
                carry(server, client, still_open.clone());
            }
        });
        Line { address, open }
    }

    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, open: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if !open.load(Ordering::SeqCst) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
        let _ = from.shutdown(std::net::Shutdown::Both);
    });
}
