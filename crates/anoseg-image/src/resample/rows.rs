//! Resampling of any part of a plane, so that neither source nor result has to be whole in memory.

use std::ops::Range;

use fast_image_resize as fir;
use fir::images::{TypedImage, TypedImageRef};
use fir::pixels::F32;
use fir::{ResizeAlg, ResizeOptions, Resizer};
use rayon::prelude::*;

use super::Filter;

/// Values of the source that a block of rows may take: 2 MiB.
const BLOCK: usize = 1 << 19;

/// Most rows of the result in a block.
const BLOCK_ROWS: usize = 256;

/// Columns whose sums are kept at a time; they fit into the innermost cache.
const COLUMNS: usize = 256;

/// The way from one size (width, height) to another. Its pixels are the same bit for bit, whichever
/// are computed together: first each row is resampled along its columns by `fast_image_resize`, then rows
/// are mixed.
pub(super) struct Resampling {
    from: (usize, usize),
    to: (usize, usize),
    filter: Filter,
    /// What each row of the result is mixed from; `None` where the height stays.
    mixes: Option<Vec<Mix>>,
}

/// A row of the result as a sum of rows.
struct Mix {
    /// The first of them.
    start: usize,
    weights: Vec<f64>,
}

impl Resampling {
    pub(super) fn new(from: (usize, usize), to: (usize, usize), filter: Filter) -> Self {
        let mixes = (from.1 != to.1).then(|| mixes(from.1, to.1, filter));
        Self { from, to, filter, mixes }
    }

    /// The pixels of the result in these columns and rows. `source` writes the pixels of the source from a
    /// column and row on. Does nothing if there are none.
    pub(super) fn part(
        &self,
        columns: Range<usize>,
        rows: Range<usize>,
        source: &(impl Fn(usize, usize, &mut [f32]) + Sync),
        target: &mut [f32],
    ) {
        let ((from_width, from_height), width) = (self.from, columns.len());
        if target.is_empty() || from_width * from_height == 0 {
            return;
        }
        let rows_of_one = from_height.div_ceil(self.to.1).max(1);
        let count = (BLOCK / (rows_of_one * from_width)).clamp(1, BLOCK_ROWS);
        let blocks = target.par_chunks_mut(count * width).enumerate();
        blocks.for_each(|(number, target)| {
            self.block(columns.clone(), rows.start + number * count, source, target);
        });
    }

    /// The rows from `first` on, as many as `target` holds.
    fn block(
        &self,
        columns: Range<usize>,
        first: usize,
        source: &impl Fn(usize, usize, &mut [f32]),
        target: &mut [f32],
    ) {
        let width = columns.len();
        let last = first + target.len() / width;
        let Some(mixes) = &self.mixes else {
            return self.along_columns(columns, first..last, source, target);
        };
        let mixes = &mixes[first..last];
        let Range { start, end } = reach(mixes);
        let mut along = vec![0.0; (end - start) * width];
        self.along_columns(columns, start..end, source, &mut along);
        let row = |y: usize| &along[(y - start) * width..][..width];
        let pairs = target.chunks_exact_mut(width).zip(mixes);
        pairs.for_each(|(target, mix)| mix.apply(row, target));
    }

    /// Rows of the source, of which the columns are those of the result. Rows that change their length are
    /// resampled whole, because the weights of a part of them would differ in the last digits.
    fn along_columns(
        &self,
        columns: Range<usize>,
        rows: Range<usize>,
        source: &impl Fn(usize, usize, &mut [f32]),
        target: &mut [f32],
    ) {
        let ((from_width, _), (width, _)) = (self.from, self.to);
        let targets = target.chunks_exact_mut(columns.len());
        if from_width == width {
            return rows.zip(targets).for_each(|(y, target)| source(columns.start, y, target));
        }
        let mut values = vec![0.0; rows.len() * from_width];
        rows.clone().zip(values.chunks_exact_mut(from_width)).for_each(|(y, row)| source(0, y, row));
        if columns.len() == width {
            return self.change_width(&values, target);
        }
        let mut whole = vec![0.0; rows.len() * width];
        self.change_width(&values, &mut whole);
        let parts = whole.chunks_exact(width).map(|row| &row[columns.clone()]);
        targets.zip(parts).for_each(|(target, part)| target.copy_from_slice(part));
    }

