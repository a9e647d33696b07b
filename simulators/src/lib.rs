//! veilgate-simulators
