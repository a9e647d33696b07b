//! The bulk of a list: sorted keys in one array, when they end in a column of its own, and in front of both a table of
//! buckets that says where a key would stand and, 97 times of 100, that it does not. So whoever is on no list costs one
//! access to memory a list, and an entry 9.5 octets, with an end 11.5. A filter over all lists would need one access in all, an
//! octet more an entry, and to be made anew with each import.

/// Keys in a bucket, on average.
const BUCKET: usize = 8;

/// Immutable.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    keys: Vec<u64>,
    ends: Option<Ends>,
    buckets: Vec<Bucket>,
}

/// When entries end, in whole hours: 0 is never, otherwise hours after `base`.
#[derive(Debug, Default)]
struct Ends {
    base: u32,
    hours: Vec<u16>,
}

/// Keys that begin alike: where the first stands, and four marks for each of them among 64.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    marks: [u32; 2],
    first: u32,
}

/// When an entry ends: the first hour since 1970 in which it does not count any more. 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hour(pub(super) u32);

impl Hour {
    pub(super) const NEVER: Self = Self(0);

    /// Whether it has come.
    pub(super) fn is_over(self, now: u32) -> bool {
        self != Self::NEVER && self.0 <= now
    }

    /// The later of two.
    pub(super) fn later(self, other: Self) -> Self {
        if self == Self::NEVER || other == Self::NEVER { Self::NEVER } else { Self(self.0.max(other.0)) }
    }

    /// As hours after `base`; more than seven years after it is never.
    pub(super) fn after(self, base: u32) -> u16 {
        if self == Self::NEVER { 0 } else { u16::try_from(self.0.saturating_sub(base).max(1)).unwrap_or(0) }
    }

    /// Reads [`Self::after`].
    pub(super) fn from_after(base: u32, hours: u16) -> Self {
        if hours == 0 { Self::NEVER } else { Self(base.saturating_add(hours.into())) }
    }
}

impl Sorted {
    /// From rising keys. `base` is the hour now; `expected` is how many keys there will be, about.
    pub(super) fn build(rows: impl Iterator<Item = (u64, Hour)>, expected: usize, base: u32) -> Self {
        let mut keys = Vec::with_capacity(expected);
        let mut hours: Option<Vec<u16>> = None;
        for (key, end) in rows {
            let after = end.after(base);
            if after != 0 && hours.is_none() {
                hours = Some(vec![0; keys.len()]);
            }
            if let Some(hours) = &mut hours {
                hours.push(after);
            }
            keys.push(key);
        }
        Self::from_columns(keys, hours, base)
    }

    /// From columns of the same length, the keys rising.
    pub(super) fn from_columns(mut keys: Vec<u64>, hours: Option<Vec<u16>>, base: u32) -> Self {
        keys.shrink_to_fit();
        let ends = hours.map(|mut hours| {
            hours.shrink_to_fit();
            Ends { base, hours }
        });
        let buckets = buckets(&keys);
        Self { keys, ends, buckets }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Octets of memory.
    pub(super) fn octets(&self) -> usize {
        let ends = self.ends.as_ref().map_or(0, |ends| ends.hours.capacity() * size_of::<u16>());
        self.keys.capacity() * size_of::<u64>() + self.buckets.capacity() * size_of::<Bucket>() + ends
    }

    /// When the entry of a key ends, if there is one.
    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<Hour> {
        let place = place(key, self.buckets.len());
        let bucket = self.buckets.get(place)?;
        if !bucket.may_have(key) {
            return None;
        }
        self.look(place, bucket, key)
    }

    /// All entries, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Hour)> {
        self.keys.iter().enumerate().map(|(at, key)| (*key, self.end(at)))
    }

    /// How many of the entries from `from` on, at most `most`, are over.
    pub(super) fn over(&self, from: usize, most: usize, now: u32) -> usize {
        let Some(ends) = &self.ends else { return 0 };
        let hours = ends.hours.iter().skip(from).take(most);
        hours.filter(|hours| Hour::from_after(ends.base, **hours).is_over(now)).count()
    }

    /// The keys; when they end, as hours after the base; the base.
    pub(super) fn columns(&self) -> (&[u64], Option<&[u16]>, u32) {
        let base = self.ends.as_ref().map_or(0, |ends| ends.base);
        (&self.keys, self.ends.as_ref().map(|ends| ends.hours.as_slice()), base)
    }

    fn look(&self, place: usize, bucket: &Bucket, key: u64) -> Option<Hour> {
        let index = |first: u32| usize::try_from(first).unwrap_or(usize::MAX);
        let first = index(bucket.first);
        let end = self.buckets.get(place + 1).map_or(self.keys.len(), |next| index(next.first));
        let at = first + self.keys.get(first..end)?.binary_search(&key).ok()?;
        Some(self.end(at))
    }

    fn end(&self, at: usize) -> Hour {
        let end = |ends: &Ends| Some(Hour::from_after(ends.base, *ends.hours.get(at)?));
        self.ends.as_ref().and_then(end).unwrap_or(Hour::NEVER)
    }
}

impl Bucket {
    #[inline]
    fn may_have(&self, key: u64) -> bool {
        let wanted = marks(key);
        self.marks[0] & wanted[0] == wanted[0] && self.marks[1] & wanted[1] == wanted[1]
    }
}

/// The bucket of a key. Keys are hashes, so buckets are about equal; if they are not, it only takes longer.
#[inline]
fn place(key: u64, buckets: usize) -> usize {
    let wide = u128::from(key) * (buckets as u128);
    usize::try_from(wide >> 64).unwrap_or(0)
}

/// Two bits in each half, by the low bits of the key, which the place hardly depends on.
#[inline]
fn marks(key: u64) -> [u32; 2] {
    let bit = |shift: u32| 1_u32 << (key >> shift & 31);
    [bit(0) | bit(5), bit(10) | bit(15)]
}

fn buckets(keys: &[u64]) -> Vec<Bucket> {
    let count = keys.len().div_ceil(BUCKET);
    let mut buckets = vec![Bucket::default(); count];
    let mut next = 0;
    for (key, at) in keys.iter().zip(0_u32..) {
        let place = place(*key, count);
        // Buckets without a key begin where the next one does.
        for bucket in buckets.iter_mut().take(place + 1).skip(next) {
            bucket.first = at;
        }
        next = next.max(place + 1);
        if let Some(bucket) = buckets.get_mut(place) {
            let wanted = marks(*key);
            bucket.marks[0] |= wanted[0];
            bucket.marks[1] |= wanted[1];
        }
    }
    let end = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    buckets.iter_mut().skip(next).for_each(|bucket| bucket.first = end);
    buckets
}
