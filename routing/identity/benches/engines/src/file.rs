//! What a vault too large for memory would cost: the three reads of a look-up from a file of the vault's size, by
//! offset, without mapping it. Only the places of the rows would stay in memory, half an octet a row.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use super::{ASKED, Watch};

/// A bucket of bindings, the tenures and the number of one subscriber, in octets.
const READS: [usize; 3] = [16 * 28, 2 * 29, 40];

pub(crate) fn measure(subscribers: u32) {
    let mut file: File = tempfile::tempfile().unwrap();
    let size = u64::from(subscribers) * 125;
    let block = vec![7; 1 << 20];
    for _ in 0..size >> 20 {
        file.write_all(&block).unwrap();
    }
    let size = size >> 20 << 20;
    let mut buffer = [0; 512];
    let mut place = 1_u64;
    let mut look_up = || {
        for octets in READS {
            place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (place >> 16) % (size - 512);
            file.read_exact_at(&mut buffer[..octets], at).unwrap();
        }
    };
    let watch = Watch::start();
    (0..ASKED).for_each(|_| look_up());
    watch.say("file: look-ups alone, three reads by offset, warm page cache", f64::from(ASKED));
}
