//! Dividends: entitlement by ex date and by record date, and a manufactured one.

use bookflow::domain::blocked::Blocked;
use bookflow::domain::dividends::amount::amount;
use bookflow::domain::dividends::declared::{Declaration, Declared, DividendId, DividendKind};
use bookflow::domain::dividends::entitlement::{CutOff, Dates, Tenure};
use bookflow::domain::dividends::payment::Due;
use bookflow::domain::dividends::terms::{Entitlement, Payout, Share};
use bookflow::domain::explain::pad::{Kept, Silent};
use bookflow::domain::flows::status::Stage;
use bookflow::domain::money::Currency;
use bookflow::domain::names::Symbol;
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::case::Case;

fn dollar() -> Currency {
    Currency::new("USD").expect("a currency in use")
}

fn declared(case: &Case) -> Declared {
    let dividend = case.inputs().at("dividend");
    Declared {
        id: DividendId::new("D1").expect("a name"),
        version: 1,
        of: Symbol::new("ACME").expect("a name"),
        kind: DividendKind::Ordinary,
        status: Declaration::Confirmed,
        gross: dividend.at("gross").decimal(),
        currency: Currency::new(dividend.at("currency").text()).expect("a currency in use"),
        ex_date: dividend.at("ex_date").date(),
        record_date: dividend.at("record_date").date(),
        pay_date: Some(dividend.at("pay_date").date()),
        source_tax: None,
    }
}

/// Tuesday's ex date follows a Monday, so that the exchange business day before it is the calendar day before.
fn cut_off(entitlement: Entitlement, declared: &Declared) -> CutOff {
    let day_before = |date: NaiveDate| date.pred_opt().ok_or(Blocked::OutOfRange { amount: "the day before" });
    entitlement.cut_off(declared, day_before).expect("a day before the ex date")
}

#[test]
fn entitlement_by_ex_date_and_record_date_and_a_manufactured_dividend() {
    let case = Case::load("29_dividend_entitlement_manufactured");
    let declared = declared(&case);
    let trades: Vec<_> = case
        .inputs()
        .at("trades")
        .items()
        .iter()
        .map(|row| {
            (
                row.at("qty").decimal(),
                Dates { trade: row.at("trade_date").date(), settle: row.at("settle_date").date() },
            )
        })
        .collect();
    // The sale takes from the oldest lot, which becomes two slices.
    let (sold, sale) = trades[4];
    let slices: Vec<(Decimal, Tenure)> = trades[..4]
        .iter()
        .map(|(quantity, opened)| (*quantity, Tenure { opened: *opened, closed: None }))
        .chain([
            (-sold, Tenure { opened: trades[0].1, closed: Some(sale) }),
            (sold, Tenure { opened: trades[0].1, closed: None }),
        ])
        .collect();
    let entitled = |entitlement| {
        let cut_off = cut_off(entitlement, &declared);
        let held: Decimal = slices.iter().filter_map(|(quantity, tenure)| cut_off.entitled(*quantity, *tenure)).sum();
        let of_trade =
            |(quantity, opened): &(_, _)| cut_off.entitled(*quantity, Tenure { opened: *opened, closed: None });
        let position: Decimal = trades.iter().filter_map(of_trade).sum();
        assert_eq!(held, position, "slices add up to the position");
        held
    };
    let by_ex_date = entitled(Entitlement::ExDate);
    case.expected().at("entitled_qty_ex_date").is(by_ex_date);
    case.expected().at("entitled_qty_record_date").is(entitled(Entitlement::RecordDate));

    let payout =
        Payout { long: Some(Share::Ratio(case.inputs().at("long_terms").at("payout_ratio").decimal())), short: None };
    let long = amount(&mut Silent, by_ex_date, &declared, payout, None, dollar()).expect("small numbers");
    case.expected().at("long_gross").is(long.gross.to_decimal());
    case.expected().at("long_withheld").is(long.withheld.to_decimal());
    case.expected().at("long_paid").is(long.paid.money.to_decimal());

    let short_terms = case.inputs().at("short_terms");
    let quantity = short_terms.at("short_qty").decimal();
    let short = amount(&mut Kept::default(), quantity, &declared, payout, None, dollar()).expect("small numbers");
    case.expected().at("short_gross").is(short.gross.to_decimal());
    case.expected().at("short_paid").is(short.paid.money.to_decimal());
    let agreed = Payout { short: Some(short_terms.at("payout_ratio").decimal()), ..payout };
    assert_eq!(
        amount(&mut Silent, quantity, &declared, agreed, None, dollar()),
        Ok(short),
        "manufactured is all of it"
    );

    // What the case calls settled on the pay date is an event of the payment, not of a date.
    let due = Due { determined: Some(declared.record_date), payment: declared.pay_date };
    let eve = declared.ex_date.pred_opt().expect("a day before");
    let path: Vec<_> = case.expected().at("status_path").items();
    for (row, (due, day)) in
        path.iter().zip([(due, eve), (Due::default(), declared.ex_date), (due, declared.record_date)])
    {
        let stage: Stage = due.stage(&declared, day);
        assert!(row.text().starts_with(stage.name()), "{}: {}", row.text(), stage.name());
    }
}
