//! Error and warning rows: what could not be calculated, where it stands, and what to do about it.

use compact_str::CompactString;

use crate::domain::key::ContractId;
use crate::domain::names::{LotId, PositionId};

/// One row of a job's outcome. The order of the fields is the order of the rows: errors first, then by place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Notice {
    pub severity: Severity,
    pub contract: Option<ContractId>,
    pub position: Option<PositionId>,
    pub lot: Option<LotId>,
    pub code: NoticeCode,
    /// The field of the request that is to blame, in the request's own spelling.
    pub field: CompactString,
    pub message: String,
}

/// Whether something is missing from the result, or only odd.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    Error,
    Warning,
}

/// The reason of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NoticeCode {
    /// The contract could not be read; the message has the path inside the request.
    Unreadable,
    /// Product, leg or unwinding method that is not calculated.
    Unsupported,
    /// The same id twice where it must be unique.
    DuplicateId,
    /// A lot that names another contract or position than the one it is listed under.
    LotElsewhere,
    MissingPrice,
    MissingFixing,
    /// A name of market data that the service does not know, or did not tell.
    MarketDataUnavailable,
    /// A rate of 1 or more: most likely a percentage.
    RateUnit,
    /// A closing lot that closes more than is open.
    NothingToClose,
    /// An amount that no longer fits the numbers it is calculated with.
    OutOfRange,
    /// The calculation broke down, or its chunk could not be processed: a defect, not something the request says.
    NotCalculated,
    /// A count of the outcome differs from what was planned.
    TotalsDiffer,
    /// Lots that are not active have no part in the result.
    LotNotActive,
    NotionalDiffers,
    WeekendSettlement,
    /// A dividend leg whose underlying has no list of dividends.
    NoDividends,
    RangeExcludesValuationDate,
    /// Market data was to be fetched, too; only what the request brought is used.
    MarketDataAsSent,
    /// Market data that the request did not bring.
    MarketDataFetched,
    /// The valuation date lies outside the contract's life.
    OutsideContract,
    /// A flow or a contract of a position without an amount: an input is missing.
    Blocked,
    /// What is odd about a contract of a document and calculated all the same.
    Odd,
}

impl NoticeCode {
    /// All of them, in the order of their declaration.
    pub const ALL: [NoticeCode; 22] = [
        NoticeCode::Unreadable,
        NoticeCode::Unsupported,
        NoticeCode::DuplicateId,
        NoticeCode::LotElsewhere,
        NoticeCode::MissingPrice,
        NoticeCode::MissingFixing,
        NoticeCode::MarketDataUnavailable,
        NoticeCode::RateUnit,
        NoticeCode::NothingToClose,
        NoticeCode::OutOfRange,
        NoticeCode::NotCalculated,
        NoticeCode::TotalsDiffer,
        NoticeCode::LotNotActive,
        NoticeCode::NotionalDiffers,
        NoticeCode::WeekendSettlement,
        NoticeCode::NoDividends,
        NoticeCode::RangeExcludesValuationDate,
        NoticeCode::MarketDataAsSent,
        NoticeCode::MarketDataFetched,
        NoticeCode::OutsideContract,
        NoticeCode::Blocked,
        NoticeCode::Odd,
    ];

    /// The code as it is written in rows and outcomes.
    pub fn name(self) -> &'static str {
        match self {
            NoticeCode::Unreadable => "UNREADABLE",
            NoticeCode::Unsupported => "UNSUPPORTED",
            NoticeCode::DuplicateId => "DUPLICATE_ID",
            NoticeCode::LotElsewhere => "LOT_ELSEWHERE",
            NoticeCode::MissingPrice => "MISSING_PRICE",
            NoticeCode::MissingFixing => "MISSING_FIXING",
            NoticeCode::MarketDataUnavailable => "MARKET_DATA_UNAVAILABLE",
            NoticeCode::RateUnit => "RATE_UNIT",
            NoticeCode::NothingToClose => "NOTHING_TO_CLOSE",
            NoticeCode::OutOfRange => "OUT_OF_RANGE",
            NoticeCode::NotCalculated => "NOT_CALCULATED",
            NoticeCode::TotalsDiffer => "TOTALS_DIFFER",
            NoticeCode::LotNotActive => "LOT_NOT_ACTIVE",
            NoticeCode::NotionalDiffers => "NOTIONAL_DIFFERS",
            NoticeCode::WeekendSettlement => "WEEKEND_SETTLEMENT",
            NoticeCode::NoDividends => "NO_DIVIDENDS",
            NoticeCode::RangeExcludesValuationDate => "RANGE_EXCLUDES_VALUATION_DATE",
            NoticeCode::MarketDataAsSent => "MARKET_DATA_AS_SENT",
            NoticeCode::MarketDataFetched => "MARKET_DATA_FETCHED",
            NoticeCode::OutsideContract => "OUTSIDE_CONTRACT",
            NoticeCode::Blocked => "BLOCKED",
            NoticeCode::Odd => "ODD",
        }
    }
}

/// What a row is about: a contract, a position of it, or a lot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    contract: Option<ContractId>,
    position: Option<PositionId>,
    lot: Option<LotId>,
}

impl Place {
    /// The request itself.
    pub fn request() -> Place {
        Place::default()
    }

    /// A whole contract.
    pub fn of(contract: &ContractId) -> Place {
        Place { contract: Some(contract.clone()), ..Place::default() }
    }

    /// A position of the contract.
    pub fn position(&self, position: &PositionId) -> Place {
        Place { position: Some(position.clone()), ..self.clone() }
    }

    /// A lot of the position.
    pub fn lot(&self, lot: &LotId) -> Place {
        Place { lot: Some(lot.clone()), ..self.clone() }
    }

    /// A row about an amount that is missing from the result. `field` is spelt as the request spells it.
    pub fn error(&self, code: NoticeCode, field: &str, message: String) -> Notice {
        self.notice(Severity::Error, code, field, message)
    }

    /// A row about something odd that is calculated all the same.
    pub fn warning(&self, code: NoticeCode, field: &str, message: String) -> Notice {
        self.notice(Severity::Warning, code, field, message)
    }

    fn notice(&self, severity: Severity, code: NoticeCode, field: &str, message: String) -> Notice {
        let Place { contract, position, lot } = self.clone();
        Notice { severity, contract, position, lot, code, field: field.into(), message }
    }
}

/// Rows an outcome names at most; beyond it they are only counted. 100 rows are read by a person and stay far below a
/// message's bound. Chunks keep as many, so that an outcome names the same rows whatever the chunk size.
pub const ROWS_KEPT: usize = 100;

/// Keeps the first rows in their own order, each once: what holds on many days is said of one.
pub fn keep_first(rows: &mut Vec<Notice>, kept: usize) {
    rows.sort_unstable();
    rows.dedup();
    rows.truncate(kept);
}
