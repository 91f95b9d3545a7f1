//! Parts that the messages of calculation jobs share: names, rows, control totals.

use std::collections::BTreeMap;

use compact_str::CompactString;
use rust_decimal::Decimal;

use crate::domain::daycount::DayCount;
use crate::domain::dividends::withholding::Treatment;
use crate::domain::jobs::cashflow::{FlowKind, FlowStatus};
use crate::domain::jobs::job::JobId;
use crate::domain::jobs::market::Withholding;
use crate::domain::jobs::notice::{Notice, NoticeCode, Severity};
use crate::domain::jobs::totals::{ControlTotals, Counts};
use crate::domain::key::{ContractId, InvalidName};
use crate::domain::names::{LotId, PositionId};
use crate::messages::wire::{Decoder, Encoder, Unreadable, invalid};

// Each table is in the order of its schema's symbols, after UNKNOWN.
pub const FLOW_KINDS: [FlowKind; 9] = [
    FlowKind::EquityPerformance,
    FlowKind::Interest,
    FlowKind::Dividend,
    FlowKind::CashInLieu,
    FlowKind::ShortRebate,
    FlowKind::Commission,
    FlowKind::Fee,
    FlowKind::BorrowFee,
    FlowKind::Reinvestment,
];
pub const FLOW_STATUSES: [FlowStatus; 4] =
    [FlowStatus::Accrued, FlowStatus::Realised, FlowStatus::Projected, FlowStatus::Deferred];
/// Those that need no more than two dates.
pub const DAY_COUNTS: [DayCount; 9] = [
    DayCount::Act360,
    DayCount::Act365Fixed,
    DayCount::Act364,
    DayCount::Nl365,
    DayCount::ActActIsda,
    DayCount::ActActAfb,
    DayCount::Thirty360,
    DayCount::ThirtyE360,
    DayCount::ThirtyU360,
];
pub const TREATMENTS: [Treatment; 4] =
    [Treatment::Deducted, Treatment::DeclaredNet, Treatment::Exempt, Treatment::Reclaimable];
pub const SEVERITIES: [Severity; 2] = [Severity::Error, Severity::Warning];

impl Encoder<'_> {
    pub fn job(&mut self, job: &JobId) {
        self.text(job.as_str());
    }

    pub fn hash(&mut self, hash: u128) {
        self.fixed(&hash.to_be_bytes());
    }

    /// In plain digits, exact: for intermediate results, which have more digits than a published decimal.
    pub fn exact(&mut self, number: Decimal) {
        self.text(&number.normalize().to_string());
    }

    pub fn day_count(&mut self, day_count: DayCount) {
        self.symbol(&DAY_COUNTS, &day_count);
    }

    pub fn withholding(&mut self, withholding: Withholding) {
        self.rate(withholding.rate);
        self.symbol(&TREATMENTS, &withholding.treatment);
    }

    pub fn flow_kind(&mut self, kind: FlowKind, status: FlowStatus) {
        self.symbol(&FLOW_KINDS, &kind);
        self.symbol(&FLOW_STATUSES, &status);
    }

    pub fn counts(&mut self, counts: &Counts) {
        self.count(counts.contracts);
        self.count(counts.positions);
        self.count(counts.lots);
    }

    pub fn totals(&mut self, totals: &ControlTotals) {
        self.counts(&totals.counts);
        self.count(totals.flows);
        self.count(totals.errors);
        self.count(totals.warnings);
        self.array(totals.sums.iter(), |out, ((currency, kind, status), sum)| {
            out.currency(*currency);
            out.flow_kind(*kind, *status);
            out.integer(*sum);
        });
        self.hash(totals.hash);
        self.count(totals.calculated);
        self.count(totals.changed);
    }

    pub fn notices(&mut self, notices: &[Notice]) {
        self.array(notices.iter(), |out, notice| {
            out.symbol(&SEVERITIES, &notice.severity);
            out.contract(notice.contract.as_ref());
            out.optional(notice.position.as_ref(), |out, id| out.text(id.as_str()));
            out.optional(notice.lot.as_ref(), |out, id| out.text(id.as_str()));
            out.symbol(&NoticeCode::ALL, &notice.code);
            out.text(&notice.field);
            out.text(&notice.message);
        });
    }

    pub fn reason(&mut self, reason: Option<&CompactString>) {
        self.optional(reason, |out, reason| out.text(reason));
    }

    pub fn ranges(&mut self, ranges: impl ExactSizeIterator<Item = (u32, u32)>) {
        self.array(ranges, |out, (first, last)| {
            out.number(first);
            out.number(last);
        });
    }
}

