//! Images and masks.

use std::path::Path;

use anoseg_image::{Decoded, Limits, decode};

use super::scratch;

/// Small, so that a run spends its time on parsing and not on pixels.
pub(super) const LIMITS: Limits = Limits {
    max_file_bytes: 1 << 20,
    max_pixels: 1 << 20,
    max_side: 4096,
    min_side: 1,
    max_alloc_bytes: 64 << 20,
};

pub(super) fn decode(bytes: &[u8]) -> bool {
    let decoded = Decoded::from_bytes(bytes, Path::new("input"), &LIMITS);
    if let Ok(decoded) = &decoded {
        let image = &decoded.image;
        assert!((image.width() * image.height()) as u64 <= LIMITS.max_pixels);
        assert!(image.as_slice().iter().all(|value| value.is_finite()), "a value is not finite");
    }
    decoded.is_ok()
}

pub(super) fn ground_truth(bytes: &[u8]) -> bool {
    let mask = decode::load_mask(&scratch("mask", bytes), &LIMITS);
    if let Ok(mask) = &mask {
        assert!((mask.width() * mask.height()) as u64 <= LIMITS.max_pixels);
    }
    mask.is_ok()
}
