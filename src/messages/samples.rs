//! Any value of every message, for property tests.

use chrono::{Days, NaiveDate};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::corporate_action::{ActionKind, CorporateAction, Fractions};
use crate::domain::lots::cost::UnitCost;
use crate::domain::lots::happening::{Arrival, Departure, Effect, Happened, Happening, OPENING, Phase, Sent, What};
use crate::domain::lots::lot::{Age, Before, Image, Lot, Relief};
use crate::domain::lots::method::{Instruction, InvalidInstruction, ReliefPolicy};
use crate::domain::lots::origin::{Change, Origin, Stay};
use crate::domain::lots::position::{Costing, Position};
use crate::domain::money::{Currency, Money};
use crate::domain::names::Symbol;
use crate::domain::number::ratio::Ratio;
use crate::domain::trade::answer::{Answer, Refusal, Verdict};
use crate::domain::trade::captured::{CapturedTrade, HeldVersion, Place, TradeStatus};
use crate::domain::trade::{ContentHash, Side, Terms, Trade, TradeEvent};
use crate::messages::blotter::BlotterRow;
use crate::messages::captured_action::CapturedAction;
use crate::messages::relief::{CHOSEN, METHODS};
use crate::messages::trade::{Delivery, Moved};

pub fn place() -> impl Strategy<Value = Place> {
    (any::<u16>(), any::<i32>(), any::<i64>()).prop_map(|(topic, partition, offset)| Place { topic, partition, offset })
}

pub fn key() -> impl Strategy<Value = PositionKey> {
    let part = || prop_oneof![Just("ACC-1".to_string()), "[A-Z%_é€ ]{1,12}", "[0-9a-z.]{1,30}"];
    (part(), part(), part()).prop_map(|(account, book, security)| {
        PositionKey::new(&account, &book, &security).expect("the parts are names")
    })
}

pub fn trade_id() -> impl Strategy<Value = TradeId> {
    ("[A-Z_]{1,8}", "[A-Z0-9|_-]{1,30}").prop_map(|(source, id)| TradeId::new(&source, &id).expect("both are names"))
}

pub fn date() -> impl Strategy<Value = NaiveDate> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date");
    prop_oneof![4 => 15_000u64..25_000, 1 => 0u64..2_000_000].prop_map(move |days| epoch + Days::new(days))
}

pub fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![Just("USD"), Just("JPY"), Just("KWD")].prop_map(|code| Currency::new(code).expect("in the table"))
}

pub fn money() -> impl Strategy<Value = Money> {
    (any::<i64>(), currency()).prop_map(|(minor, currency)| Money { minor, currency })
}

/// Any decimal(28,10).
pub fn quantity() -> impl Strategy<Value = Decimal> {
    let unscaled = prop_oneof![-10_000_000_000i128..10_000_000_000, -(10i128.pow(28)) + 1..10i128.pow(28)];
    (unscaled, 0u32..=10).prop_map(|(unscaled, zeros)| {
        Decimal::from_i128_with_scale(unscaled / 10i128.pow(zeros) * 10i128.pow(zeros), 10)
    })
}

pub fn terms() -> impl Strategy<Value = Terms> {
    let number = || (1i64..10_000_000, 0u32..=10).prop_map(|(digits, scale)| Decimal::new(digits, scale));
    let contract = option::of("[A-Z0-9]{1,40}".prop_map(|id| ContractId::new(&id).expect("a name")));
    let times = (any::<i64>(), 0..u64::try_from(i64::MAX).expect("positive"), option::of(0u64..10));
    let relief = option::of(instruction());
    (contract, any::<bool>(), number(), number(), currency(), date(), (times, relief)).prop_map(
        |(contract, buy, quantity, price, currency, trade_date, ((exec_time, source_seq, settle_days), relief))| {
            let terms = Terms {
                contract,
                side: if buy { Side::Buy } else { Side::Sell },
                quantity,
                price,
                currency,
                trade_date,
                exec_time: Timestamp(exec_time),
                source_seq,
                settle_date: settle_days.map(|days| trade_date + Days::new(days)),
                relief: relief.map(Box::new),
            };
            terms.checked().expect("within the bounds of terms")
        },
    )
}

fn instruction() -> BoxedStrategy<Instruction> {
    prop_oneof![
        select(METHODS.to_vec()).prop_map(Instruction::Method),
        vec((trade_id(), quantity()), 0..4).prop_map(Instruction::Lots)
    ]
    .boxed()
}

