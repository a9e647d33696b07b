//! Rows on their way into a vault, in any order. Each number is hashed and sealed once.

use rustc_hash::FxHashMap;

use crate::keys::KeyRing;
use crate::subscriber::Msisdn;
use crate::vault::{Binding, NumberRef, NumberRow, TenureRow, Vault, number_hash};

pub(super) struct Builder<'a> {
    pub(super) keys: &'a KeyRing,
    pub(super) bindings: Vec<Binding>,
    pub(super) tenures: Vec<TenureRow>,
    numbers: Vec<NumberRow>,
    /// Saves hashing a number again for each of its rows. Numbers in it wipe themselves when it is dropped.
    places: FxHashMap<Msisdn, NumberRef>,
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
    pub(super) fn place(&mut self, number: Msisdn) -> Option<NumberRef> {
        if let Some(place) = self.places.get(&number) {
            return Some(*place);
        }
        let hash = |number| number_hash(number, self.keys.subscriber_key());
        let place = match self.base.and_then(|base| base.find_number(&hash(&number))) {
            Some(place) => place,
            None => self.add(&number)?,
        };
        self.places.insert(number, place);
        Some(place)
    }

    pub(super) fn finish(self) -> Vault {
        drop(self.places);
        Vault::build(self.bindings, self.tenures, self.numbers)
    }

    fn add(&mut self, number: &Msisdn) -> Option<NumberRef> {
        let place = u32::try_from(self.numbers.len()).ok().filter(|place| *place < Binding::NUMBERS)?;
        self.numbers.push(NumberRow::seal(number, self.keys)?);
        Some(NumberRef(place))
    }
}
