//! Limits on the size of images, checked before they are decoded.

use serde::{Deserialize, Serialize};

/// The longest side of any image in pixels, whatever the limits are. It is the maximum of JPEG, so
/// that every image that was read can also be written.
pub const LONGEST_SIDE: usize = 65_535;

/// Bytes per pixel that an image takes at most beside its decoding. While the map is smoothed inside a region
/// of interest there are three maps (12) and a mask (1); labels of regions (4) follow. An aligned image is
/// there as floats in the frame of its part (12), and reduced to its scale (up to 8). Files of results are
/// written row by row.
pub const BYTES_PER_PIXEL: u64 = 20;

/// Limits on one image, checked against its header before memory is allocated for its pixels.
///
/// The defaults allow the images of line-scan cameras and keep a hostile file from exhausting the
/// memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest file, in bytes. Default: 256 MiB.
    pub max_file_bytes: u64,
    /// Most pixels (width x height). Default: 100 million.
    pub max_pixels: u64,
    /// Longest side, in pixels; never more than [`LONGEST_SIDE`]. Default: 32 768.
    pub max_side: usize,
    /// Shortest side, in pixels. Default: 8.
    pub min_side: usize,
    /// Most memory for one image, in bytes: what its decoding takes, from 1 byte per pixel (8-bit grey)
    /// to 15 (JPEG of several scans), and [`BYTES_PER_PIXEL`] for the image and what is made of it.
    /// Default: 2.5 GiB, which is 100 million pixels of 16-bit colour.
    pub max_alloc_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 256 << 20,
            max_pixels: 100_000_000,
            max_side: 32_768,
            min_side: 8,
            max_alloc_bytes: 5 << 29,
        }
    }
}
