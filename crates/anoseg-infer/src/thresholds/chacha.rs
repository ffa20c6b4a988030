//! The ChaCha8 generator (Bernstein, "ChaCha, a variant of Salsa20", 2008), with the same numbers as
//! `rand_chacha::ChaCha8Rng::seed_from_u64`.
//!
//! It is here because inference must stay small: the generator's crate has three dependencies.

/// Words of a block.
const BLOCK: usize = 16;

/// Uniform numbers of a seed.
pub(super) struct ChaCha8 {
    key: [u32; 8],
    block: [u32; BLOCK],
    /// Number of the next block.
    counter: u64,
    /// Words of the block that are used.
    used: usize,
}

impl ChaCha8 {
    pub(super) fn seeded(seed: u64) -> Self {
        let mut state = seed;
        let key = std::array::from_fn(|_| pcg32(&mut state));
        Self { key, block: [0; BLOCK], counter: 0, used: BLOCK }
    }

    /// Uniform in 0..1, of 53 random bits.
    pub(super) fn uniform(&mut self) -> f64 {
        let (low, high) = (u64::from(self.word()), u64::from(self.word()));
        ((high << 32 | low) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn word(&mut self) -> u32 {
        if self.used == BLOCK {
            self.block = block(&self.key, self.counter);
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

/// The block of a number, with a nonce of 0.
fn block(key: &[u32; 8], number: u64) -> [u32; BLOCK] {
    let mut state = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    state[4..12].copy_from_slice(key);
    (state[12], state[13]) = (number as u32, (number >> 32) as u32);
    let first = state;
    for _ in 0..4 {
        for [a, b, c, d] in [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]] {
            quarter_round(&mut state, a, b, c, d);
        }
        for [a, b, c, d] in [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]] {
            quarter_round(&mut state, a, b, c, d);
        }
    }
    std::array::from_fn(|i| state[i].wrapping_add(first[i]))
}

fn quarter_round(state: &mut [u32; BLOCK], a: usize, b: usize, c: usize, d: usize) {
    for [into, from, mixed, turn] in [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]] {
        state[into] = state[into].wrapping_add(state[from]);
        state[mixed] = (state[mixed] ^ state[into]).rotate_left(turn as u32);
    }
}

/// A step of PCG32 (O'Neill, 2014), by which a seed becomes a key.
fn pcg32(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11_634_580_027_462_260_723);
    let mixed = (((*state >> 18) ^ *state) >> 27) as u32;
    mixed.rotate_right((*state >> 59) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    proptest! {
        #[test]
        fn the_numbers_are_those_of_rand(seed: u64, count in 1..200_usize) {
            let mut ours = ChaCha8::seeded(seed);
            let mut theirs = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..count {
                prop_assert_eq!(ours.uniform(), theirs.random::<f64>());
            }
        }
    }
}
