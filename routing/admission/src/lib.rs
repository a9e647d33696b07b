//! veilgate-admission
