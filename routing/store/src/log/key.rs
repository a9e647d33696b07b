//! A key as the index holds it: 24 octets, without an allocation up to 22 octets of key.

use std::borrow::Borrow;
use std::cmp::Ordering;

#[derive(Clone)]
pub(super) enum Key {
    Short { octets: u8, key: [u8; SHORT] },
    Long(Box<[u8]>),
}

const SHORT: usize = 22;

impl Key {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match (short.get_mut(..key.len()), u8::try_from(key.len())) {
            (Some(room), Ok(octets)) => {
                room.copy_from_slice(key);
                Self::Short { octets, key: short }
            }
            _ => Self::Long(key.into()),
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { octets, key } => key.get(..usize::from(*octets)).unwrap_or_default(),
            Self::Long(key) => key,
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn order_and_content_are_those_of_the_slice() {
        let mut slices: Vec<Vec<u8>> = (0..64).map(|n| vec![b'k'; n]).collect();
        slices.extend([vec![0, 1], vec![b'k', 0], vec![255; 23]]);
        let mut keys: Vec<Key> = slices.iter().map(|slice| Key::new(slice)).collect();
        slices.sort();
        keys.sort();
        assert!(keys.iter().map(Key::as_slice).eq(slices.iter().map(Vec::as_slice)));
        assert_eq!(size_of::<Key>(), 24);
    }
}
