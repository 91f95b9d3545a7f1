//! Reinvested dividends: units instead of cash, so that the performance becomes the total return.

use bookflow::domain::dividends::declared::{Declared, DividendId};
use bookflow::domain::dividends::terms::{DividendTerms, PaymentRule, Payout, Share};
use bookflow::domain::equity::terms::EquityNotional;
use bookflow::domain::key::PositionKey;
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happening::What;
use bookflow::domain::market::{Market, Quotes};
use bookflow::domain::money::Currency;
use bookflow::domain::number::ratio::Ratio;
use bookflow::domain::swap::flow::Kind;
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::terms::Swap;
use chrono::Days;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fixture::{acme, agreement, day, decimal, exchange_day, happening, lines, market, minor, on, swap};

const BOUGHT: &str = "T1 BUY 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";
const CLOSES: &[(&str, &str)] = &[
    ("2025-04-22", "51.00"),
    ("2025-04-25", "52.00"),
    ("2025-04-30", "52.50"),
    ("2025-05-02", "53.00"),
    ("2025-05-05", "54.00"),
];

fn changed(change: impl FnOnce(&mut DividendTerms)) -> Swap {
    let mut terms = swap();
    change(terms.dividends.as_mut().expect("passed on"));
    terms
}

/// The dividend of 0.40 at 85 % buys units on 22 April, a week after its ex date.
fn reinvesting() -> Swap {
    changed(|terms| {
        terms.reinvested = true;
        terms.payment = PaymentRule::AdHoc(vec![day("2025-04-22")]);
    })
}

fn without_interest(book: &Book<'_>) -> Vec<String> {
    lines(book).into_iter().filter(|line| !line.starts_with("INTEREST")).collect()
}

/// 3400.00 / 51.00 = 66.6666666667 units: 10066.6666666667 x 52.00 - 500,000 = 23466.67.
#[test]
fn a_dividend_buys_units_and_pays_no_cash() {
    on(&agreement(reinvesting(), &[BOUGHT]), &mut market(CLOSES), "2025-04-25", |book| {
        assert_eq!(
            without_interest(book),
            [
                "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - 23466.67 USD",
                "DIVIDEND T1 2025-04-15..- REALISED 2025-04-22 3400.00 USD",
                "REINVESTMENT T1 2025-04-15..- REALISED 2025-04-22 -3400.00 USD",
            ]
        );
    });
}

/// On the day the units are bought nothing is won or lost: 10,000 of the price and 3,400 of the dividend.
#[test]
fn the_day_of_the_purchase_is_worth_the_dividend() {
    on(&agreement(reinvesting(), &[BOUGHT]), &mut market(CLOSES), "2025-04-22", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [1_340_000]);
    });
}

/// 10066.6666666667 x (53.00 - 52.50) = 5033.33 from the valuation on; its interest stands on 10066.6666666667 x 52.50.
#[test]
fn a_valuation_pays_the_grown_lot_and_finances_it_from_then_on() {
    let cash = changed(|terms| terms.payment = PaymentRule::AdHoc(vec![day("2025-04-22")]));
    let interest = |terms: Swap| {
        on(&agreement(terms, &[BOUGHT]), &mut market(CLOSES), "2025-05-02", |book| {
            (minor(book, Kind::EquityPerformance), minor(book, Kind::Interest))
        })
    };
    let (performance, grown) = interest(reinvesting());
    assert_eq!(performance, [2_850_000, 503_333]);
    let (_, ungrown) = interest(cash);
    assert_eq!(grown[0], ungrown[0], "what a dividend has bought is paid for");
}

/// 5000 of 10,000 traded units take half of the grown lot: 5033.3333333333 x 52.00 - 250,000.
#[test]
fn a_close_takes_its_share_of_the_bought_units() {
    let sold = "T2 SELL 5000 @ 52.00 on 2025-04-24 settles 2025-04-25";
    on(&agreement(reinvesting(), &[BOUGHT, sold]), &mut market(CLOSES), "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [1_173_333, 1_173_333]);
        assert_eq!(minor(book, Kind::Dividend), [170_000; 2]);
        assert_eq!(minor(book, Kind::Reinvestment), [-170_000; 2]);
    });
}

