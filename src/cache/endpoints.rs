//! Market data asked from a service over HTTP: `GET {url}/prices/{symbol}`, `/rates/{index}`, `/dividends/{symbol}`, one name a call.

use std::io::Read;
use std::time::{Duration, Instant};

use backon::{BlockingRetryable, ExponentialBuilder};
use reqwest::blocking::Client;
use reqwest::{StatusCode, Url};

use super::answer::Answer;
use super::breaker::{Breaker, Broken};
use crate::telemetry;

/// The label of this dependency in metrics.
const MARKET_DATA: &str = "market_data";
/// Of one answer: decades of daily values are a tenth of it.
const BYTES_MAX: u64 = 4 << 20;

#[derive(Clone, Debug)]
pub struct Settings {
    pub url: String,
    /// Of one call.
    pub timeout: Duration,
    pub attempts: usize,
    /// Before the second attempt; doubles, with jitter.
    pub backoff: Duration,
    /// How long the service is left alone once half of the calls failed.
    pub pause: Duration,
}

pub struct Endpoints {
    client: Client,
    url: Url,
    retry: ExponentialBuilder,
    breaker: Breaker,
}

/// The service gave no answer that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("it answered {0}")]
    Status(u16),
    #[error("its answer cannot be read: {0}")]
    Unreadable(String),
    #[error("not asked, as half of the last calls failed")]
    LeftAlone,
}

impl Unavailable {
    /// Whether the next attempt may do better.
    fn passing(&self) -> bool {
        match self {
            Unavailable::Unreachable(_) => true,
            Unavailable::Status(status) => *status >= 500 || *status == StatusCode::TOO_MANY_REQUESTS,
            Unavailable::Unreadable(_) | Unavailable::LeftAlone => false,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUrl(String);

impl Endpoints {
    /// Asks nothing yet.
    pub fn new(settings: &Settings) -> Result<Endpoints, InvalidUrl> {
        let url = Url::parse(&settings.url).map_err(|error| InvalidUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(InvalidUrl("neither http:// nor https://".into()));
        }
        let client = Client::builder().timeout(settings.timeout).connect_timeout(settings.timeout).build();
        let retry = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(settings.backoff)
            .with_max_times(settings.attempts.saturating_sub(1));
        Ok(Endpoints {
            client: client.map_err(|error| InvalidUrl(error.to_string()))?,
            url,
            retry,
            breaker: Breaker::new(MARKET_DATA, settings.pause),
        })
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What the service says about one name; `check` looks whether that can be read.
    pub fn ask(
        &self,
        kind: &str,
        name: &str,
        as_of: &str,
        check: impl Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Answer, Unavailable> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([kind, name]);
        }
        url.query_pairs_mut().append_pair("asOf", as_of);
        let mut failed = None;
        let ask = || {
            let answer = self.once(&url, &check);
            if let Err(error) = &answer
                && *error != Unavailable::LeftAlone
            {
                failed = Some(error.clone());
            }
            answer
        };
        // Why it failed when it was asked says more than that it is not asked any more.
        ask.retry(self.retry).when(Unavailable::passing).call().map_err(|last| failed.unwrap_or(last))
    }

    fn once(&self, url: &Url, check: impl Fn(&[u8]) -> Result<(), String>) -> Result<Answer, Unavailable> {
        let began = Instant::now();
        let answer = self.breaker.call(|| {
            let answer = self.get(url)?;
            telemetry::dependency_answered(MARKET_DATA, "get", began.elapsed());
            Ok(answer)
        });
        let answer = answer.map_err(|broken| match broken {
            Broken::Open => {
                telemetry::dependency_bypassed(MARKET_DATA, "open");
                Unavailable::LeftAlone
            }
            Broken::Failed(error) => {
                telemetry::dependency_failed(MARKET_DATA, "get", &error);
                error
            }
        })?;
        // A service that answers nonsense about one name is not down.
        answer.bytes().map_or(Ok(()), |bytes| check(bytes).map_err(Unavailable::Unreadable))?;
        Ok(answer)
    }

    fn get(&self, url: &Url) -> Result<Answer, Unavailable> {
        let unreachable = |error: reqwest::Error| Unavailable::Unreachable(innermost(&error.without_url()));
        let response = self.client.get(url.clone()).send().map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Answer::NotThere),
            status => return Err(Unavailable::Status(status.as_u16())),
        }
        let mut bytes = Vec::new();
        let read = response.take(BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| Unavailable::Unreachable(error.to_string()))?;
        match bytes.len() as u64 > BYTES_MAX {
            true => Err(Unavailable::Unreadable(format!("it is larger than {BYTES_MAX} bytes"))),
            false => Ok(Answer::There(bytes.into())),
        }
    }
}

/// What a chain of errors comes down to.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}
