//! libFuzzer calls [`fuzz::tile_hashes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::tile_hashes(data));
