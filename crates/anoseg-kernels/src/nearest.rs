//! Distances to the nearest of many vectors: a memory bank (Roth et al., "Towards total recall in industrial anomaly
//! detection", 2022).
//!
//! The squared distance of x to a vector m is `|x|^2 + (|m|^2 - 2 m x)`. A tile of positions stays in the first-level cache
//! while all vectors pass by, and the smallest of the terms in brackets in registers.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::correlate::{LANES, load, store};
use crate::simd::{Level, mul_add, with_scratch};

/// Vectors of positions in a tile.
const VECTORS: usize = 3;

/// Vectors to compare with, laid out for the inner loop once.
///
/// ```
/// use anoseg_kernels::NearestVectors;
///
/// let bank = NearestVectors::new(&[0.0, 0.0, 3.0, 4.0], 2);
/// let mut distances = [0.0; 2];
/// // Two positions: (0, 1) and (3, 4).
/// bank.distances(&[0.0, 3.0, 1.0, 4.0], 0..0, &mut distances);
/// assert_eq!(distances, [1.0, 0.0]);
/// ```
#[derive(Debug)]
pub struct NearestVectors {
    level: Level,
    channels: usize,
    count: usize,
    /// `-2 m`: `[block of vectors][channels][vectors of a block]`.
    factors: Vec<f32>,
    /// `|m|^2`, infinite for the missing vectors of the last block.
    squares: Vec<f32>,
}

impl NearestVectors {
    /// `vectors [count, channels]`.
    ///
    /// # Panics
    /// If there are no channels, or the last vector is not whole.
    pub fn new(vectors: &[f32], channels: usize) -> Self {
        assert!(channels > 0 && vectors.len().is_multiple_of(channels), "vectors of {channels} numbers");
        let (level, count) = (Level::current(), vectors.len() / channels);
        let width = level.filters();
        let mut factors = vec![0.0; count.div_ceil(width) * channels * width];
        let mut squares = vec![f32::INFINITY; count.div_ceil(width) * width];
        for (i, vector) in vectors.chunks_exact(channels).enumerate() {
            squares[i] = vector.iter().map(|value| value * value).sum();
            let block = &mut factors[i / width * channels * width..][..channels * width];
            for (factors, value) in block.chunks_exact_mut(width).zip(vector) {
                factors[i % width] = -2.0 * value;
            }
        }
        Self { level, channels, count, factors, squares }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Euclidean distances of every position of `features [channels, positions]` to the nearest vector whose number is not
    /// in `excluded`; infinite if there is none. What is not a number stays so.
    ///
    /// # Panics
    /// If the sizes do not fit each other.
    pub fn distances(&self, features: &[f32], excluded: Range<usize>, distances: &mut [f32]) {
        let positions = distances.len();
        assert_eq!(features.len(), self.channels * positions, "features of {} channels", self.channels);
        let mut squares = self.squares.clone();
        squares[excluded].fill(f32::INFINITY);
        let tile = VECTORS * LANES;
        distances.par_chunks_mut(tile).enumerate().for_each(|(i, distances)| {
            with_scratch((self.channels + 1) * tile, |scratch| {
                let (values, best) = scratch.split_at_mut(self.channels * tile);
                let first = i * tile;
                for (values, plane) in values.chunks_exact_mut(tile).zip(features.chunks_exact(positions)) {
                    let source = &plane[first..][..distances.len()];
                    values[..source.len()].copy_from_slice(source);
                    values[source.len()..].fill(0.0);
                }
                best.fill(f32::INFINITY);
                let Self { factors, channels, level, .. } = self;
                let values = &*values;
                level.run(Tile {
                    values,
                    factors,
                    squares: &squares,
                    channels: *channels,
                    best,
                    level: *level,
                });
                finish(values, best, distances);
            });
        });
    }
}

/// Adds the squares of the positions' own vectors and takes the roots.
fn finish(values: &[f32], best: &[f32], distances: &mut [f32]) {
    let mut squares = [0.0_f32; VECTORS * LANES];
    for row in values.chunks_exact(VECTORS * LANES) {
        squares.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
    }
    for ((distance, best), square) in distances.iter_mut().zip(best).zip(squares) {
        let sum = best + square;
        *distance = if sum < 0.0 { 0.0 } else { sum.sqrt() };
    }
}

/// `best[q] = min over the vectors of (sum over channels of factors * values[q]) + square`.
struct Tile<'a> {
    level: Level,
    /// `[channels][VECTORS * LANES]`
    values: &'a [f32],
    factors: &'a [f32],
    squares: &'a [f32],
    channels: usize,
    /// `[VECTORS * LANES]`
    best: &'a mut [f32],
}

