//! What a market data source says about one name: one entry of the request's own lists.

use serde::de::DeserializeOwned;

use super::market::{dividends, rate, security};
use super::{InvalidValue, Path};
use crate::domain::jobs::market::{Dividend, Series};
use crate::domain::names::{IndexName, Symbol};

/// `{"symbol", "basePrice", "baseDate", "changes": [{"date", "price"}]}`
pub fn read_price(json: &[u8], symbol: &Symbol) -> Result<Series, InvalidValue> {
    let (named, series) = security(wire(json)?, &Path::default())?;
    about(named, symbol, "symbol")?;
    Ok(series)
}

/// `{"index", "baseRate", "baseDate", "changes": [{"date", "rate"}]}`
pub fn read_rate(json: &[u8], index: &IndexName) -> Result<Series, InvalidValue> {
    let (named, series) = rate(wire(json)?, &Path::default())?;
    about(named, index, "index")?;
    Ok(series)
}

/// `{"symbol", "dividends": [{"exDate", "amount", "currency"}]}`; an empty list says that there are none.
pub fn read_dividends(json: &[u8], symbol: &Symbol) -> Result<Vec<Dividend>, InvalidValue> {
    let (named, dividends) = dividends(wire(json)?, &Path::default())?;
    about(named, symbol, "symbol")?;
    Ok(dividends)
}

fn wire<T: DeserializeOwned>(json: &[u8]) -> Result<T, InvalidValue> {
    serde_json::from_slice(json).map_err(|error| Path::default().invalid(error.to_string()))
}

/// An answer about something else would be right bytes under a wrong name.
fn about<N: PartialEq + std::fmt::Display>(named: N, asked: &N, field: &str) -> Result<(), InvalidValue> {
    match named == *asked {
        true => Ok(()),
        false => Err(Path::root(field).invalid(format!("{named}, but {asked} was asked for"))),
    }
}