/// What was sold with its dividend and before the payment has nothing left that could grow: 1700.00 / 51.00 = 33.3333333333 units for the rest.
#[test]
fn what_was_closed_before_the_payment_is_paid_in_cash() {
    let sold = "T2 SELL 5000 @ 50.50 on 2025-04-16 settles 2025-04-17";
    on(&agreement(reinvesting(), &[BOUGHT, sold]), &mut market(CLOSES), "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::EquityPerformance), [250_000, 1_173_333]);
        assert_eq!(minor(book, Kind::Dividend), [170_000; 2]);
        assert_eq!(minor(book, Kind::Reinvestment), [-170_000]);
    });
}

/// The dividend is of the slice that the valuation ended; 4000 of its 10,000 units are sold before it is paid. 2040.00 / 53.00 = 38.4905660377.
#[test]
fn a_valuation_between_ex_date_and_payment_does_not_hide_what_was_closed() {
    let terms = changed(|terms| terms.reinvested = true);
    let sold = "T2 SELL 4000 @ 52.75 on 2025-05-01 settles 2025-05-02";
    on(&agreement(terms, &[BOUGHT, sold]), &mut market(CLOSES), "2025-05-05", |book| {
        assert_eq!(minor(book, Kind::Dividend), [340_000]);
        assert_eq!(minor(book, Kind::Reinvestment), [-204_000]);
        // 10,000 x 2.50; 4000 x 0.25; 6038.4905660377 x 54.00 - 6000 x 52.50.
        assert_eq!(minor(book, Kind::EquityPerformance), [2_500_000, 100_000, 1_107_849]);
    });
}

#[test]
fn a_short_sells_more_units_for_what_it_would_have_paid() {
    let short = "T1 SELL 10000 @ 50.00 on 2025-03-31 settles 2025-04-01";
    on(&agreement(reinvesting(), &[short]), &mut market(CLOSES), "2025-04-25", |book| {
        assert_eq!((minor(book, Kind::Dividend), minor(book, Kind::Reinvestment)), (vec![-400_000], vec![400_000]));
        // 4000.00 / 51.00 = 78.4313725490 units more.
        assert_eq!(minor(book, Kind::EquityPerformance), [-2_407_843]);
    });
}

#[test]
fn the_termination_date_pays_in_cash() {
    let ends = Swap { termination: Some(day("2025-04-22")), ..reinvesting() };
    on(&agreement(ends, &[BOUGHT]), &mut market(CLOSES), "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::Dividend), [340_000]);
        assert_eq!(minor(book, Kind::Reinvestment), Vec::<i64>::new());
    });
}

#[test]
fn an_unknown_price_of_the_purchase_blocks_what_follows_and_nothing_before() {
    let closes: Vec<_> = CLOSES.iter().filter(|(date, _)| *date != "2025-04-22").copied().collect();
    let sold = "T2 SELL 5000 @ 50.50 on 2025-04-16 settles 2025-04-17";
    on(&agreement(reinvesting(), &[BOUGHT, sold]), &mut market(&closes), "2025-04-25", |book| {
        assert_eq!(
            without_interest(book),
            [
                "EQUITY_PERFORMANCE T1 2025-03-31..2025-04-16 REALISED 2025-04-17 2500.00 USD",
                "EQUITY_PERFORMANCE T1 2025-03-31..- ACCRUED - MISSING_PRICE",
                "DIVIDEND T1 2025-04-15..- REALISED 2025-04-22 1700.00 USD",
                "DIVIDEND T1 2025-04-15..- REALISED 2025-04-22 1700.00 USD",
                "REINVESTMENT T1 2025-04-15..- REALISED 2025-04-22 MISSING_PRICE",
            ]
        );
    });
}

/// Two new units for one: 10,000 x 0.34 = 3400.00 buys 3400 / 26.00 = 130.7692307692 new units.
#[test]
fn a_split_between_ex_date_and_payment_changes_units_and_no_money() {
    let ratio = Ratio::new(2, 1).expect("above zero");
    let kind = ActionKind::Split { ratio, fractions: Fractions::Keep };
    let split = happening("S1", What::Action(CorporateAction { ex_date: day("2025-04-17"), kind }));
    let mut agreement = agreement(reinvesting(), &[BOUGHT]);
    agreement.happenings.push(split);
    on(&agreement, &mut market(&[("2025-04-22", "26.00"), ("2025-04-25", "26.50")]), "2025-04-25", |book| {
        assert_eq!(minor(book, Kind::Reinvestment), [-340_000]);
        // 20130.7692307692 x 26.50 - 500,000.
        assert_eq!(minor(book, Kind::EquityPerformance), [3_346_538]);
    });
}

