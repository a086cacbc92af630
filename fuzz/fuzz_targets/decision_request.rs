//! libFuzzer calls [`fuzz::decision_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::decision_request(data));
