//! What it costs to load the segment table and to look a segment up. `cargo bench -p veilgate-identity --bench segments`.

#![expect(clippy::unwrap_used, reason = "only tests run this")]

use divan::{Bencher, black_box};
use veilgate_identity::Segments;

fn main() {
    divan::main();
}

#[divan::bench]
fn load_shipped() -> Segments {
    Segments::shipped().unwrap()
}

#[divan::bench]
fn find(bencher: Bencher<'_, '_>) {
    let segments = Segments::shipped().unwrap();
    let mut state = 1_u32;
    bencher.bench_local(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        segments.find(black_box(1_300_000 + (state >> 8) % 700_000))
    });
}