pub fn event() -> impl Strategy<Value = TradeEvent> {
    prop_oneof![
        terms().prop_map(TradeEvent::New),
        terms().prop_map(TradeEvent::Amend),
        Just(TradeEvent::Cancel),
        (key(), terms()).prop_map(|(to, terms)| TradeEvent::Rebook { to, terms }),
        (key(), terms()).prop_map(|(from, terms)| TradeEvent::RebookIn { from, terms }),
        Just(TradeEvent::Force),
    ]
}

pub fn version() -> impl Strategy<Value = u32> {
    0u32..1 << 31
}

pub fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..1_000, 0u64..1 << 63]
}

pub fn trade() -> BoxedStrategy<Trade> {
    (key(), trade_id(), version(), event())
        .prop_map(|(key, id, version, event)| Trade { key, id, version, event })
        .boxed()
}

pub fn captured_trade() -> impl Strategy<Value = CapturedTrade> {
    let status = prop_oneof![
        Just(TradeStatus::Awaited),
        terms().prop_map(TradeStatus::Live),
        Just(TradeStatus::Cancelled),
        key().prop_map(TradeStatus::RebookedTo),
    ];
    let held = (version(), event(), place()).prop_map(|(version, event, place)| HeldVersion { version, event, place });
    let names = (key(), trade_id(), version(), status, any::<[u8; 16]>(), place(), count());
    (names, vec(held, 0..3), quantity(), vec(relief(), 0..4), option::of(before()), option::of(refused())).prop_map(
        |((key, id, version, status, content, place, revision), held, opened, reliefs, before, refused)| {
            let before = before.map(|before| of_position(before, &key));
            CapturedTrade {
                key,
                id,
                version,
                status,
                content: ContentHash(content),
                place,
                revision,
                held,
                opened,
                reliefs,
                before: before.map(Box::new),
                refused: refused.map(Box::new),
            }
        },
    )
}

/// Boxed, as all that stands in others: unoptimised, a strategy of strategies outgrows a test's stack.
fn relief() -> BoxedStrategy<Relief> {
    let open_price = prop_oneof![
        quantity(),
        (1i128..10i128.pow(28), 11u32..=28).prop_map(|(digits, scale)| Decimal::from_i128_with_scale(digits, scale))
    ];
    let age = (date(), any::<i64>(), count()).prop_map(|(trade_date, exec_time, source_seq)| Age {
        trade_date,
        exec_time: Timestamp(exec_time),
        source_seq,
    });
    (trade_id(), quantity(), open_price, money(), select(CHOSEN.to_vec()), age)
        .prop_map(|(lot, quantity, open_price, realised, chosen, age)| Relief {
            lot,
            quantity,
            open_price,
            realised,
            chosen,
            age,
        })
        .boxed()
}

fn refused() -> BoxedStrategy<InvalidInstruction> {
    prop_oneof![
        trade_id().prop_map(InvalidInstruction::Quantity),
        trade_id().prop_map(InvalidInstruction::NotOpen),
        (quantity(), quantity()).prop_map(|(listed, closed)| InvalidInstruction::Sum { listed, closed }),
    ]
    .boxed()
}

fn before() -> BoxedStrategy<Before> {
    let image = (lot(), quantity()).prop_map(|(lot, after)| Image { lot, after });
    (option::of(any::<i64>()), vec(image, 0..3)).prop_map(|(pool, lots)| Before { pool, lots }).boxed()
}

/// Lots on record beside a position are that position's, and have no revision.
fn of_position(mut before: Before, key: &PositionKey) -> Before {
    for Image { lot, .. } in &mut before.lots {
        (lot.key, lot.revision) = (key.clone(), 0);
    }
    before
}

