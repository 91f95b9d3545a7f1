//! Jobs whose market data are fetched: the amounts of jobs that bring the same, or rows that say what is missing; never another amount.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use bookflow::cache::endpoints::Unavailable;
use bookflow::cache::market_data::Missing;
use bookflow::cli::config::Config;
use bookflow::cli::config::layers::Layers;
use bookflow::cli::market_data::complete;
use bookflow::cli::parts::market_data;
use bookflow::domain::jobs::calculate::calculate;
use bookflow::domain::jobs::cashflow::CashFlow;
use bookflow::domain::jobs::notice::{Notice, NoticeCode, Severity};
use bookflow::domain::jobs::split::{Cut, SplitLimits, Splitter};
use bookflow::domain::jobs::wanted::Wanted;
use bookflow::domain::names::Symbol;
use bookflow::messages::request::{read_contracts, read_request};
use serde_json::{Value, json};

use crate::server::Server;
use crate::service::{Mood, Service};

/// A client of the service as `submit job` has it, with limits that suit a test.
struct Client {
    config: Config,
}

impl Client {
    fn new(service: &Service, redis: Option<&Server>) -> Client {
        let mut flags = vec![
            format!("market_data.url={}", service.url()),
            "market_data.timeout=200ms".into(),
            "market_data.backoff=5ms".into(),
            "market_data.pause=300ms".into(),
        ];
        flags.extend(redis.map(|redis| format!("redis.url=redis://127.0.0.1:{}", redis.port())));
        let layers = Layers::read(Some("/dev/null".as_ref()), std::iter::empty(), &flags).expect("known settings");
        Client { config: Config::read(&layers).expect("they are valid") }
    }

    /// The flows and rows of a request.
    fn run(&self, request: &Value) -> (Vec<CashFlow>, Vec<Notice>) {
        let json = request.to_string().into_bytes();
        let mut request = read_request(&json[..]).expect("a request");
        complete(&mut request, &json[..], &self.config).expect("it is told where to ask");
        let mut splitter = Splitter::new(request.job.clone(), &request.market, SplitLimits::default())
            .without_dividends_of(request.untold_dividends);
        let mut chunks = Vec::new();
        for notice in request.notices {
            chunks.extend(splitter.notice(notice));
        }
        let read = read_contracts(&json[..], |contract| -> Result<(), String> {
            chunks.extend(splitter.contract(contract.expect("it can be read")));
            Ok(())
        });
        read.expect("it was read before");
        chunks.extend(splitter.finish().0);
        let (mut flows, mut rows) = (Vec::new(), Vec::new());
        for (_, chunk) in chunks {
            let calculated = calculate(&chunk);
            flows.extend(calculated.flows.into_iter().flat_map(|contract| contract.flows));
            rows.extend(calculated.result.rows);
        }
        (flows, rows)
    }
}

fn contract(id: &str, underlying: &str) -> Value {
    let lots = json!([{ "lotId": "L1", "quantity": 1000, "costPrice": 100, "costDate": "2024-01-02", "settlementDate": "2024-01-04" }]);
    let position = |kind: &str| json!({ "positionId": kind, "type": kind, "underlying": underlying, "lots": lots });
    json!({
        "contractId": id, "underlying": underlying, "index": "SOFR", "type": "EQUITY_SWAP", "currency": "USD",
        "startDate": "2024-01-02", "endDate": "2025-01-02",
        "positions": [position("EQUITY_LEG"), position("INTEREST_LEG"), position("DIVIDEND_LEG")],
    })
}

fn price(symbol: &str, price: &str) -> Value {
    json!({ "symbol": symbol, "basePrice": price, "baseDate": "2024-01-02", "changes": [{ "date": "2024-06-28", "price": price }] })
}

fn rate() -> Value {
    json!({ "index": "SOFR", "baseRate": "0.0525", "baseDate": "2024-01-02", "changes": [] })
}

fn dividends(symbol: &str) -> Value {
    json!({ "symbol": symbol, "dividends": [{ "exDate": "2024-03-01", "amount": "0.24", "currency": "USD" }] })
}

fn request(mode: &str, contracts: Vec<Value>, securities: Vec<Value>) -> Value {
    json!({
        "requestId": "J", "calculationDate": "2024-06-28", "calculationType": "REAL_TIME_PROCESSING",
        "marketDataStrategy": { "mode": mode },
        "marketData": { "data": { "securities": securities, "rates": [], "dividends": [] } },
        "contractPositions": contracts,
    })
}

