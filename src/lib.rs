//! The IO shell.

pub mod admin;
pub mod telemetry;
