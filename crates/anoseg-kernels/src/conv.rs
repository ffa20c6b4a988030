//! Convolution of stride 1 and same size as matrix products over tiles of rows.
//!
//! A tile's neighbourhoods are laid out as columns (im2col) in a buffer small enough for the cache, and multiplied
//! with the filters. Work is split by picture (a single picture: by filters), never by thread, and sums run in a
//! fixed order, so the number of threads does not change a bit.

use rayon::prelude::*;

use crate::gemm::{Matrix, MatrixMut, multiply};

/// Pixels in a tile, about: columns of a 64-channel 3 x 3 layer then take 1.2 MB.
const TILE_PIXELS: usize = 512;

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Side of the filters, odd.
    pub(crate) kernel: usize,
}

impl Shape {
    fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values that a filter sees at one place.
    fn fan_in(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }

    /// Tiles as ranges of rows.
    fn tiles(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (height, rows) = (self.height, (TILE_PIXELS / self.width.max(1)).clamp(1, self.height.max(1)));
        (0..height.div_ceil(rows)).map(move |i| i * rows..((i + 1) * rows).min(height))
    }
}

/// `x [n, c, h, w]`, `weight [o, c, k, k]`, `bias [o]` -> `[n, o, h, w]`.
pub(crate) fn forward(shape: Shape, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut y = vec![0.0; shape.batch * shape.outputs * shape.pixels()];
    if y.is_empty() {
        return y;
    }
    // A single picture is split in two by filters, so that two cores have work.
    let parts = if shape.batch == 1 && shape.outputs > 1 { 2 } else { 1 };
    let filters_per_part = shape.outputs.div_ceil(parts);
    let image_len = shape.inputs * shape.pixels();
    y.par_chunks_mut(shape.outputs * shape.pixels()).enumerate().for_each(|(n, y)| {
        let x = &x[n * image_len..(n + 1) * image_len];
        y.par_chunks_mut(filters_per_part * shape.pixels()).enumerate().for_each(|(part, y)| {
            let first = part * filters_per_part;
            let filters = y.len() / shape.pixels();
            let weight = &weight[first * shape.fan_in()..(first + filters) * shape.fan_in()];
            if let Some(bias) = bias {
                for (row, &bias) in y.chunks_exact_mut(shape.pixels()).zip(&bias[first..]) {
                    row.fill(bias);
                }
            }
            forward_image(Shape { outputs: filters, ..shape }, x, weight, y);
        });
    });
    y
}

/// Adds one picture's convolution to `y`.
fn forward_image(shape: Shape, x: &[f32], weight: &[f32], y: &mut [f32]) {
    let (pixels, fan_in) = (shape.pixels(), shape.fan_in());
    let weight = Matrix { data: weight, row_stride: fan_in, column_stride: 1 };
    let mut columns = Vec::new();
    for rows in shape.tiles() {
        let (start, len) = (rows.start * shape.width, rows.len() * shape.width);
        let neighbourhoods = neighbourhoods(shape, x, rows, &mut columns);
        let target = MatrixMut { data: &mut y[start..], row_stride: pixels };
        multiply([shape.outputs, len, fan_in], target, weight, neighbourhoods, true);
    }
}

/// Gradient of the loss with respect to `x`, from that with respect to the output: the convolution of `grad` with
/// the filters turned by half a turn and transposed.
pub(crate) fn input_gradient(shape: Shape, grad: &[f32], weight: &[f32]) -> Vec<f32> {
    let turned = Shape { inputs: shape.outputs, outputs: shape.inputs, ..shape };
    forward(turned, grad, &turned_filters(shape, weight), None)
}

fn turned_filters(shape: Shape, weight: &[f32]) -> Vec<f32> {
    let taps = shape.kernel * shape.kernel;
    let mut turned = vec![0.0; weight.len()];
    for o in 0..shape.outputs {
        for c in 0..shape.inputs {
            let from = &weight[(o * shape.inputs + c) * taps..][..taps];
            let to = &mut turned[(c * shape.outputs + o) * taps..][..taps];
            to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
        }
    }
    turned
}

