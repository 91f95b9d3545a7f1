//! One function per happening, writing both log and metric. Metric names are those of the operations guide.
