//! What a source says about a trade: one version of it, with its economic terms.

pub mod captured; // what is known of a trade for ever
pub mod answer; // what a trade record is answered, or why it is refused
mod version; // which version of a trade counts, waits or is refused
mod due; // versions that become due with a record
pub mod capture; // trade record -> what it changes in its position
pub mod arrive; // a lot that comes from another position -> what it changes

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use crate::domain::key::{ContractId, PositionKey, Timestamp, TradeId};
use crate::domain::lots::method::{Instruction, ReliefMethod};
use crate::domain::money::{Currency, Ended, Money};

/// Digits after the point that quantities and prices may have: those of decimal(28,10) on the wire.
pub const SCALE_MAX: u32 = 10;
/// Quantities and prices stay below it, as decimal(28,10) does: sums and differences of two are then exact.
pub const WHOLE_LIMIT: Decimal = Decimal::from_parts(0xA764_0000, 0x0DE0_B6B3, 0, false, 0); // 10^18

/// One version of one trade as it arrives: versions of a trade are dense from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    pub key: PositionKey,
    pub id: TradeId,
    pub version: u32,
    pub event: TradeEvent,
}

/// What the version does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TradeEvent {
    /// First version of a trade, or a cancelled trade's return.
    New(Terms),
    /// Other terms for the same trade.
    Amend(Terms),
    /// The trade never was.
    Cancel,
    /// The trade belongs to another position: it is cancelled here and sent on as `RebookIn`.
    Rebook { to: PositionKey, terms: Terms },
    /// The other half of a rebook, sent by the old position; its version is the base here, whatever is known.
    RebookIn { from: PositionKey, terms: Terms },
    /// An operator releases the held version of this number although versions before it are missing.
    Force,
}

/// The economic facts of a version. Made through [`Terms::checked`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub contract: Option<ContractId>,
    pub side: Side,
    /// Units bought or sold, above zero; the side gives the sign.
    pub quantity: Decimal,
    /// Per unit, in `currency`.
    pub price: Decimal,
    pub currency: Currency,
    pub trade_date: NaiveDate,
    /// When it was executed, by the source's clock.
    pub exec_time: Timestamp,
    /// The source's own counter: the order of trades executed at the same time.
    pub source_seq: u64,
    /// `None` when the source leaves it to the market's settlement cycle.
    pub settle_date: Option<NaiveDate>,
    /// What is ordered for its own close, whatever the contract's method; boxed because most trades order nothing.
    pub relief: Option<Box<Instruction>>,
}

/// Which way a trade goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Buy,
    Sell,
}

/// The order in which trades of a position count, whenever they arrive: date, execution time, source's counter, id.
pub type BusinessOrder<'a> = (NaiveDate, Timestamp, u64, &'a TradeId);

/// `BusinessOrder` that owns its trade id.
pub type Order = (NaiveDate, Timestamp, u64, TradeId);

/// The same order with an id of its own.
pub fn owned((date, exec_time, source_seq, id): BusinessOrder<'_>) -> Order {
    (date, exec_time, source_seq, id.clone())
}

/// 128 bits of SHA-256 over the canonical economic fields: equal exactly when the content is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

/// Why terms cannot be a trade's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidTerms {
    QuantityNotPositive,
    NegativePrice,
    TooManyDecimals,
    TooManyDigits,
    SettleBeforeTrade,
    CurrencyEnded(Ended),
    NotionalTooLarge,
}

impl Terms {
    /// The same terms, valid and with quantity and price in their shortest spelling.
    pub fn checked(self) -> Result<Terms, InvalidTerms> {
        let (quantity, price) = (self.quantity.normalize(), self.price.normalize());
        if quantity <= Decimal::ZERO {
            return Err(InvalidTerms::QuantityNotPositive);
        }
        if price < Decimal::ZERO {
            return Err(InvalidTerms::NegativePrice);
        }
        if quantity.scale() > SCALE_MAX || price.scale() > SCALE_MAX {
            return Err(InvalidTerms::TooManyDecimals);
        }
        if quantity >= WHOLE_LIMIT || price >= WHOLE_LIMIT {
            return Err(InvalidTerms::TooManyDigits);
        }
        if self.settle_date.is_some_and(|settle_date| settle_date < self.trade_date) {
            return Err(InvalidTerms::SettleBeforeTrade);
        }
        self.currency.money_on(self.trade_date).map_err(InvalidTerms::CurrencyEnded)?;
        Money::product(quantity, price, self.currency).ok_or(InvalidTerms::NotionalTooLarge)?;
        let relief = self.relief.map(|relief| relief.checked().map(Box::new)).transpose()?;
        Ok(Terms { quantity, price, relief, ..self })
    }

