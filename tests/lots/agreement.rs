//! Any history in any order of arrival ends as the oracle says.

use std::collections::BTreeMap;

use bookflow::domain::key::{PositionKey, TradeId};
use bookflow::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use bookflow::domain::lots::happening::{Happened, What};
use bookflow::domain::lots::lot::{Lot, Relief};
use bookflow::domain::lots::method::{Instruction, ReliefMethod};
use bookflow::domain::lots::position::Costing;
use bookflow::domain::number::ratio::Ratio;
use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::any::{History, Record, all, any_arrivals};
use crate::ledger::{Books, Shelf};
use crate::oracle::{self, Fact, Fraction, Says};

proptest! {
    #[test]
    fn every_history_ends_as_the_oracle_says((first, second, delay) in any_arrivals()) {
        agree(&first, &first.run(delay));
        agree(&second, &second.run(0));
    }
}

fn agree(history: &History, books: &Books) {
    let survivors = history.survivors();
    for (at, expected) in expected(&survivors, &rules(history)) {
        compare(books.shelf(&at), &expected);
    }
}

/// Works every position out again with what the others sent it, until nobody sends anything else.
fn expected(survivors: &[Record], rules: &oracle::Rules) -> BTreeMap<PositionKey, oracle::Position> {
    let mut arrivals = Vec::new();
    for _ in 0..20 {
        let arriving = |at: &PositionKey| {
            arrivals.iter().filter(|(to, _)| to == at).map(|(_, fact)| fact).cloned().collect::<Vec<Fact>>()
        };
        let facts =
            |at: &PositionKey| survivors.iter().filter_map(|record| fact(record, at)).chain(arriving(at)).collect();
        let positions: BTreeMap<_, _> =
            all().into_iter().map(|at| (at.clone(), oracle::position(facts(&at), rules))).collect();
        let sent: Vec<(PositionKey, Fact)> = positions
            .values()
            .flat_map(|position| &position.sent)
            .map(|(by, lot)| arrival(survivors, by, lot))
            .collect();
        if sent == arrivals {
            return positions;
        }
        arrivals = sent;
    }
    panic!("lots go round and round");
}

/// The lot as a fact of the position it goes to, when its cause counts.
fn arrival(survivors: &[Record], by: &str, lot: &oracle::Lot) -> (PositionKey, Fact) {
    let causes = survivors.iter().filter_map(|record| match record {
        Record::Happening(key, happening) if happening.id.as_str() == by => Some((record, key, &happening.what)),
        _ => None,
    });
    let (record, key, what) = causes.into_iter().next().expect("what was sent has a cause");
    let to = match what {
        What::Action(action) => action.to().expect("the action sends"),
        What::Departure(departure) => &departure.to,
        What::Arrival(_) | What::Withdrawn => panic!("it sends nothing"),
    };
    let Fact { day, phase, time, sequence, .. } = fact(record, key).expect("it counts");
    (to.clone(), Fact { id: lot.id.clone(), day, phase, time, sequence, says: Says::Arrival(lot.clone()) })
}

