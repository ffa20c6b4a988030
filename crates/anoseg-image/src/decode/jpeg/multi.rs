//! Further images in a JPEG file (MPO, CIPA DC-007): those of stereo cameras, panoramas and series.

use super::segments::{Frame, Segments};

/// Tag of the entries of all images in the index (DC-007, 5.2.3).
const ENTRIES: u64 = 0xB002;

/// Bytes of an entry: attributes, size, place, two numbers of dependent images.
const ENTRY_BYTES: usize = 16;

/// Entries of a larger index are not counted.
const MOST_IMAGES: usize = 65_536;

/// Full-size images beside the first. `header` is where the header of the index begins, from which
/// the places of the images are counted.
///
/// Large thumbnails and gain maps are copies of the first image, not images of their own. An image of
/// undefined type counts if it has the size of the first, because phones declare gain maps and depth
/// maps so.
pub(super) fn further_images(bytes: &[u8], header: usize, first: &Frame) -> usize {
    let Some(entries) = entries(&bytes[header.min(bytes.len())..]) else { return 0 };
    let is_further = |&(kind, offset): &(u32, usize)| {
        let image = header.checked_add(offset).and_then(|at| bytes.get(at..));
        // An editor may have removed or moved the images and kept their index.
        let Some(image) = image.filter(|image| offset > 0 && image.starts_with(b"\xFF\xD8")) else {
            return false;
        };
        match kind {
            // Panorama, disparity, multi-angle, baseline.
            0x02_0001..=0x02_0003 | 0x03_0000 => true,
            0x01_0000..=0x01_FFFF => false,
            _ => has_size(image, first) && !is_gain_map(image),
        }
    };
    entries.iter().filter(|entry| is_further(entry)).count()
}

/// Type and place of each image, the latter 0 for the first.
fn entries(index: &[u8]) -> Option<Vec<(u32, usize)>> {
    let little = index.starts_with(b"II");
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = index.get(at..at.checked_add(size)?)?;
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let directory = number(4, 4)? as usize;
    let count = number(directory, 2)? as usize;
    let fields = (0..count).map(|i| directory.saturating_add(2 + 12 * i));
    let field = fields.into_iter().find(|&at| number(at, 2) == Some(ENTRIES))?;
    let (length, begin) = (number(field + 4, 4)? as usize, number(field + 8, 4)? as usize);
    let places = (0..(length / ENTRY_BYTES).min(MOST_IMAGES)).map(|i| begin.saturating_add(ENTRY_BYTES * i));
    places.map(|at| Some(((number(at, 4)? & 0xFF_FFFF) as u32, number(at + 8, 4)? as usize))).collect()
}

fn has_size(image: &[u8], first: &Frame) -> bool {
    let mut segments = Segments::new(image);
    let frame = segments.next_scan().ok().and(segments.frame);
    frame.is_some_and(|frame| (frame.width, frame.height) == (first.width, first.height))
}

/// Whether an image says before its pixels that it holds the gain of the first for brighter screens
/// (Ultra HDR, ISO 21496-1, Apple).
fn is_gain_map(image: &[u8]) -> bool {
    let mut segments = Segments::new(image);
    let pixels = segments.next_scan().map_or(image.len(), |_| segments.at);
    let names: [&[u8]; 3] = [b"hdrgm:", b"urn:iso:std:iso:ts:21496", b"hdrgainmap"];
    let head = &image[..pixels.min(image.len())];
    names.iter().any(|name| head.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name)))
}
