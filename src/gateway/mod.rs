//! The only async code: the admin port with metrics and health.
