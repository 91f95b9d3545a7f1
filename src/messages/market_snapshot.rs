//! `market-snapshots`: names for moments of contracts, market and reference data.

use crate::domain::flows::row::Snapshot;
use crate::domain::market::snapshot::{MarketSnapshot, Moment, SnapshotName};
use crate::domain::trade::captured::Place;
use crate::messages::message::Message;
use crate::messages::schemas::SchemaName;
use crate::messages::wire::{Decoder, Encoder, Unreadable};

impl Message for MarketSnapshot {
    type Cause = Option<Place>;
    const SCHEMA: SchemaName = SchemaName::MarketSnapshot;

    fn write(&self, out: &mut Encoder) {
        out.text(self.name.as_str());
        out.moment(&self.moment);
    }

    fn read(input: &mut Decoder) -> Result<Self, Unreadable> {
        Ok(MarketSnapshot { name: input.name("snapshot", SnapshotName::new)?, moment: input.moment()? })
    }
}

impl Encoder<'_> {
    pub fn moment(&mut self, moment: &Moment) {
        self.known(&moment.known);
        self.date(moment.day);
    }

    pub fn known(&mut self, known: &Snapshot) {
        self.long(known.contracts);
        self.long(known.market_data);
        self.long(known.reference_data);
    }
}

impl Decoder<'_> {
    pub fn moment(&mut self) -> Result<Moment, Unreadable> {
        Ok(Moment { known: self.known()?, day: self.date()? })
    }

    pub fn known(&mut self) -> Result<Snapshot, Unreadable> {
        Ok(Snapshot { contracts: self.long()?, market_data: self.long()?, reference_data: self.long()? })
    }
}
