//! THE boundary: the only place where an encrypted device ID becomes a number. What leaves here is a
//! [`Contact`], which knows its number but shows it only to the write-only sinks of `egress.rs`, and a
//! `SubscriberKey`, which tells nothing without the key. This crate knows no socket, clock, file or log.
//!
//! The number cannot be printed, read or serialised from outside:
//! ```compile_fail,E0277
//! fn print(contact: &veilgate_identity::Contact) -> String { format!("{contact}") }
//! ```
//! ```compile_fail,E0616
//! fn read(contact: &veilgate_identity::Contact) { let _ = &contact.number; }
//! ```
//! ```compile_fail,E0616
//! fn read(known: &veilgate_identity::Known) { let _ = &known.number; }
//! ```
//! ```compile_fail,E0277
//! fn serialise(contact: &veilgate_identity::Contact) { let _ = serde_json::to_string(contact); }
//! ```
//! ```compile_fail,E0277
//! fn serialise(known: &veilgate_identity::Known) { let _ = serde_json::to_string(known); }
//! ```
//! ```compile_fail,E0603
//! use veilgate_identity::subscriber::Msisdn;
//! ```
//! ```compile_fail,E0432
//! use veilgate_identity::Msisdn;
//! ```
//! ```compile_fail,E0277
//! fn borrow(contact: &veilgate_identity::Contact) -> &str { AsRef::<str>::as_ref(contact) }
//! ```
//! ```compile_fail,E0614
//! fn dereference(contact: &veilgate_identity::Contact) { let _ = **contact; }
//! ```
//! Nor can a contact be made outside:
//! ```compile_fail,E0451
//! let _ = veilgate_identity::Contact { number: loop {}, subscriber: loop {}, place: loop {} };
//! ```

#[cfg(test)]
mod carrier;
mod cipher;
mod device;
mod egress;
mod import;
mod ingress;
mod keys;
mod mask;
mod pins;
mod resolve;
mod segments;
mod slots;
mod subscriber;
mod vault;

pub use cipher::{SealError, Sealer};
pub use egress::AddressForm;
pub use import::{
    FeedFile, ImportError, ImportProblem, ListError, ListReader, ListRow, apply_changes, import,
};
pub use ingress::Known;
pub use keys::{
    Class, DataKeyFacts, Draft, EdiKeyFacts, EdiProfile, EdiState, KeyChangeError, KeyError, KeyOctets,
    KeyRing, TokenRoot,
};
pub use mask::Torn;
pub use pins::{PinError, PinRecord, Pins};
pub use resolve::explain::{Explanation, Fact, Opening, Today};
pub use resolve::{Asking, Config, Identity};
pub use segments::{Portability, Segments, StoredTableError, TableError, TableProblem, TableVersion};
pub use slots::{Allocated, SlotError, SlotMatch, SlotRecord, Slots, Swept, Tenancy};
pub use subscriber::Contact;
pub use vault::{Vault, VaultCounts, VaultError};
