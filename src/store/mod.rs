//! The StateStore port on the local disk.
