//! veilgate-notary