#[test]
fn units_that_dividends_have_bought_cannot_go_elsewhere() {
    let ratio = Ratio::new(1, 4).expect("above zero");
    let kind = ActionKind::SpinOff {
        ratio,
        to: PositionKey::new("A", "B", "CHILD").expect("a key"),
        parent_close: decimal("48.00"),
        child_close: decimal("16.00"),
        fractions: Fractions::Keep,
    };
    let spin_off = happening("S1", What::Action(CorporateAction { ex_date: day("2025-04-24"), kind }));
    let mut agreement = agreement(reinvesting(), &[BOUGHT]);
    agreement.happenings.push(spin_off);
    on(&agreement, &mut market(CLOSES), "2025-04-25", |book| {
        let found = without_interest(book);
        assert!(found.contains(&"EQUITY_PERFORMANCE T1 2025-04-24..- ACCRUED - MISSING_TERM".to_owned()), "{found:#?}");
        assert_eq!(book.moves()[0].reference.as_ref().map_err(|reason| reason.code()), Err("MISSING_TERM"));
    });
}

#[test]
fn terms_that_reinvestment_does_not_fit_are_refused() {
    let broken = |terms: Swap| terms.product.check(&terms).map_err(|broken| broken.field);
    assert_eq!(broken(reinvesting()), Ok(()));
    let mut constant = reinvesting();
    constant.equity.notional = EquityNotional::Constant;
    assert_eq!(broken(constant), Err("dividends.reinvested"));
    let euros = changed(|terms| {
        terms.reinvested = true;
        terms.currency = Currency::new("EUR").expect("a currency");
    });
    assert_eq!(broken(euros), Err("dividends.currency"));
}

#[test]
fn a_reinvestment_explains_the_units_it_buys_and_is_calculated_again() {
    on(&agreement(reinvesting(), &[BOUGHT]), &mut market(CLOSES), "2025-04-25", |book| {
        let flows = book.explained(|_| true);
        let reinvestment = flows.iter().find(|found| found.flow.name.kind == Kind::Reinvestment).expect("a flow");
        let explanation = reinvestment.explanation.as_ref().expect("calculated");
        let table = explanation.to_string();
        assert!(table.contains("66.6666666667"), "{table}");
        let again = explanation.recompute().expect("every line follows").expect("a result");
        assert_eq!(again.to_string(), "-3400.00 USD");
    });
}

/// A close and, of some days, a dividend that goes ex on them and buys units on them.
#[derive(Clone, Debug)]
struct History {
    /// By day of April: the close in cents, and the dividend in hundredths of a cent.
    days: Vec<(u32, u32)>,
    units: u32,
    short: bool,
    /// Sold on one of the days at its close: so many thousandths.
    sold: Option<(usize, u32)>,
    valuations: Vec<usize>,
    ratio: u32,
}

fn history() -> impl Strategy<Value = History> {
    let dividend = prop_oneof![3 => Just(0_u32), 1 => 1..30_000_u32];
    (
        prop::collection::vec((1_000..20_000_u32, dividend), 22),
        1..50_000_u32,
        any::<bool>(),
        prop::option::of((1..22_usize, 1..=1_000_u32)),
        prop::collection::btree_set(1..22_usize, 0..4),
        0..=100_u32,
    )
        .prop_map(|(days, units, short, sold, valuations, ratio)| {
            let valuations = valuations.into_iter().collect();
            History { days, units: units * 1_000, short, sold, valuations, ratio }
        })
}

impl History {
    fn dates(&self) -> Vec<chrono::NaiveDate> {
        let april = (0..31).map(|number| day("2025-04-01") + Days::new(number));
        april.filter(|date| exchange_day(*date)).take(self.days.len()).collect()
    }

