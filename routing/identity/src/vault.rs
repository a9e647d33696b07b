//! The subscriber feed as one immutable snapshot: device indexes to bindings, number hashes to tenures, both
//! sorted. It holds no device ID and no number in the clear; numbers are sealed and opened one at a time.

use std::fmt;

use zeroize::Zeroize;

use crate::cipher::{MacKey, NONCE, Sealer, TAG};
use crate::device::DeviceIndex;
use crate::keys::KeyRing;
use crate::subscriber::Msisdn;

pub(crate) mod disk;
pub(crate) mod fanout;
pub(crate) mod parallel;

pub use disk::VaultError;
use fanout::Fanout;

/// A keyed hash of a number, cut to 16 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NumberHash(pub(crate) [u8; 16]);
/// A keyed hash of a holder, cut to 16 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct HolderHash(pub(crate) [u8; 16]);
/// Where a number stands in the vault's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NumberRef(pub(crate) u32);

/// `[from, to)` in whole seconds since 1970; fractions of the feed are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Interval {
    pub(crate) from: u32,
    /// [`Interval::OPEN`] if still open.
    pub(crate) to: u32,
}

impl Interval {
    pub(crate) const OPEN: u32 = u32::MAX;

    /// The first instant, in milliseconds.
    pub(crate) fn start_ms(self) -> i64 {
        i64::from(self.from) * 1000
    }

    /// The first instant after it, in milliseconds.
    pub(crate) fn end_ms(self) -> i64 {
        if self.to == Self::OPEN { i64::MAX } else { i64::from(self.to) * 1000 }
    }
}

/// A device in the hands of a number for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Binding {
    pub(crate) device: DeviceIndex,
    pub(crate) interval: Interval,
    number_and_primary: u32,
}

impl Binding {
    const PRIMARY: u32 = 1 << 31;
    /// The most numbers a vault can hold.
    pub(crate) const NUMBERS: u32 = Self::PRIMARY - 1;

    pub(crate) fn new(device: DeviceIndex, interval: Interval, number: NumberRef, primary: bool) -> Self {
        let flag = if primary { Self::PRIMARY } else { 0 };
        Self { device, interval, number_and_primary: (number.0 & Self::NUMBERS) | flag }
    }

    pub(crate) fn number(&self) -> NumberRef {
        NumberRef(self.number_and_primary & Self::NUMBERS)
    }

    pub(crate) fn primary(&self) -> bool {
        self.number_and_primary & Self::PRIMARY != 0
    }

    pub(crate) fn with_number(self, number: NumberRef) -> Self {
        Self::new(self.device, self.interval, number, self.primary())
    }
}

/// A number in the hands of a holder for a while. Rows of one holder that follow each other without a gap are
/// one tenure whose network or status changed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TenureRow {
    pub(crate) number: NumberRef,
    pub(crate) interval: Interval,
    pub(crate) holder: HolderHash,
    /// In another carrier's network.
    pub(crate) out: bool,
    pub(crate) suspended: bool,
}

/// A number: its hash, itself sealed, and where its tenures begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberRow {
    pub(crate) hash: NumberHash,
    /// SM4-GCM ciphertext and tag of the packed number. The nonce is the beginning of the number's hash, so no
    /// nonce serves two numbers; the hash is the associated data.
    sealed: [u8; 8 + TAG],
    first_tenure: u32,
}

/// One immutable snapshot of the subscriber feed. Replaced as a whole.
#[derive(Default)]
pub struct Vault {
    bindings: Vec<Binding>,
    tenures: Vec<TenureRow>,
    numbers: Vec<NumberRow>,
    device_fanout: Fanout,
    number_fanout: Fanout,
}

/// How many rows a vault has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VaultCounts {
    /// Bindings of devices to numbers.
    pub bindings: usize,
    /// Tenures of numbers.
    pub tenures: usize,
    /// Distinct numbers.
    pub numbers: usize,
}

impl Vault {
    /// How many rows it has.
    #[must_use]
    pub fn counts(&self) -> VaultCounts {
        VaultCounts {
            bindings: self.bindings.len(),
            tenures: self.tenures.len(),
            numbers: self.numbers.len(),
        }
    }

    /// Orders rows made in any order; `number` in them is a place in `numbers`.
    pub(crate) fn build(
        mut bindings: Vec<Binding>,
        mut tenures: Vec<TenureRow>,
        numbers: Vec<NumberRow>,
    ) -> Self {
        let (numbers, ranks) = in_hash_order(numbers);
        let rank = |number: NumberRef| number.index().and_then(|at| ranks.get(at)).copied().unwrap_or(number);
        bindings.iter_mut().for_each(|binding| *binding = binding.with_number(rank(binding.number())));
        tenures.iter_mut().for_each(|tenure| tenure.number = rank(tenure.number));
        // Stable because that merges runs: changes come behind the rows of a vault, which are in order already.
        bindings.sort();
        bindings.dedup();
        tenures.sort();
        tenures.dedup();
        bindings.shrink_to_fit();
        tenures.shrink_to_fit();
        Self::from_sorted(bindings, tenures, numbers)
    }

