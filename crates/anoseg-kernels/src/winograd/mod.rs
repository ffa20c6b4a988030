//! Convolution with filters of 3 x 3 and stride 1 by minimal filtering (Winograd 1980; Lavin and Gray, "Fast algorithms
//! for convolutional neural networks", 2016), F(4 x 4, 3 x 3).
//!
//! A tile of 6 x 6 inputs and a filter are each transformed to 36 factors; their products, summed over the channels, are
//! transformed to 4 x 4 results. That takes 36 multiplications where the definition takes 144. Rounding errors are a few
//! times those of the definition.
//!
//! A block of tiles, as many as the fast memory holds, goes through three steps: all channels to factors, then for
//! each block of filters factors to products and products to results.

mod tiles;
mod transform;

use rayon::prelude::*;

use crate::conv::{Filters, Finish};
use crate::correlate::{Correlate, LANES};
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

/// Whether these loops compute `geometry`, and faster than those of `correlate`.
pub(crate) fn suits(geometry: &Geometry, batch: usize) -> bool {
    let [rows, columns] = geometry.output_size().map(|size| size.div_ceil(RESULTS));
    geometry.kernel == 3
        && geometry.stride == 1
        && geometry.padding <= 2
        && geometry.inputs.min(geometry.outputs) >= 8
        && batch * rows * columns >= FEWEST
        && 2 * rows * columns * RESULTS * RESULTS <= 3 * geometry.output_pixels()
}

/// The convolution of `geometry`. `source` gives the plane of a picture and a channel.
pub(crate) fn convolve<'a>(
    level: Level,
    geometry: &Geometry,
    batch: usize,
    source: impl Fn(usize, usize) -> &'a [f32] + Sync,
    (weight, filters): (&[f32], Filters),
    finish: Finish<'_>,
) -> Vec<f32> {
    let Geometry { inputs, outputs, size, padding, .. } = *geometry;
    let tiles = Tiles::new(size, geometry.output_size(), padding);
    let width = level.filters();
    let filters = FilterFactors::new(level, [outputs, inputs], weight, filters);
    let mut y = vec![0.0; batch * outputs * geometry.output_pixels()];
    let mut planes: Vec<Vec<&mut [f32]>> = (0..outputs.div_ceil(width)).map(|_| Vec::new()).collect();
    for (index, plane) in y.chunks_exact_mut(geometry.output_pixels().max(1)).enumerate() {
        planes[index % outputs / width].push(plane);
    }
    for block in blocks(&tiles, batch, inputs) {
        let row = block.row;
        with_scratch(inputs * PRODUCTS * row, |values| {
            values.par_chunks_mut(PRODUCTS * row).enumerate().for_each(|(channel, values)| {
                tiles_to_factors(level, &tiles, &block, |picture| source(picture, channel), values);
            });
            let offsets: Vec<usize> = (0..inputs).map(|channel| channel * PRODUCTS * row).collect();
            let blocks = filters.values.par_chunks_exact(PRODUCTS * filters.row);
            planes.par_iter_mut().zip(blocks).enumerate().for_each(|(group, (planes, weights))| {
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
                        let bias = finish.bias.map_or(0.0, |bias| bias[group * width + r]);
                        let planes = planes.iter_mut().skip(r).step_by(members);
                        products_to_planes(level, &tiles, &block, products, planes, (bias, finish.relu));
                    }
                });
            });
        });
    }
    y
}

/// Rows of tiles that are computed together.
struct Block {
    parts: Vec<Piece>,
    tiles: usize,
    /// Distance of the rows of factors: all tiles, and a vector that begins with the last.
    row: usize,
}

/// The rows of a block that lie in one picture.
struct Piece {
    picture: usize,
    /// First row of tiles.
    first: usize,
    rows: usize,
    /// Number of the first tile in the block.
    start: usize,
}

/// Cuts all rows of tiles of a batch into blocks of about equal size.
fn blocks(tiles: &Tiles, batch: usize, inputs: usize) -> Vec<Block> {
    let most = (BLOCK / (PRODUCTS * inputs) / (3 * LANES) * (3 * LANES)).max(3 * LANES);
    let rows = batch * tiles.rows;
    let count = rows.div_ceil((most / tiles.columns.max(1)).max(1));
    let bound = |i: usize| i * rows / count;
    let block = |from: usize, to: usize| {
        let parts: Vec<Piece> = (from / tiles.rows..to.div_ceil(tiles.rows))
            .map(|picture| {
                let first = from.max(picture * tiles.rows);
                let rows = to.min((picture + 1) * tiles.rows) - first;
                Piece {
                    picture,
                    first: first - picture * tiles.rows,
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
        for &Piece { picture, first, rows, start } in &block.parts {
            with_scratch(tiles.split_len(rows), |lines| {
                level.run(Split { tiles, source: source(picture), first, rows, lines, buffer });
                let places = &tiles.places(rows);
                let tiles = rows * tiles.columns;
                level.run(ToFactors { lines, places, tiles, factors, first: start, row: block.row });
            });
        }
    });
}

/// Results of one filter for a block, into its planes of all pictures.
fn products_to_planes<'a, 'b: 'a>(
    level: Level,
    tiles: &Tiles,
    block: &Block,
    products: &[f32],
    planes: impl Iterator<Item = &'a mut &'b mut [f32]>,
    (bias, relu): (f32, bool),
) {
    let mut planes = planes.enumerate();
    with_scratch(tiles.padded_row(), |buffer| {
        for &Piece { picture, first, rows, start } in &block.parts {
            let (_, plane) = planes.find(|&(n, _)| n == picture).expect("every picture has a plane");
            let (line, count) = (tiles.join_line(rows), rows * tiles.columns);
            with_scratch(RESULTS * RESULTS * line, |lines| {
                level.run(ToResults { products, first: start, row: block.row, tiles: count, lines, line });
                let target = &mut plane[first * RESULTS * tiles.result[1]..];
                level.run(Join { tiles, lines, line, rows, target, bias, relu, buffer });
            });
        }
    });
}

/// Factors of all filters.
struct FilterFactors {
    /// `[block of filters][PRODUCTS][row]`
    values: Vec<f32>,
    /// Distance of two factors: `[inputs][filters of a block]`, and a bit more, lest all lie in the same few places of
    /// the cache.
    row: usize,
}

impl FilterFactors {
    fn new(level: Level, [outputs, inputs]: [usize; 2], weight: &[f32], filters: Filters) -> Self {
        let width = level.filters();
        let row = inputs * width + LANES;
        let mut values = vec![0.0; outputs.div_ceil(width) * PRODUCTS * row];
        values.par_chunks_exact_mut(PRODUCTS * row).enumerate().for_each(|(block, weights)| {
            let first = block * width;
            let filter = |at: usize| -> [f32; 9] { weight[at * 9..][..9].try_into().expect("nine taps") };
            let taps = |r: usize, input: usize| match filters {
                Filters::AsGiven => filter((first + r) * inputs + input),
                Filters::Exchanged => {
                    let mut taps = filter(input * outputs + first + r);
                    taps.reverse();
                    taps
                }
            };
            level.run(ToWeights { taps, filters: width.min(outputs - first), inputs, weights, width, row });
        });
        Self { values, row }
    }
}