    fn terms(&self) -> Swap {
        let dates = self.dates();
        let ratio = Decimal::new(self.ratio.into(), 2);
        let mut terms = changed(|terms| {
            terms.reinvested = true;
            terms.payment = PaymentRule::AdHoc(dates.clone());
            terms.payout = Payout { long: Some(Share::Ratio(ratio)), short: Some(ratio) };
        });
        terms.equity.valuation_dates =
            self.valuations.iter().filter_map(|number| dates.get(*number).copied()).collect();
        terms
    }

    fn market(&self) -> Market {
        let dates = self.dates();
        let closes: Vec<(String, String)> = dates
            .iter()
            .zip(&self.days)
            .map(|(date, (cents, _))| (date.to_string(), Decimal::new((*cents).into(), 2).to_string()))
            .collect();
        let closes: Vec<(&str, &str)> = closes.iter().map(|(date, price)| (date.as_str(), price.as_str())).collect();
        let mut market = market(&closes);
        let pattern = market.dividends[&acme()][0].clone();
        let dividend = |(date, (_, amount)): (&chrono::NaiveDate, &(u32, u32))| Declared {
            id: DividendId::new(&format!("D-{date}")).expect("a name"),
            gross: Decimal::new((*amount).into(), 4),
            ex_date: *date,
            record_date: *date,
            ..pattern.clone()
        };
        let paying = dates.iter().zip(&self.days).filter(|(_, (_, amount))| *amount > 0);
        market.dividends.insert(acme(), paying.map(dividend).collect());
        market.prices.entry(acme()).or_insert_with(|| Quotes::new(Vec::new()));
        market
    }

    fn trades(&self) -> Vec<String> {
        let dates = self.dates();
        let (open, close) = if self.short { ("SELL", "BUY") } else { ("BUY", "SELL") };
        let trade = |id: &str, side: &str, units: Decimal, number: usize| {
            let price = Decimal::new(self.days[number].0.into(), 2);
            format!("{id} {side} {units} @ {price} on {0} settles {0}", dates[number])
        };
        let mut trades = vec![trade("T1", open, self.units.into(), 0)];
        let sold = self.sold.map(|(number, thousandths)| trade("T2", close, self.sold_units(thousandths), number));
        trades.extend(sold);
        trades
    }

    fn sold_units(&self, thousandths: u32) -> Decimal {
        Decimal::from(self.units) * Decimal::from(thousandths) / Decimal::from(1_000)
    }

    /// What a fund that holds the units itself and puts every dividend back has won, as the total return index says it.
    fn total_return(&self) -> Decimal {
        let price = |number: usize| Decimal::new(self.days[number].0.into(), 2);
        let ratio = Decimal::new(self.ratio.into(), 2);
        let (mut units, mut cash) = (Decimal::from(self.units), Decimal::ZERO);
        cash -= units * price(0);
        for (number, (_, amount)) in self.days.iter().enumerate().skip(1) {
            units *= Decimal::ONE + Decimal::new((*amount).into(), 4) * ratio / price(number);
            if let Some((day, thousandths)) = self.sold
                && day == number
            {
                let sold = units * Decimal::from(thousandths) / Decimal::from(1_000);
                (units, cash) = (units - sold, cash + sold * price(number));
            }
        }
        let won = cash + units * price(self.days.len() - 1);
        if self.short { -won } else { won }
    }
}

proptest! {
    #[test]
    fn performance_with_reinvested_dividends_is_the_total_return(history in history()) {
        let trades = history.trades();
        let trades: Vec<&str> = trades.iter().map(String::as_str).collect();
        let last = history.dates()[history.days.len() - 1].to_string();
        on(&agreement(history.terms(), &trades), &mut history.market(), &last, |book| {
            let (mut won, mut flows) = (Decimal::ZERO, 0_u32);
            for kind in [Kind::EquityPerformance, Kind::Dividend, Kind::Reinvestment] {
                let minor = minor(book, kind);
                flows += minor.len() as u32;
                won += Decimal::new(minor.iter().sum(), 2);
            }
            // Each flow is rounded once, and each purchase to the tenth decimal of a unit.
            let tolerance = Decimal::new(flows.into(), 2);
            let expected = history.total_return();
            prop_assert!((won - expected).abs() <= tolerance, "{won} is not {expected}");
            prop_assert_eq!(minor(book, Kind::Dividend).iter().sum::<i64>(), -minor(book, Kind::Reinvestment).iter().sum::<i64>());
            Ok(())
        })?;
    }
}
