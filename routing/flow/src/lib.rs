//! veilgate-flow
