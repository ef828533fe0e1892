//! Types and values in BSATN.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| orrery_fuzz::bsatn::check(input));
