//! The gradient of filters by minimal filtering: the factors of the inputs' tiles times those of
//! the results' gradients, summed over all tiles, then transformed to nine taps.
//!
//! Here channels lie side by side, [`LANES`] to a group, so that a vector holds the same place of
//! many channels, and the sums over tiles need no sum over a vector's lanes.

use rayon::prelude::*;

use super::tiles::{Lanes, Tiles};
use super::transform::{LanesToFactors, SumsToTaps, Transform};
use super::{Block, PRODUCTS, RESULTS, SIDE, blocks};
use crate::correlate::{LANES, PairSums};
use crate::geometry::Geometry;
use crate::simd::{Level, with_scratch};

/// Factors of a block of tiles, inputs' and gradients' together, that stay in a core's second-level
/// cache.
const BLOCK: usize = 1 << 18;

/// Gradient of the filters, `[o, c, 3, 3]`. `source` and `grad` give the planes of an image and a
/// channel of the input and of the output's gradient.
pub(crate) fn weight_gradient<'a>(
    level: Level,
    geometry: &Geometry,
    batch: usize,
    source: impl Fn(usize, usize) -> &'a [f32] + Sync,
    grad: impl Fn(usize, usize) -> &'a [f32] + Sync,
) -> Vec<f32> {
    let Geometry { inputs, outputs, size, padding, .. } = *geometry;
    let result = geometry.output_size();
    let tiles = Tiles::new(size, result, padding);
    let [rows, columns] = [outputs, inputs].map(|channels| channels.div_ceil(LANES));
    // Blocks as for one thread: the order in which they are added affects the result.
    let blocks = blocks(&tiles, batch, BLOCK / (PRODUCTS * LANES * (rows + columns)), 1);
    let mut gradient = vec![0.0; outputs * inputs * 9];
    with_scratch(PRODUCTS * rows * columns * LANES * LANES, |sums| {
        sums.fill(0.0);
        for block in &blocks {
            let source =
                Side { channels: inputs, planes: &source, size, padding, transform: Transform::Inputs };
            let grad = Side {
                channels: outputs,
                planes: &grad,
                size: result,
                padding: 0,
                transform: Transform::Gradients,
            };
            source.with_factors(level, &tiles, block, |right| {
                grad.with_factors(level, &tiles, block, |left| {
                    add_products(level, block.tiles, left, right, sums)
                });
            });
        }
        let sums = &*sums;
        gradient.par_chunks_exact_mut(inputs * 9).enumerate().for_each(|(output, gradient)| {
            let taps = gradient.as_chunks_mut().0;
            level.run(SumsToTaps { sums, row: columns * LANES, rows: rows * LANES, output, taps });
        });
    });
    gradient
}

/// Numbers from one factor of a tile to the next: all tiles, and an odd number of groups, so that
/// they do not all map to the same few sets of the cache.
fn factor_row(tiles: usize) -> usize {
    (tiles | 1) * LANES
}

/// One of the two operands.
struct Side<'f, F> {
    channels: usize,
    planes: &'f F,
    /// Height and width of the planes.
    size: [usize; 2],
    /// Rows and columns of zeros around them.
    padding: usize,
    transform: Transform,
}

impl<'a, F: Fn(usize, usize) -> &'a [f32] + Sync> Side<'_, F> {
    /// Hands the factors of a block to `work`: `[group of channels][PRODUCTS][factor_row]`, in
    /// which a tile has [`LANES`] numbers.
    fn with_factors(&self, level: Level, tiles: &Tiles, block: &Block, work: impl FnOnce(&[f32])) {
        let row = factor_row(block.tiles);
        with_scratch(self.channels.div_ceil(LANES) * PRODUCTS * row, |factors| {
            factors.par_chunks_exact_mut(PRODUCTS * row).enumerate().for_each(|(group, factors)| {
                for piece in &block.parts {
                    let planes: Vec<&[f32]> = (group * LANES..self.channels.min((group + 1) * LANES))
                        .map(|channel| (self.planes)(piece.image, channel))
                        .collect();
                    let side = match self.transform {
                        Transform::Inputs => SIDE,
                        Transform::Gradients => RESULTS,
                    };
                    let extent = [piece.rows, tiles.columns].map(|count| count * RESULTS + side - RESULTS);
                    with_scratch(extent[0] * extent[1] * LANES, |pixels| {
                        let first = (piece.first * RESULTS) as isize - self.padding as isize;
                        let origin = [first, -(self.padding as isize)];
                        let lanes = pixels.as_chunks_mut().0;
                        Lanes { planes: &planes, size: self.size, origin, extent, lanes }.run();
                        let [rows, columns] = [piece.rows, tiles.columns];
                        let first = piece.start;
                        let transform = self.transform;
                        let width = extent[1];
                        level.run(LanesToFactors {
                            transform,
                            pixels,
                            width,
                            rows,
                            columns,
                            factors,
                            first,
                            row,
                        });
                    });
                }
            });
            work(factors);
        });
    }
}

/// Adds the products of all pairs of channels, summed over `tiles`, to
/// `sums [PRODUCTS][left][right]`.
fn add_products(level: Level, tiles: usize, left: &[f32], right: &[f32], sums: &mut [f32]) {
    let row = factor_row(tiles);
    let groups = |side: &[f32]| side.len() / (PRODUCTS * row);
    let (rows, columns, height) = (groups(left) * LANES, groups(right) * LANES, level.filters());
    sums.par_chunks_exact_mut(rows * columns).enumerate().for_each(|(i, sums)| {
        let right: Vec<&[f32]> =
            right.chunks_exact(PRODUCTS * row).map(|group| &group[i * row..][..row]).collect();
        for (block, sums) in sums.chunks_exact_mut(height * columns).enumerate() {
            let first = block * height;
            let left = &left[(first / LANES * PRODUCTS + i) * row..][..row];
            PairSums { left: &left[first % LANES..], right: &right, tiles, sums }.run(level);
        }
    });
}
