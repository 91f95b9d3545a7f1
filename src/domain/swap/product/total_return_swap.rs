//! Total return swap: performance and dividends of the underlier against interest, until an agreed date or until further notice.

use super::{Broken, rule};
use crate::domain::equity::terms::ReturnType;
use crate::domain::swap::terms::Swap;

pub(super) fn check(swap: &Swap) -> Result<(), Broken> {
    rule(swap.equity.return_type == ReturnType::Total, "equity.returnType", "TOTAL, or the product EQUITY_SWAP")?;
    rule(swap.dividends.is_some(), "dividends", "the terms of the dividends, which a total return contains")?;
    rule(swap.financing.is_some(), "financing", "the terms of the interest leg, which a total return swap has")
}
