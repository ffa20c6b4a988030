//! The directories of a TIFF (TIFF 6.0, section 2; BigTIFF by libtiff's specification).

use std::collections::{HashSet, VecDeque};

use super::super::error::Fault;
use super::super::parts::Bytes;

/// Tags that are looked at, by their numbers.
pub(super) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const SUBFILE_TYPE: u16 = 255;
    pub(crate) const WIDTH: u16 = 256;
    pub(crate) const HEIGHT: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const IMAGE_DESCRIPTION: u16 = 270;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const ORIENTATION: u16 = 274;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(crate) const PLANAR_CONFIGURATION: u16 = 284;
    pub(crate) const T4_OPTIONS: u16 = 292;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const COLOR_MAP: u16 = 320;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_LENGTH: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 325;
    pub(crate) const SUB_IFDS: u16 = 330;
    pub(crate) const INK_SET: u16 = 332;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const JPEG_TABLES: u16 = 347;
    pub(crate) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(crate) const IMAGE_DEPTH: u16 = 32_997;
    pub(crate) const DNG_VERSION: u16 = 50_706;
}

/// More pages than this are not counted.
const MOST_PAGES: usize = 65_536;

/// The bytes of a TIFF and how its numbers are stored.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    bytes: Bytes<'a>,
    pub(super) little: bool,
    big: bool,
}

impl<'a> File<'a> {
    /// Reads the header; gives the place of the first directory as well.
    pub(super) fn open(bytes: Bytes<'a>) -> Result<(Self, u64), Fault> {
        let little = bytes.get(0, 2) == Some(b"II");
        let mut file = Self { bytes, little, big: false };
        file.big = file.number(2, 2)? == 43;
        let first = if file.big { file.number(8, 8)? } else { file.number(4, 4)? };
        Ok((file, first))
    }

    fn at(&self, at: u64, length: u64) -> Option<&'a [u8]> {
        self.bytes.get(at, length)
    }

    /// The unsigned number of `size` bytes at `at`.
    fn number(&self, at: u64, size: u64) -> Result<u64, Fault> {
        self.at(at, size).map(|bytes| self.value(bytes)).ok_or_else(|| Fault::damaged("it ends too early"))
    }

    fn value(&self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    }

    /// Reads the directory at `at`; gives the place of the next one as well, 0 for none.
    fn directory(&self, at: u64) -> Result<(Directory<'a>, u64), Fault> {
        let (count_size, entry_size, place_size) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.number(at, count_size)?;
        let begin = at.saturating_add(count_size);
        let cut = || Fault::damaged("it ends too early");
        let length = count.checked_mul(entry_size).ok_or_else(cut)?;
        let entries = self.at(begin, length).ok_or_else(cut)?;
        // Values that lie outside the file are an error only where they are needed.
        let entries = entries.chunks_exact(entry_size as usize);
        let entries = entries.map(|entry| (self.value(&entry[..2]) as u16, entry)).collect();
        let directory = Directory { file: *self, entries };
        // Some writers leave out the place of the next directory behind the last.
        let next = self.number(begin.saturating_add(length), place_size as u64).unwrap_or(0);
        Ok((directory, next))
    }

    /// The values of an entry; `None` where they are of an unknown type or lie outside the file.
    fn values(&self, entry: &'a [u8]) -> Option<Values<'a>> {
        let place_size = if self.big { 8 } else { 4 };
        let kind = self.value(&entry[2..4]) as u16;
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => return None,
        };
        let (count, field) = entry[4..].split_at(place_size);
        let length = self.value(count).checked_mul(size)?;
        let bytes = match field.get(..usize::try_from(length).ok()?) {
            Some(bytes) => bytes,
            None => self.at(self.value(field), length)?,
        };
        Some(Values { kind, size: size as usize, bytes })
    }

    /// The directories of all pages, those that they contain behind those of the chain.
    pub(super) fn pages(&self, first: u64) -> Result<Vec<Page<'a>>, Fault> {
        let (mut pages, mut seen) = (Vec::new(), HashSet::new());
        // Each entry takes 12 bytes or more. A damaged file may have directories that overlap, and with them
        // far more entries in all than that; the pages behind are then left out.
        let mut entries_left = self.bytes.len() / 12;
        let mut next_place = first;
        while next_place != 0 && pages.len() < MOST_PAGES && entries_left > 0 && seen.insert(next_place) {
            match self.directory(next_place) {
                Ok((directory, next)) => {
                    entries_left = entries_left.saturating_sub(directory.entries.len() as u64);
                    pages.push(Page { directory, contained: false });
                    next_place = next;
                }
                // What is behind the first page does not make that unreadable.
                Err(_) if !pages.is_empty() => break,
                Err(fault) => return Err(fault),
            }
        }
        let contained = |page: &Directory| page.numbers(tag::SUB_IFDS).unwrap_or_default();
        // Each may contain others, and lead to a next one.
        let mut waiting: VecDeque<u64> = pages.iter().flat_map(|page| contained(&page.directory)).collect();
        while pages.len() < MOST_PAGES
            && entries_left > 0
            && let Some(place) = waiting.pop_front()
        {
            if place != 0
                && seen.insert(place)
                && let Ok((directory, next)) = self.directory(place)
            {
                entries_left = entries_left.saturating_sub(directory.entries.len() as u64);
                waiting.push_front(next);
                waiting.extend(contained(&directory));
                pages.push(Page { directory, contained: true });
            }
        }
        Ok(pages)
    }
}

