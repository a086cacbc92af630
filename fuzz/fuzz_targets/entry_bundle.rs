//! libFuzzer calls [`fuzz::entry_bundle`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::entry_bundle(data));
