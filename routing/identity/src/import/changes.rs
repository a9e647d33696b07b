//! Changes on top of a vault: the last word on each row wins, then both are merged.

use std::io::Read;

use rustc_hash::FxHashMap;

use super::builder::Builder;
use super::rows::Feed;
use super::{FeedFile, ImportError};
use crate::device::DeviceIndex;
use crate::keys::KeyRing;
use crate::vault::{Binding, NumberRef, TenureRow, Vault};

/// What a binding is known by.
#[derive(PartialEq, Eq, Hash)]
struct BindingName {
    device: DeviceIndex,
    number: NumberRef,
    from: u32,
}

/// What a tenure row is known by.
#[derive(PartialEq, Eq, Hash)]
struct TenureName {
    number: NumberRef,
    from: u32,
}

pub(super) fn apply(base: &Vault, changes: impl Read, keys: &KeyRing) -> Result<Vault, ImportError> {
    let mut builder = Builder::on_top_of(base, keys);
    let (mut feed, op, at) = Feed::open_changes(changes)?;
    let mut bindings: FxHashMap<BindingName, Option<Binding>> = FxHashMap::default();
    let mut tenures: FxHashMap<TenureName, Option<TenureRow>> = FxHashMap::default();
    while feed.next_row(7)? {
        let put = !feed.word(op, super::rows::OP, [b"put", b"del"])?;
        match feed.file() {
            FeedFile::Bindings => {
                let row = feed.binding(at, &mut builder)?;
                bindings.insert(binding_name(&row), put.then_some(row));
            }
            FeedFile::Tenures => {
                let row = feed.tenure(at, &mut builder)?;
                tenures.insert(tenure_name(&row), put.then_some(row));
            }
        }
    }
    let (old_bindings, old_tenures, _) = base.rows();
    builder.bindings = Vec::with_capacity(old_bindings.len() + bindings.len());
    builder.bindings.extend(old_bindings.iter().filter(|row| !bindings.contains_key(&binding_name(row))));
    builder.bindings.extend(sorted(bindings));
    builder.tenures = Vec::with_capacity(old_tenures.len() + tenures.len());
    builder.tenures.extend(old_tenures.iter().filter(|row| !tenures.contains_key(&tenure_name(row))));
    builder.tenures.extend(sorted(tenures));
    Ok(builder.finish())
}

/// The rows that were put last, in order.
fn sorted<N, R: Ord>(changed: FxHashMap<N, Option<R>>) -> Vec<R> {
    let mut rows: Vec<R> = changed.into_values().flatten().collect();
    rows.sort_unstable();
    rows
}

fn binding_name(row: &Binding) -> BindingName {
    BindingName { device: row.device, number: row.number(), from: row.interval.from }
}

fn tenure_name(row: &TenureRow) -> TenureName {
    TenureName { number: row.number, from: row.interval.from }
}