    /// The whole result in the memory of the source, as [`Resampling::part`] gives it.
    ///
    /// # Panics
    /// If a side of the result is longer than that of the source, or `values` are not those of the source.
    pub(super) fn in_place(&self, values: &mut Vec<f32>) {
        let ((from_width, from_height), (width, height)) = (self.from, self.to);
        assert!(width <= from_width && height <= from_height, "a result that is not larger");
        assert_eq!(values.len(), from_width * from_height, "the values of the source");
        // Rows of the source at the width of the result: those that are still needed, from `start` on.
        let (mut along, mut start) = (Vec::new(), 0);
        let rows: Vec<usize> = (0..height).collect();
        for rows in rows.chunks(BLOCK_ROWS) {
            let (first, last) = (rows[0], rows[rows.len() - 1]);
            let mixes = self.mixes.as_ref().map(|mixes| &mixes[first..=last]);
            let needed = mixes.map_or(first..last + 1, reach);
            along.drain(..((needed.start - start) * width).min(along.len()));
            start = needed.start;
            let read = start + along.len() / width;
            let known = along.len();
            along.resize(needed.len() * width, 0.0);
            let source = &values[read * from_width..needed.end * from_width];
            if from_width == width {
                along[known..].copy_from_slice(source);
            } else {
                self.change_width(source, &mut along[known..]);
            }
            // What is written over was read: the result has no more rows and columns than the source.
            let targets = values[first * width..(last + 1) * width].par_chunks_exact_mut(width);
            targets.zip(rows).for_each(|(target, &y)| {
                let row = |y: usize| &along[(y - start) * width..][..width];
                match mixes {
                    Some(mixes) => mixes[y - first].apply(row, target),
                    None => target.copy_from_slice(row(y)),
                }
            });
        }
        values.truncate(width * height);
    }

    /// Whole rows at the width of the result.
    fn change_width(&self, values: &[f32], target: &mut [f32]) {
        let ((from_width, _), (width, _)) = (self.from, self.to);
        let side = |pixels: usize| u32::try_from(pixels).expect("a side has at most u32::MAX pixels");
        let (from, to, height) = (side(from_width), side(width), side(values.len() / from_width));
        let values = TypedImageRef::<F32>::from_buffer(from, height, bytemuck::cast_slice(values))
            .expect("a plane has the size it says");
        let mut target = TypedImage::<F32>::from_buffer(to, height, bytemuck::cast_slice_mut(target))
            .expect("a plane has the size it says");
        let alg = ResizeAlg::Convolution(self.filter.kernel());
        let options = ResizeOptions::new().resize_alg(alg).use_alpha(false);
        Resizer::new()
            .resize_typed(&values, &mut target, &options)
            .expect("the whole source lies within itself");
    }
}

impl Mix {
    /// The sum in double precision, row after row, as `fast_image_resize` has it.
    fn apply<'a>(&self, row: impl Fn(usize) -> &'a [f32], target: &mut [f32]) {
        for (number, target) in target.chunks_mut(COLUMNS).enumerate() {
            let mut sums = [0.0f64; COLUMNS];
            for (y, weight) in (self.start..).zip(&self.weights) {
                let values = &row(y)[number * COLUMNS..][..target.len()];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value) * weight);
            }
            target.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum as f32);
        }
    }
}

/// All rows that are mixed.
fn reach(mixes: &[Mix]) -> Range<usize> {
    let start = mixes.iter().map(|mix| mix.start).min().unwrap_or(0);
    let end = mixes.iter().map(|mix| mix.start + mix.weights.len()).max().unwrap_or(start);
    start..end
}

/// The weights of the rows, as `fast_image_resize` 6.1 computes them (`precompute_coefficients`): a test
/// compares the bits of the results.
fn mixes(from: usize, to: usize, filter: Filter) -> Vec<Mix> {
    let scale = from as f64 / to as f64;
    // When shrinking, the filter is as many times wider.
    let filter_scale = scale.max(1.0);
    let (radius, reciprocal) = (filter.radius() * filter_scale, 1.0 / filter_scale);
    let mix = |y: usize| {
        let middle = (y as f64 + 0.5) * scale;
        let first = (middle - radius).floor().max(0.0) as usize;
        let end = (middle + radius).ceil().min(from as f64) as usize;
        let weight = |y: usize| filter.weight((y as f64 - (middle - 0.5)) * reciprocal);
        let mut rows =
            (first..end).map(|y| (y, weight(y))).skip_while(|(_, weight)| *weight == 0.0).peekable();
        let start = rows.peek().map_or(end, |(y, _)| *y);
        let mut weights: Vec<f64> = rows.map(|(_, weight)| weight).collect();
        let sum: f64 = weights.iter().sum();
        let used = weights.iter().rposition(|weight| *weight != 0.0).map_or(0, |last| last + 1);
        weights.truncate(used);
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        Mix { start, weights }
    };
    (0..to).map(mix).collect()
}

