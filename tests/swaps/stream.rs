//! A document is calculated as the stream of its trades: whatever their order, whoever kept the lots, whatever came later.

use bookflow::domain::financing::terms::{CompoundingBase, Financing};
use bookflow::domain::lots::given::{Deal, GivenClose, GivenLot};
use bookflow::domain::lots::method::{ReliefMethod, ReliefPolicy};
use bookflow::domain::names::LotId;
use bookflow::domain::swap::agreement::{Agreement, Held};
use bookflow::domain::swap::flows::Book;
use bookflow::domain::swap::held::Holding;
use bookflow::domain::swap::terms::Swap;
use bookflow::domain::trade::captured::CapturedTrade;
use bookflow::domain::trade::{Terms, Trade, TradeEvent};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fixture::{agreement, day, interest, lines, market, on, swap, trade};

/// Three valuations and three interest periods in April.
fn terms() -> Swap {
    let mut terms = swap();
    terms.equity.valuation_dates = ["2025-04-09", "2025-04-17", "2025-04-29"].map(day).into();
    terms.interest_periods = vec![
        interest("2025-04-01", "2025-04-11", Some("2025-04-11")),
        interest("2025-04-11", "2025-04-23", Some("2025-04-23")),
        interest("2025-04-23", "2025-05-02", None),
    ];
    terms.dividends.as_mut().expect("they are passed on").payout.short = Some(1.into());
    terms
}

fn april(number: u64) -> NaiveDate {
    day("2025-04-01") + Days::new(number)
}

/// What is said of a trade, on one of the first 25 days of April.
fn any_terms() -> impl Strategy<Value = String> {
    (any::<bool>(), 1..60_u32, 4_000..6_000_i64, 0..25_u64, 0..3_u64).prop_map(|(buy, hundreds, cents, number, lag)| {
        let (traded, settles) = (april(number), april(number + lag));
        let (side, price) = (if buy { "BUY" } else { "SELL" }, Decimal::new(cents, 2));
        format!("{side} {hundreds}00 @ {price} on {traded} settles {settles}")
    })
}

/// Versions of up to eight trades: the first one, amends, and a cancel of some.
fn any_trades() -> impl Strategy<Value = Vec<Vec<Trade>>> {
    let versions = (prop::collection::vec(any_terms(), 1..4), prop::bool::weighted(0.2));
    prop::collection::vec(versions, 1..8).prop_map(|trades| {
        trades
            .into_iter()
            .enumerate()
            .map(|(number, (said, cancelled))| versions_of(number, &said, cancelled))
            .collect()
    })
}

fn versions_of(number: usize, said: &[String], cancelled: bool) -> Vec<Trade> {
    let first = |said: &String| trade(&format!("T{number} {said}"));
    let mut versions: Vec<Trade> = said.iter().map(first).collect();
    for (version, trade) in (1..).zip(&mut versions).skip(1) {
        let TradeEvent::New(terms) = trade.event.clone() else { panic!("the fixture makes new trades") };
        (trade.version, trade.event) = (version, TradeEvent::Amend(terms));
    }
    let version = versions.len() as u32 + 1;
    let cancel = cancelled.then(|| Trade { version, event: TradeEvent::Cancel, ..versions[0].clone() });
    versions.extend(cancel);
    versions
}

/// The last version of each trade as if it had been right at once.
fn survivors(trades: &[Vec<Trade>]) -> Vec<Trade> {
    let last = trades.iter().filter_map(|versions| versions.last());
    let surviving = last.filter_map(|trade| match &trade.event {
        TradeEvent::New(terms) | TradeEvent::Amend(terms) => {
            Some(Trade { version: 1, event: TradeEvent::New(terms.clone()), ..trade.clone() })
        }
        _ => None,
    });
    surviving.collect()
}

/// Which lots are taken, and whether dividends buy units.
fn any_policy() -> impl Strategy<Value = (ReliefPolicy, bool)> {
    let method = [ReliefMethod::Fifo, ReliefMethod::Lifo, ReliefMethod::Hifo, ReliefMethod::MaxLoss];
    (prop::sample::select(method.to_vec()).prop_map(|method| ReliefPolicy::new(method, Vec::new())), any::<bool>())
}

fn of(held: Held, (relief, reinvested): &(ReliefPolicy, bool)) -> Agreement {
    let mut terms = terms();
    terms.dividends.as_mut().expect("they are passed on").reinvested = *reinvested;
    Agreement { held, relief: relief.clone(), ..agreement(terms, &[]) }
}

