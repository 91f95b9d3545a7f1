//! What a row orders for the trade's own close: a method, or lots with their units.

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::fields::{Fields, RowError, members};
use super::row::wrong;
use crate::domain::key::TradeId;
use crate::domain::lots::method::Instruction;
use crate::messages::document::METHODS;
use crate::messages::request::scalar::parse_decimal;

/// What is ordered for the trade's own close.
pub fn ordered(fields: &mut Fields) -> Result<Option<Instruction>, RowError> {
    let (method, lots) = (fields.optional("relief_method"), fields.optional("relief_lots"));
    match (method, lots) {
        (None, None) => Ok(None),
        (None, Some(lots)) => lot_orders(&lots).map(Instruction::Lots).map(Some),
        (Some(method), lots) if lots.as_deref().is_none_or(|lots| lots == "[]") => {
            let named = METHODS.iter().find(|(name, _)| *name == method);
            let (_, method) = named.ok_or_else(|| wrong("relief_method", &method, &names()))?;
            Ok(Some(Instruction::Method(*method)))
        }
        _ => Err(RowError("relief_lots: a method and lots exclude each other; keep one".into())),
    }
}

/// `OMS|T1=100;OMS|T2=50`, or the list of the schema in JSON.
fn lot_orders(text: &str) -> Result<Vec<(TradeId, Decimal)>, RowError> {
    let allowed = "lots with their units such as OMS|T1=100;OMS|T2=50";
    let invalid = || wrong("relief_lots", text, allowed);
    let pairs: Vec<(String, String)> = if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| invalid())?;
        items.into_iter().map(|item| lot_order(item.get()).ok_or_else(invalid)).collect::<Result<_, _>>()?
    } else {
        let pair = |part: &str| part.rsplit_once('=').map(|(lot, units)| (lot.to_owned(), units.to_owned()));
        text.split(';').map(|part| pair(part).ok_or_else(invalid)).collect::<Result<_, _>>()?
    };
    let order = |(lot, units): (String, String)| {
        let lot = TradeId::parse(lot.trim()).map_err(|error| RowError(format!("relief_lots: {error}")))?;
        Ok((lot, parse_decimal(units.trim()).ok_or_else(invalid)?))
    };
    pairs.into_iter().map(order).collect()
}

/// `{"lot": "OMS|T1", "quantity": "100"}`
fn lot_order(json: &str) -> Option<(String, String)> {
    let mut members = members(json).ok()?;
    members.sort_by(|(left, _), (right, _)| left.cmp(right));
    let [(lot, id), (quantity, units)] = &members[..] else { return None };
    let units = units.get();
    let units = serde_json::from_str(units).unwrap_or_else(|_| units.to_owned());
    (lot == "lot" && quantity == "quantity").then_some((serde_json::from_str(id.get()).ok()?, units))
}

fn names() -> String {
    METHODS.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lots::method::ReliefMethod;

    fn read(json: &str) -> Result<Option<Instruction>, RowError> {
        let mut fields = Fields::of_json(json)?;
        let ordered = ordered(&mut fields)?;
        fields.finish()?;
        Ok(ordered)
    }

    #[test]
    fn an_order_is_a_method_or_lots_in_each_of_their_forms() {
        let lot = |id, units: i64| (TradeId::parse(id).expect("an id"), Decimal::from(units));
        let lots = Some(Instruction::Lots(vec![lot("OMS|T1", 100), lot("OMS|a=b", 50)]));
        let lifo = Some(Instruction::Method(ReliefMethod::Lifo));
        for (json, wanted) in [
            (r#"{}"#, None),
            (r#"{"relief": null}"#, None),
            (r#"{"relief_method": "LIFO"}"#, lifo.clone()),
            (r#"{"terms": {"relief": {"method": "LIFO", "lots": []}}}"#, lifo),
            (r#"{"relief_lots": "OMS|T1=100; OMS|a=b=50"}"#, lots.clone()),
            (
                r#"{"terms": {"relief": {"method": null, "lots": [{"lot": "OMS|T1", "quantity": "100"},
                    {"quantity": 50, "lot": "OMS|a=b"}]}}}"#,
                lots,
            ),
        ] {
            assert_eq!(read(json), Ok(wanted), "{json}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        for (json, problem) in [
            (r#"{"relief_method": "FILO"}"#, "relief_method: `FILO` is not allowed; allowed: FIFO, LIFO"),
            (r#"{"relief_method": "LIFO", "relief_lots": "OMS|T1=1"}"#, "relief_lots: a method and lots exclude"),
            (r#"{"relief_lots": "OMS|T1"}"#, "relief_lots: `OMS|T1` is not allowed; allowed: lots with their units"),
            (r#"{"relief_lots": "T1=5"}"#, "relief_lots: "),
            (r#"{"relief_lots": "OMS|T1=many"}"#, "relief_lots: "),
            (r#"{"relief": {"lots": [{"lot": "OMS|T1"}]}}"#, "relief_lots: "),
            (r#"{"relief": "LIFO"}"#, "relief: "),
        ] {
            let error = read(json).expect_err(json).0;
            assert!(error.starts_with(problem), "{json}: {error}");
        }
    }
}
