//! Where a record lies, in 12 octets: there is one for each live record, and there may be tens of millions.

/// A place in the log. Offsets are below 2 GiB and records below 2 MiB, which the bounds on commits, values and
/// segments see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) struct Location {
    segment: u32,
    low: u32,
    high: u32,
}

const OFFSET_BITS: u32 = 31;
const OCTETS_BITS: u32 = 21;
const AGE_BITS: u32 = 12;
/// Stands for this age and all beyond.
const OLD: u64 = (1 << AGE_BITS) - 1;

impl Location {
    /// A record of so many octets, header included. No older segment holds its key.
    pub(in crate::log) fn new(segment: u32, offset: u32, octets: u32) -> Self {
        let place = field(offset, 0, OFFSET_BITS) | field(octets, OFFSET_BITS, OCTETS_BITS);
        let mut location = Self { segment, low: 0, high: 0 };
        location.set(place);
        location
    }

    pub(in crate::log) fn segment(self) -> u32 {
        self.segment
    }

    pub(in crate::log) fn offset(self) -> u32 {
        self.part(0, OFFSET_BITS)
    }

    /// The whole record, header included.
    pub(in crate::log) fn octets(self) -> u32 {
        self.part(OFFSET_BITS, OCTETS_BITS)
    }

    /// The oldest segment that may hold the key. Told too old rather than too young: beyond 4094 segments it is 0,
    /// which only keeps deletions longer than needed.
    pub(in crate::log) fn oldest(self) -> u32 {
        let age = self.part(OFFSET_BITS + OCTETS_BITS, AGE_BITS);
        if u64::from(age) == OLD { 0 } else { self.segment.saturating_sub(age) }
    }

    /// The same place; segments from `oldest` on may hold the key.
    #[must_use]
    pub(in crate::log) fn since(mut self, oldest: u32) -> Self {
        let age = self.segment.saturating_sub(oldest.min(self.oldest()));
        let age = u64::from(age).min(OLD) << (OFFSET_BITS + OCTETS_BITS);
        self.set(self.place() & !(OLD << (OFFSET_BITS + OCTETS_BITS)) | age);
        self
    }

    fn place(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    fn set(&mut self, place: u64) {
        self.low = u32::try_from(place & u64::from(u32::MAX)).unwrap_or(0);
        self.high = u32::try_from(place >> 32).unwrap_or(0);
    }

    fn part(self, shift: u32, bits: u32) -> u32 {
        u32::try_from(self.place() >> shift & ((1 << bits) - 1)).unwrap_or(0)
    }
}

fn field(value: u32, shift: u32, bits: u32) -> u64 {
    debug_assert!(value >> bits == 0, "beyond the bounds of the log");
    (u64::from(value) & ((1 << bits) - 1)) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_back() {
        assert_eq!(size_of::<Location>(), 12);
        for (segment, offset, octets) in
            [(1, 0, 15), (u32::MAX, (1 << 31) - 1, (1 << 21) - 1), (77, 24, 1 << 20)]
        {
            let location = Location::new(segment, offset, octets);
            assert_eq!((location.segment(), location.offset(), location.octets()), (segment, offset, octets));
            assert_eq!(location.oldest(), segment);
            let inherited = location.since(segment - 1);
            assert_eq!((inherited.offset(), inherited.octets()), (offset, octets));
            assert_eq!((inherited.oldest(), inherited.since(segment)), (segment - 1, inherited));
        }
    }

    #[test]
    fn what_is_too_old_to_tell_is_told_too_old() {
        let location = Location::new(10_000, 24, 15);
        assert_eq!(location.since(10_000 - 4094).oldest(), 10_000 - 4094);
        assert_eq!(location.since(10_000 - 4095).oldest(), 0);
        assert_eq!(location.since(3).since(9999).oldest(), 0);
    }
}
