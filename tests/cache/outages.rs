//! What happens to Redis never makes an answer wrong, and never keeps anybody waiting.

use std::thread;
use std::time::{Duration, Instant};

use bookflow::cache::Answer;
use metrics_exporter_prometheus::PrometheusBuilder;
use redis::TypedCommands;

use crate::server::{PAUSE, Server, TIMEOUT, cache};

/// Of a busy machine.
const SLACK: Duration = Duration::from_millis(100);

fn there(text: &str) -> Answer {
    Answer::There(text.as_bytes().into())
}

#[test]
fn a_frozen_redis_costs_one_time_limit_and_then_nothing() {
    let server = Server::start();
    let cache = server.cache();
    cache.put("kept", there("1"));
    server.freeze();
    let began = Instant::now();
    for number in 0..1_000 {
        assert_eq!(cache.get(&number.to_string()), None);
        cache.put(&number.to_string(), there("2"));
        assert_eq!(cache.get(&number.to_string()), Some(there("2")), "the tier in process goes on");
    }
    assert!(began.elapsed() < 4 * TIMEOUT + SLACK, "1,000 look-ups and writes took {:?}", began.elapsed());
    server.thaw();
    thread::sleep(2 * 10 * TIMEOUT + PAUSE);
    assert_eq!(server.cache().get("kept"), Some(there("1")));
    let later = (0..20).any(|_| {
        thread::sleep(PAUSE);
        cache.put("after", there("3"));
        server.cache().get("after") == Some(there("3"))
    });
    assert!(later, "Redis is used again");
}

#[test]
fn a_killed_redis_is_left_alone_and_used_again_when_it_is_back() {
    let mut server = Server::start();
    let cache = server.cache();
    cache.put("before", there("1"));
    server.kill();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let began = Instant::now();
        for number in 0..1_000 {
            assert_eq!(cache.get(&number.to_string()), None);
        }
        assert!(began.elapsed() < TIMEOUT + SLACK, "1,000 look-ups took {:?}", began.elapsed());
    });
    let state = || {
        let told = recorder.handle().render();
        let line = told.lines().find(|line| line.starts_with("bookflow_circuit_breaker_state{dependency=\"redis\"}"));
        line.and_then(|line| line.chars().last())
    };
    assert_eq!(state(), Some('1'));
    thread::sleep(PAUSE + SLACK);
    metrics::with_local_recorder(&recorder, || assert_eq!(cache.get("a"), None));
    assert_eq!(state(), Some('1'), "a call that fails after the pause does not close it");
    let server = server.restart();
    let back = metrics::with_local_recorder(&recorder, || {
        (0..40).any(|_| {
            thread::sleep(PAUSE / 4);
            cache.put("after", there("2"));
            server.cache().get("after") == Some(there("2"))
        })
    });
    assert!(back, "Redis is used again");
    assert_eq!(state(), Some('0'));
    assert_eq!(server.cache().get("before"), None, "the new one is empty");
}

#[test]
fn damaged_and_foreign_bytes_are_misses_and_are_written_over() {
    let server = Server::start();
    let mut somebody = server.somebody();
    server.cache().put("good", there("a longer answer"));
    let good: Vec<u8> = redis::cmd("GET").arg("test:good").query(&mut somebody).expect("it is kept");
    let mut flipped = good.clone();
    *flipped.last_mut().expect("it has bytes") ^= 1;
    let mut newer = good.clone();
    newer[0] += 1;
    let damaged =
        [b"".to_vec(), b"junk".to_vec(), vec![0xff; 1 << 20], good[..good.len() - 1].to_vec(), flipped, newer, good];
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for bytes in &damaged {
            // The last one is undamaged, but another key's.
            redis::cmd("SET").arg("test:a").arg(bytes).arg("EX").arg(60).exec(&mut somebody).expect("it is up");
            assert_eq!(server.cache().get("a"), None, "{} bytes", bytes.len());
        }
    });
    let told = recorder.handle().render();
    let line = "bookflow_cache_requests_total{cache=\"test\",tier=\"redis\",result=\"damaged\"} 7";
    assert!(told.contains(line), "{told}");
    server.cache().put("a", there("1"));
    assert_eq!(server.cache().get("a"), Some(there("1")));

    somebody.del("test:a").expect("it is up");
    redis::cmd("RPUSH").arg("test:a").arg("a list").exec(&mut somebody).expect("it is up");
    assert_eq!(server.cache().get("a"), None);
    server.cache().put("a", there("2"));
    assert_eq!(server.cache().get("a"), Some(there("2")));
}

#[test]
fn a_redis_that_is_full_or_emptied_is_a_miss() {
    let server = Server::start();
    let mut somebody = server.somebody();
    let cache = server.cache();
    cache.put("a", there("1"));
    redis::cmd("FLUSHALL").exec(&mut somebody).expect("it is up");
    assert_eq!(server.cache().get("a"), None);
    assert_eq!(cache.get("a"), Some(there("1")), "the tier in process still knows");
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").exec(&mut somebody).expect("it is up");
    cache.put("b", there("2"));
    assert_eq!(cache.get("b"), Some(there("2")));
    assert_eq!(server.cache().get("b"), None);
}

#[test]
fn a_slow_redis_costs_no_more_than_its_share() {
    let server = Server::start();
    let cache = server.cache();
    cache.put("a", there("1"));
    let slow = server.somebody();
    let began = Instant::now();
    let asking = thread::scope(|scope| {
        scope.spawn(|| {
            let mut slow = slow;
            // Every command waits behind these: Redis works off one at a time.
            for _ in 0..40 {
                redis::cmd("DEBUG").arg("SLEEP").arg("0.04").query::<String>(&mut slow).ok();
            }
        });
        thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        for number in 0..1_000 {
            assert_eq!(cache.get(&format!("none{number}")), None);
        }
        began.elapsed()
    });
    assert!(began.elapsed() > Duration::from_secs(1), "it was slow at all: {:?}", began.elapsed());
    assert!(asking < 3 * TIMEOUT + SLACK, "1,000 look-ups took {asking:?}");
}

#[test]
fn an_address_where_nobody_listens_is_a_miss() {
    let mut server = Server::start();
    let redis = server.redis();
    server.kill();
    let cache = cache(Some(redis));
    assert_eq!(cache.get("a"), None);
    cache.put("a", there("1"));
    assert_eq!(cache.get("a"), Some(there("1")));
}
