//! The equity leg of a document's contract.

use chrono::NaiveDate;

use super::object::Item;
use crate::domain::equity::terms::{CommissionIn, EquityNotional, EquityTerms, ReturnType, UnwindPayment};
use crate::domain::market::fx::FxMode;
use crate::domain::swap::product::Product;
use crate::messages::request::InvalidValue;

/// Business days from a valuation to its payment: what most markets settle equity amounts in.
const PAYMENT_OFFSET: u32 = 2;

/// Absent, everything is as usual for the product.
pub(super) fn equity(
    item: Option<Item<'_>>,
    product: Product,
    fx: FxMode,
    valuation_dates: Vec<NaiveDate>,
) -> Result<EquityTerms, InvalidValue> {
    let return_type = match product {
        Product::TotalReturnSwap => ReturnType::Total,
        Product::EquitySwap | Product::Cfd => ReturnType::Price,
    };
    let usual = EquityTerms {
        return_type,
        notional: EquityNotional::Reset,
        fx,
        valuation_dates,
        payment_offset: PAYMENT_OFFSET,
        unwind_payment: UnwindPayment::Settlement,
        commission: CommissionIn::OwnFlow,
    };
    let Some(item) = item else { return Ok(usual) };
    let object = item.object()?;
    let terms = EquityTerms {
        return_type: object.word("returnType", &RETURN_TYPES)?.unwrap_or(usual.return_type),
        notional: object.word("notional", &NOTIONALS)?.unwrap_or(usual.notional),
        payment_offset: object.count("paymentOffset")?.unwrap_or(usual.payment_offset),
        unwind_payment: object.word("unwindPayment", &UNWIND_PAYMENTS)?.unwrap_or(usual.unwind_payment),
        commission: object.word("commission", &COMMISSIONS)?.unwrap_or(usual.commission),
        ..usual
    };
    object.end()?;
    Ok(terms)
}

const RETURN_TYPES: [(&str, ReturnType); 2] = [("PRICE", ReturnType::Price), ("TOTAL", ReturnType::Total)];

const NOTIONALS: [(&str, EquityNotional); 2] =
    [("RESET", EquityNotional::Reset), ("CONSTANT", EquityNotional::Constant)];

const UNWIND_PAYMENTS: [(&str, UnwindPayment); 2] =
    [("SETTLEMENT", UnwindPayment::Settlement), ("NEXT_PAYMENT", UnwindPayment::NextPayment)];

const COMMISSIONS: [(&str, CommissionIn); 2] = [("OWN_FLOW", CommissionIn::OwnFlow), ("PRICE", CommissionIn::Price)];
