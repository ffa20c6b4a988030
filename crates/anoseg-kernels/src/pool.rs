//! Changes of resolution: pooling, and doubling by interpolation.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::output::initialised;

/// A pooling window on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Side of the window.
    pub kernel: usize,
    /// Pixels between two windows.
    pub stride: usize,
    /// Rows and columns outside of the plane that windows may cover.
    pub padding: usize,
}

impl Pool {
    /// Windows of `side` x `side` pixels that do not overlap.
    pub fn blocks(side: usize) -> Self {
        Self { kernel: side, stride: side, padding: 0 }
    }

    /// Height and width of the result.
    pub fn output_size(self, size: [usize; 2]) -> [usize; 2] {
        size.map(|size| (size + 2 * self.padding + 1).saturating_sub(self.kernel).div_ceil(self.stride))
    }

    /// The indices below `size` that window number `i` covers.
    fn window(self, i: usize, size: usize) -> std::ops::Range<usize> {
        let first = i * self.stride;
        first.saturating_sub(self.padding)..(first + self.kernel).saturating_sub(self.padding).min(size)
    }
}

/// The mean of each window of planes of `size`, into `y`; pixels outside of the plane count as
/// zeros.
///
/// # Panics
/// If `y` has another size.
pub fn average_pool(x: &[f32], size: [usize; 2], pool: Pool, y: &mut [f32]) {
    let area = (pool.kernel * pool.kernel) as f32;
    each_window(
        x,
        size,
        pool,
        y,
        |row, sum, _| row.iter().fold(sum, |sum, value| sum + value),
        0.0,
        |sum| sum / area,
    );
}

/// The largest pixel of each window of planes of `size`, into `y`; NaN counts as the largest.
///
/// # Panics
/// If `y` has another size.
pub fn max_pool(x: &[f32], size: [usize; 2], pool: Pool, y: &mut [f32]) {
    let largest = |row: &[f32], best: f32, _| {
        row.iter().fold(best, |best, &value| if value > best || value.is_nan() { value } else { best })
    };
    each_window(x, size, pool, y, largest, f32::NEG_INFINITY, |best| best);
}

/// Folds the rows of each window, then finishes.
fn each_window(
    x: &[f32],
    size: [usize; 2],
    pool: Pool,
    y: &mut [f32],
    fold: impl Fn(&[f32], f32, usize) -> f32 + Sync,
    start: f32,
    finish: impl Fn(f32) -> f32 + Sync,
) {
    let [rows, columns] = pool.output_size(size);
    let (from, to) = ((size[0] * size[1]).max(1), (rows * columns).max(1));
    assert_eq!(y.len(), x.len() / from * rows * columns, "the output has another size");
    y.par_chunks_mut(to).zip(x.par_chunks(from)).for_each(|(y, x)| {
        for (i, y) in y.chunks_exact_mut(columns.max(1)).enumerate() {
            let window = pool.window(i, size[0]);
            for (j, y) in y.iter_mut().enumerate() {
                let columns = pool.window(j, size[1]);
                let folded = window
                    .clone()
                    .fold(start, |sum, row| fold(&x[row * size[1]..][columns.clone()], sum, row));
                *y = finish(folded);
            }
        }
    });
}

/// How new pixels are filled when the resolution is doubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsampling {
    /// With the pixel they lie in.
    Nearest,
    /// Linear between the centres of the pixels, on both axes; at the border the last pixel is
    /// repeated.
    Bilinear,
}

impl Upsampling {
    /// Weight of the neighbour in a new pixel.
    pub(crate) fn share(self) -> f32 {
        match self {
            Self::Nearest => 0.0,
            Self::Bilinear => 0.25,
        }
    }
}

/// Twice the resolution: planes of `height` x `width` into planes of twice the height and width.
///
/// # Panics
/// If `y` has another size.
pub fn double(x: &[f32], size: [usize; 2], upsampling: Upsampling, y: &mut [f32]) {
    upsample_into(x, size, upsampling.share(), initialised(y));
}

/// Twice the height and width. Each new pixel is `1 - share` of the pixel it lies in and `share` of
/// that pixel's neighbour on its side, on both axes; beyond the border the last pixel is repeated.
/// Every number of `y` is written.
pub(crate) fn upsample_into(x: &[f32], [height, width]: [usize; 2], share: f32, y: &mut [MaybeUninit<f32>]) {
    assert_eq!(y.len(), 4 * x.len(), "the output has another size");
    let planes = y.par_chunks_mut((4 * height * width).max(1)).zip(x.par_chunks((height * width).max(1)));
    planes.for_each(|(y, x)| {
        let mut mixed = vec![0.0; width];
        for (row, y) in y.chunks_exact_mut((2 * width).max(1)).enumerate() {
            let [own, other] = sources(row, height).map(|row| &x[row * width..][..width]);
            for ((mixed, own), other) in mixed.iter_mut().zip(own).zip(other) {
                *mixed = own * (1.0 - share) + other * share;
            }
            mix_row(&mixed, share, y);
        }
    });
}

/// [`upsample_into`] memory of its own.
#[cfg(feature = "burn")]
pub(crate) fn upsample(x: &[f32], size: [usize; 2], share: f32) -> Vec<f32> {
    // SAFETY: `upsample_into` writes every number.
    unsafe { crate::output::written(4 * x.len(), |y| upsample_into(x, size, share, y)) }
}

/// One row of twice as many pixels.
fn mix_row(row: &[f32], share: f32, target: &mut [MaybeUninit<f32>]) {
    let mix = |own: f32, other: f32| own * (1.0 - share) + other * share;
    let (pairs, last) = (target.as_chunks_mut::<2>().0, row.len() - 1);
    pairs[0][0].write(mix(row[0], row[0]));
    pairs[last][1].write(mix(row[last], row[last]));
    for ((pair, previous), own) in pairs[1..].iter_mut().zip(row).zip(&row[1..]) {
        pair[0].write(mix(*own, *previous));
    }
    for ((pair, own), next) in pairs.iter_mut().zip(row).zip(&row[1..]) {
        pair[1].write(mix(*own, *next));
    }
}

/// Gradient of the input of [`upsample_into`], planes of `height` x `width`, from the output's.
#[cfg(feature = "burn")]
pub(crate) fn upsample_gradient(grad: &[f32], [height, width]: [usize; 2], share: f32) -> Vec<f32> {
    let mut gradient = vec![0.0; grad.len() / 4];
    let planes = gradient.par_chunks_mut((height * width).max(1));
    planes.zip(grad.par_chunks((4 * height * width).max(1))).for_each(|(gradient, grad)| {
        let mut folded = vec![0.0; width];
        for (row, grad) in grad.chunks_exact(2 * width).enumerate() {
            folded.fill(0.0);
            for (column, grad) in grad.iter().enumerate() {
                let [own, other] = sources(column, width);
                folded[own] += grad * (1.0 - share);
                folded[other] += grad * share;
            }
            for (source, weight) in sources(row, height).into_iter().zip([1.0 - share, share]) {
                let target = &mut gradient[source * width..][..width];
                target.iter_mut().zip(&folded).for_each(|(target, folded)| *target += folded * weight);
            }
        }
    });
    gradient
}

/// The pixel in which pixel `index` of the doubled axis lies, and the neighbour on its side.
fn sources(index: usize, size: usize) -> [usize; 2] {
    let own = index / 2;
    let other = if index.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(size - 1) };
    [own, other]
}
