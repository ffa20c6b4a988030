//! Detection of files that are cut short.

use super::error::Fault;
use super::sniff::Format;

/// Refuses a file that is shorter than its format says. Some decoders would fill the missing pixels
/// with grey.
pub(super) fn check_complete(format: Format, bytes: &[u8]) -> Result<(), Fault> {
    let complete = match format {
        Format::Png => png_has_end(bytes),
        Format::WebP => riff_is_whole(bytes),
        // The BMP and TIFF decoders report missing pixels; the JPEG module checks completeness
        // itself.
        _ => true,
    };
    if complete { Ok(()) } else { Err(Fault::damaged("it ends too early")) }
}

/// Whether the chunks of a PNG end with a complete IEND chunk (PNG specification, 5.3).
fn png_has_end(bytes: &[u8]) -> bool {
    let mut at = 8usize;
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = at.saturating_add(length).saturating_add(12);
        if &head[4..] == b"IEND" {
            return end <= bytes.len();
        }
        at = end;
    }
    false
}

/// Width and height from the first chunk of a PNG (PNG specification, 11.2.2).
pub(super) fn png_size(bytes: &[u8]) -> Result<(usize, usize), Fault> {
    let size = bytes.get(16..24).ok_or_else(|| Fault::damaged("it ends too early"))?;
    let side = |at: usize| u32::from_be_bytes([size[at], size[at + 1], size[at + 2], size[at + 3]]) as usize;
    Ok((side(0), side(4)))
}

/// Whether a RIFF file is as long as its header says (WebP container specification).
fn riff_is_whole(bytes: &[u8]) -> bool {
    bytes.get(4..8).is_some_and(|size| {
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]);
        bytes.len() as u64 >= u64::from(size) + 8
    })
}
