//! The vault's rows in LMDB; what ours does with them says `cargo bench -p veilgate-identity --bench scale`.

mod lmdb;

fn main() {
    lmdb::measure(std::env::var("SUBSCRIBERS").map_or(100_000, |text| text.parse().unwrap()));
}
