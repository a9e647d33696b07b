//! The IO shell.

pub mod telemetry;