impl Decoder<'_> {
    pub fn name<T>(
        &mut self,
        field: &'static str,
        make: impl FnOnce(&str) -> Result<T, InvalidName>,
    ) -> Result<T, Unreadable> {
        make(self.text()?).map_err(invalid(field))
    }

    pub fn job(&mut self) -> Result<JobId, Unreadable> {
        self.name("job", JobId::new)
    }

    pub fn hash(&mut self) -> Result<u128, Unreadable> {
        Ok(u128::from_be_bytes(self.fixed()?))
    }

    pub fn exact(&mut self, field: &'static str) -> Result<Decimal, Unreadable> {
        Decimal::from_str_exact(self.text()?).map_err(invalid(field))
    }

    pub fn day_count(&mut self) -> Result<DayCount, Unreadable> {
        self.symbol(&DAY_COUNTS, "day_count")
    }

    pub fn withholding(&mut self) -> Result<Withholding, Unreadable> {
        Ok(Withholding { rate: self.rate()?, treatment: self.symbol(&TREATMENTS, "treatment")? })
    }

    pub fn flow_kind(&mut self) -> Result<(FlowKind, FlowStatus), Unreadable> {
        Ok((self.symbol(&FLOW_KINDS, "kind")?, self.symbol(&FLOW_STATUSES, "status")?))
    }

    pub fn counts(&mut self) -> Result<Counts, Unreadable> {
        Ok(Counts { contracts: self.count()?, positions: self.count()?, lots: self.count()? })
    }

    pub fn totals(&mut self) -> Result<ControlTotals, Unreadable> {
        let counts = self.counts()?;
        let (flows, errors, warnings) = (self.count()?, self.count()?, self.count()?);
        let sums = self.array(|input| {
            let currency = input.currency()?;
            let (kind, status) = input.flow_kind()?;
            Ok(((currency, kind, status), input.integer()?))
        })?;
        let (listed, sums) = (sums.len(), BTreeMap::from_iter(sums));
        if sums.len() != listed {
            return Err(invalid("sums")("one currency, kind and status twice"));
        }
        let (hash, calculated, changed) = (self.hash()?, self.count()?, self.count()?);
        Ok(ControlTotals { counts, flows, errors, warnings, sums, hash, calculated, changed })
    }

    pub fn notices(&mut self) -> Result<Vec<Notice>, Unreadable> {
        self.array(|input| {
            Ok(Notice {
                severity: input.symbol(&SEVERITIES, "severity")?,
                contract: input.optional(|input| input.name("contract", ContractId::new))?,
                position: input.optional(|input| input.name("position", PositionId::new))?,
                lot: input.optional(|input| input.name("lot", LotId::new))?,
                code: input.symbol(&NoticeCode::ALL, "code")?,
                field: input.text()?.into(),
                message: input.text()?.into(),
            })
        })
    }

    pub fn reason(&mut self) -> Result<Option<CompactString>, Unreadable> {
        self.optional(|input| input.text().map(CompactString::from))
    }

    pub fn ranges(&mut self) -> Result<Vec<(u32, u32)>, Unreadable> {
        self.array(|input| {
            let (first, last) = (input.number()?, input.number()?);
            if first > last { Err(invalid("range")("its first number is after its last")) } else { Ok((first, last)) }
        })
    }
}
