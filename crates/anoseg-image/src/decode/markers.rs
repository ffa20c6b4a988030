//! The segments of a JPEG (ITU-T T.81, B.1 and B.2), as far as the completeness check needs them.

/// The structure of a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segments {
    /// Position of the end-of-image marker in bytes.
    pub(super) end: usize,
    /// Number of scans.
    pub(super) scans: usize,
    /// Whether the coefficients are sequential, not progressive.
    pub(super) sequential: bool,
}

impl Segments {
    /// Walks from segment to segment up to the end-of-image marker; `None` if there is none.
    ///
    /// Searching for the marker would be wrong: an embedded preview has its own end marker.
    pub(super) fn walk(bytes: &[u8]) -> Option<Self> {
        let mut found = Self { end: 0, scans: 0, sequential: false };
        let mut at = 2;
        loop {
            let (marker, place) = next_marker(bytes, at)?;
            let after = place + 2;
            match marker {
                0xD9 => return Some(Self { end: place, ..found }),
                // Restarts and TEM stand alone; a second start of image is left to the decoder.
                0xD0..=0xD8 | 0x01 => at = after,
                _ => {
                    found.scans += usize::from(marker == 0xDA);
                    found.sequential |= matches!(marker, 0xC0 | 0xC1);
                    let length = bytes.get(after..after + 2)?;
                    at = after + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                }
            }
        }
    }
}

/// The next marker at or after `at` and its position, past fill bytes and entropy-coded data.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let tail = bytes.get(at..)?;
    let mut pairs = tail.windows(2).enumerate();
    let (offset, pair) = pairs.find(|(_, pair)| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF))?;
    Some((pair[1], at + offset))
}
