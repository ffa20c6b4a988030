//! The three passes of a convolution. Those of a transposed convolution are the same three with the roles of input
//! and output exchanged.
//!
//! Work is split by picture and block of filters, never by thread, and sums run in a fixed order, so the number of
//! threads does not change a bit.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::correlate::{BLOCK, Correlate, PLANES, Products, TAPS};
use crate::filters::Filters;
use crate::geometry::{
    Geometry, Plan, Transposed, forward_plan, gather_gradient, gather_input, gather_output, output_rows,
    scatter_input, transposed_plans,
};
use crate::output::written;
use crate::simd::{Level, with_scratch};
use crate::winograd;

/// Pictures `[n, channels, h, w]`: an input, or some of its channels. A part of one picture serves every picture of the
/// others.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) channels: usize,
}

impl Part<'_> {
    fn pictures(&self, pixels: usize) -> usize {
        self.values.len().checked_div(self.channels * pixels).unwrap_or(0)
    }
}

/// What is done to a result before it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// Added, one number per channel.
    pub(crate) bias: Option<&'a [f32]>,
    /// Whether negative results become zero.
    pub(crate) relu: bool,
}

impl Finish<'_> {
    /// `source`, finished, to `target`.
    #[inline(always)]
    pub(crate) fn write(&self, channel: usize, source: &[f32], target: &mut [MaybeUninit<f32>]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        let pairs = target.iter_mut().zip(source);
        if self.relu {
            // Written so that what is not a number stays so.
            pairs.for_each(|(to, from)| _ = to.write(if from + bias < 0.0 { 0.0 } else { from + bias }));
        } else {
            pairs.for_each(|(to, from)| _ = to.write(from + bias));
        }
    }

    /// The same in place.
    pub(crate) fn apply(&self, channel: usize, plane: &mut [f32]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        if self.relu {
            plane.iter_mut().for_each(|value| *value = if *value + bias < 0.0 { 0.0 } else { *value + bias });
        } else if self.bias.is_some() {
            plane.iter_mut().for_each(|value| *value += bias);
        }
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
    if winograd::suits(geometry, batch, filters.kept) {
        let source = |picture, channel| plane(x, geometry.input_pixels(), [picture, channel]);
        return winograd::convolve(geometry, batch, source, filters, finish);
    }
    let plan = forward_plan(geometry);
    let (pixels, channel) = (geometry.output_pixels(), plan.phases * plan.layout.len());
    let offsets = offsets(&plan, geometry.inputs, channel);
    let job = Job { offsets, weights: filters.blocks().into(), positions: plan.layout.positions() };
    let fill = |source: &[f32], target: &mut [f32]| gather_input(geometry, &plan, source, target);
    let place = |_, filter, results: &[f32], y: &mut [MaybeUninit<f32>]| {
        for (results, y) in output_rows(geometry, &plan, results, y) {
            finish.write(filter, results, y);
        }
    };
    with_planes(x, geometry.input_pixels(), channel, fill, |planes| {
        let shape = [geometry.inputs * channel, geometry.outputs, pixels];
        // SAFETY: `place` is called for every plane and writes all of its rows.
        unsafe {
            written(batch * geometry.outputs * pixels, |y| {
                correlate(filters.level, planes, y, shape, &[job], place);
            })
        }
    })
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
    let grad = [Part { values: grad, channels: geometry.outputs }];
    let batch = batch_of(&grad, geometry.output_pixels());
    let mirrored = geometry.mirrored().filter(|mirrored| winograd::suits(mirrored, batch, filters.kept));
    if let Some(mirrored) = mirrored {
        let source = |picture, channel| plane(&grad, geometry.output_pixels(), [picture, channel]);
        return winograd::convolve(&mirrored, batch, source, filters, finish);
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
    // Cleared, for with strides wider than the filters there are pixels that no pass reaches.
    let mut x = vec![0.0; batch * geometry.inputs * pixels];
    let fill = |source: &[f32], target: &mut [f32]| gather_gradient(geometry, plan, source, target);
    let place = |job, channel, results: &[f32], x: &mut [f32]| {
        scatter_input(geometry, &passes[job], results, x);
        if job + 1 == jobs.len() {
            finish.apply(channel, x);
        }
    };
    with_planes(&grad, geometry.output_pixels(), channel, fill, |planes| {
        let shape = [geometry.outputs * channel, geometry.inputs, pixels];
        correlate(filters.level, planes, &mut x, shape, &jobs, place);
    });
    x
}

/// Gradient of the loss with respect to the filters, `[o, c, k, k]`, from input and the output's gradient.
pub(crate) fn weight_gradient(level: Level, geometry: &Geometry, x: &[Part<'_>], grad: &[f32]) -> Vec<f32> {
    let grad = [Part { values: grad, channels: geometry.outputs }];
    let batch = batch_of(x, geometry.input_pixels());
    if winograd::suits(geometry, batch, true) {
        let source = |picture, channel| plane(x, geometry.input_pixels(), [picture, channel]);
        let grad = |picture, channel| plane(&grad, geometry.output_pixels(), [picture, channel]);
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
    x.iter().map(|part| part.pictures(pixels)).max().expect("an input has at least one part")
}

/// The plane of a picture and a channel.
fn plane<'a>(x: &[Part<'a>], pixels: usize, [picture, mut channel]: [usize; 2]) -> &'a [f32] {
    for part in x {
        if channel < part.channels {
            let picture = if part.pictures(pixels) == 1 { 0 } else { picture };
            return &part.values[(picture * part.channels + channel) * pixels..][..pixels];
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

/// Runs all `jobs` over every picture: from `planes` (`image` numbers each) to `y [n, outputs, pixels]`.
/// `place` is called with the job's index, the channel, its results, and the channel's plane of `y`.
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
    y.par_chunks_mut(outputs * pixels).zip(planes.par_chunks_exact(image)).for_each(|(y, planes)| {
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
                        place(index, block * width + r, results, y);
                    }
                });
            }
        });
    });
}

#[cfg(test)]
mod tests;
