//! What the partitions of `book` keep of jobs by reference, against what was asked of them and the results that they have told.

use std::collections::BTreeMap;

use super::commits;
use super::report::{Damage, Report};
use super::snapshot::Snapshot;
use crate::cli::failure::Failure;
use crate::domain::jobs::share::Share;
use crate::domain::trade::captured::Place;
use crate::engine::broker::{Broker, TopicPartition};
use crate::messages::calculation_request::CalculationRequest;
use crate::messages::schemas::Schemas;
use crate::pipeline::topics::{CALCULATION_REQUESTS, RECALCULATION_SHARES, RECALCULATIONS, TRADES};

/// By the record that asked for it, of tasks that stand still: others may have told results since. A share and its request come and go together; one
/// that is not kept was forgotten some time after its end, or its job was known already when it was asked for.
#[derive(Default)]
pub struct Shares {
    kept: BTreeMap<Place, Kept>,
}

#[derive(Default, PartialEq)]
struct Kept {
    request: Option<CalculationRequest>,
    /// How many the share says it has told.
    results: Option<u32>,
}

impl Shares {
    pub fn read(
        broker: &dyn Broker,
        schemas: &Schemas,
        snapshot: &Snapshot,
        report: &mut Report,
    ) -> Result<Shares, Failure> {
        let mut shares = Shares::default();
        for lead in snapshot.partitions(TRADES).filter(|lead| snapshot.stand(*lead).still) {
            for topic in [RECALCULATIONS, RECALCULATION_SHARES] {
                let state = TopicPartition { topic, ..lead };
                for (key, value) in commits::latest(broker, snapshot, snapshot.stand(lead), state)? {
                    if let Err(problem) = shares.keep(schemas, topic, &value) {
                        let key = String::from_utf8_lossy(&key);
                        report.differs(Damage::Torn, state, key, "a job by reference", problem);
                    }
                }
            }
        }
        Ok(shares)
    }

    fn keep(&mut self, schemas: &Schemas, topic: &str, value: &[u8]) -> Result<(), String> {
        if topic == RECALCULATION_SHARES {
            let (place, share) = schemas.decode::<Share>(value).map_err(|error| error.to_string())?;
            self.kept.entry(place).or_default().results = Some(share.results);
        } else {
            let (place, request) = schemas.decode::<CalculationRequest>(value).map_err(|error| error.to_string())?;
            self.kept.entry(place.ok_or("no cause")?).or_default().request = Some(request);
        }
        Ok(())
    }

    /// Holds what is kept of a request against it; none where the record is no request.
    pub fn compare(&mut self, place: Place, request: Option<&CalculationRequest>, results: usize, report: &mut Report) {
        let Some(kept) = self.kept.remove(&place) else { return };
        let expected = Kept { request: request.cloned(), results: Some(results as u32) };
        if kept != expected {
            differs(place, format!("as it was asked for: {}", expected.shown()), &kept, report);
        }
    }

    /// What no request accounts for.
    pub fn finish(self, report: &mut Report) {
        self.kept.iter().for_each(|(place, kept)| differs(*place, "nothing".to_owned(), kept, report));
    }
}

impl Kept {
    fn shown(&self) -> String {
        let job = self.request.as_ref().map_or("no request", |request| request.job.as_str());
        self.results.map_or_else(|| format!("{job}, no share"), |results| format!("{job}, {results} results"))
    }
}

fn differs(place: Place, expected: String, kept: &Kept, report: &mut Report) {
    let Place { partition, offset, .. } = place;
    let asked = format!("{CALCULATION_REQUESTS}-{partition}@{offset}");
    report.differs(Damage::Torn, format!("{RECALCULATION_SHARES}-{partition}"), asked, expected, kept.shown());
}
