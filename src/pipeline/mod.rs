//! Connects: topics, the topology, one file per stage.
