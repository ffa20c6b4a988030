//! Convolution with filters of 3 x 3 and stride 1 by minimal filtering (Winograd 1980; Lavin and
//! Gray, "Fast algorithms for convolutional neural networks", 2016), F(4 x 4, 3 x 3).
//!
//! A tile of 6 x 6 inputs and a filter are each transformed to 36 factors; their products, summed
//! over the channels, are transformed to 4 x 4 results. That takes 36 multiplications where the
//! definition takes 144. Rounding errors are a few times those of the definition.
//!
//! A block of tiles, as many as the fast memory holds, goes through three steps: all channels to
//! factors, then for each block of filters factors to products and products to results.

mod gradient;
mod tiles;
mod transform;

use std::mem::MaybeUninit;

use rayon::prelude::*;

pub(crate) use gradient::weight_gradient;

use crate::correlate::{Correlate, LANES};
use crate::filters::{Filters, Roles};
use crate::finish::Finish;
use crate::geometry::Geometry;
use crate::simd::{Level, with_scratch};
use tiles::{Join, Split, Tiles};
use transform::{ToFactors, ToResults, ToWeights};

/// Side of a tile's results.
const RESULTS: usize = 4;

/// Side of a tile's inputs.
const SIDE: usize = RESULTS + 2;

/// Factors of a tile, and of a filter.
const PRODUCTS: usize = SIDE * SIDE;

/// Factors of a block of tiles that stay in a core's second-level cache beside the filters.
const BLOCK: usize = 1 << 17;

/// Fewest tiles that are worth the transformation of the filters.
const FEWEST: usize = 32;

/// Fewest tiles where the filters' factors are kept: a vector.
const FEWEST_KEPT: usize = LANES;

/// Whether these loops compute `geometry`, and faster than those of `correlate`. `kept` tells
/// whether the filters' factors serve more than one call.
pub(crate) fn suits(geometry: &Geometry, batch: usize, kept: bool) -> bool {
    let [rows, columns] = geometry.output_size().map(|size| size.div_ceil(RESULTS));
    geometry.kernel == 3
        && geometry.stride == 1
        && geometry.padding <= 2
        && geometry.inputs.min(geometry.outputs) >= 8
        && batch * rows * columns >= if kept { FEWEST_KEPT } else { FEWEST }
        && 2 * rows * columns * RESULTS * RESULTS <= 3 * geometry.output_pixels()
}

/// The convolution of `geometry` into `y`, every number of which is written. `source` gives the
/// plane of an image and a channel.
pub(crate) fn convolve<'a>(
    geometry: &Geometry,
    batch: usize,
    source: impl Fn(usize, usize) -> &'a [f32] + Sync,
    filters: &Filters<'_>,
    finish: Finish<'_>,
    y: &mut [MaybeUninit<f32>],
) {
    let Geometry { inputs, outputs, size, padding, .. } = *geometry;
    let tiles = Tiles::new(size, geometry.output_size(), padding);
    // As many for every thread; how tiles are put together does not change a bit of them.
    let blocks = blocks(&tiles, batch, BLOCK / (PRODUCTS * inputs), rayon::current_num_threads());
    let factors = filters.factors();
    // The blocks hold all rows of tiles of all images, and each writes all pixels of its rows.
    let rows = rows_of_blocks(&tiles, &blocks, outputs, y);
    blocks.par_iter().zip(rows).for_each(|(block, rows)| {
        convolve_block(filters.level, &tiles, block, &source, [inputs, outputs], factors, finish, rows);
    });
}

/// Cuts `y [n, outputs, pixels]` into the rows of each block: `[piece][output]`.
fn rows_of_blocks<'a>(
    tiles: &Tiles,
    blocks: &[Block],
    outputs: usize,
    y: &'a mut [MaybeUninit<f32>],
) -> Vec<Vec<&'a mut [MaybeUninit<f32>]>> {
    let [height, width] = tiles.result;
    let mut rows: Vec<Vec<_>> = blocks.iter().map(|_| Vec::new()).collect();
    for (index, mut plane) in y.chunks_exact_mut((height * width).max(1)).enumerate() {
        for (block, rows) in blocks.iter().zip(&mut rows) {
            for piece in block.parts.iter().filter(|piece| piece.image == index / outputs) {
                let pixels = plane.len().min(piece.rows * RESULTS * width);
                let (own, rest) = plane.split_at_mut(pixels);
                rows.push(own);
                plane = rest;
            }
        }
    }
    rows
}

/// The results of a block of tiles, into its `rows` (`[piece][output]`).
#[allow(clippy::too_many_arguments, reason = "the arguments of one loop over blocks")]
fn convolve_block<'a>(
    level: Level,
    tiles: &Tiles,
    block: &Block,
    source: impl Fn(usize, usize) -> &'a [f32] + Sync,
    [inputs, outputs]: [usize; 2],
    filters: &FilterFactors,
    finish: Finish<'_>,
    rows: Vec<&mut [MaybeUninit<f32>]>,
) {
    let (width, row) = (level.filters(), block.row);
    let mut groups: Vec<Vec<&mut [MaybeUninit<f32>]>> =
        (0..outputs.div_ceil(width)).map(|_| Vec::new()).collect();
    for (index, rows) in rows.into_iter().enumerate() {
        groups[index % outputs / width].push(rows);
    }
    with_scratch(inputs * PRODUCTS * row, |values| {
        values.par_chunks_mut(PRODUCTS * row).enumerate().for_each(|(channel, values)| {
            tiles_to_factors(level, tiles, block, |image| source(image, channel), values);
        });
        let offsets: Vec<usize> = (0..inputs).map(|channel| channel * PRODUCTS * row).collect();
        let weights = filters.values.par_chunks_exact(PRODUCTS * filters.row);
        groups.into_par_iter().zip(weights).enumerate().for_each(|(group, (mut rows, weights))| {
            with_scratch(width * PRODUCTS * row, |products| {
                for (i, weights) in weights.chunks_exact(filters.row).enumerate() {
                    Correlate {
                        level,
                        planes: &values[i * row..],
                        offsets: &offsets,
                        weights: &weights[..inputs * width],
                        positions: block.tiles,
                        results: &mut products[i * row..],
                        row: PRODUCTS * row,
                    }
                    .run();
                }
                let members = width.min(outputs - group * width);
                for (r, products) in products.chunks_exact(PRODUCTS * row).take(members).enumerate() {
                    let rows = rows.iter_mut().skip(r).step_by(members);
                    products_to_rows(
                        level,
                        tiles,
                        block,
                        products,
                        rows,
                        ([group * width + r, outputs], finish),
                    );
                }
            });
        });
    });
}

