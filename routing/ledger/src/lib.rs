//! What was done, for billing and for the auditor: CDR files with a trailer, and the audit chain with signed
//! checkpoints. Bytes and `now` in, bytes out; files, clock and keys are the shell's.

mod audit;
mod beijing;
mod cdr;
mod hash;
mod lines;

pub use audit::anchor::{Anchor, AnchorError, Position};
pub use audit::chain::{Chain, ResumeError, Tail, last_whole_line};
pub use audit::event::{
    Actor, ActorName, AuditEvent, BindMode, CaseId, ConfigPart, ListAct, PlaceTable, RefusedBind, RulesAct,
    SubjectCause,
};
pub use audit::verify::{Broken, BrokenKind, Expectation, Verified, verify};
pub use cdr::file::{CarrierName, CdrBroken, CdrFault, CdrFile, CdrFileError, CdrSummary, verify_cdr};
pub use cdr::{
    Cdr, CdrKind, Charged, Coding, Decided, DeviceIdKind, NetworkName, NetworkText, NodeName, reason_named,
};
pub use hash::Sm3Hash;