/// The service knows all of AAPL.
fn service() -> Service {
    let service = Service::start();
    service.say("prices/AAPL", price("AAPL", "150.25"));
    service.say("rates/SOFR", rate());
    service.say("dividends/AAPL", dividends("AAPL"));
    service
}

/// The same job with everything in its request.
fn as_sent(contracts: Vec<Value>, symbols: &[(&str, &str)]) -> Vec<CashFlow> {
    let securities = symbols.iter().map(|(symbol, amount)| price(symbol, amount)).collect();
    let mut request = request("SELF_CONTAINED", contracts, securities);
    request["marketData"]["data"]["rates"] = json!([rate()]);
    request["marketData"]["data"]["dividends"] = symbols.iter().map(|(symbol, _)| dividends(symbol)).collect();
    let (flows, rows) = Client::new(&Service::start(), None).run(&request);
    assert!(rows.is_empty(), "{rows:?}");
    flows
}

fn codes(rows: &[Notice], severity: Severity) -> Vec<NoticeCode> {
    rows.iter().filter(|row| row.severity == severity).map(|row| row.code).collect()
}

const ALL_OF_AAPL: [&str; 3] =
    ["/md/dividends/AAPL?asOf=2024-06-28", "/md/prices/AAPL?asOf=2024-06-28", "/md/rates/SOFR?asOf=2024-06-28"];

#[test]
fn a_job_that_fetches_has_the_flows_of_one_that_brings_the_same() {
    let service = service();
    let contracts = || vec![contract("C1", "AAPL"), contract("C2", "AAPL")];
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", contracts(), vec![]));
    assert_eq!(flows, as_sent(contracts(), &[("AAPL", "150.25")]));
    assert_eq!(flows.len(), 6);
    assert_eq!(rows.iter().map(|row| row.code).collect::<Vec<_>>(), [NoticeCode::MarketDataFetched]);
    assert!(rows[0].message.contains(&service.url()), "{}", rows[0].message);
    assert_eq!(service.asked(), ALL_OF_AAPL, "each name is asked for once");
}

#[test]
fn what_a_hybrid_request_brings_wins_and_only_the_rest_is_asked_for() {
    let service = service();
    service.say("prices/MSFT", price("MSFT", "400"));
    service.say("dividends/MSFT", dividends("MSFT"));
    let contracts = || vec![contract("C1", "AAPL"), contract("C2", "MSFT")];
    let sent = request("HYBRID", contracts(), vec![price("AAPL", "99")]);
    let (flows, rows) = Client::new(&service, None).run(&sent);
    assert_eq!(flows, as_sent(contracts(), &[("AAPL", "99"), ("MSFT", "400")]));
    assert_eq!(rows.iter().map(|row| row.code).collect::<Vec<_>>(), [NoticeCode::MarketDataFetched]);
    assert!(!service.asked().iter().any(|path| path.contains("prices/AAPL")));
}

#[test]
fn a_job_with_endpoints_uses_nothing_that_the_request_brings_and_says_so() {
    let service = service();
    let contracts = || vec![contract("C1", "AAPL")];
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", contracts(), vec![price("AAPL", "99")]));
    assert_eq!(flows, as_sent(contracts(), &[("AAPL", "150.25")]));
    assert!(rows[0].message.ends_with("are not used"), "{}", rows[0].message);
}

#[test]
fn the_next_job_of_any_process_asks_for_nothing_again() {
    let (service, redis) = (service(), Server::start());
    let job = request("ENDPOINTS", vec![contract("C1", "AAPL"), contract("C2", "NONE")], vec![]);
    let first = Client::new(&service, Some(&redis)).run(&job);
    assert_eq!(service.asked().len(), 5, "what is not there is asked for, too");
    let second = Client::new(&service, Some(&redis)).run(&job);
    assert_eq!(service.asked(), [""; 0]);
    assert_eq!(first, second);
}

