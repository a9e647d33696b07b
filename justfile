# `just` lists the recipes; CI runs .ci/run.

default:
    @just --list

# Everything CI checks.
ci:
    bash .ci/run

# The tests of the README.
test:
    cargo test --workspace

# A message's way with everything simulated.
demo:
    cargo run --release -- demo

# Evidence of the boundary: who may touch a number, by which doors, and what can be logged.
audit:
    tests/boundary

# Benchmarks of the parts.
bench:
    cargo bench -p veilgate-smpp -p veilgate-identity -p veilgate-store

# The whole gateway under load, 4 binds, durable, receipts on (benches/README.md).
load *ARGS:
    benches/load {{ARGS}}

# Generator and sink alone, a stateless relay, Kannel and Veilgate side by side, in one go.
compare:
    benches/compare

# 1, 4, 16 and 64 binds in one table.
binds:
    benches/binds

# MINUTES at 80 % of the maximum; fails if anything is lost, slow or grows.
soak MINUTES="30":
    benches/soak {{MINUTES}}

# What a flooding tenant, and peers that never read, cost the others; the SMSC away for five minutes.
pressure:
    benches/fair
    benches/deaf
    benches/away

# kill -9 under load, N times.
kill N="10":
    benches/kill {{N}}

# Real third-party peers.
peers:
    VEILGATE_PEERS=$PWD/target/peers tests/peers/install
    VEILGATE_PEERS=$PWD/target/peers tests/peers/run

# 60 seconds of each fuzz target (needs cargo-fuzz); what it finds on its way is kept in fuzz/target/found.
fuzz SECONDS="60":
    for target in $(ls fuzz/fuzz_targets | sed 's/\.rs$//'); do (cd fuzz && mkdir -p target/found/$target && cargo fuzz run --sanitizer none $target target/found/$target corpus/$target -- -max_total_time={{SECONDS}}) || exit; done