/// Gradient of the loss with respect to the filters, `[o, c, k, k]`.
pub(crate) fn weight_gradient(shape: Shape, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let (pixels, fan_in) = (shape.pixels(), shape.fan_in());
    let (image_len, grad_len) = (shape.inputs * pixels, shape.outputs * pixels);
    let by_image: Vec<Vec<f32>> = (0..shape.batch)
        .into_par_iter()
        .map(|n| {
            let x = &x[n * image_len..(n + 1) * image_len];
            let grad = &grad[n * grad_len..(n + 1) * grad_len];
            let mut sum = vec![0.0; shape.outputs * fan_in];
            let mut columns = Vec::new();
            for rows in shape.tiles() {
                let (start, len) = (rows.start * shape.width, rows.len() * shape.width);
                let seen = neighbourhoods(shape, x, rows, &mut columns).transposed();
                let grad =
                    Matrix { data: &grad[start.min(grad.len())..], row_stride: pixels, column_stride: 1 };
                let target = MatrixMut { data: &mut sum, row_stride: fan_in };
                multiply([shape.outputs, fan_in, len], target, grad, seen, true);
            }
            sum
        })
        .collect();
    add_up(by_image, shape.outputs * fan_in)
}

/// Gradient of the loss with respect to the bias, `[o]`.
pub(crate) fn bias_gradient(shape: Shape, grad: &[f32]) -> Vec<f32> {
    let mut sum = vec![0.0; shape.outputs];
    for image in grad.chunks_exact((shape.outputs * shape.pixels()).max(1)) {
        for (sum, plane) in sum.iter_mut().zip(image.chunks_exact(shape.pixels().max(1))) {
            *sum += plane.iter().sum::<f32>();
        }
    }
    sum
}

fn add_up(parts: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    parts
        .into_iter()
        .reduce(|mut sum, part| {
            sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            sum
        })
        .unwrap_or_else(|| vec![0.0; len])
}

impl Matrix<'_> {
    fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// What the filters see at the pixels of `rows`: `fan_in` x pixels, zero outside the picture. Filters of one pixel
/// see the picture itself; for others `columns` holds the copy.
fn neighbourhoods<'a>(
    shape: Shape,
    x: &'a [f32],
    rows: std::ops::Range<usize>,
    columns: &'a mut Vec<f32>,
) -> Matrix<'a> {
    let Shape { width, height, kernel, .. } = shape;
    if kernel == 1 {
        let start = (rows.start * width).min(x.len());
        return Matrix { data: &x[start..], row_stride: shape.pixels(), column_stride: 1 };
    }
    let len = rows.len() * width;
    columns.resize(shape.fan_in() * len, 0.0);
    let taps = kernel * kernel;
    for (i, column) in columns.chunks_exact_mut(len.max(1)).enumerate() {
        let plane = &x[i / taps * shape.pixels()..][..shape.pixels()];
        let (dy, dx) = (i % taps / kernel, i % kernel);
        for (y, target) in rows.clone().zip(column.chunks_exact_mut(width)) {
            let Some(y) = (y + dy).checked_sub(kernel / 2).filter(|&y| y < height) else {
                target.fill(0.0);
                continue;
            };
            copy_shifted(&plane[y * width..(y + 1) * width], target, dx, kernel / 2);
        }
    }
    Matrix { data: columns, row_stride: len, column_stride: 1 }
}

/// `target[i] = source[i + shift - centre]`, zero outside.
fn copy_shifted(source: &[f32], target: &mut [f32], shift: usize, centre: usize) {
    let width = source.len();
    if shift >= centre {
        let by = (shift - centre).min(width);
        target[..width - by].copy_from_slice(&source[by..]);
        target[width - by..].fill(0.0);
    } else {
        let by = (centre - shift).min(width);
        target[by..].copy_from_slice(&source[..width - by]);
        target[..by].fill(0.0);
    }
}
