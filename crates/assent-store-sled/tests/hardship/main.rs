//! Hardship: a ledger on the real store is killed, cut off from its disk, filled up, damaged bit by bit and rewritten under load.
//! Each time it must open again with everything that was answered, or name what is wrong; never panic, never show other content.
//!
//! Short by default. `ASSENT_TEST_HARDSHIP=20` does twenty times as much; what is done is printed. Power cuts are in `power`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic, and so may what they share; they say how much they did"
)]

#[path = "../../../assent-ledger/tests/common/mod.rs"]
mod common;
mod flips;
mod frozen;
mod full;
mod gone;
mod kills;
mod life;
mod model;
mod one_append;
mod reclaims;
