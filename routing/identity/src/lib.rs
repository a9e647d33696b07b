//! veilgate-identity