fn compare(shelf: &Shelf, expected: &oracle::Position) {
    let stored = |id: &TradeId| {
        let lot = &shelf.lots[id];
        let cost = lot.unit_cost().cost_of(lot.remaining, lot.currency).expect("it is small").to_decimal();
        standing(&self::lot(lot), &fraction(cost))
    };
    let worked_out = |lot: &oracle::Lot| standing(lot, &(lot.unit_cost.clone() * lot.quantity.clone()).round(2));
    let lots: Vec<_> = shelf.fifo.values().map(stored).collect();
    assert_eq!(lots, expected.lots.iter().map(worked_out).collect::<Vec<_>>());
    for (id, trade) in &shelf.trades {
        assert_eq!(reliefs(&trade.reliefs), expected_reliefs(expected, id), "{id}");
        let refused = expected.refused.iter().any(|refused| refused == id.as_str());
        assert_eq!(trade.refused.is_some(), refused, "{id}");
    }
    for (id, happened) in &shelf.happened {
        assert_eq!(reliefs(&happened.effect.reliefs), expected_reliefs(expected, id), "{id}");
        let cash = happened.effect.cash_in_lieu.map(|cash| fraction(cash.to_decimal()).text());
        assert_eq!(cash, expected.cash.get(id.as_str()).map(Fraction::text), "{id}");
        assert_eq!(sent(happened), expected_sent(expected, id), "{id}");
    }
    let Some(position) = &shelf.position else {
        assert!(expected.lots.is_empty());
        return;
    };
    assert_eq!(fraction(position.quantity).text(), expected.quantity().text());
    assert_eq!(fraction(position.realised.to_decimal()).text(), expected.realised().text());
    assert_eq!(fraction(position.cost.to_decimal()).text(), expected.cost().text());
    assert_eq!(position.costing == Costing::Pooled, expected.pool.is_some());
    assert_eq!(position.open_lots as usize, expected.lots.len());
}

/// Id, quantity, cost, and what one unit costs to 15 digits.
fn standing(lot: &oracle::Lot, cost: &Fraction) -> [String; 4] {
    [lot.id.clone(), lot.quantity.text(), cost.text(), lot.unit_cost.round(15).text()]
}

fn reliefs(reliefs: &[Relief]) -> Vec<(String, String, String)> {
    let text = |relief: &Relief| {
        let (units, realised) = (fraction(relief.quantity), fraction(relief.realised.to_decimal()));
        (relief.lot.to_string(), units.text(), realised.text())
    };
    sorted(reliefs.iter().map(text).collect())
}

fn expected_reliefs(expected: &oracle::Position, by: &TradeId) -> Vec<(String, String, String)> {
    let reliefs = expected.reliefs.get(by.as_str()).into_iter().flatten();
    sorted(reliefs.map(|relief| (relief.lot.clone(), relief.units.text(), relief.realised.text())).collect())
}

fn sent(happened: &Happened) -> Vec<(String, String, String)> {
    let arrivals = happened.effect.sent.iter().filter_map(|sent| sent.happening.arrival());
    sorted(arrivals.map(|arrival| moved(&lot(&arrival.lot))).collect())
}

fn expected_sent(expected: &oracle::Position, by: &TradeId) -> Vec<(String, String, String)> {
    let sent = expected.sent.iter().filter(|(cause, _)| cause == by.as_str());
    sorted(sent.map(|(_, lot)| moved(lot)).collect())
}

