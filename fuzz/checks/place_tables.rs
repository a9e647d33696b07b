//! What must hold for any octets in the tables that say where numbers are at home, and in the files these are kept in.

use std::sync::OnceLock;

use veilgate_identity::{KeyRing, Portability, Segments};

fn keys() -> &'static KeyRing {
    static KEYS: OnceLock<KeyRing> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut state = 7_u8;
        let mut entropy = |octets: &mut [u8]| {
            for octet in octets {
                state = state.wrapping_mul(31).wrapping_add(11);
                *octet = state;
            }
        };
        KeyRing::generate(&[1; 32], &mut entropy).unwrap()
    })
}

/// The octets, cut at the first 0xFF, are a segment table and a portability table; all of them are a file of each.
pub(crate) fn check(input: &[u8]) {
    let mut files = input.splitn(2, |octet| *octet == 0xFF);
    let [segments, ported] = [(); 2].map(|()| files.next().unwrap_or_default());
    let mut octets = Vec::new();
    match Segments::read(segments) {
        Err(error) => drop(format!("{error} {error:?}")),
        Ok(table) => {
            table.write_to(&mut octets).unwrap();
            let again = Segments::read_from(octets.as_slice()).unwrap();
            assert_eq!((again.version(), again.len()), (table.version(), table.len()));
        }
    }
    octets.clear();
    match Portability::read(ported, keys()) {
        Err(error) => drop(format!("{error} {error:?}")),
        Ok(table) => {
            table.write_to(&mut octets, keys()).unwrap();
            let again = Portability::read_from(octets.as_slice(), keys()).unwrap();
            assert_eq!((again.version(), again.len()), (table.version(), table.len()));
        }
    }
    assert!(Portability::read_from(input, keys()).is_err(), "nobody makes a MAC by chance");
    let _ = Segments::read_from(input);
}