fn action() -> BoxedStrategy<CorporateAction> {
    let ratio = (1u64..1_000, 1u64..1_000).prop_map(|(new, old)| Ratio::new(new, old).expect("neither is zero"));
    let price = || (1i64..1_000_000_000, 0u32..=12).prop_map(|(digits, scale)| Decimal::new(digits, scale));
    let fractions = prop_oneof![Just(Fractions::Keep), price().prop_map(|price| Fractions::CashInLieu { price })];
    (date(), key(), ratio, (price(), price()), fractions, 0..7u8)
        .prop_map(|(ex_date, to, ratio, (price, other), fractions, kind)| {
            let kind = match kind {
                0 => ActionKind::Split { ratio, fractions },
                1 => ActionKind::StockDividend { per_unit: ratio, fractions },
                2 => ActionKind::SpinOff { to, ratio, parent_close: price, child_close: other, fractions },
                3 => ActionKind::MergerCash { price },
                4 => ActionKind::MergerStock { to, ratio, fractions },
                5 => ActionKind::MergerMixed { cash: price, to, ratio, price: other, fractions },
                _ => ActionKind::SymbolChange { to },
            };
            CorporateAction { ex_date, kind }
        })
        .boxed()
}

/// A lot that arrives in a position under an id.
fn arrival(to: PositionKey, id: TradeId) -> BoxedStrategy<Arrival> {
    let phase = prop_oneof![Just(Phase::Action), Just(Phase::Trade)];
    (terms(), option::of(shared()), 0..3u64, phase, any::<i64>(), count(), option::of(origin()))
        .prop_filter_map("such a lot can arrive", move |(terms, shared, days, phase, exec_time, source_seq, origin)| {
            let quantity = terms.signed_quantity();
            let lot = Lot { shared, ..Lot::of_trade(&to, &id, &terms, quantity, quantity, 0) };
            let (date, origin) = (terms.trade_date + Days::new(days), origin.map(Box::new));
            Arrival { date, phase, exec_time: Timestamp(exec_time), source_seq, lot, origin }.checked().ok()
        })
        .boxed()
}

/// Of a lot of any date.
fn origin() -> impl Strategy<Value = Origin> {
    let date = NaiveDate::from_ymd_opt(1970, 1, 1).expect("the first date there is");
    let stay = "[A-Z]{1,9}".prop_map(move |name| Stay { security: Symbol::new(&name).expect("a name"), until: date });
    let change = prop_oneof![
        (1..9i64, 1..9i64).prop_map(move |(before, after)| Change::Units {
            date,
            before: before.into(),
            after: after.into()
        }),
        (0..=1_000i64).prop_map(move |kept| Change::Cost { date, kept: Decimal::new(kept, 3) }),
    ];
    (0..10_000_000i64, vec(stay, 0..3), vec(change, 0..3)).prop_map(|(price, stays, changes)| Origin {
        price: Decimal::new(price, 2).normalize(),
        stays,
        changes,
    })
}

fn opening_id() -> impl Strategy<Value = TradeId> {
    trade_id().prop_map(|id| TradeId::new(OPENING, id.trade_id()).expect("two names"))
}

fn sent(id: impl Strategy<Value = TradeId> + 'static) -> BoxedStrategy<Sent> {
    (key(), id, version())
        .prop_flat_map(|(to, id, version)| {
            let arrived = arrival(to.clone(), id.clone()).prop_map(|arrival| What::Arrival(Box::new(arrival)));
            prop_oneof![Just(What::Withdrawn), arrived].prop_map(move |what| {
                let happening = Happening { id: id.clone(), version, what };
                Sent { to: to.clone(), happening }
            })
        })
        .boxed()
}

pub fn delivery() -> BoxedStrategy<Delivery> {
    prop_oneof![
        trade().prop_map(Delivery::Trade),
        (key(), sent(trade_id())).prop_map(|(from, sent)| Delivery::Lot(Moved { from: Some(from), sent })),
        sent(opening_id()).prop_map(|sent| Delivery::Lot(Moved { from: None, sent })),
    ]
    .boxed()
}

pub fn captured_action() -> BoxedStrategy<CapturedAction> {
    let departure = (key(), quantity(), date(), any::<i64>(), count(), option::of(instruction())).prop_map(
        |(to, quantity, date, exec_time, source_seq, instruction)| {
            What::Departure(Departure { to, quantity, date, exec_time: Timestamp(exec_time), source_seq, instruction })
        },
    );
    let what = prop_oneof![action().prop_map(What::Action), departure, Just(What::Withdrawn)].boxed();
    let numbers = (quantity(), quantity(), quantity());
    let effect = (
        numbers,
        vec(relief(), 0..3),
        option::of(before()),
        option::of(money()),
        vec(sent(trade_id()), 0..3),
        option::of(refused()),
    )
        .boxed();
    (key(), trade_id(), version(), effect)
        .prop_flat_map(move |(key, id, version, effect)| {
            let arrived = arrival(key.clone(), id.clone()).prop_map(|arrival| What::Arrival(Box::new(arrival)));
            let ((opened, change, missing), reliefs, before, cash_in_lieu, sent, refused) = effect;
            let before = before.map(|before| Box::new(of_position(before, &key)));
            let refused = refused.map(Box::new);
            let effect = Effect { opened, reliefs, change, before, cash_in_lieu, sent, missing, refused };
            prop_oneof![3 => what.clone(), 1 => arrived].prop_map(move |what| {
                let happening = Happening { id: id.clone(), version, what };
                CapturedAction { key: key.clone(), happened: Happened { happening, effect: effect.clone() } }
            })
        })
        .boxed()
}

