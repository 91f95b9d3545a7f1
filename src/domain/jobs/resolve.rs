//! Contracts as they were read -> contracts that can be calculated: closing lots worked off, what is unsupported named.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::chunk::{ContractPart, PositionPart};
use super::contract::{Contract, ContractLot, ContractPosition, Leg, LotKind, LotStatus};
use super::job::Job;
use super::market::MarketData;
use super::notice::{Notice, NoticeCode, Place};
use super::totals::Counts;
use super::unwind::{Unclosed, unwind};
use crate::domain::lots::given::GivenLot;
use crate::domain::money::{Currency, Money};
use crate::domain::names::Symbol;

/// Relieves and checks one whole contract. It happens before a contract is cut, so that no lot needs another one afterwards.
/// Of `untold` nobody knows whether there are dividends.
pub fn resolve(
    contract: Contract,
    job: &Job,
    market: &MarketData,
    untold: &BTreeSet<Symbol>,
) -> (ContractPart, Vec<Notice>) {
    let place = Place::of(&contract.id);
    let mut notices = Vec::new();
    notices.extend(unsupported_product(&contract, &place));
    notices.extend(outside_its_life(&contract, job.valuation_date, &place));
    let counts = Counts {
        contracts: 1,
        positions: contract.positions.len() as u64,
        lots: contract.positions.iter().map(|position| position.lots.len() as u64).sum(),
    };
    let mut seen = BTreeSet::new();
    let mut positions = Vec::with_capacity(contract.positions.len());
    let mut notional = Some(Decimal::ZERO);
    for position in contract.positions {
        let place = place.position(&position.id);
        if !seen.insert(position.id.clone()) {
            notices.push(place.error(
                NoticeCode::DuplicateId,
                "positionId",
                "listed before in this contract; this position is not calculated: give each its own id".to_owned(),
            ));
            continue;
        }
        let told = !matches!(position.leg, Ok(Leg::Dividend { .. })) || !untold.contains(&position.underlying);
        match told {
            true => notices.extend(no_dividends(&position, market, &place)),
            false => notices.push(untold_dividends(&position, &place)),
        }
        let resolved = resolve_position(position, job, &place, &mut notices);
        notional = if resolved.currency == contract.currency { add(notional, resolved.notional) } else { None };
        positions.extend(resolved.part.filter(|_| told));
    }
    if let (Some(stated), Some(of_lots)) = (contract.total_notional, notional) {
        notices.extend(differing(stated, of_lots, contract.currency, "totalNotionalAmount", &place));
    }
    (ContractPart { id: contract.id, part: 0, start: contract.start, counts, positions }, notices)
}

struct Resolved {
    part: Option<PositionPart>,
    currency: Currency,
    /// Of the lots open on the valuation date; none when it is beyond all numbers.
    notional: Option<Decimal>,
}

fn resolve_position(position: ContractPosition, job: &Job, place: &Place, notices: &mut Vec<Notice>) -> Resolved {
    let lots = without_repeated(position.lots, place, notices);
    notices.extend(not_active(&lots, place));
    let (closings, opened): (Vec<_>, Vec<_>) = lots
        .into_iter()
        .filter(|lot| lot.status == LotStatus::Active && lot.cost_date <= job.last_day())
        .partition(|lot| lot.kind == LotKind::Closing);
    let mut lots: Vec<GivenLot> = opened.into_iter().map(GivenLot::from).collect();
    let unclosed = if closings.is_empty() { Vec::new() } else { unwind(&mut lots, closings) };
    // Without knowing what is still open no amount of the position can be right.
    let unknown = unclosed.iter().any(|unclosed| matches!(unclosed, Unclosed::Method { .. }));
    notices.extend(unclosed.into_iter().map(|unclosed| not_closed(unclosed, place)));

    let notional = notional(&lots, job.valuation_date);
    if let (Some(stated), Some(of_lots)) = (position.notional, notional) {
        notices.extend(differing(stated, of_lots, position.currency, "notionalAmount", place));
    }
    let currency = position.currency;
    let leg = match position.leg {
        Ok(leg) => Some(leg).filter(|_| !unknown),
        Err(leg) => {
            let message = format!("{} is not calculated; the other positions of the contract are", leg.0);
            notices.push(place.error(NoticeCode::Unsupported, "type", message));
            None
        }
    };
    let part = leg.map(|leg| PositionPart { id: position.id, leg, underlying: position.underlying, currency, lots });
    Resolved { part, currency, notional }
}