impl Tile<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const FILTERS: usize>(self, simd: S) {
        let row = VECTORS * LANES;
        assert_eq!(self.level.filters(), FILTERS);
        assert!(S::F32_LANES <= LANES && self.best.len() == row && self.values.len() == self.channels * row);
        let blocks =
            self.factors.chunks_exact(self.channels * FILTERS).zip(self.squares.chunks_exact(FILTERS));
        for (factors, squares) in blocks {
            for start in (0..row).step_by(VECTORS * S::F32_LANES) {
                let mut sums = [[simd.splat_f32s(0.0); VECTORS]; FILTERS];
                for (channel, factors) in factors.chunks_exact(FILTERS).enumerate() {
                    let mut values = [simd.splat_f32s(0.0); VECTORS];
                    for (v, value) in values.iter_mut().enumerate() {
                        let at = channel * row + start + v * S::F32_LANES;
                        // SAFETY: `values` holds whole rows for all channels, and the vectors of a step end within a row.
                        *value = unsafe { load::<S>(self.values, at) };
                    }
                    for (sums, &factor) in sums.iter_mut().zip(factors) {
                        let factor = simd.splat_f32s(factor);
                        for (sum, &value) in sums.iter_mut().zip(&values) {
                            *sum = mul_add(simd, factor, value, *sum);
                        }
                    }
                }
                for v in 0..VECTORS {
                    let at = start + v * S::F32_LANES;
                    // SAFETY: `best` is a row long, and the vectors of a step end within it.
                    let mut best = unsafe { load::<S>(self.best, at) };
                    for (sums, &square) in sums.iter().zip(squares) {
                        best = simd.min_f32s(simd.add_f32s(sums[v], simd.splat_f32s(square)), best);
                    }
                    // SAFETY: as above.
                    unsafe { store::<S>(self.best, at, best) };
                }
            }
        }
    }
}

impl WithSimd for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F32_LANES == 16 {
            self.blocks::<S, 8>(simd);
        } else {
            self.blocks::<S, 4>(simd);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distances_are_those_of_the_definition(
            channels in 1usize..9, count in 1usize..40, positions in 1usize..120, seed in any::<u32>(),
        ) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 16_777_216.0;
            let vectors: Vec<f32> = (0..count * channels).map(number).collect();
            let features: Vec<f32> = (0..channels * positions).map(|i| number(i + 7777)).collect();
            let excluded = count / 3..count / 2;
            let mut found = vec![0.0; positions];
            NearestVectors::new(&vectors, channels).distances(&features, excluded.clone(), &mut found);
            for (q, &found) in found.iter().enumerate() {
                let distance = |m: usize| {
                    let difference = |c: usize| f64::from(features[c * positions + q] - vectors[m * channels + c]);
                    (0..channels).map(|c| difference(c).powi(2)).sum::<f64>().sqrt()
                };
                let expected =
                    (0..count).filter(|m| !excluded.contains(m)).map(distance).fold(f64::INFINITY, f64::min);
                prop_assert!((f64::from(found) - expected).abs() < 2e-3 || f64::from(found) == expected);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let mut found = [0.0; 2];
        NearestVectors::new(&[0.0, 0.0], 2).distances(&[f32::NAN, 1.0, 0.0, 0.0], 0..0, &mut found);
        assert!(found[0].is_nan() && found[1] == 1.0);
    }
}
