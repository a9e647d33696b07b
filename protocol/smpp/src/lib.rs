//! veilgate-smpp