/// Keeps the first of lots with the same id.
fn without_repeated(lots: Vec<ContractLot>, place: &Place, notices: &mut Vec<Notice>) -> Vec<ContractLot> {
    let mut order: Vec<usize> = (0..lots.len()).collect();
    order.sort_by(|&left, &right| lots[left].id.cmp(&lots[right].id)); // stable: the first stays first
    let repeated: BTreeSet<usize> =
        order.windows(2).filter(|pair| lots[pair[0]].id == lots[pair[1]].id).map(|pair| pair[1]).collect();
    if repeated.is_empty() {
        return lots;
    }
    let (repeated, kept): (Vec<_>, Vec<_>) =
        lots.into_iter().enumerate().partition(|(index, _)| repeated.contains(index));
    notices.extend(repeated.into_iter().map(|(_, lot)| {
        place.lot(&lot.id).error(
            NoticeCode::DuplicateId,
            "lotId",
            "listed before in this position; this lot is not counted: give each its own id".to_owned(),
        )
    }));
    kept.into_iter().map(|(_, lot)| lot).collect()
}

fn unsupported_product(contract: &Contract, place: &Place) -> Option<Notice> {
    let product = contract.unsupported.as_ref()?;
    let message =
        format!("the pay-off of {} itself is not calculated; the legs listed under it are, as they stand", product.0);
    Some(place.error(NoticeCode::Unsupported, "type", message))
}

fn no_dividends(position: &ContractPosition, market: &MarketData, place: &Place) -> Option<Notice> {
    let Ok(Leg::Dividend { .. }) = position.leg else { return None };
    if market.dividends.contains_key(&position.underlying) {
        return None;
    }
    let message = format!(
        "no dividends of {} are listed, so none are paid; list it in marketData.data.dividends, empty if there are none",
        position.underlying
    );
    Some(place.warning(NoticeCode::NoDividends, "underlying", message))
}

fn untold_dividends(position: &ContractPosition, place: &Place) -> Notice {
    let message =
        format!("the dividends of {} could not be fetched; this position is not calculated", position.underlying);
    place.error(NoticeCode::MarketDataUnavailable, "underlying", message)
}

fn outside_its_life(contract: &Contract, valuation: NaiveDate, place: &Place) -> Option<Notice> {
    let (field, date) = match valuation {
        early if early < contract.start => ("startDate", contract.start),
        late if late > contract.end => ("endDate", contract.end),
        _ => return None,
    };
    let message = format!("{date} excludes the valuation date {valuation}; check it and calculationDate");
    Some(place.warning(NoticeCode::OutsideContract, field, message))
}

fn not_active(lots: &[ContractLot], place: &Place) -> Option<Notice> {
    let mut inactive = lots.iter().filter(|lot| lot.status != LotStatus::Active);
    let first = inactive.next()?;
    let message = format!(
        "this lot and {} more of the position are CLOSED or ADJUSTED and have no part in the result; for a realised result \
         send the lot ACTIVE together with its CLOSING_LOT",
        inactive.count()
    );
    Some(place.lot(&first.id).warning(NoticeCode::LotNotActive, "status", message))
}

fn not_closed(unclosed: Unclosed, place: &Place) -> Notice {
    match unclosed {
        Unclosed::Rest { lot, rest } => place.lot(&lot).error(
            NoticeCode::NothingToClose,
            "quantity",
            format!(
                "{rest} of this closing lot found no open lot bought by its costDate; send the lots it closes as ACTIVE"
            ),
        ),
        Unclosed::Method { lot, method } => place.lot(&lot).error(
            NoticeCode::Unsupported,
            "unwindingMethod",
            format!(
                "{} is not calculated, so the position is not; allowed: FIFO, LIFO, HIFO, HICO, LOFO, AVERAGE, MAX_LOSS, MIN_GAIN, MAX_GAIN",
                method.0
            ),
        ),
    }
}

/// Whether the notional a request states differs from what its lots come to. It is information, so it changes no amount.
fn differing(stated: Decimal, of_lots: Decimal, currency: Currency, field: &str, place: &Place) -> Option<Notice> {
    if Money::round(stated.abs(), currency) == Money::round(of_lots.abs(), currency) {
        return None;
    }
    let message = format!(
        "{} stated, the open lots come to {} {currency}; the lots are calculated with",
        stated.normalize(),
        of_lots.normalize()
    );
    Some(place.warning(NoticeCode::NotionalDiffers, field, message))
}

/// Quantity x cost of what is open on a day.
fn notional(lots: &[GivenLot], day: NaiveDate) -> Option<Decimal> {
    lots.iter()
        .filter(|lot| lot.opened.trade_date <= day)
        .try_fold(Decimal::ZERO, |sum, lot| sum.checked_add(lot.open_on(day).checked_mul(lot.opened.price)?))
}

fn add(left: Option<Decimal>, right: Option<Decimal>) -> Option<Decimal> {
    left?.checked_add(right?)
}
