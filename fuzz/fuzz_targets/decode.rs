//! Image files: any bytes give an error or an image within the limits whose values lie in 0..=1.
//!
//! libFuzzer aborts on every panic, also on those of decoders that the library catches.
#![no_main]

use std::path::Path;

use anoseg_image::{Limits, decode};
use libfuzzer_sys::fuzz_target;

// Small, so that a run spends its time on parsing and not on pixels.
const LIMITS: Limits = Limits {
    max_file_bytes: 1 << 20,
    max_pixels: 1 << 20,
    max_side: 4096,
    min_side: 1,
    max_alloc_bytes: 64 << 20,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = decode::load_bytes(bytes, Path::new("input"), &LIMITS) {
        assert!((image.width() * image.height()) as u64 <= LIMITS.max_pixels);
        assert!(image.as_slice().iter().all(|value| (0.0..=1.0).contains(value)));
    }
});
