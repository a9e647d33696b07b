//! The rules a carrier enforces, on one engine for short messages and calls: objects that staff manage, compiled into a
//! policy that is swapped whole, and what has to be counted while it runs. It decides in memory with the time it is
//! given; it knows no number, no socket, no clock and no file. Consent and accounts are admission's.

mod balances;
mod catalogue;
mod concurrency;
mod contacts;
mod content;
mod decision;
mod engine;
mod form;
mod lines;
mod lists;
mod mistake;
mod numbers;
mod objects;
mod policy;
mod question;
mod quotas;
mod rates;
mod rating;
mod record;
mod regions;
mod scope;
mod sets;
mod tenants;
mod windows;

pub use balances::{Balance, Balances, Folded, Settled, Standing, TopUp, TopUpRefused, Topped};
pub use catalogue::{
    Catalogue, Change, Difference, Digest, Effect, Entry, Expected, HISTORY, Import, LineMistake, LoadError,
    Loader, MAX_CHANGE_OCTETS, MAX_MISTAKES, MAX_OBJECT_OCTETS, MAX_OBJECTS, MAX_REMOVED, Plan, Refused,
    Revision, Write,
};
pub use concurrency::{Busy, CallScope, Concurrency, MAX_CALLS};
pub use contacts::{
    AppliesTo, Contact, ContactRecord, ContactWindow, Contacts, DamagedContact, Exceeded, FrequencyLimit,
    LimitedService, Limits, MAX_STAMPS, Per, Period, Swept, TextMark, Within,
};
pub use content::{
    ApprovalState, Consequence, Content, Finding, Judged, Position, Signature, Template, Variable,
    VariableKind, WordAction, WordList, folded,
};
pub use decision::{Charge, Decision, Rule, Ruling, Stage, Verdict};
pub use engine::{Engine, Permit, Refusal, Screened, State, Taken};
pub use lines::{Line, LineKind, LineRules, LineState, Lines};
pub use lists::{
    EntriesError, EntryEnd, EntrySet, HeldList, ImportCounts, ImportMode, ListChange, ListImport, ListKind,
    ListLevel, ListQuestion, ListRows, ListRules, Listed, Lists, PersonList, TooManyEntries,
};
pub use mistake::Mistake;
pub use numbers::{
    Allotted, Direction, Directions, Number, NumberKind, NumberState, Numbers, ServiceDirections,
};
pub use objects::{Kind, Managed, Object, Objects, Table};
pub use policy::Policy;
pub use question::{Occasion, Person, Question};
pub use quotas::{QuotaLimits, Quotas};
pub use rates::{Limit, RateLimits, Rates, RatesTaken, SignatureRates};
pub use rating::{
    BillOn, Billing, MAX_PRICE, Payer, Plans, PricePlan, Prices, Refund, Step, Tier, VoicePrices,
};
pub use record::{BadRecord, Record};
pub use regions::{RegionRule, Regions, Spot};
pub use scope::Scope;
pub use sets::{Categories, Services};
pub use tenants::{
    Chain, Effective, Level, MAX_MILLIS, MAX_RATE, MAX_WEIGHT, Payment, Requirement, Tenant, TenantIndex,
    TenantState, Tree,
};
pub use windows::{Calendar, DayKind, Hours, Outside, Region, Span, SpanError, WhenOutside, Window, Windows};
