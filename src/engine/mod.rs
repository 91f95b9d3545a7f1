//! Runs stages exactly once; knows no finance.
