//! Reading the few parts of a file that its header consists of.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::Fault;

/// Bytes that are read at a place at least, because what follows is often needed next.
const LEAST: u64 = 4 << 10;

/// A longer part is not read by itself.
const MOST: u64 = 1 << 20;

/// A header in more parts is left to a reading of the whole file.
const MOST_PARTS: usize = 64;

/// The bytes of a file, or those parts of them that were read.
#[derive(Clone, Copy)]
pub(super) enum Bytes<'a> {
    Whole(&'a [u8]),
    Parts(&'a Parts),
}

impl<'a> Bytes<'a> {
    /// The length of the file.
    pub(super) fn len(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Parts(parts) => parts.length,
        }
    }

    /// `length` bytes at `at`; `None` where the file has none, or they are not read yet.
    pub(super) fn get(self, at: u64, length: u64) -> Option<&'a [u8]> {
        let within = |bytes: &'a [u8], at: u64| {
            let begin = usize::try_from(at).ok()?;
            bytes.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
        };
        match self {
            Self::Whole(bytes) => within(bytes, at),
            Self::Parts(parts) => {
                let found =
                    parts.read.iter().find_map(|(begin, bytes)| within(bytes, at.checked_sub(*begin)?));
                let in_file = at.checked_add(length).is_some_and(|end| end <= parts.length);
                if found.is_none() && in_file && parts.missing.get().is_none() {
                    parts.missing.set(Some((at, length)));
                }
                found
            }
        }
    }
}

/// Parts of a file.
pub(super) struct Parts {
    /// Of the whole file.
    length: u64,
    /// Place and bytes of each part.
    read: Vec<(u64, Vec<u8>)>,
    /// Place and length of the first bytes that were asked for and not read.
    missing: Cell<Option<(u64, u64)>>,
}

impl Parts {
    /// A file of this length, of which the start was read.
    pub(super) fn new(length: u64, start: Vec<u8>) -> Self {
        Self { length, read: vec![(0, start)], missing: Cell::new(None) }
    }

    /// What `header` gives when it has all the bytes that it asks for; `None` where these are many.
    ///
    /// # Errors
    /// `file` cannot be read.
    pub(super) fn header<T>(
        mut self,
        file: &mut (impl Read + Seek),
        header: impl Fn(Bytes<'_>) -> Result<T, Fault>,
    ) -> io::Result<Option<Result<T, Fault>>> {
        for _ in 0..MOST_PARTS {
            let result = header(Bytes::Parts(&self));
            let Some((at, length)) = self.missing.take() else { return Ok(Some(result)) };
            if length > MOST {
                break;
            }
            let mut part = Vec::new();
            file.seek(SeekFrom::Start(at))?;
            file.take(length.max(LEAST)).read_to_end(&mut part)?;
            if (part.len() as u64) < length {
                break;
            }
            self.read.push((at, part));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Limits;
    use crate::decode::{container, tiff};

    /// Counts what is read.
    struct Counted(Cursor<Vec<u8>>, u64);

    impl Read for Counted {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(to)?;
            self.1 += count as u64;
            Ok(count)
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
            self.0.seek(place)
        }
    }

    /// Width, height and bytes that were read of a file of which `start` bytes are known.
    fn sides(bytes: &[u8], start: usize, header: impl Fn(Bytes<'_>) -> Result<(usize, usize), Fault>) -> u64 {
        let mut file = Counted(Cursor::new(bytes.to_vec()), 0);
        let parts = Parts::new(bytes.len() as u64, bytes[..start].to_vec());
        assert_eq!(parts.header(&mut file, header).unwrap().unwrap().unwrap(), (3000, 200));
        file.1
    }

    /// The size of such files was once found by reading all of them.
    #[test]
    fn a_header_takes_few_bytes() {
        // A TIFF whose directory lies behind its pixels, as libtiff writes.
        let (width, height) = (3000u32, 200u32);
        let end = 8 + width * height;
        let mut tiff = [&b"II*\0"[..], &end.to_le_bytes(), &vec![7; (width * height) as usize]].concat();
        let tags =
            [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (279, width * height)];
        tiff.extend(7u16.to_le_bytes());
        for (tag, value) in tags {
            tiff.extend([&u16::to_le_bytes(tag)[..], &4u16.to_le_bytes()].concat());
            tiff.extend([1u32.to_le_bytes(), u32::to_le_bytes(value)].concat());
        }
        tiff.extend(0u32.to_le_bytes());
        let read = sides(&tiff, 64, |bytes| {
            tiff::header(bytes, &Limits::default()).map(|header| (header.width, header.height))
        });
        assert!(read < 200, "{read} of {}", tiff.len());
        // A WebP with its metadata behind the pixels.
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            [&kind[..], &(content.len() as u32).to_le_bytes(), content].concat()
        };
        let canvas = [&[8, 0, 0, 0][..], &2999u32.to_le_bytes()[..3], &199u32.to_le_bytes()[..3]].concat();
        let chunks =
            [chunk(b"VP8X", &canvas), chunk(b"VP8 ", &vec![1; 300_000]), chunk(b"EXIF", &[0; 40])].concat();
        let webp = [&b"RIFF"[..], &(chunks.len() as u32 + 4).to_le_bytes(), b"WEBP", &chunks].concat();
        let read = sides(&webp, 64, |bytes| {
            container::webp_header(bytes).map(|header| (header.width, header.height))
        });
        assert!(read < 200, "{read} of {}", webp.len());
    }

    /// Reading parts must give what reading the whole file gives.
    #[test]
    fn parts_say_what_the_whole_file_says() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut compared = 0;
        for folder in ["formats", "oriented", "tiff"] {
            for entry in std::fs::read_dir(fixtures.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let limits = Limits::default();
                let webp = bytes.starts_with(b"RIFF");
                if !webp && path.extension().is_none_or(|ending| ending != "tif") {
                    continue;
                }
                let header = |bytes: Bytes<'_>| match webp {
                    true => container::webp_header(bytes),
                    false => tiff::header(bytes, &limits),
                };
                let parts = Parts::new(bytes.len() as u64, bytes[..12].to_vec());
                let found = parts.header(&mut Cursor::new(&bytes), header).unwrap().unwrap();
                let whole = crate::decode::read_header(&bytes, &path, &limits).map(|(_, header)| header);
                let all = |h: crate::decode::Header| (h.width, h.height, h.orientation);
                assert_eq!(found.ok().map(all), whole.ok().map(all), "{}", path.display());
                compared += 1;
            }
        }
        assert!(compared > 20, "{compared}");
    }
}
