//! Where all metrics are counted: one recorder per process, its histograms with the buckets that questions need.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a quick call to a long restore.
const SECONDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0];
/// From a lone record to a full turn.
const RECORDS: [f64; 6] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Counts from now on; an error when this process counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_records".into()), &RECORDS)?
        .install_recorder()?;
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    metrics::gauge!("bookflow_build_info", "version" => env!("CARGO_PKG_VERSION"), "librdkafka" => librdkafka).set(1.0);
    Ok(handle)
}
