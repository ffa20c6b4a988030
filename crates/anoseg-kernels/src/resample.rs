//! Halving and doubling the resolution: the largest of 2 x 2 pixels, and interpolation.

use rayon::prelude::*;

/// The largest of each 2 x 2 pixels of planes of `size`; a last odd row or column is left out.
pub(crate) fn max_pool(x: &[f32], size: [usize; 2]) -> Vec<f32> {
    let half = size.map(|size| size / 2);
    let mut y = vec![0.0; x.len() / (size[0] * size[1]).max(1) * half[0] * half[1]];
    let planes = y.par_chunks_mut((half[0] * half[1]).max(1)).zip(x.par_chunks((size[0] * size[1]).max(1)));
    planes.for_each(|(y, x)| {
        for (row, y) in y.chunks_exact_mut(half[1]).enumerate() {
            for (column, y) in y.iter_mut().enumerate() {
                *y = x[largest(x, size[1], [row, column])];
            }
        }
    });
    y
}

/// Gradient of [`max_pool`]'s input `x` from the output's: each goes to the pixel that was taken.
pub(crate) fn max_pool_gradient(x: &[f32], grad: &[f32], size: [usize; 2]) -> Vec<f32> {
    let half = size.map(|size| size / 2);
    let mut gradient = vec![0.0; x.len()];
    let pixels = (size[0] * size[1]).max(1);
    let planes = gradient.par_chunks_mut(pixels).zip(x.par_chunks(pixels));
    planes.zip(grad.par_chunks((half[0] * half[1]).max(1))).for_each(|((gradient, x), grad)| {
        for (row, grad) in grad.chunks_exact(half[1]).enumerate() {
            for (column, &grad) in grad.iter().enumerate() {
                gradient[largest(x, size[1], [row, column])] += grad;
            }
        }
    });
    gradient
}

/// Index of the largest of the 2 x 2 pixels of a block, the first of equals; of one that is not a number, if any.
fn largest(x: &[f32], width: usize, [row, column]: [usize; 2]) -> usize {
    let first = 2 * row * width + 2 * column;
    let larger = |best: usize, next: usize| {
        let keep = x[best].is_nan() || x[best] >= x[next];
        if keep { best } else { next }
    };
    [first + 1, first + width, first + width + 1].into_iter().fold(first, larger)
}

/// Twice the height and width. Each new pixel is `1 - share` of the pixel it lies in and `share` of that pixel's
/// neighbour on its side, on both axes; beyond the border the last pixel is repeated.
pub(crate) fn upsample(x: &[f32], [height, width]: [usize; 2], share: f32) -> Vec<f32> {
    let mut y = vec![0.0; 4 * x.len()];
    let planes = y.par_chunks_mut((4 * height * width).max(1)).zip(x.par_chunks((height * width).max(1)));
    planes.for_each(|(y, x)| {
        let mut mixed = vec![0.0; width];
        for (row, y) in y.chunks_exact_mut(2 * width).enumerate() {
            let [own, other] = sources(row, height).map(|row| &x[row * width..][..width]);
            for ((mixed, own), other) in mixed.iter_mut().zip(own).zip(other) {
                *mixed = own * (1.0 - share) + other * share;
            }
            for (column, y) in y.iter_mut().enumerate() {
                let [own, other] = sources(column, width).map(|column| mixed[column]);
                *y = own * (1.0 - share) + other * share;
            }
        }
    });
    y
}

/// Gradient of [`upsample`]'s input, planes of `height` x `width`, from the output's.
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
