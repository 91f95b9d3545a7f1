//! Contract for difference: open-ended, a fixed number of units, financed on what they are worth each night, and settled when they are closed.

use super::{Broken, rule};
use crate::domain::equity::terms::EquityNotional;
use crate::domain::financing::terms::{FinancingTerms, NotionalBasis};
use crate::domain::swap::terms::Swap;

pub(super) fn check(swap: &Swap) -> Result<(), Broken> {
    rule(swap.termination.is_none(), "terminationDate", "none: a CFD is open-ended; with a date it is an EQUITY_SWAP")?;
    rule(
        swap.equity.notional == EquityNotional::Reset,
        "equity.notional",
        "RESET: the units of a CFD do not follow its price",
    )?;
    let marked = |side: &FinancingTerms| side.notional == NotionalBasis::DailyMtm;
    let financed = swap.financing.as_ref().is_none_or(|financing| marked(&financing.long) && marked(&financing.short));
    rule(financed, "financing.long.notional", "DAILY_MTM on both sides: a CFD is financed on its market value")
}
