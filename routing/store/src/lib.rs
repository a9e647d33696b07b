//! veilgate-store