fn moved(lot: &oracle::Lot) -> (String, String, String) {
    (lot.id.clone(), lot.quantity.text(), lot.unit_cost.round(15).text())
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

fn lot(lot: &Lot) -> oracle::Lot {
    oracle::Lot {
        id: lot.id.to_string(),
        day: day(lot.trade_date),
        time: lot.exec_time.0,
        sequence: lot.source_seq,
        quantity: fraction(lot.remaining),
        unit_cost: fraction(lot.unit_cost().per_unit()),
    }
}

fn rules(history: &History) -> oracle::Rules {
    let changes = history.policy.changes.iter().map(|(since, changed)| (day(*since), method(*changed))).collect();
    let orders = history.survivors().into_iter().filter_map(|record| match &record {
        Record::Happening(_, happening) => match &happening.what {
            What::Departure(departure) => {
                departure.instruction.as_ref().map(|ordered| (happening.id.to_string(), order(ordered)))
            }
            _ => None,
        },
        Record::Trade(trade) => {
            let ordered = record.in_force()?.1.relief.as_deref()?;
            Some((trade.id.to_string(), order(ordered)))
        }
    });
    oracle::Rules { first: method(history.policy.first), changes, orders: orders.collect() }
}

fn order(instruction: &Instruction) -> oracle::Order {
    match instruction {
        Instruction::Method(ordered) => oracle::Order::Method(method(*ordered)),
        Instruction::Lots(lots) => {
            oracle::Order::Lots(lots.iter().map(|(id, units)| (id.to_string(), fraction(*units))).collect())
        }
    }
}

fn method(method: ReliefMethod) -> oracle::Method {
    match method {
        ReliefMethod::Fifo => oracle::Method::Fifo,
        ReliefMethod::Lifo => oracle::Method::Lifo,
        ReliefMethod::Hifo => oracle::Method::Hifo,
        ReliefMethod::Lofo => oracle::Method::Lofo,
        ReliefMethod::Average => oracle::Method::Average,
        ReliefMethod::MaxLoss => oracle::Method::MaxLoss,
        ReliefMethod::MinGain => oracle::Method::MinGain,
        ReliefMethod::MaxGain => oracle::Method::MaxGain,
    }
}

fn fact(record: &Record, at: &PositionKey) -> Option<Fact> {
    match record {
        Record::Trade(trade) => {
            let (key, terms) = record.in_force()?;
            if key != at {
                return None;
            }
            Some(Fact {
                id: trade.id.to_string(),
                day: day(terms.trade_date),
                phase: 1,
                time: terms.exec_time.0,
                sequence: terms.source_seq,
                says: Says::Trade { quantity: fraction(terms.signed_quantity()), price: fraction(terms.price) },
            })
        }
        Record::Happening(key, happening) if key == at => {
            let (ex_date, phase, time, sequence, says) = match &happening.what {
                What::Action(action) => (action.ex_date, 0, 0, 0, says(action)),
                What::Departure(departure) => {
                    let quantity = fraction(departure.quantity);
                    let (time, sequence) = (departure.exec_time.0, departure.source_seq);
                    (departure.date, 1, time, sequence, Says::Departure { quantity })
                }
                What::Arrival(_) | What::Withdrawn => return None,
            };
            Some(Fact { id: happening.id.to_string(), day: day(ex_date), phase, time, sequence, says })
        }
        _ => None,
    }
}

fn says(action: &CorporateAction) -> Says {
    match &action.kind {
        ActionKind::Split { ratio, fractions } => Says::Split { ratio: of(*ratio), cash: cash(*fractions) },
        ActionKind::StockDividend { per_unit, fractions } => {
            Says::Split { ratio: Fraction::new(1, 1) + of(*per_unit), cash: cash(*fractions) }
        }
        ActionKind::SpinOff { ratio, parent_close, child_close, fractions, .. } => Says::SpinOff {
            ratio: of(*ratio),
            parent: fraction(*parent_close),
            child: fraction(*child_close),
            cash: cash(*fractions),
        },
        ActionKind::MergerCash { price } => Says::MergerCash { price: fraction(*price) },
        ActionKind::MergerStock { ratio, fractions, .. } => {
            Says::MergerStock { ratio: of(*ratio), cash: cash(*fractions) }
        }
        ActionKind::MergerMixed { cash: paid, ratio, price, fractions, .. } => Says::MergerMixed {
            paid: fraction(*paid),
            ratio: of(*ratio),
            price: fraction(*price),
            cash: cash(*fractions),
        },
        ActionKind::SymbolChange { .. } => Says::SymbolChange,
    }
}

fn cash(fractions: Fractions) -> Option<Fraction> {
    match fractions {
        Fractions::Keep => None,
        Fractions::CashInLieu { price } => Some(fraction(price)),
    }
}

fn of(ratio: Ratio) -> Fraction {
    fraction(ratio.numerator()) / fraction(ratio.denominator())
}

fn fraction(number: Decimal) -> Fraction {
    Fraction::new(number.mantissa(), 10_i128.pow(number.scale()))
}

fn day(date: NaiveDate) -> i64 {
    (date - NaiveDate::MIN).num_days()
}
