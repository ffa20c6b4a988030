//! Mutations of bytes.

use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Most mutations of one input.
const MOST_MUTATIONS: usize = 6;

/// Longest input that mutations make.
const LONGEST: usize = 1 << 18;

/// Integers at which readers often go wrong.
const BORDERS: [u64; 16] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x0001_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFF,
];

/// Changes inputs at random, in a way that a seed repeats.
pub struct Mutator {
    rng: ChaCha8Rng,
}

impl Mutator {
    /// Equal seeds give equal mutations.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// Some mutations of `bytes`. `other` is an input that parts are taken from.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(MOST_MUTATIONS) {
            self.mutate_once(bytes, other);
        }
        bytes.truncate(LONGEST);
    }

    fn mutate_once(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        if bytes.is_empty() {
            bytes.extend_from_slice(other);
            return;
        }
        let at = self.place(bytes.len());
        match self.below(10) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.rng.next_u32() as u8,
            2 => self.write_border(bytes, at),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + 1 + self.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => self.copy_inside(bytes, at),
            6 => self.splice(bytes, at, other),
            7 => self.insert(bytes, at),
            8 => self.add(bytes, at),
            _ => self.overwrite(bytes, at),
        }
    }

    /// A position; the first bytes, where headers lie, are likelier than any others.
    fn place(&mut self, length: usize) -> usize {
        let end = if self.below(2) == 0 { length.min(128) } else { length };
        self.below(end)
    }

    /// Writes a border value of 1, 2, 4 or 8 bytes in either byte order.
    fn write_border(&mut self, bytes: &mut [u8], at: usize) {
        let value = BORDERS[self.below(BORDERS.len())];
        let width = (1 << self.below(4)).min(bytes.len() - at);
        let little = value.to_le_bytes();
        let big_endian = self.below(2) == 0;
        for (i, byte) in bytes[at..at + width].iter_mut().enumerate() {
            *byte = little[if big_endian { width - 1 - i } else { i }];
        }
    }

    fn copy_inside(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let from = self.below(bytes.len());
        let length = (1 + self.below(64)).min(bytes.len() - from);
        let copy = bytes[from..from + length].to_vec();
        if self.below(2) == 0 {
            bytes.splice(at..at, copy);
        } else {
            let end = (at + length).min(bytes.len());
            bytes[at..end].copy_from_slice(&copy[..end - at]);
        }
    }

    /// The start of these bytes and the end of the other ones.
    fn splice(&mut self, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
        if !other.is_empty() {
            let from = self.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let count = 1 + self.below(32);
        let value = if self.below(2) == 0 { 0 } else { self.rng.next_u32() as u8 };
        bytes.splice(at..at, std::iter::repeat_n(value, count));
    }

    /// Adds a small number to a byte.
    fn add(&mut self, bytes: &mut [u8], at: usize) {
        let by = self.below(17) as u8;
        bytes[at] = bytes[at].wrapping_add(by).wrapping_sub(8);
    }

    fn overwrite(&mut self, bytes: &mut [u8], at: usize) {
        let end = (at + 1 + self.below(16)).min(bytes.len());
        self.rng.fill_bytes(&mut bytes[at..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_mutations_and_others_differ() {
        let run = |seed| {
            let mut mutator = Mutator::new(seed);
            let mut inputs = Vec::new();
            for _ in 0..2000 {
                let mut bytes = b"some bytes that are long enough to be changed".to_vec();
                mutator.mutate(&mut bytes, b"other bytes");
                assert!(bytes.len() <= LONGEST);
                inputs.push(bytes);
            }
            inputs
        };
        assert!(run(1) == run(1));
        assert!(run(1) != run(2));
        let distinct: std::collections::BTreeSet<_> = run(3).into_iter().collect();
        assert!(distinct.len() > 1500, "{} of 2000 inputs differ", distinct.len());
    }
}
