//! One command per file; the only place where parts are put together.
