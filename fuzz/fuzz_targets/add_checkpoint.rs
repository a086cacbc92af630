//! libFuzzer calls [`fuzz::add_checkpoint`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::add_checkpoint(data));
