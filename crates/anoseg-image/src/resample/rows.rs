//! Resampling of any rows of a plane, so that neither source nor result has to be whole in memory.

use std::ops::Range;

use fast_image_resize as fir;
use fir::images::{TypedImage, TypedImageRef};
use fir::pixels::F32;
use fir::{ResizeAlg, ResizeOptions, Resizer};
use rayon::prelude::*;

use super::Filter;

/// Values of the source that a block of rows may take: 4 MiB.
const BLOCK: usize = 1 << 20;

/// Most rows of the result in a block.
const BLOCK_ROWS: usize = 64;

/// Columns whose sums are kept at a time; they fit into the innermost cache.
const COLUMNS: usize = 256;

/// The way from one size (width, height) to another. Its rows are the same bit for bit, whichever are
/// computed together: first each row is resampled along its columns by `fast_image_resize`, then rows
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

    /// Rows of the result. `source` writes a row of the source. Does nothing if either size has no pixel.
    pub(super) fn rows(
        &self,
        rows: Range<usize>,
        source: &(impl Fn(usize, &mut [f32]) + Sync),
        target: &mut [f32],
    ) {
        let ((from_width, from_height), (width, _)) = (self.from, self.to);
        if target.is_empty() || from_width * from_height == 0 {
            return;
        }
        let rows_of_one = from_height.div_ceil(self.to.1).max(1);
        let count = (BLOCK / (rows_of_one * from_width)).clamp(1, BLOCK_ROWS);
        let blocks = target.par_chunks_mut(count * width).enumerate();
        blocks.for_each(|(number, target)| self.block(rows.start + number * count, source, target));
    }

    /// The rows from `first` on, as many as `target` holds.
    fn block(&self, first: usize, source: &impl Fn(usize, &mut [f32]), target: &mut [f32]) {
        let (width, _) = self.to;
        let last = first + target.len() / width;
        let Some(mixes) = &self.mixes else {
            return self.along_columns(first..last, source, target);
        };
        let mixes = &mixes[first..last];
        let start = mixes.iter().map(|mix| mix.start).min().unwrap_or(0);
        let end = mixes.iter().map(|mix| mix.start + mix.weights.len()).max().unwrap_or(start);
        let mut along = vec![0.0; (end - start) * width];
        self.along_columns(start..end, source, &mut along);
        let row = |y: usize| &along[(y - start) * width..][..width];
        let pairs = target.chunks_exact_mut(width).zip(mixes);
        pairs.for_each(|(target, mix)| mix.apply(row, target));
    }

    /// Rows of the source at the width of the result.
    fn along_columns(&self, rows: Range<usize>, source: &impl Fn(usize, &mut [f32]), target: &mut [f32]) {
        let ((from_width, _), (width, _)) = (self.from, self.to);
        if from_width == width {
            rows.zip(target.chunks_exact_mut(width)).for_each(|(y, target)| source(y, target));
            return;
        }
        let mut values = vec![0.0; rows.len() * from_width];
        rows.clone().zip(values.chunks_exact_mut(from_width)).for_each(|(y, row)| source(y, row));
        let side = |pixels: usize| u32::try_from(pixels).expect("a side has at most u32::MAX pixels");
        let (from, to, height) = (side(from_width), side(width), side(rows.len()));
        let values = TypedImageRef::<F32>::from_buffer(from, height, bytemuck::cast_slice(&values))
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
        fn strips_are_the_whole_bit_for_bit(
            from in (1usize..150, 1usize..150),
            to in (1usize..150, 1usize..150),
            same in (any::<bool>(), any::<bool>()),
            filter in 0usize..3,
            cuts in prop::collection::vec(0usize..150, 0..4),
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
            let source = |y: usize, row: &mut [f32]| row.copy_from_slice(&plane[y * from.0..][..from.0]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(to.1)).chain([0, to.1]).collect();
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                let mut strip = vec![0.0; (pair[1] - pair[0]) * to.0];
                resampling.rows(pair[0]..pair[1], &source, &mut strip);
                let expected = &expected[pair[0] * to.0..pair[1] * to.0];
                prop_assert!(strip.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }

    /// Sides for which the factor is no binary fraction, and blocks of many rows.
    #[test]
    fn long_planes_are_the_whole_bit_for_bit() {
        for (from, to) in [((600, 4000), (608, 4000)), ((33, 5999), (33, 6016)), ((2100, 1500), (700, 491))] {
            let plane: Vec<f32> = (0..from.0 * from.1).map(|i| (i as f32 * 0.37).sin()).collect();
            for filter in FILTERS {
                let mut found = vec![0.0; to.0 * to.1];
                let source = |y: usize, row: &mut [f32]| row.copy_from_slice(&plane[y * from.0..][..from.0]);
                Resampling::new(from, to, filter).rows(0..to.1, &source, &mut found);
                let expected = whole(&plane, from, to, filter);
                assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }
}
