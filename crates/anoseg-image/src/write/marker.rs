//! The marker inside the files that hold results.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The keyword of the marker's text in a PNG; it is one of the predefined ones.
pub(super) const KEYWORD: &str = "Software";

/// The text of the marker: in a PNG the `tEXt` chunk [`KEYWORD`], in a TIFF the tag 305, which has
/// the same name.
pub(super) const MARKER: &str = "anoseg result";

/// The tag `Software` of a TIFF.
pub(super) const SOFTWARE_TAG: u16 = 305;

/// The marker lies within this many bytes.
const HEAD: u64 = 512;

/// Whether a file is an overlay, a mask, an anomaly map or a synthetic image that this library wrote as
/// a result: told by the marker inside, not by the name.
///
/// A file that cannot be read is none. At most 512 bytes are read, of regular files only.
pub fn is_result(path: &Path) -> bool {
    let regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut head = Vec::new();
    let read = regular && File::open(path).is_ok_and(|file| file.take(HEAD).read_to_end(&mut head).is_ok());
    read && (png_software(&head).is_some_and(is_marker) || tiff_software(&head).is_some_and(is_marker))
}

fn is_marker(text: &[u8]) -> bool {
    text.strip_suffix(b"\0").unwrap_or(text) == MARKER.as_bytes()
}

/// The text of the first `tEXt` chunk `Software` of a PNG; chunks are length, name, data, checksum.
fn png_software(head: &[u8]) -> Option<&[u8]> {
    let mut rest = head.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let data = after.get(..length)?;
        if name == b"IDAT" {
            return None;
        }
        let text = data.strip_prefix(KEYWORD.as_bytes()).and_then(|data| data.strip_prefix(b"\0"));
        if let (b"tEXt", Some(text)) = (name, text) {
            return Some(text);
        }
        rest = after.get(length.checked_add(4)?..)?;
    }
}

/// The text of the tag `Software` of a little-endian TIFF whose first directory lies at its start,
/// as [`write_tiff_f32`](super::write_tiff_f32) writes it.
fn tiff_software(head: &[u8]) -> Option<&[u8]> {
    let offset = head.strip_prefix(b"II\x2a\0").and_then(|rest| number(rest, 0))?;
    let entries = head.get(offset..)?;
    let count = usize::from(u16::from_le_bytes(*entries.first_chunk::<2>()?));
    let entry = entries.get(2..)?.chunks_exact(12).take(count).find(|entry| {
        let (tag, kind) = ([entry[0], entry[1]], [entry[2], entry[3]]);
        u16::from_le_bytes(tag) == SOFTWARE_TAG && u16::from_le_bytes(kind) == 2
    })?;
    let (length, at) = (number(entry, 4)?, number(entry, 8)?);
    head.get(at..at.checked_add(length)?)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::write::{
        write_map_png16, write_mask_png, write_png, write_result_mask, write_result_png, write_tiff_f32,
    };
    use crate::{AnomalyMap, Image, Mask};

    #[test]
    fn results_are_told_from_images_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (image, mask) = (Image::filled(9, 8, [0.5; 3]), Mask::filled(9, 8, true));
        write_result_png(&path("a.png"), &image).unwrap();
        write_result_mask(&path("b.png"), &mask).unwrap();
        write_tiff_f32(&path("c.tiff"), &AnomalyMap::filled(9, 8, 0.5)).unwrap();
        write_map_png16(&path("d.png"), &AnomalyMap::filled(9, 8, 0.5)).unwrap();
        for name in ["a.png", "b.png", "c.tiff", "d.png"] {
            assert!(is_result(&path(name)), "{name}");
            std::fs::rename(path(name), path("000.dat")).unwrap();
            assert!(is_result(&path("000.dat")), "{name} by another name");
        }
        write_png(&path("image.png"), &image).unwrap();
        write_mask_png(&path("000_mask.png"), &mask).unwrap();
        std::fs::write(path("empty_map.tiff"), "").unwrap();
        for name in ["image.png", "000_mask.png", "empty_map.tiff", "missing.png", "."] {
            assert!(!is_result(&path(name)), "{name}");
        }
    }

    proptest! {
        /// No bytes make it panic.
        #[test]
        fn any_bytes_are_examined(bytes: Vec<u8>, at in 0usize..200, value: u8) {
            for head in [&b"\x89PNG\r\n\x1a\n"[..], b"II\x2a\0"] {
                let mut file = [head, &bytes].concat();
                if let Some(byte) = file.get_mut(head.len() + at) {
                    *byte = value;
                }
                let _ = (png_software(&file), tiff_software(&file));
            }
        }
    }
}