#[test]
fn damaged_bytes_in_redis_are_asked_for_again() {
    let (service, redis) = (service(), Server::start());
    let job = request("ENDPOINTS", vec![contract("C1", "AAPL")], vec![]);
    let first = Client::new(&service, Some(&redis)).run(&job);
    service.asked();
    let mut somebody = redis.somebody();
    let keys: Vec<String> = redis::cmd("KEYS").arg("market_data:*").query(&mut somebody).expect("it is up");
    assert_eq!(keys.len(), 3);
    for key in &keys {
        let mut bytes: Vec<u8> = redis::cmd("GET").arg(key).query(&mut somebody).expect("it is kept");
        // 150.25 would become another price.
        let last = bytes.iter().rposition(u8::is_ascii_digit).expect("there is a number");
        bytes[last] ^= 1;
        redis::cmd("SET").arg(key).arg(bytes).arg("KEEPTTL").exec(&mut somebody).expect("it is up");
    }
    assert_eq!(Client::new(&service, Some(&redis)).run(&job), first);
    assert_eq!(service.asked(), ALL_OF_AAPL);
}

#[test]
fn an_outage_that_passes_is_not_seen() {
    let service = service();
    service.be(Mood::Passing(2));
    let contracts = || vec![contract("C1", "AAPL")];
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", contracts(), vec![]));
    assert_eq!(flows, as_sent(contracts(), &[("AAPL", "150.25")]));
    assert_eq!(codes(&rows, Severity::Error), []);
    assert_eq!(service.asked().len(), 3 + 2);
}

#[test]
fn in_an_outage_there_are_rows_and_no_amounts_and_afterwards_all_of_them() {
    for mood in [Mood::Status(503), Mood::Status(500), Mood::Status(403), Mood::Torn, Mood::Silent] {
        let service = service();
        let client = Client::new(&service, None);
        let contracts = || vec![contract("C1", "AAPL")];
        service.be(mood);
        let (flows, rows) = client.run(&request("HYBRID", contracts(), vec![price("AAPL", "150.25")]));
        let all = as_sent(contracts(), &[("AAPL", "150.25")]);
        let of_equity: Vec<_> = all.iter().filter(|flow| flow.position.as_str() == "EQUITY_LEG").cloned().collect();
        assert_eq!(flows, of_equity, "what needs nothing from the service is calculated");
        let errors = codes(&rows, Severity::Error);
        // Two names, the lot without a rate, and the position whose dividends nobody knows.
        let count = |code| errors.iter().filter(|error| **error == code).count();
        assert_eq!(count(NoticeCode::MarketDataUnavailable), 3, "{rows:?}");
        assert_eq!(count(NoticeCode::MissingFixing), 1, "{rows:?}");
        assert!(!rows.iter().any(|row| row.code == NoticeCode::NoDividends), "{rows:?}");
        service.be(Mood::Fine);
        let (flows, _) = client.run(&request("HYBRID", contracts(), vec![price("AAPL", "150.25")]));
        assert_eq!(flows, all);
    }
}

#[test]
fn a_name_that_the_service_does_not_know_fails_its_own_contract_only() {
    let service = service();
    let (flows, rows) = Client::new(&service, None).run(&request(
        "ENDPOINTS",
        vec![contract("C1", "AAPL"), contract("C2", "NONE")],
        vec![],
    ));
    let of = |id: &str| flows.iter().filter(|flow| flow.contract.as_str() == id).count();
    assert_eq!((of("C1"), of("C2")), (3, 1), "interest needs only the index");
    let errors: Vec<_> = rows.iter().filter(|row| row.severity == Severity::Error).collect();
    assert!(errors.iter().all(|row| row.contract.as_ref().is_none_or(|id| id.as_str() == "C2")), "{errors:?}");
    let unknown = errors.iter().find(|row| row.field == "prices/NONE").expect("a row about the name");
    assert!(unknown.message.contains("does not know it"), "{}", unknown.message);
}

#[test]
fn an_empty_list_of_dividends_says_that_there_are_none() {
    let service = service();
    service.say("dividends/AAPL", json!({ "symbol": "AAPL", "dividends": [] }));
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", vec![contract("C1", "AAPL")], vec![]));
    assert_eq!(flows.len(), 2);
    assert_eq!(codes(&rows, Severity::Error), []);
}

