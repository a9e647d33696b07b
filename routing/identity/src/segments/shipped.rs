//! The table that comes along.

/// As [`super::Segments::write_to`] wrote it; made by `cargo run -p veilgate-identity --example segments`.
pub(super) const TABLE: &[u8] = include_bytes!("../../data/segments.bin");
