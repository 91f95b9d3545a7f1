//! The calculation request in JSON that today's users send, read as a stream: first what stands around the contracts, then contract after contract.
//! In reading order:

mod around; // what stands around a list
mod head; // job and market data
mod contracts; // the contracts, one after another
mod ahead; // on several threads, in order
mod market; // prices, rates and dividends
mod single; // the same of one name, as a service says it
mod contract; // one contract
mod interest; // the terms of an interest leg
pub(crate) mod scalar; // single values: exact or refused
pub(super) mod scan; // a document cut into its values

use std::fmt;
use std::io;

pub(super) use around::around;
pub(super) use contracts::read_each;
pub use contracts::{ReadContract, Stopped, read_contracts};
pub use head::{MarketSource, Request, read_request, read_request_as};
pub use single::{read_dividends, read_price, read_rate};

/// Why a request as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the request cannot be read")]
    Io(#[from] io::Error),
    #[error("the request is not JSON: expected {expected} at byte {byte}")]
    Malformed { byte: u64, expected: String },
    /// Something other than the contracts.
    #[error("the request is not a calculation request")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// A value that cannot be read, by its path inside the request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct InvalidValue {
    pub path: Path,
    pub problem: String,
}

/// Where a value stands, such as `contractPositions[3].positions[0].lots[2].quantity`; without anything, the document itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Path(String);

/// So much of a member's name is shown; no name that is read has as much.
const NAME_SHOWN: usize = 200;

impl Path {
    pub(crate) fn root(name: &str) -> Path {
        Path(name.to_owned())
    }

    pub(super) fn field(&self, name: &str) -> Path {
        let name = &*scalar::shown(name, NAME_SHOWN);
        if self.0.is_empty() { Path::root(name) } else { Path(format!("{}.{name}", self.0)) }
    }

    pub(super) fn item(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    pub(super) fn invalid(self, problem: impl Into<String>) -> InvalidValue {
        InvalidValue { path: self, problem: problem.into() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "document" } else { &self.0 })
    }
}