#[test]
fn nonsense_is_neither_used_nor_kept() {
    let (service, redis) = (service(), Server::start());
    for nonsense in [
        json!("nonsense"),
        json!({}),
        price("MSFT", "150.25"),
        price("AAPL", "-1"),
        price("AAPL", "1e400"),
        json!({ "symbol": "AAPL", "changes": [{ "date": "2024-06-28", "price": 1 }, { "date": "2024-06-28", "price": 2 }] }),
        json!({ "symbol": "AAPL", "changes": "x".repeat(5 << 20) }),
    ] {
        service.say("prices/AAPL", &nonsense);
        let (flows, rows) =
            Client::new(&service, Some(&redis)).run(&request("ENDPOINTS", vec![contract("C1", "AAPL")], vec![]));
        assert_eq!(flows.len(), 2, "{nonsense}");
        let row = rows.iter().find(|row| row.field == "prices/AAPL").expect("a row about the name");
        assert!(row.message.contains("its answer cannot be read"), "{}", row.message);
        let asked = service.asked();
        assert_eq!(
            asked.iter().filter(|path| path.contains("prices")).count(),
            1,
            "asked once, and not again: {asked:?}"
        );
    }
    service.say("prices/AAPL", price("AAPL", "150.25"));
    let (flows, _) =
        Client::new(&service, Some(&redis)).run(&request("ENDPOINTS", vec![contract("C1", "AAPL")], vec![]));
    assert_eq!(flows.len(), 3);
}

#[test]
fn a_service_that_is_silent_is_left_alone_after_some_calls() {
    let service = service();
    service.be(Mood::Silent);
    let contracts = (0..200).map(|number| contract(&format!("C{number}"), &format!("S{number}"))).collect();
    let began = Instant::now();
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", contracts, vec![]));
    assert!(flows.is_empty());
    assert!(rows.iter().any(|row| row.message.contains("half of the last calls failed")));
    assert!(began.elapsed() < Duration::from_secs(5), "401 names took {:?}", began.elapsed());
    assert!(service.asked().len() < 100);
}

#[test]
fn the_service_is_asked_again_after_a_while() {
    let service = service();
    let client = Client::new(&service, None);
    let source = market_data(&client.config).expect("valid").expect("there is one");
    let wanted = |numbers: Range<u32>| Wanted {
        prices: numbers.map(|number| Symbol::new(&format!("S{number}")).expect("a name")).collect(),
        ..Wanted::default()
    };
    for number in 0..100 {
        service.say(&format!("prices/S{number}"), price(&format!("S{number}"), "5"));
    }
    let day = "2024-06-28".parse().expect("a date");
    service.be(Mood::Status(503));
    let missing = source.fetch(wanted(0..50), day).missing;
    service.be(Mood::Fine);
    let asked = service.asked();
    assert_eq!(missing.len(), 50);
    for (name, missing) in missing {
        let path = format!("/md/prices/{}?", name.parts().1);
        let why = match asked.iter().any(|asked| asked.starts_with(&path)) {
            true => Unavailable::Status(503),
            false => Unavailable::LeftAlone,
        };
        assert_eq!(missing, Missing::Unavailable(why), "{path}");
    }
    assert_eq!(source.fetch(wanted(50..60), day).missing.len(), 10, "it is left alone");
    assert_eq!(service.asked(), [""; 0]);
    thread::sleep(Duration::from_millis(400));
    assert_eq!(source.fetch(wanted(0..100), day).missing.len(), 0);
}

#[test]
fn a_name_is_sent_as_one_part_of_the_path_whatever_is_in_it() {
    let service = service();
    let name = "BRK/B?x=1&%20#é";
    service.say("prices/BRK%2FB%3Fx=1&%2520%23%C3%A9", price(name, "150.25"));
    service.say("dividends/BRK%2FB%3Fx=1&%2520%23%C3%A9", dividends(name));
    let (flows, rows) = Client::new(&service, None).run(&request("ENDPOINTS", vec![contract("C1", name)], vec![]));
    assert_eq!(flows.len(), 3, "{rows:?} {:?}", service.asked());
}

#[test]
fn without_a_service_a_request_that_needs_one_is_refused() {
    let layers = Layers::read(Some("/dev/null".as_ref()), std::iter::empty(), &[]).expect("no settings");
    let config = Config::read(&layers).expect("they are valid");
    for (mode, securities, taken) in [
        ("ENDPOINTS", vec![price("AAPL", "1")], false),
        ("HYBRID", vec![], false),
        ("HYBRID", vec![price("AAPL", "1")], true),
    ] {
        let json = request(mode, vec![contract("C1", "AAPL")], securities).to_string().into_bytes();
        let mut request = read_request(&json[..]).expect("a request");
        match complete(&mut request, &json[..], &config) {
            Ok(()) => assert!(taken && request.notices[0].code == NoticeCode::MarketDataAsSent),
            Err(failure) => assert!(!taken && failure.next.is_some_and(|next| next.contains("market_data.url"))),
        }
    }
}
