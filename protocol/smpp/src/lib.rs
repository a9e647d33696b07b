//! veilgate-smpp

pub mod text;
