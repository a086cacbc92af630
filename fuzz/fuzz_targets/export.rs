//! libFuzzer calls [`fuzz::export`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::export(data));
