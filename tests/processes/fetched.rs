//! A job that fetches its market data, with the real Redis: fetched once, on the topic, and never mixed.

use bookflow::domain::jobs::job::{JobId, Started};
use bookflow::domain::key::Timestamp;
use bookflow::engine::broker::{Broker, Outgoing, TopicPartition};
use bookflow::messages::job_control::{ControlWord, JobControl};
use bookflow::messages::key::partition;
use bookflow::messages::request::read_request;
use bookflow::messages::schemas::Schemas;
use bookflow::pipeline::topics::JOB_CONTROL;
use serde_json::{Value, json};

use crate::cluster;
use crate::jobs::{PARTITIONS, PRECONDITION, WITH_ERRORS, outcome, request, submit, sums};
use crate::program::{Installation, argument};
use crate::service::{Mood, Service};

/// The request of the other tests without its market data.
fn bare(id: &str) -> Value {
    let mut request = request(id);
    request["marketDataStrategy"]["mode"] = "ENDPOINTS".into();
    request["marketData"] = Value::Null;
    request
}

#[test]
fn a_job_fetches_once_and_an_outage_is_rows_and_no_amounts() {
    let (service, mut installation) = (Service::start(), Installation::new("fetched", PARTITIONS as u32));
    installation.set("market_data.url", &service.url());
    installation.set("market_data.backoff", "5ms");
    installation.set("redis.url", &cluster::variable("BOOKFLOW_REDIS_URL"));
    installation.set("cache.market_data_prefix", &format!("{}:", cluster::unique("market")));
    let sent = request("SENT");
    let data = &sent["marketData"]["data"];
    service.say("prices/AAPL", &data["securities"][0]);
    service.say("rates/SOFR", &data["rates"][0]);
    let mut worker = installation.worker("one", &["--first-start"]);
    let expected = submit(&installation, &sent);

    let fetched = submit(&installation, &bare("FETCHED"));
    assert_eq!(fetched.status.code(), Some(WITH_ERRORS), "one contract of the request is bad: {fetched:?}");
    assert_eq!(sums(&outcome(&fetched)), sums(&outcome(&expected)));
    assert_eq!(outcome(&fetched)["totals"]["errors"], 1);
    assert_eq!(service.asked().len(), 2);

    // Another process, the same quarter of an hour: nothing is asked for, even while the service is down.
    service.be(Mood::Status(503));
    let again = submit(&installation, &bare("AGAIN"));
    assert_eq!(sums(&outcome(&again)), sums(&outcome(&expected)));
    assert_eq!(service.asked().len(), 0);

    let cleared: Value = serde_json::from_str(&installation.ok(&["cache", "clear", "--json"])).expect("an answer");
    assert_eq!(cleared["deleted"], 2);
    let down = submit(&installation, &bare("DOWN"));
    assert_eq!(sums(&outcome(&down)), [], "{down:?}");
    assert!(down.out.contains("MARKET_DATA_UNAVAILABLE"), "{down:?}");
    service.be(Mood::Fine);
    assert_eq!(submit(&installation, &bare("DOWN")).out, down.out, "an outcome stands");
    assert_eq!(sums(&outcome(&submit(&installation, &bare("LATER")))), sums(&outcome(&expected)));

    worker.drain();
    let report = installation.verified();
    assert_eq!(report["jobs"], json!(5), "{report:#}");
}

#[test]
fn a_submission_that_was_cut_off_is_not_mixed_with_other_market_data() {
    let (service, mut installation) = (Service::start(), Installation::new("cut", PARTITIONS as u32));
    installation.set("market_data.url", &service.url());
    installation.set("registry.url", ""); // the test writes with the schema's own id
    let request = bare("JOB");
    let hash = read_request(request.to_string().as_bytes()).expect("a request").job.request;
    let started = ControlWord::Started(Started { request: hash, deadline: Timestamp(i64::MAX), predecessor: None });
    announce(&installation, JobControl { job: JobId::new("JOB").expect("a name"), word: started });
    let path = installation.file("request.json", &request);
    let refused = installation.run(&["submit", "job", argument(&path)]);
    assert_eq!(refused.status.code(), Some(PRECONDITION), "{refused:?}");
    assert!(refused.err.contains("may have changed") && refused.err.contains("--idempotency-key"), "{refused:?}");
    assert_eq!(service.asked().len(), 0);
}

fn announce(installation: &Installation, control: JobControl) {
    let mut value = Vec::new();
    Schemas::embedded().encode(&control, None, &mut value).expect("it can be written");
    let key = control.job.as_str().as_bytes();
    let to = TopicPartition { topic: JOB_CONTROL, partition: partition(key, PARTITIONS) };
    let broker = installation.broker();
    let mut producer = broker.producer("test").expect("a producer");
    producer.begin().expect("begin");
    producer.send(Outgoing { to, key: Some(key), value: Some(&value), headers: &[] }).expect("send");
    producer.drain().and_then(|()| producer.commit()).expect("commit");
}
