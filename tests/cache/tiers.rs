//! What a cache keeps, for how long, and who sees it.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use bookflow::cache::Answer;
use bookflow::cache::redis::Redis;
use redis::TypedCommands;

use crate::server::{ABSENT_LIFE, LIFE, Server, cache, settings};

fn there(text: &str) -> Answer {
    Answer::There(text.as_bytes().into())
}

#[test]
fn what_one_process_keeps_another_one_finds() {
    let server = Server::start();
    let (one, other) = (server.cache(), server.cache());
    one.put("a", there("1"));
    one.put("b", Answer::NotThere);
    assert_eq!(one.get("a"), Some(there("1")));
    assert_eq!(other.get_all(&["a", "c", "b"]), [Some(there("1")), None, Some(Answer::NotThere)]);
}

#[test]
fn without_redis_the_tier_in_process_does_alone() {
    let cache = cache(None);
    assert_eq!(cache.get("a"), None);
    cache.put("a", there("1"));
    assert_eq!(cache.get("a"), Some(there("1")));
}

#[test]
fn the_tier_in_process_is_bounded_by_bytes() {
    let cache = cache(None);
    for number in 0..64 {
        cache.put(&number.to_string(), Answer::There(vec![0; 1 << 20].into()));
    }
    thread::sleep(Duration::from_millis(600)); // what is too much is put out now and then, not at once
    cache.put("last", there("1"));
    let kept = (0..64).filter(|number| cache.get(&number.to_string()).is_some()).count();
    assert!(kept <= 8, "{kept} MiB kept of 8");
}

#[test]
fn lives_differ_by_a_tenth_and_what_is_not_there_lives_shorter() {
    let server = Server::start();
    let cache = server.cache();
    for number in 0..100 {
        cache.put(&format!("there{number}"), there("1"));
        cache.put(&format!("absent{number}"), Answer::NotThere);
    }
    let mut redis = server.somebody();
    for (kind, life) in [("there", LIFE), ("absent", ABSENT_LIFE)] {
        let lives = (0..100).map(|number| redis::cmd("PTTL").arg(format!("test:{kind}{number}")).query(&mut redis));
        let lives: Vec<u64> = lives.map(|life| life.expect("it is kept")).collect();
        let (least, most) = (lives.iter().min().expect("100"), lives.iter().max().expect("100"));
        let percent = |percent| life.as_millis() as u64 * percent / 100;
        assert!(*least >= percent(90) - 2_000 && *most <= percent(110), "{kind}: {least} to {most} ms");
        assert!(most - least > percent(10), "{kind}: {least} to {most} ms are too much alike");
    }
}

#[test]
fn an_answer_from_redis_does_not_live_longer_for_having_been_found() {
    let server = Server::start();
    server.cache().put("a", there("1"));
    let mut redis = server.somebody();
    let _: () = redis::cmd("PEXPIRE").arg("test:a").arg(200).query(&mut redis).expect("it is kept");
    let other = server.cache();
    assert_eq!(other.get("a"), Some(there("1")));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(other.get("a"), None);
}

#[test]
fn who_asks_for_the_same_at_the_same_time_asks_once() {
    let (cache, asked, start) = (cache(None), AtomicU32::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                let answer = cache.get_or_ask("a", || -> Result<_, String> {
                    asked.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(50));
                    Ok(there("1"))
                });
                assert_eq!(answer, Ok(there("1")));
            });
        }
    });
    assert_eq!(asked.into_inner(), 1);
}

#[test]
fn what_is_made_at_the_same_time_is_made_once_and_what_redis_has_is_not_made() {
    let server = Server::start();
    let (cache, made, start) = (server.cache(), AtomicU32::new(0), Barrier::new(8));
    let make = |text| {
        made.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(50));
        Some(there(text))
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                assert_eq!(cache.get_or_make("a", || make("1")), Some(there("1")));
            });
        }
    });
    assert_eq!(server.cache().get_or_make("a", || make("2")), Some(there("1")), "another process finds it");
    assert_eq!(made.into_inner(), 1);
}

#[test]
fn what_is_not_to_be_kept_is_made_again() {
    let server = Server::start();
    let cache = server.cache();
    assert_eq!(cache.get_or_make("a", || None), None);
    assert_eq!(server.cache().get("a"), None);
    assert_eq!(cache.get_or_make("a", || Some(there("1"))), Some(there("1")));
}

#[test]
fn what_went_wrong_is_not_kept() {
    let server = Server::start();
    let cache = server.cache();
    assert_eq!(cache.get_or_ask("a", || Err("down".to_owned())), Err("down".to_owned()));
    assert_eq!(cache.get_or_ask("a", || Ok::<_, String>(there("1"))), Ok(there("1")));
    assert_eq!(server.cache().get("a"), Some(there("1")));
}

#[test]
fn clearing_a_prefix_leaves_everything_else() {
    let server = Server::start();
    let mut somebody = server.somebody();
    for key in ["other:a", "test:", "tes", "test?:a", "testx:a"] {
        somebody.set(key, "1").expect("it is up");
    }
    let cache = server.cache();
    for number in 0..5_000 {
        cache.put(&number.to_string(), there("1"));
    }
    assert_eq!(server.redis().clear("test:").expect("it is up"), 5_001);
    assert_eq!(server.redis().clear("test?:").expect("it is up"), 1);
    let mut left: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut somebody).expect("it is up");
    left.sort();
    assert_eq!(left, ["other:a", "tes", "testx:a"]);
}

#[test]
fn a_password_is_sent_and_a_wrong_one_is_a_miss() {
    let free = Server::start().port();
    let server = Server::start_with(free, &["--requirepass", "hush"]);
    let redis = |password: &str| {
        let settings = bookflow::cache::redis::Settings { password: Some(password.into()), ..settings(server.port()) };
        std::sync::Arc::new(Redis::new(settings).expect("a good address"))
    };
    cache(Some(redis("hush"))).put("a", there("1"));
    assert_eq!(cache(Some(redis("hush"))).get("a"), Some(there("1")));
    assert_eq!(cache(Some(redis("wrong"))).get("a"), None);
    assert_eq!(cache(Some(server.redis())).get("a"), None);
}