    fn from_sorted(bindings: Vec<Binding>, tenures: Vec<TenureRow>, mut numbers: Vec<NumberRow>) -> Self {
        let mut rows = tenures.iter().zip(0_u32..).peekable();
        let mut first = 0;
        for (number, place) in numbers.iter_mut().zip(0_u32..) {
            number.first_tenure = first;
            while let Some((_, at)) = rows.next_if(|(row, _)| row.number.0 <= place) {
                first = at + 1;
            }
        }
        let device_fanout = Fanout::new(bindings.iter().map(|binding| &binding.device.0));
        let number_fanout = Fanout::new(numbers.iter().map(|number| &number.hash.0));
        Self { bindings, tenures, numbers, device_fanout, number_fanout }
    }

    /// Every binding of a device, by beginning.
    pub(crate) fn bindings_of(&self, device: &DeviceIndex) -> &[Binding] {
        let near = self.bindings.get(self.device_fanout.range(&device.0)).unwrap_or_default();
        let start = near.partition_point(|binding| binding.device < *device);
        let rest = near.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|binding| binding.device == *device).count();
        rest.get(..count).unwrap_or_default()
    }

    /// Every tenure row of a number, by beginning.
    pub(crate) fn tenures_of(&self, number: NumberRef) -> &[TenureRow] {
        let first = |number: NumberRef| usize::try_from(self.number(number)?.first_tenure).ok();
        let start = first(number).unwrap_or(self.tenures.len());
        let end = first(NumberRef(number.0.saturating_add(1))).unwrap_or(self.tenures.len());
        self.tenures.get(start..end).unwrap_or_default()
    }

    /// Where a number stands, if the feed knows it.
    pub(crate) fn find_number(&self, hash: &NumberHash) -> Option<NumberRef> {
        let range = self.number_fanout.range(&hash.0);
        let start = range.start;
        let near = self.numbers.get(range)?;
        let at = near.binary_search_by(|row| row.hash.cmp(hash)).ok()?;
        u32::try_from(start + at).ok().map(NumberRef)
    }

    pub(crate) fn number(&self, number: NumberRef) -> Option<&NumberRow> {
        self.numbers.get(number.index()?)
    }

    pub(crate) fn rows(&self) -> (&[Binding], &[TenureRow], &[NumberRow]) {
        (&self.bindings, &self.tenures, &self.numbers)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({:?})", self.counts())
    }
}

impl NumberRef {
    pub(crate) fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok()
    }
}

impl NumberRow {
    /// Hashes and seals a number.
    pub(crate) fn seal(number: &Msisdn, keys: &KeyRing) -> Option<Self> {
        let hash = number_hash(number, keys.subscriber_key());
        let mut packed = number.packed().to_be_bytes();
        let tag = keys.vault_sealer().seal_detached(*hash.0.first_chunk::<NONCE>()?, &hash.0, &mut packed)?;
        let mut sealed = [0; 8 + TAG];
        let (body, rest) = sealed.split_first_chunk_mut::<8>()?;
        *body = packed;
        rest.copy_from_slice(&tag);
        Some(Self { hash, sealed, first_tenure: 0 })
    }

    /// The number, opened.
    pub(crate) fn open(&self, keys: &KeyRing) -> Option<Msisdn> {
        let (body, tag) = self.sealed.split_first_chunk::<8>()?;
        let tag = tag.first_chunk::<TAG>()?;
        let nonce = *self.hash.0.first_chunk::<NONCE>()?;
        let mut packed = *body;
        // A wrong key's tag does not fit, and leaves the octets as they are.
        let mut opens = |sealer: &Sealer| sealer.open_detached(nonce, &self.hash.0, &mut packed, tag).is_ok();
        keys.vault_openers().iter().find(|sealer| opens(sealer))?;
        let number = Msisdn::from_packed(u64::from_be_bytes(packed));
        packed.zeroize();
        number
    }
}

/// The hash under which a number is found.
pub(crate) fn number_hash(number: &Msisdn, key: &MacKey) -> NumberHash {
    NumberHash(key.short(&[b"number", &number.packed().to_be_bytes()]))
}

/// The hash of an opaque holder key of the feed.
pub(crate) fn holder_hash(holder: &[u8], key: &MacKey) -> HolderHash {
    HolderHash(key.short(&[b"holder", holder]))
}

/// The numbers sorted by hash, and for each old place the new one.
fn in_hash_order(numbers: Vec<NumberRow>) -> (Vec<NumberRow>, Vec<NumberRef>) {
    let mut order: Vec<(NumberRow, NumberRef)> = numbers.into_iter().zip((0..).map(NumberRef)).collect();
    order.sort_by_key(|(row, _)| row.hash);
    let mut ranks = vec![NumberRef(0); order.len()];
    for ((_, old), new) in order.iter().zip((0..).map(NumberRef)) {
        if let Some(slot) = old.index().and_then(|old| ranks.get_mut(old)) {
            *slot = new;
        }
    }
    (order.into_iter().map(|(row, _)| row).collect(), ranks)
}

#[cfg(test)]
mod tests;