    /// Plus when bought, minus when sold.
    pub fn signed_quantity(&self) -> Decimal {
        self.side.signed(self.quantity)
    }

    /// The place of a trade with these terms and that id.
    pub fn order<'a>(&self, id: &'a TradeId) -> BusinessOrder<'a> {
        (self.trade_date, self.exec_time, self.source_seq, id)
    }
}

impl Side {
    /// A quantity above zero with the sign that the side gives it: plus when bought.
    pub fn signed(self, quantity: Decimal) -> Decimal {
        match self {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        }
    }
}

impl TradeEvent {
    /// What tells one content from another under the same version.
    pub fn content(&self) -> ContentHash {
        let mut hash = Canonical(Sha256::new());
        match self {
            TradeEvent::New(terms) => hash.tag(1).terms(terms),
            TradeEvent::Amend(terms) => hash.tag(2).terms(terms),
            TradeEvent::Cancel => hash.tag(3),
            TradeEvent::Rebook { to, terms } => hash.tag(4).text(to.as_str()).terms(terms),
            TradeEvent::RebookIn { from, terms } => hash.tag(5).text(from.as_str()).terms(terms),
            TradeEvent::Force => hash.tag(6),
        };
        hash.finish()
    }
}

/// Feeds fields so that no two different contents give the same bytes: fixed widths, texts with their length.
struct Canonical(Sha256);

impl Canonical {
    fn terms(&mut self, terms: &Terms) -> &mut Self {
        match &terms.contract {
            Some(contract) => self.tag(1).text(contract.as_str()),
            None => self.tag(0),
        };
        self.tag(match terms.side {
            Side::Buy => 1,
            Side::Sell => 2,
        });
        self.decimal(terms.quantity).decimal(terms.price).text(terms.currency.code());
        self.date(terms.trade_date);
        self.0.update(terms.exec_time.0.to_be_bytes());
        self.0.update(terms.source_seq.to_be_bytes());
        match terms.settle_date {
            Some(settle_date) => self.tag(1).date(settle_date),
            None => self.tag(0),
        };
        // Nothing for no order: what was hashed before there were any keeps its hash.
        match terms.relief.as_deref() {
            None => self,
            Some(Instruction::Method(method)) => self.tag(2).tag(number(*method)),
            Some(Instruction::Lots(lots)) => {
                self.tag(3);
                lots.iter().fold(self, |hash, (lot, quantity)| hash.text(lot.as_str()).decimal(*quantity))
            }
        }
    }

    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.update([tag]);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
        self
    }

    /// 1.50 and 1.5 are one number.
    fn decimal(&mut self, number: Decimal) -> &mut Self {
        self.0.update(number.normalize().serialize());
        self
    }

    fn date(&mut self, date: NaiveDate) -> &mut Self {
        self.0.update(date.to_epoch_days().to_be_bytes());
        self
    }

    fn finish(self) -> ContentHash {
        let digest = self.0.finalize();
        let (head, _) = digest.split_first_chunk().expect("a digest of 32 bytes has 16");
        ContentHash(*head)
    }
}

/// Hashes are compared for ever: a method keeps its number.
fn number(method: ReliefMethod) -> u8 {
    match method {
        ReliefMethod::Fifo => 1,
        ReliefMethod::Lifo => 2,
        ReliefMethod::Hifo => 3,
        ReliefMethod::Lofo => 4,
        ReliefMethod::Average => 5,
        ReliefMethod::MaxLoss => 6,
        ReliefMethod::MinGain => 7,
        ReliefMethod::MaxGain => 8,
    }
}

impl fmt::Display for InvalidTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self {
            InvalidTerms::QuantityNotPositive => "quantity is not above zero",
            InvalidTerms::NegativePrice => "price is below zero",
            InvalidTerms::TooManyDecimals => "quantity or price has more than 10 decimals",
            InvalidTerms::TooManyDigits => "quantity or price has more than 18 digits before the point",
            InvalidTerms::SettleBeforeTrade => "settlement date is before the trade date",
            InvalidTerms::CurrencyEnded(ended) => return write!(f, "{ended}, before the trade date"),
            InvalidTerms::NotionalTooLarge => "quantity times price is too large to be money",
        };
        f.write_str(problem)
    }
}

impl std::error::Error for InvalidTerms {}
