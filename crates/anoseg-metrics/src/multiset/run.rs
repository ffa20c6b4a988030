//! Sorted ranks with their counts, in about one byte per distinct rank.
//!
//! An entry is a rank and how many samples have it. Its first byte holds the gap to the previous
//! rank in the lower five bits and the count in the upper three. A gap or a count that does not fit
//! follows as a variable-length integer (LEB128), the gap first.

use crate::rank::Rank;

/// Runs are stored in pieces of this many bytes, so that a merge can free its input while it writes
/// its output.
const CHUNK: usize = 64 * 1024;

/// The first byte, a gap of 32 bits and a count of 64 bits.
const LONGEST_ENTRY: usize = 1 + 5 + 10;

const GAP_BITS: u32 = 5;

/// A gap of at least this many ranks continues after the first byte.
const LONG_GAP: u64 = (1 << GAP_BITS) - 1;

/// A count of more than this many samples continues after the first byte.
const LARGE_COUNT: u64 = (u8::MAX >> GAP_BITS) as u64;

/// Distinct ranks, ascending, with their counts.
///
/// n samples whose last rank is r take at most `n + (r + 1) / 32` bytes: one byte per distinct
/// rank, further bytes of a count only where at least 8 samples share one, further bytes of a gap
/// only where it skips at least 31 ranks.
#[derive(Debug, Default)]
pub(crate) struct Run {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
    samples: u64,
}

impl Run {
    /// Encodes ranks that ascend; equal ones become one entry.
    pub(crate) fn of_sorted(ranks: &[Rank]) -> Self {
        let mut writer = RunWriter::default();
        for tied in ranks.chunk_by(|a, b| a == b) {
            writer.push(tied[0], tied.len() as u64);
        }
        writer.finish()
    }

    /// How many bytes the entries take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many samples the run has.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Reads the entries.
    pub(crate) fn reader(&self) -> Reader<std::slice::Iter<'_, Vec<u8>>> {
        Reader::new(self.chunks.iter())
    }

    /// Reads the entries and frees each chunk that has been read.
    pub(crate) fn into_reader(self) -> Reader<std::vec::IntoIter<Vec<u8>>> {
        Reader::new(self.chunks.into_iter())
    }
}

/// Encodes a [`Run`].
#[derive(Debug, Default)]
pub(crate) struct RunWriter {
    run: Run,
    chunk: Vec<u8>,
    /// The smallest rank that may follow.
    next: u64,
}

impl RunWriter {
    /// Appends an entry; its rank is above the previous one, its count at least 1.
    pub(crate) fn push(&mut self, rank: Rank, count: u64) {
        debug_assert!(u64::from(rank.0) >= self.next && count > 0, "ranks ascend and counts are positive");
        if self.chunk.len() + LONGEST_ENTRY > CHUNK {
            self.close_chunk();
            self.chunk.reserve_exact(CHUNK);
        }
        let (gap, more) = (u64::from(rank.0) - self.next, count - 1);
        let first = gap.min(LONG_GAP) | (more.min(LARGE_COUNT) << GAP_BITS);
        self.chunk.push(first as u8);
        if gap >= LONG_GAP {
            self.push_integer(gap - LONG_GAP);
        }
        if more >= LARGE_COUNT {
            self.push_integer(more - LARGE_COUNT);
        }
        self.next = u64::from(rank.0) + 1;
        self.run.samples += count;
    }

    pub(crate) fn finish(mut self) -> Run {
        self.close_chunk();
        self.run
    }

    fn push_integer(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.chunk.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.chunk.push(value as u8);
    }

    fn close_chunk(&mut self) {
        let mut chunk = std::mem::take(&mut self.chunk);
        if !chunk.is_empty() {
            chunk.shrink_to_fit();
            self.run.bytes += chunk.len();
            self.run.chunks.push(chunk);
        }
    }
}

/// Decodes a [`Run`], one entry ahead of what has been taken.
pub(crate) struct Reader<I: Iterator> {
    chunks: I,
    chunk: Option<I::Item>,
    at: usize,
    next: u64,
    head: Option<(Rank, u64)>,
}

impl<I: Iterator<Item: AsRef<[u8]>>> Reader<I> {
    fn new(mut chunks: I) -> Self {
        let chunk = chunks.next();
        let mut reader = Self { chunks, chunk, at: 0, next: 0, head: None };
        reader.head = reader.decode();
        reader
    }

    /// The rank of the next entry.
    pub(crate) fn head(&self) -> Option<Rank> {
        self.head.map(|(rank, _)| rank)
    }

    /// Passes all entries up to and including rank `last` on to `visit`, with their counts.
    pub(crate) fn take_through(&mut self, last: Rank, mut visit: impl FnMut(Rank, u64)) {
        while let Some((rank, count)) = self.head
            && rank <= last
        {
            visit(rank, count);
            self.head = self.decode();
        }
    }

    fn decode(&mut self) -> Option<(Rank, u64)> {
        // Entries never span chunks, and no chunk is empty.
        if self.at == self.chunk.as_ref()?.as_ref().len() {
            self.chunk = self.chunks.next();
            self.at = 0;
        }
        let bytes = self.chunk.as_ref()?.as_ref();
        let first = u64::from(bytes[self.at]);
        self.at += 1;
        let (mut gap, mut more) = (first & LONG_GAP, first >> GAP_BITS);
        if gap == LONG_GAP {
            gap += integer(bytes, &mut self.at);
        }
        if more == LARGE_COUNT {
            more += integer(bytes, &mut self.at);
        }
        let rank = self.next + gap;
        self.next = rank + 1;
        Some((Rank(rank as u32), more + 1))
    }
}

/// Decodes the integer at `at` and moves `at` behind it.
fn integer(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}
