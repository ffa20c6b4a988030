//! [`Target::Encoder`] under libFuzzer.
#![no_main]

use anoseg_fuzz::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    Target::Encoder.run(bytes);
});
