//! Several runs read together, window by window.
//!
//! Merging runs entry by entry needs a comparison tree for each entry. Instead the ranks are cut
//! into windows. All runs add their counts of one window to dense arrays that stay in the
//! processor's cache.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::run::Reader;
use crate::rank::Rank;

const WINDOW_BITS: u32 = 13;

/// How many ranks a window spans.
pub(crate) const WINDOW: usize = 1 << WINDOW_BITS;

/// The rank at `slot` (below [`WINDOW`]) of a window.
pub(crate) fn rank_at(window: u32, slot: usize) -> Rank {
    Rank((window << WINDOW_BITS) | slot as u32)
}

/// The window that a rank lies in, and its slot there.
pub(crate) fn place_of(rank: Rank) -> (u32, usize) {
    (rank.0 >> WINDOW_BITS, rank.0 as usize % WINDOW)
}

/// Readers that advance together; windows without entries are skipped.
pub(crate) struct Windows<I: Iterator> {
    readers: Vec<Reader<I>>,
    /// The window of each reader's next entry, lowest first; of one window, readers in their order.
    queue: BinaryHeap<Reverse<(u32, usize)>>,
}

impl<I: Iterator<Item: AsRef<[u8]>>> Windows<I> {
    pub(crate) fn new(readers: Vec<Reader<I>>) -> Self {
        let windows =
            readers.iter().enumerate().filter_map(|(i, r)| Some(Reverse((place_of(r.head()?).0, i))));
        Self { queue: windows.collect(), readers }
    }

    /// Passes all entries of the next window on to `visit`: the position of the reader, the slot,
    /// and the count.
    ///
    /// Returns the window, or `None` at the end.
    pub(crate) fn advance(&mut self, mut visit: impl FnMut(usize, usize, u64)) -> Option<u32> {
        let &Reverse((window, _)) = self.queue.peek()?;
        let last = rank_at(window, WINDOW - 1);
        while let Some(&Reverse((next, position))) = self.queue.peek()
            && next == window
        {
            self.queue.pop();
            let reader = &mut self.readers[position];
            reader.take_through(last, |rank, count| visit(position, place_of(rank).1, count));
            if let Some(head) = reader.head() {
                self.queue.push(Reverse((place_of(head).0, position)));
            }
        }
        Some(window)
    }
}

/// A set of slots of one window.
#[derive(Debug)]
pub(crate) struct Slots {
    words: [u64; WINDOW / 64],
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { words: [0; WINDOW / 64] }
    }

    pub(crate) fn insert(&mut self, slot: usize) {
        self.words[slot / 64] |= 1 << (slot % 64);
    }

    /// Removes all slots and passes them on to `visit`, in ascending order.
    pub(crate) fn drain(&mut self, mut visit: impl FnMut(usize)) {
        for (i, word) in self.words.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                visit(64 * i + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}
