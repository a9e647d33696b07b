//! Records under keys of 8 octets: identifiers, which go up by one. 64 of them that follow one another share a page, so
//! a record costs 12 octets and a share of its page: 13 octets where all are there, 70 where one of 64 is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::location::Location;

/// Octets of these keys.
pub(super) const ID: usize = 8;
const PAGE_BITS: u32 = 6;

#[derive(Default)]
pub(super) struct Pages(BTreeMap<u64, Page>);

/// The places of those identifiers that are there, in their order.
#[derive(Default)]
struct Page {
    held: u64,
    places: Vec<Location>,
}

impl Pages {
    pub(super) fn find(&self, id: u64) -> Option<&Location> {
        let (number, bit) = split(id);
        let page = self.0.get(&number)?;
        page.places.get(page.rank(bit)?)
    }

    pub(super) fn find_mut(&mut self, id: u64) -> Option<&mut Location> {
        let (number, bit) = split(id);
        let page = self.0.get_mut(&number)?;
        let rank = page.rank(bit)?;
        page.places.get_mut(rank)
    }

    /// Puts a record in the place of an older one, which is given back; what the older one guards against passes on.
    pub(super) fn put(&mut self, id: u64, location: Location) -> Option<Location> {
        let (number, bit) = split(id);
        let page = self.0.entry(number).or_default();
        if let Some(slot) = page.rank(bit).and_then(|rank| page.places.get_mut(rank)) {
            let before = *slot;
            *slot = location.since(before.oldest());
            return Some(before);
        }
        page.places.insert(page.below(bit), location);
        page.held |= bit;
        None
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Location> {
        let (number, bit) = split(id);
        let Entry::Occupied(mut entry) = self.0.entry(number) else { return None };
        let page = entry.get_mut();
        let rank = page.rank(bit)?;
        let before = page.places.remove(rank);
        page.held &= !bit;
        if page.held == 0 {
            entry.remove();
        } else if page.places.len() * 4 <= page.places.capacity() {
            page.places.shrink_to(page.places.len() * 2);
        }
        Some(before)
    }

    /// Records from the identifier `from` on, in their order.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = (u64, Location)> {
        let pages = self.0.range(split(from).0..);
        pages.flat_map(|(number, page)| page.all(*number)).skip_while(move |(id, _)| *id < from)
    }
}

impl Page {
    /// How many are there below this one.
    fn below(&self, bit: u64) -> usize {
        usize::try_from((self.held & (bit - 1)).count_ones()).unwrap_or(0)
    }

    fn rank(&self, bit: u64) -> Option<usize> {
        (self.held & bit != 0).then(|| self.below(bit))
    }

    fn all(&self, number: u64) -> impl Iterator<Item = (u64, Location)> {
        let mut held = self.held;
        self.places.iter().map(move |location| {
            let bit = held.trailing_zeros();
            held &= held.wrapping_sub(1);
            (number << PAGE_BITS | u64::from(bit), *location)
        })
    }
}

/// The number of the page, and the bit on it.
fn split(id: u64) -> (u64, u64) {
    (id >> PAGE_BITS, 1 << (id & ((1 << PAGE_BITS) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::recorder::Chance;

    #[test]
    fn a_page_does_what_a_map_does() {
        let (mut pages, mut map, mut chance) = (Pages::default(), BTreeMap::new(), Chance(1));
        for round in 1..40_000_u32 {
            let id = u64::MAX - u64::try_from(chance.below(300)).unwrap();
            let location = Location::new(round, round, 20);
            match chance.below(2 + usize::from(round > 20_000)) {
                0 => assert_eq!(pages.put(id, location).is_some(), map.insert(id, location).is_some()),
                _ => assert_eq!(pages.remove(id).is_some(), map.remove(&id).is_some()),
            }
            let held = |location: &Location| (location.segment(), location.offset());
            assert_eq!(pages.find(id).map(held), map.get(&id).map(held));
            assert_eq!(pages.find_mut(id).map(|found| held(found)), map.get(&id).map(held));
            if round % 100 == 0 {
                let from = u64::MAX - u64::try_from(chance.below(300)).unwrap();
                assert!(pages.from(from).map(|(id, _)| id).eq(map.range(from..).map(|(id, _)| *id)));
            }
        }
        let room: usize = pages.0.values().map(|page| page.places.capacity()).sum();
        assert!(room <= map.len() * 4 + 4 * pages.0.len(), "{room} for {}", map.len());
    }
}
