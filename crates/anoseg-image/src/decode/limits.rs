//! What a picture may cost before it is decoded.

use serde::{Deserialize, Serialize};

/// The longest side any picture may have, whatever the limits say: the most that a JPEG can hold, so that
/// every picture that was read can also be written.
pub const LONGEST_SIDE: usize = 65_535;

/// Bounds on one picture, checked from its header before anything is allocated for its pixels.
///
/// The defaults fit line-scan cameras and are small enough that no file makes a program run out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest file, in bytes. Default: 256 MiB.
    pub max_file_bytes: u64,
    /// Most pixels (width x height). Default: 100 million.
    pub max_pixels: u64,
    /// Longest side, in pixels; never more than [`LONGEST_SIDE`]. Default: 32 768.
    pub max_side: usize,
    /// Shortest side, in pixels. Default: 8; anything narrower shows no texture to judge.
    pub min_side: usize,
    /// Most memory that one picture may take while it is decoded, in bytes: the samples as stored in the
    /// file and the f32 planes made of them. Default: 2 GiB.
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
