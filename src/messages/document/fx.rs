//! How a document's contract converts from price into settlement currency.

use super::contract::carry;
use super::object::Object;
use crate::domain::market::fx::{FixName, FixPolicy, FxMode, Pair};
use crate::domain::money::Currency;
use crate::messages::request::InvalidValue;
use crate::messages::request::scalar::Number;

/// The member `fx`: there exactly when two currencies are.
pub(super) fn fx(contract: &Object<'_>, currencies: Pair) -> Result<(FxMode, Option<FixPolicy>), InvalidValue> {
    let Pair { price, settlement } = currencies;
    let Some(item) = contract.optional("fx") else {
        if price == settlement {
            return Ok((FxMode::None, None));
        }
        let problem = format!("missing; prices are in {price}, amounts in {settlement}");
        return Err(contract.path.field("fx").invalid(problem));
    };
    if price == settlement {
        return Err(item
            .path
            .invalid(format!("prices and amounts are in {price}; allowed: no fx, or another currency")));
    }
    let object = item.object()?;
    let mode = match object.member("mode")?.word(&MODES)? {
        Mode::Composite => FxMode::Composite,
        Mode::CrossCurrency => FxMode::CrossCurrency,
        Mode::Quanto => FxMode::Quanto(object.member("rate")?.above_zero(Number::Rate)?),
    };
    let policy = FixPolicy {
        fix: object.member("fix")?.named(FixName::new)?,
        carry: carry(&object)?,
        inverse_decimals: object.count("inverseDecimals")?,
        base: object.optional("base").map(|item| item.named(Currency::new)).transpose()?,
    };
    object.end()?;
    Ok((mode, Some(policy)))
}

#[derive(Clone, Copy)]
enum Mode {
    Composite,
    CrossCurrency,
    Quanto,
}

const MODES: [(&str, Mode); 3] =
    [("COMPOSITE", Mode::Composite), ("CROSS_CURRENCY", Mode::CrossCurrency), ("QUANTO", Mode::Quanto)];
