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
    /// The place of the next new number.
    next: u32,
    /// Numbers only get places; another builder seals them.
    seals_nothing: bool,
    /// Saves hashing a number again for each of its rows. Numbers in it wipe themselves when it is dropped.
    places: FxHashMap<Msisdn, NumberRef>,
    base: Option<&'a Vault>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(keys: &'a KeyRing) -> Self {
        let (bindings, tenures, numbers) = (Vec::new(), Vec::new(), Vec::new());
        let (places, base) = (FxHashMap::default(), None);
        Self { keys, bindings, tenures, numbers, next: 0, seals_nothing: false, places, base }
    }

    /// For rows that another builder takes over.
    pub(super) fn that_seals_nothing(keys: &'a KeyRing) -> Self {
        Self { seals_nothing: true, ..Self::new(keys) }
    }

    /// Begins with the numbers of `base` at the places they have there, and no rows.
    pub(super) fn on_top_of(base: &'a Vault, keys: &'a KeyRing) -> Self {
        let mut builder = Self::new(keys);
        builder.numbers = base.rows().2.to_vec();
        builder.next = u32::try_from(builder.numbers.len()).unwrap_or(u32::MAX);
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

    /// Takes over the bindings of a builder that seals nothing. `None` if the vault is full.
    pub(super) fn take_bindings(&mut self, mut other: Self) -> Option<()> {
        let mut places = vec![NumberRef(0); other.places.len()];
        for (number, theirs) in other.places.drain() {
            *places.get_mut(theirs.index()?)? = self.place(number)?;
        }
        for binding in &mut other.bindings {
            *binding = binding.with_number(*places.get(binding.number().index()?)?);
        }
        self.bindings = other.bindings;
        Some(())
    }

    pub(super) fn finish(self) -> Vault {
        drop(self.places);
        Vault::build(self.bindings, self.tenures, self.numbers)
    }

    fn add(&mut self, number: &Msisdn) -> Option<NumberRef> {
        let place = Some(self.next).filter(|place| *place < Binding::NUMBERS)?;
        if !self.seals_nothing {
            self.numbers.push(NumberRow::seal(number, self.keys)?);
        }
        self.next += 1;
        Some(NumberRef(place))
    }
}