/// All flows on a day of April, as they print.
fn flows(agreement: &Agreement, number: u64) -> Vec<String> {
    on_day(agreement, number, lines)
}

fn on_day<R>(agreement: &Agreement, number: u64, look: impl FnOnce(&Book<'_>) -> R) -> R {
    let closes: Vec<(String, String)> =
        (0..30).map(|number| (april(number).to_string(), format!("5{}.{}5", number % 7, number % 10))).collect();
    let closes: Vec<(&str, &str)> = closes.iter().map(|(date, price)| (date.as_str(), price.as_str())).collect();
    on(agreement, &mut market(&closes), &april(number).to_string(), look)
}

/// The lots that trades come to, as somebody else would have kept them.
fn lots(agreement: &Agreement) -> Vec<GivenLot> {
    let (Holding::Captured { shelf, .. }, _) = Holding::of(agreement) else { panic!("trades are captured") };
    let live = || shelf.live.values().map(|id| &shelf.trades[id]);
    let closes = |opening: &CapturedTrade| -> Vec<GivenClose> {
        let of_lot = |closing: &CapturedTrade| {
            let reliefs =
                closing.reliefs.iter().filter(|relief| relief.lot == opening.id).map(|relief| relief.quantity);
            reliefs
                .map(|quantity| GivenClose { id: lot_id(closing), quantity, deal: deal(closing) })
                .collect::<Vec<_>>()
        };
        live().flat_map(of_lot).collect()
    };
    let opening = live().filter(|trade| !trade.opened.is_zero());
    opening
        .map(|trade| GivenLot { id: lot_id(trade), quantity: trade.opened, opened: deal(trade), closes: closes(trade) })
        .collect()
}

fn lot_id(trade: &CapturedTrade) -> LotId {
    LotId::new(trade.id.trade_id()).expect("a trade's id is a name")
}

fn deal(trade: &CapturedTrade) -> Deal {
    let Terms { trade_date, settle_date, price, .. } = *trade.terms().expect("it is live");
    Deal { trade_date, settle_date: settle_date.expect("the test says it"), price }
}

proptest! {
    #[test]
    fn versions_in_any_order_come_to_what_survives_of_them(
        (trades, shuffled) in any_trades().prop_flat_map(|trades| {
            let arrivals = trades.concat();
            (Just(trades), Just(arrivals).prop_shuffle())
        }),
        policy in any_policy(),
        number in 0..30_u64,
    ) {
        let streamed = of(Held::Trades(shuffled), &policy);
        let document = of(Held::Trades(survivors(&trades)), &policy);
        prop_assert_eq!(flows(&streamed, number), flows(&document, number));
    }

    #[test]
    fn a_day_is_calculated_without_what_was_traded_after_it(
        trades in any_trades(), policy in any_policy(), number in 0..30_u64
    ) {
        let all = survivors(&trades);
        let traded = |trade: &&Trade| matches!(&trade.event, TradeEvent::New(terms) if terms.trade_date <= april(number));
        let then = of(Held::Trades(all.iter().filter(traded).cloned().collect()), &policy);
        prop_assert_eq!(flows(&of(Held::Trades(all), &policy), number), flows(&then, number));
    }

    #[test]
    fn lots_that_somebody_kept_come_to_what_their_trades_come_to(
        trades in any_trades(), policy in any_policy(), number in 0..30_u64
    ) {
        let traded = of(Held::Trades(survivors(&trades)), &policy);
        let kept = of(Held::Lots(lots(&traded)), &policy);
        prop_assert_eq!(flows(&kept, number), flows(&traded, number));
    }

    /// What is shown may have been calculated for another lot before; what is explained is calculated by itself.
    #[test]
    fn a_flow_that_is_shown_is_the_one_that_is_explained(
        trades in any_trades(), policy in any_policy(), from_period_start in any::<bool>(), number in 0..30_u64
    ) {
        let mut agreement = of(Held::Trades(survivors(&trades)), &policy);
        if from_period_start {
            let Financing { long, short } = agreement.swap.financing.as_mut().expect("financed");
            (long.compounding, short.compounding) = (CompoundingBase::PeriodStart, CompoundingBase::PeriodStart);
        }
        on_day(&agreement, number, |book| {
            let explained: Vec<_> = book.explained(|_| true).into_iter().map(|explained| explained.flow).collect();
            prop_assert_eq!(explained, book.flows());
            Ok(())
        })?;
    }
}
