//! One end against hand-made PDUs, and both ends joined in memory under virtual time.

mod cases;
mod closing;
mod congestion;
mod joined;
mod peer;
mod table;
