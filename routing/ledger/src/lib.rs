//! veilgate-ledger
