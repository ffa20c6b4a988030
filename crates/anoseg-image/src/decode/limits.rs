//! Limits on the size of images, checked before they are decoded.

use serde::{Deserialize, Serialize};

/// The longest side of any image in pixels, whatever the limits are. It is the maximum of JPEG, so
/// that every image that was read can also be written.
pub const LONGEST_SIDE: usize = 65_535;

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
    /// Most memory for decoding one image, in bytes: the samples as stored in the file and their
    /// f32 planes. Default: 2 GiB.
    pub max_alloc_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 256 << 20,
            max_pixels: 100_000_000,
            max_side: 32_768,
            min_side: 8,
            max_alloc_bytes: 2 << 30,
        }
    }
}