/// A directory that may describe an image.
pub(super) struct Page<'a> {
    pub(super) directory: Directory<'a>,
    /// Whether another directory refers to it.
    pub(super) contained: bool,
}

/// The values of one entry of a directory.
#[derive(Clone, Copy)]
struct Values<'a> {
    kind: u16,
    size: usize,
    bytes: &'a [u8],
}

/// One directory: what its tags say.
pub(super) struct Directory<'a> {
    pub(super) file: File<'a>,
    /// Each with its tag.
    entries: Vec<(u16, &'a [u8])>,
}

impl<'a> Directory<'a> {
    fn values(&self, wanted: u16) -> Result<Option<Values<'a>>, Fault> {
        match self.entries.iter().find(|(tag, _)| *tag == wanted) {
            None => Ok(None),
            Some((_, entry)) => match self.file.values(entry) {
                Some(values) if !values.bytes.is_empty() => Ok(Some(values)),
                _ => Err(Fault::Damaged(format!("the value of its TIFF tag {wanted} is missing"), None)),
            },
        }
    }

    pub(super) fn has(&self, wanted: u16) -> bool {
        self.entries.iter().any(|(tag, _)| *tag == wanted)
    }

    /// All values of a tag of unsigned integers; none where it is absent.
    pub(super) fn numbers(&self, wanted: u16) -> Result<Vec<u64>, Fault> {
        let Some(values) = self.values(wanted)? else { return Ok(Vec::new()) };
        if !matches!(values.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18) {
            return Err(Fault::Damaged(format!("its TIFF tag {wanted} has values of a wrong type"), None));
        }
        Ok(values.bytes.chunks_exact(values.size).map(|bytes| self.file.value(bytes)).collect())
    }

    /// The first value of a tag of unsigned integers.
    pub(super) fn number(&self, wanted: u16) -> Result<Option<u64>, Fault> {
        let Some(mut values) = self.values(wanted)? else { return Ok(None) };
        values.bytes = &values.bytes[..values.size.min(values.bytes.len())];
        let known = matches!(values.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18);
        if known { Ok(Some(self.file.value(values.bytes))) } else { self.numbers(wanted).map(|_| None) }
    }

    /// The bytes of a tag.
    pub(super) fn bytes(&self, wanted: u16) -> Result<Option<&'a [u8]>, Fault> {
        Ok(self.values(wanted)?.map(|values| values.bytes))
    }
}
