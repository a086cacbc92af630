//! libFuzzer calls [`fuzz::choice_cookie`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::choice_cookie(data));
