//! The calculation request in JSON that today's users send, read as a stream: first what stands around the contracts, then contract after contract.
//! In reading order:

mod head; // job and market data
mod contracts; // the contracts, one after another
mod market; // prices, rates and dividends
mod contract; // one contract
mod scalar; // single values: exact or refused

use std::fmt;
use std::io;

pub use contracts::{ReadContract, Stopped, read_contracts};
pub use head::{Request, read_request};

/// Why a request as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the request cannot be read")]
    Io(#[from] io::Error),
    /// With line and column.
    #[error("the request is not the JSON of a calculation request: {0}")]
    Json(serde_json::Error),
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

/// Where a value stands, such as `contractPositions[3].positions[0].lots[2].quantity`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Path(String);

impl Path {
    pub(crate) fn root(name: &str) -> Path {
        Path(name.to_owned())
    }

    fn field(&self, name: &str) -> Path {
        Path(format!("{}.{name}", self.0))
    }

    fn item(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    fn invalid(self, problem: impl Into<String>) -> InvalidValue {
        InvalidValue { path: self, problem: problem.into() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for RequestError {
    /// An error of the reader underneath stays what it is.
    fn from(error: serde_json::Error) -> RequestError {
        if error.is_io() { RequestError::Io(error.into()) } else { RequestError::Json(error) }
    }
}