impl Filter {
    /// Pixels on either side that have a weight.
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::CatmullRom => 2.0,
            Self::Lanczos3 => 3.0,
        }
    }

    /// The weight at a distance.
    fn weight(self, distance: f64) -> f64 {
        // Catmull-Rom.
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::CatmullRom if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::CatmullRom if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Lanczos3 if (-3.0..3.0).contains(&distance) => sinc(distance) * sinc(distance / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [Filter; 3] = [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3];

    /// The whole plane, by `fast_image_resize` alone.
    fn whole(plane: &[f32], from: (usize, usize), to: (usize, usize), filter: Filter) -> Vec<f32> {
        let mut target = vec![0.0; to.0 * to.1];
        let source =
            TypedImageRef::<F32>::from_buffer(from.0 as u32, from.1 as u32, bytemuck::cast_slice(plane))
                .unwrap();
        let mut view =
            TypedImage::<F32>::from_buffer(to.0 as u32, to.1 as u32, bytemuck::cast_slice_mut(&mut target))
                .unwrap();
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter.kernel()));
        Resizer::new().resize_typed(&source, &mut view, &options.use_alpha(false)).unwrap();
        target
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn parts_are_the_whole_bit_for_bit(
            from in (1usize..150, 1usize..150),
            to in (1usize..150, 1usize..150),
            same in (any::<bool>(), any::<bool>()),
            filter in 0usize..3,
            cuts in prop::collection::vec(0usize..150, 0..4),
            edges in (0.0f64..1.0, 0.0f64..1.0),
            seed in any::<u32>(),
        ) {
            let to = (if same.0 { from.0 } else { to.0 }, if same.1 { from.1 } else { to.1 });
            let filter = FILTERS[filter];
            let value = |i: usize| {
                let bits = (i as u32 ^ seed).wrapping_mul(0x9e37_79b9);
                (bits ^ (bits >> 15)) as f32 / u32::MAX as f32
            };
            let plane: Vec<f32> = (0..from.0 * from.1).map(value).collect();
            let expected = whole(&plane, from, to, filter);
            let resampling = Resampling::new(from, to, filter);
            let source =
                |x: usize, y: usize, row: &mut [f32]| row.copy_from_slice(&plane[y * from.0 + x..][..row.len()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(to.1)).chain([0, to.1]).collect();
            cuts.sort_unstable();
            let edge = |share: f64| (share * to.0 as f64) as usize;
            let columns = edge(edges.0.min(edges.1))..edge(edges.0.max(edges.1)) + 1;
            for (pair, columns) in cuts.windows(2).flat_map(|pair| [(pair, 0..to.0), (pair, columns.clone())]) {
                let mut part = vec![0.0; (pair[1] - pair[0]) * columns.len()];
                resampling.part(columns.clone(), pair[0]..pair[1], &source, &mut part);
                let rows = expected[pair[0] * to.0..pair[1] * to.0].chunks_exact(to.0);
                let expected = rows.flat_map(|row| &row[columns.clone()]);
                prop_assert!(part.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }

    proptest! {
        #[test]
        fn a_result_in_place_is_the_same_bit_for_bit(
            from in (1usize..200, 1usize..400),
            shares in (0.0f64..1.0, 0.0f64..1.0),
            same in (any::<bool>(), any::<bool>()),
        ) {
            let side = |side: usize, share: f64, same: bool| if same { side } else { 1 + (side as f64 * share) as usize };
            let to = (side(from.0, shares.0, same.0).min(from.0), side(from.1, shares.1, same.1).min(from.1));
            let mut plane: Vec<f32> = (0..from.0 * from.1).map(|i| (i as f32 * 0.37).sin()).collect();
            let expected = whole(&plane, from, to, Filter::Bilinear);
            Resampling::new(from, to, Filter::Bilinear).in_place(&mut plane);
            prop_assert_eq!(plane.len(), expected.len());
            prop_assert!(plane.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    /// Sides for which the factor is no binary fraction, and blocks of many rows.
    #[test]
    fn long_planes_are_the_whole_bit_for_bit() {
        for (from, to) in [((600, 4000), (608, 4000)), ((33, 5999), (33, 6016)), ((2100, 1500), (700, 491))] {
            let plane: Vec<f32> = (0..from.0 * from.1).map(|i| (i as f32 * 0.37).sin()).collect();
            for filter in FILTERS {
                let mut found = vec![0.0; to.0 * to.1];
                let source = |x: usize, y: usize, row: &mut [f32]| {
                    row.copy_from_slice(&plane[y * from.0 + x..][..row.len()]);
                };
                Resampling::new(from, to, filter).part(0..to.0, 0..to.1, &source, &mut found);
                let expected = whole(&plane, from, to, filter);
                assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }
}
