//! Rows on their way into a vault, in any order. Numbers are hashed and sealed once each; the table of plain
//! numbers that saves doing it again is wiped at the end.

use rustc_hash::FxHashMap;

use crate::keys::KeyRing;
use crate::subscriber::Msisdn;
use crate::vault::{Binding, NumberRef, NumberRow, TenureRow, Vault, number_hash};

pub(super) struct Builder<'a> {
    pub(super) keys: &'a KeyRing,
    pub(super) bindings: Vec<Binding>,
    pub(super) tenures: Vec<TenureRow>,
    numbers: Vec<NumberRow>,
    places: FxHashMap<u64, NumberRef>,
    base: Option<&'a Vault>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(keys: &'a KeyRing) -> Self {
        let (bindings, tenures, numbers) = (Vec::new(), Vec::new(), Vec::new());
        Self { keys, bindings, tenures, numbers, places: FxHashMap::default(), base: None }
    }

    /// Begins with the numbers of `base` at the places they have there, and no rows.
    pub(super) fn on_top_of(base: &'a Vault, keys: &'a KeyRing) -> Self {
        let mut builder = Self::new(keys);
        builder.numbers = base.rows().2.to_vec();
        builder.base = Some(base);
        builder
    }

    /// The place of a number, new or known. `None` if the vault is full.
    pub(super) fn place(&mut self, number: &Msisdn) -> Option<NumberRef> {
        if let Some(place) = self.places.get(&number.packed()) {
            return Some(*place);
        }
        let known =
            self.base.and_then(|base| base.find_number(&number_hash(number, self.keys.subscriber_key())));
        let place = match known {
            Some(place) => place,
            None => self.add(number)?,
        };
        self.places.insert(number.packed(), place);
        Some(place)
    }

    pub(super) fn finish(mut self) -> Vault {
        let rows = (std::mem::take(&mut self.bindings), std::mem::take(&mut self.tenures));
        let numbers = std::mem::take(&mut self.numbers);
        drop(self);
        Vault::build(rows.0, rows.1, numbers)
    }

    fn add(&mut self, number: &Msisdn) -> Option<NumberRef> {
        let place = u32::try_from(self.numbers.len()).ok().filter(|place| *place < Binding::NUMBERS)?;
        self.numbers.push(NumberRow::seal(number, self.keys)?);
        Some(place)
    }
}

impl Drop for Builder<'_> {
    /// Overwrites the plain numbers as far as the map lets one: every entry's value, then its key's slot is freed.
    fn drop(&mut self) {
        let places = std::mem::take(&mut self.places);
        let mut plain: Vec<u64> = places.into_keys().collect();
        zeroize::Zeroize::zeroize(&mut plain);
    }
}
