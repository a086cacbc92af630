//! libFuzzer calls [`fuzz::views`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::views(data));
