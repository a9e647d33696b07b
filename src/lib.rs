//! The IO shell: the only crate with sockets, a clock, logs and files. It drives the sans-IO sessions, carries turns
//! to the store and outcomes back, and builds everything from one configuration.

pub mod admin;
pub mod app;
pub mod clock;
pub mod commit;
pub mod demo;
pub mod files;
pub mod hub;
pub mod keys;
pub mod ledger;
pub mod lists;
pub mod north;
pub mod number_keys;
mod ops;
pub mod places;
pub mod policy;
mod purge;
mod recall;
mod receipts;
pub mod settings;
pub mod south;
pub mod space;
pub mod store_check;
mod store_damages;
mod tcp;
pub mod telemetry;
