//! Where accepted messages, their states, deliveries, slots and authorizations are kept. One trait, several backends,
//! one conformance suite. Nothing here knows what a record means: keys and (sealed) values are octets.

mod batch;
#[cfg(test)]
mod conformance;
mod error;
mod log;
mod memory;
mod sled_store;
mod space;
mod store;

pub use batch::{Batch, Change, Changes, MAX_BATCH, MAX_KEY, MAX_VALUE};
pub use error::{Bound, Damage, Retry, StoreError};
pub use log::{Config as LogConfig, Disk, DiskFile, Folder, LogStore, MAX_LISTED, Recovery, SpaceUsage};
pub use memory::MemoryStore;
pub use sled_store::SledStore;
pub use space::Space;
pub use store::{
    Budget, Durability, Entry, MAX_COMMIT, MAX_KEYS, MAX_PAGE_OCTETS, MAX_PAGE_RECORDS, Maintained, Page,
    Store, Usage,
};