pub fn position() -> impl Strategy<Value = Position> {
    let method = || select(METHODS.to_vec());
    let relief =
        (method(), vec((date(), method()), 0..3)).prop_map(|(first, changes)| ReliefPolicy::new(first, changes));
    let costing = prop_oneof![Just(Costing::ByLot), Just(Costing::Pooled)];
    (key(), count(), quantity(), money(), any::<i64>(), version(), costing, relief).prop_map(
        |(key, revision, quantity, realised, cost, open_lots, costing, relief)| Position {
            key,
            revision,
            quantity,
            currency: realised.currency,
            realised,
            cost: Money { minor: cost, ..realised },
            costing,
            open_lots,
            relief,
        },
    )
}

fn shared() -> impl Strategy<Value = Box<UnitCost>> {
    let amount =
        (0i128..10i128.pow(28), 0u32..=28).prop_map(|(digits, scale)| Decimal::from_i128_with_scale(digits, scale));
    let units = (1i128..10i128.pow(28)).prop_map(|digits| Decimal::from_i128_with_scale(digits, 10));
    (amount, units).prop_filter_map("a unit of it costs a decimal", |(amount, units)| {
        UnitCost::shared(amount, units).map(Box::new)
    })
}

pub fn lot() -> BoxedStrategy<Lot> {
    let names = (key(), trade_id(), option::of("[A-Z0-9]{1,40}"));
    (names, quantity(), quantity(), terms(), count(), option::of(shared()))
        .prop_map(|((key, id, contract), opened, remaining, terms, revision, shared)| Lot {
            id,
            key,
            contract: contract.map(|id| ContractId::new(&id).expect("a name")),
            opened,
            remaining,
            price: terms.price,
            shared,
            currency: terms.currency,
            trade_date: terms.trade_date,
            settle_date: terms.settle_date,
            exec_time: terms.exec_time,
            source_seq: terms.source_seq,
            revision,
        })
        .boxed()
}

pub fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::VersionZero),
        place().prop_map(|first| Refusal::Conflict { first }),
        Just(Refusal::FirstVersionNotNew),
        Just(Refusal::AlreadyLive),
        Just(Refusal::NotLive),
        key().prop_map(|to| Refusal::RebookedAway { to }),
        Just(Refusal::RebookToItself),
        (currency(), currency()).prop_map(|(position, trade)| Refusal::CurrencyDiffers { position, trade }),
        Just(Refusal::NothingHeld),
        Just(Refusal::TooManyHeld),
        Just(Refusal::OutOfRange),
    ]
}

pub fn blotter_row() -> impl Strategy<Value = BlotterRow> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Accepted),
        1 => (place(), option::of(count())).prop_map(|(first, revision)| Verdict::Duplicate { first, revision }),
        1 => version().prop_map(|current| Verdict::Stale { current }),
        1 => version().prop_map(|awaited| Verdict::Held { awaited }),
        1 => Just(Verdict::Released),
        3 => refusal().prop_map(Verdict::Refused),
    ];
    let names = (place(), key(), trade_id(), version());
    let numbers = (count(), count(), quantity(), option::of(money()));
    (names, verdict, option::of(place()), numbers, (count(), any::<i32>())).prop_map(
        |((place, key, id, version), verdict, released_by, numbers, (turn, generation))| BlotterRow {
            turn,
            generation,
            answer: Answer {
                place,
                key,
                id,
                version,
                verdict,
                released_by,
                revision_before: numbers.0,
                revision_after: numbers.1,
                quantity_after: numbers.2,
                realised_delta: numbers.3,
            },
        },
    )
}
