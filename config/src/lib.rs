//! veilgate-config
