//! The three passes of a convolution. Those of a transposed convolution are the same three with the roles of input
//! and output exchanged.
//!
//! Work is split by image and block of filters, never by thread, and sums run in a fixed order, so the number of
//! threads does not change a bit.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::correlate::{BLOCK, Correlate, LANES, PLANES, Products, TAPS};
use crate::filters::Filters;
use crate::finish::Finish;
use crate::geometry::{
    Geometry, Plan, Transposed, forward_plan, gather_gradient, gather_input, gather_output, output_rows,
    scatter_input, transposed_plans,
};
use crate::output::{initialised, written};
use crate::simd::{Level, with_scratch};
use crate::winograd;

/// Pictures `[n, channels, h, w]`: an input, or some of its channels. A part of one image serves every image of the
/// others.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) channels: usize,
}

impl Part<'_> {
    fn images(&self, pixels: usize) -> usize {
        self.values.len().checked_div(self.channels * pixels).unwrap_or(0)
    }
}

/// `x [n, c, h, w]`, given in parts that are joined along the channels, with `filters [o, c, k, k]` -> `[n, o, h', w']`.
pub(crate) fn forward(
    geometry: &Geometry,
    x: &[Part<'_>],
    filters: &Filters<'_>,
    finish: Finish<'_>,
) -> Vec<f32> {
    let batch = batch_of(x, geometry.input_pixels());
    // SAFETY: `forward_into` writes every number of its output.
    unsafe {
        written(batch * geometry.outputs * geometry.output_pixels(), |y| {
            forward_into(geometry, x, filters, finish, y);
        })
    }
}

/// [`forward`] into memory of the right size, every number of which it writes.
pub(crate) fn forward_into(
    geometry: &Geometry,
    x: &[Part<'_>],
    filters: &Filters<'_>,
    finish: Finish<'_>,
    y: &mut [MaybeUninit<f32>],
) {
    let batch = batch_of(x, geometry.input_pixels());
    let pixels = geometry.output_pixels();
    assert_eq!(y.len(), batch * geometry.outputs * pixels, "the output has another size");
    if winograd::suits(geometry, batch, filters.kept) {
        let source = |image, channel| plane(x, geometry.input_pixels(), [image, channel]);
        winograd::convolve(geometry, batch, source, filters, finish, y);
        return;
    }
    let plan = forward_plan(geometry);
    let channel = plan.phases * plan.layout.len();
    let place = |_, index: usize, results: &[f32], y: &mut [MaybeUninit<f32>]| {
        let width = geometry.output_size()[1];
        for (row, (results, y)) in output_rows(geometry, &plan, results, y).enumerate() {
            let residual = finish.residual_at(index * pixels + row * width, width);
            finish.write(index % geometry.outputs, results, residual, y);
        }
    };
    let job = |channel| Job {
        offsets: offsets(&plan, geometry.inputs, channel),
        weights: filters.blocks().into(),
        positions: plan.layout.positions(),
    };
    if let ([part], true) = (x, is_laid_out(geometry)) {
        // The planes are already as the loops want them.
        let shape = [geometry.inputs * pixels, geometry.outputs, pixels];
        return correlate(filters.level, part.values, y, shape, &[job(pixels)], place);
    }
    let fill = |source: &[f32], target: &mut [f32]| gather_input(geometry, &plan, source, target);
    with_planes(x, geometry.input_pixels(), channel, fill, |planes| {
        let shape = [geometry.inputs * channel, geometry.outputs, pixels];
        correlate(filters.level, planes, y, shape, &[job(channel)], place);
    });
}

/// Whether the layout of the input is that of the planes themselves: 1 x 1 filters on whole vectors of pixels.
fn is_laid_out(geometry: &Geometry) -> bool {
    geometry.kernel == 1
        && geometry.stride == 1
        && geometry.padding == 0
        && geometry.input_pixels().is_multiple_of(LANES)
}

/// From outputs to inputs, the transposed pass: `grad [n, o, h', w']` with `weight [o, c, k, k]` -> `[n, c, h, w]`.
///
/// With a loss's gradient it gives that of the input; it is also the forward pass of a transposed convolution.
pub(crate) fn transposed(
    geometry: &Geometry,
    grad: &[f32],
    filters: &Filters<'_>,
    finish: Finish<'_>,
) -> Vec<f32> {
    let batch = grad.len() / (geometry.outputs * geometry.output_pixels()).max(1);
    let mut x = vec![0.0; batch * geometry.inputs * geometry.input_pixels()];
    transposed_into(geometry, grad, filters, finish, &mut x);
    x
}

/// [`transposed`] into `x [n, c, h, w]`.
pub(crate) fn transposed_into(
    geometry: &Geometry,
    grad: &[f32],
    filters: &Filters<'_>,
    finish: Finish<'_>,
    x: &mut [f32],
) {
    let grad = [Part { values: grad, channels: geometry.outputs }];
    let batch = batch_of(&grad, geometry.output_pixels());
    assert_eq!(x.len(), batch * geometry.inputs * geometry.input_pixels(), "the output has another size");
    let mirrored = geometry.mirrored().filter(|mirrored| winograd::suits(mirrored, batch, filters.kept));
    if let Some(mirrored) = mirrored {
        let source = |image, channel| plane(&grad, geometry.output_pixels(), [image, channel]);
        return winograd::convolve(&mirrored, batch, source, filters, finish, initialised(x));
    }
    let passes = transposed_plans(geometry);
    let plan = &passes[0].plan;
    let (pixels, channel) = (geometry.input_pixels(), plan.layout.len());
    let jobs: Vec<Job> = passes
        .iter()
        .map(|Transposed { plan, .. }| Job {
            offsets: offsets(plan, geometry.outputs, channel),
            weights: filters.select(plan.taps.iter().map(|&(_, tap)| tap)).into(),
            positions: plan.layout.positions(),
        })
        .collect();
    if geometry.stride > geometry.kernel {
        // There are pixels that no pass reaches.
        x.fill(0.0);
    }
    let fill = |source: &[f32], target: &mut [f32]| gather_gradient(geometry, plan, source, target);
    let place = |job, index: usize, results: &[f32], x: &mut [f32]| {
        scatter_input(geometry, &passes[job], results, x);
        if job + 1 == jobs.len() {
            finish.apply(index % geometry.inputs, x);
        }
    };
    with_planes(&grad, geometry.output_pixels(), channel, fill, |planes| {
        let shape = [geometry.outputs * channel, geometry.inputs, pixels];
        correlate(filters.level, planes, x, shape, &jobs, place);
    });
}

/// Gradient of the loss with respect to the filters, `[o, c, k, k]`, from input and the output's gradient.
pub(crate) fn weight_gradient(level: Level, geometry: &Geometry, x: &[Part<'_>], grad: &[f32]) -> Vec<f32> {
    let grad = [Part { values: grad, channels: geometry.outputs }];
    let batch = batch_of(x, geometry.input_pixels());
    if winograd::suits(geometry, batch, true) {
        let source = |image, channel| plane(x, geometry.input_pixels(), [image, channel]);
        let grad = |image, channel| plane(&grad, geometry.output_pixels(), [image, channel]);
        return winograd::weight_gradient(level, geometry, batch, source, grad);
    }
    let plan = forward_plan(geometry);
    let (plane, channel) = (plan.layout.len(), plan.phases * plan.layout.len());
    let (inputs, outputs) = (geometry.inputs, geometry.outputs);
    let columns = inputs * plan.taps.len();
    let mut gradient = vec![0.0; outputs * columns];
    // The last block of taps is filled up by repeating a tap; what it adds is not read.
    let mut offsets = offsets(&plan, inputs, channel);
    offsets.resize(columns.next_multiple_of(TAPS), offsets.last().copied().unwrap_or(0));
    let fill = |source: &[f32], target: &mut [f32]| gather_input(geometry, &plan, source, target);
    let fill_grad = |source: &[f32], target: &mut [f32]| gather_output(geometry, &plan, source, target);
    with_planes(x, geometry.input_pixels(), channel, fill, |planes| {
        with_planes(&grad, geometry.output_pixels(), plane, fill_grad, |grads| {
            gradient.par_chunks_mut(PLANES * columns).enumerate().for_each(|(block, gradient)| {
                with_scratch(offsets.len() / TAPS * BLOCK, |sums| {
                    sums.fill(0.0);
                    for (planes, grads) in
                        planes.chunks_exact(inputs * channel).zip(grads.chunks_exact(outputs * plane))
                    {
                        let left = std::array::from_fn(|r| {
                            let output = (block * PLANES + r).min(outputs - 1);
                            &grads[output * plane..(output + 1) * plane]
                        });
                        let positions = plan.layout.positions();
                        Products { left, planes, offsets: &offsets, positions, sums }.run(level);
                    }
                    for (r, gradient) in gradient.chunks_exact_mut(columns).enumerate() {
                        for (column, gradient) in gradient.iter_mut().enumerate() {
                            let block = &sums[column / TAPS * BLOCK..][..BLOCK];
                            *gradient = Products::total(block, r, column % TAPS);
                        }
                    }
                });
            });
        });
    });
    gradient
}

/// Sums of every channel of `grad [n, channels, pixels]`: the gradient of a bias.
pub(crate) fn bias_gradient(grad: Part<'_>, pixels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; grad.channels];
    for image in grad.values.chunks_exact((grad.channels * pixels).max(1)) {
        for (sum, plane) in sums.iter_mut().zip(image.chunks_exact(pixels.max(1))) {
            *sum += plane.iter().sum::<f32>();
        }
    }
    sums
}

fn batch_of(x: &[Part<'_>], pixels: usize) -> usize {
    x.iter().map(|part| part.images(pixels)).max().expect("an input has at least one part")
}

/// The plane of a image and a channel.
fn plane<'a>(x: &[Part<'a>], pixels: usize, [image, mut channel]: [usize; 2]) -> &'a [f32] {
    for part in x {
        if channel < part.channels {
            let image = if part.images(pixels) == 1 { 0 } else { image };
            return &part.values[(image * part.channels + channel) * pixels..][..pixels];
        }
        channel -= part.channels;
    }
    panic!("channel {channel} beyond the last");
}

/// Lays out all planes of a batch in scratch memory, `[n, channels of all parts, channel]`, and hands them to `work`.
fn with_planes<T>(
    x: &[Part<'_>],
    pixels: usize,
    channel: usize,
    gather: impl Fn(&[f32], &mut [f32]) + Sync,
    work: impl FnOnce(&[f32]) -> T,
) -> T {
    let channels: usize = x.iter().map(|part| part.channels).sum();
    with_scratch(batch_of(x, pixels) * channels * channel, |planes| {
        planes.par_chunks_mut(channel.max(1)).enumerate().for_each(|(index, target)| {
            gather(plane(x, pixels, [index / channels, index % channels]), target);
        });
        work(planes)
    })
}

/// Offsets of every tap of every channel.
fn offsets(plan: &Plan, channels: usize, channel: usize) -> Vec<usize> {
    (0..channels).flat_map(|c| plan.taps.iter().map(move |&(offset, _)| c * channel + offset)).collect()
}

/// One correlation: what its taps read and the filters in the order in which the inner loop wants them.
struct Job<'a> {
    offsets: Vec<usize>,
    /// `[block of filters][offsets][filters of a block]`
    weights: Cow<'a, [f32]>,
    positions: usize,
}

/// Runs all `jobs` over every image: from `planes` (`image` numbers each) to `y [n, outputs, pixels]`.
/// `place` is called with the job's index, the number of the plane among all of `y`, its results, and the plane.
fn correlate<T: Send>(
    level: Level,
    planes: &[f32],
    y: &mut [T],
    [image, outputs, pixels]: [usize; 3],
    jobs: &[Job],
    place: impl Fn(usize, usize, &[f32], &mut [T]) + Sync,
) {
    if y.is_empty() {
        return;
    }
    let width = level.filters();
    let images = y.par_chunks_mut(outputs * pixels).zip(planes.par_chunks_exact(image)).enumerate();
    images.for_each(|(n, (y, planes))| {
        y.par_chunks_mut(width * pixels).enumerate().for_each(|(block, y)| {
            for (index, job) in jobs.iter().enumerate() {
                let columns = job.offsets.len();
                let row = Correlate::padded(job.positions);
                with_scratch(width * row, |results| {
                    let weights = &job.weights[block * width * columns..][..width * columns];
                    let (offsets, positions) = (&job.offsets[..], job.positions);
                    Correlate { level, planes, offsets, weights, positions, results, row }.run();
                    let rows = y.chunks_exact_mut(pixels).zip(results.chunks_exact(row));
                    for (r, (y, results)) in rows.enumerate() {
                        place(index, n * outputs + block * width + r, results, y);
                    }
                });
            }
        });
    });
}

#[cfg(test)]
mod tests;