/// Rows of tiles that are computed together.
struct Block {
    parts: Vec<Piece>,
    tiles: usize,
    /// Distance of the rows of factors: all tiles, and a vector that begins with the last.
    row: usize,
}

/// The rows of a block that lie in one image.
struct Piece {
    image: usize,
    /// First row of tiles.
    first: usize,
    rows: usize,
    /// Number of the first tile in the block.
    start: usize,
}

/// Cuts all rows of tiles of a batch into blocks of about equal size, `most` tiles if that is not
/// too few, their number a multiple of `threads` if there is more than one.
fn blocks(tiles: &Tiles, batch: usize, most: usize, threads: usize) -> Vec<Block> {
    let most = (most / (3 * LANES) * (3 * LANES)).max(3 * LANES);
    let rows = batch * tiles.rows;
    let mut count = rows.div_ceil((most / tiles.columns.max(1)).max(1));
    if count > 1 {
        count = count.next_multiple_of(threads).min(rows);
    }
    let bound = |i: usize| i * rows / count;
    let block = |from: usize, to: usize| {
        let parts: Vec<Piece> = (from / tiles.rows..to.div_ceil(tiles.rows))
            .map(|image| {
                let first = from.max(image * tiles.rows);
                let rows = to.min((image + 1) * tiles.rows) - first;
                Piece {
                    image,
                    first: first - image * tiles.rows,
                    rows,
                    start: (first - from) * tiles.columns,
                }
            })
            .collect();
        let tiles = (to - from) * tiles.columns;
        Block { parts, tiles, row: (tiles + LANES - 1).next_multiple_of(LANES) }
    };
    (0..count).map(|i| block(bound(i), bound(i + 1))).collect()
}

/// Factors of one channel of a block: `[PRODUCTS][row]`.
fn tiles_to_factors<'a>(
    level: Level,
    tiles: &Tiles,
    block: &Block,
    source: impl Fn(usize) -> &'a [f32],
    factors: &mut [f32],
) {
    with_scratch(tiles.padded_row(), |buffer| {
        buffer.fill(0.0);
        for &Piece { image, first, rows, start } in &block.parts {
            with_scratch(tiles.split_len(rows), |lines| {
                level.run(Split { tiles, source: source(image), first, rows, lines, buffer });
                let places = &tiles.places(rows);
                let tiles = rows * tiles.columns;
                level.run(ToFactors { lines, places, tiles, factors, first: start, row: block.row });
            });
        }
    });
}

/// Results of one channel for a block, into the rows of its pieces.
fn products_to_rows<'a, 'b: 'a>(
    level: Level,
    tiles: &Tiles,
    block: &Block,
    products: &[f32],
    rows: impl Iterator<Item = &'a mut &'b mut [MaybeUninit<f32>]>,
    ([channel, channels], finish): ([usize; 2], Finish<'_>),
) {
    with_scratch(tiles.padded_row(), |buffer| {
        for (piece, target) in block.parts.iter().zip(rows) {
            let (line, count) = (tiles.join_line(piece.rows), piece.rows * tiles.columns);
            with_scratch(RESULTS * RESULTS * line, |lines| {
                level.run(ToResults {
                    products,
                    first: piece.start,
                    row: block.row,
                    tiles: count,
                    lines,
                    line,
                });
                let pixels = tiles.result[0] * tiles.result[1];
                let first =
                    (piece.image * channels + channel) * pixels + piece.first * RESULTS * tiles.result[1];
                let residual = finish.residual_at(first, target.len());
                let rows = piece.rows;
                level.run(Join { tiles, lines, line, rows, target, channel, finish, residual, buffer });
            });
        }
    });
}

/// Factors of all filters.
pub(crate) struct FilterFactors {
    /// `[block of filters][PRODUCTS][row]`
    values: Vec<f32>,
    /// Distance of two factors: `[inputs][filters of a block]`, and a bit more, so that they do not
    /// all map to the same few sets of the cache.
    row: usize,
}

impl FilterFactors {
    pub(crate) fn new(filters: &Filters<'_>) -> Self {
        let (width, inputs) = (filters.level.filters(), filters.channels);
        let row = inputs * width + LANES;
        let mut values = vec![0.0; filters.results.div_ceil(width) * PRODUCTS * row];
        values.par_chunks_exact_mut(PRODUCTS * row).enumerate().for_each(|(block, weights)| {
            let first = block * width;
            let taps = |r: usize, input: usize| {
                let mut taps: [f32; 9] = filters.filter(first + r, input).try_into().expect("nine taps");
                if filters.roles == Roles::Exchanged {
                    taps.reverse();
                }
                taps
            };
            let count = width.min(filters.results - first);
            filters.level.run(ToWeights { taps, filters: count, inputs, weights, width, row });
        });
        Self { values, row }
    }
}
