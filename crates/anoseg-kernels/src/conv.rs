//! The three passes of a convolution. Those of a transposed convolution are the same three with the roles of input
//! and output exchanged.
//!
//! Work is split by picture and block of filters, never by thread, and sums run in a fixed order, so the number of
//! threads does not change a bit.

use rayon::prelude::*;

use crate::correlate::{BLOCK, Correlate, PLANES, Products, TAPS};
use crate::geometry::{
    Geometry, Plan, forward_plan, gather_gradient, gather_input, gather_output, place_output, scatter_input,
    transposed_plans,
};
use crate::simd::{Level, with_scratch};
use crate::winograd;

/// Pictures `[n, channels, h, w]`: an input, or some of its channels.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) channels: usize,
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
    fn apply(&self, channel: usize, plane: &mut [f32]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        if self.relu {
            // Written so that what is not a number stays so.
            plane.iter_mut().for_each(|value| *value = if *value + bias < 0.0 { 0.0 } else { *value + bias });
        } else if self.bias.is_some() {
            plane.iter_mut().for_each(|value| *value += bias);
        }
    }
}

/// `x [n, c, h, w]`, given in parts that are joined along the channels, with `weight [o, c, k, k]` -> `[n, o, h', w']`.
pub(crate) fn forward(
    level: Level,
    geometry: &Geometry,
    x: &[Part<'_>],
    weight: &[f32],
    finish: Finish<'_>,
) -> Vec<f32> {
    let batch = batch_of(x, geometry.input_pixels());
    if winograd::suits(geometry, batch) {
        let source = |picture, channel| plane(x, geometry.input_pixels(), [picture, channel]);
        return winograd::convolve(level, geometry, batch, source, (weight, Filters::AsGiven), finish);
    }
    let plan = forward_plan(geometry);
    let (pixels, channel) = (geometry.output_pixels(), plan.phases * plan.layout.len());
    let mut y = vec![0.0; batch * geometry.outputs * pixels];
    let shape = [geometry.outputs, geometry.inputs, geometry.kernel * geometry.kernel];
    let job = Job::new(level, &plan, channel, shape, weight, Filters::AsGiven);
    with_planes(
        x,
        geometry.input_pixels(),
        channel,
        |source, target| gather_input(geometry, &plan, source, target),
        |planes| {
            let image = geometry.inputs * channel;
            correlate(
                level,
                planes,
                &mut y,
                [image, pixels],
                geometry.outputs,
                &[job],
                |_, filter, results, y| {
                    place_output(geometry, &plan, results, y);
                    finish.apply(filter, y);
                },
            );
        },
    );
    y
}

/// From outputs to inputs, the transposed pass: `grad [n, o, h', w']` with `weight [o, c, k, k]` -> `[n, c, h, w]`.
///
/// With a loss's gradient it gives that of the input; it is also the forward pass of a transposed convolution.
pub(crate) fn transposed(
    level: Level,
    geometry: &Geometry,
    grad: &[f32],
    weight: &[f32],
    finish: Finish<'_>,
) -> Vec<f32> {
    let grad = [Part { values: grad, channels: geometry.outputs }];
    let batch = batch_of(&grad, geometry.output_pixels());
    if let Some(mirrored) = geometry.mirrored().filter(|mirrored| winograd::suits(mirrored, batch)) {
        let source = |picture, channel| plane(&grad, geometry.output_pixels(), [picture, channel]);
        return winograd::convolve(level, &mirrored, batch, source, (weight, Filters::Exchanged), finish);
    }
    let passes = transposed_plans(geometry);
    let plan = &passes[0].plan;
    let (pixels, channel) = (geometry.input_pixels(), plan.layout.len());
    let mut x = vec![0.0; batch * geometry.inputs * pixels];
    let shape = [geometry.inputs, geometry.outputs, geometry.kernel * geometry.kernel];
    let jobs: Vec<Job> = passes
        .iter()
        .map(|pass| Job::new(level, &pass.plan, channel, shape, weight, Filters::Exchanged))
        .collect();
    with_planes(
        &grad,
        geometry.output_pixels(),
        channel,
        |source, target| gather_gradient(geometry, plan, source, target),
        |planes| {
            let image = geometry.outputs * channel;
            correlate(
                level,
                planes,
                &mut x,
                [image, pixels],
                geometry.inputs,
                &jobs,
                |job, channel, results, x| {
                    scatter_input(geometry, &passes[job], results, x);
                    if job + 1 == jobs.len() {
                        finish.apply(channel, x);
                    }
                },
            );
        },
    );
    x
}

/// Gradient of the loss with respect to the filters, `[o, c, k, k]`, from input and the output's gradient.
pub(crate) fn weight_gradient(level: Level, geometry: &Geometry, x: &[Part<'_>], grad: &[f32]) -> Vec<f32> {
    let plan = forward_plan(geometry);
    let (plane, channel) = (plan.layout.len(), plan.phases * plan.layout.len());
    let (inputs, outputs) = (geometry.inputs, geometry.outputs);
    let columns = inputs * plan.taps.len();
    let mut gradient = vec![0.0; outputs * columns];
    let grad = [Part { values: grad, channels: outputs }];
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
    let part = x.first().expect("an input has at least one part");
    part.values.len().checked_div(part.channels * pixels).unwrap_or(0)
}

/// The plane of a picture and a channel.
fn plane<'a>(x: &[Part<'a>], pixels: usize, [picture, mut channel]: [usize; 2]) -> &'a [f32] {
    for part in x {
        if channel < part.channels {
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
        planes.par_chunks_mut((channels * channel).max(1)).enumerate().for_each(|(n, mut image)| {
            for part in x {
                let (own, rest) = image.split_at_mut(part.channels * channel);
                let sources = part.values[n * part.channels * pixels..].chunks_exact(pixels);
                own.chunks_exact_mut(channel).zip(sources).for_each(|(plane, source)| gather(source, plane));
                image = rest;
            }
        });
        work(planes)
    })
}

/// Offsets of every tap of every channel.
fn offsets(plan: &Plan, channels: usize, channel: usize) -> Vec<usize> {
    (0..channels).flat_map(|c| plan.taps.iter().map(move |&(offset, _)| c * channel + offset)).collect()
}

/// One correlation: what its taps read and the filters in the order in which the inner loop wants them.
struct Job {
    offsets: Vec<usize>,
    /// `[block of filters][offsets][filters of a block]`
    weights: Vec<f32>,
    positions: usize,
}

/// How a convolution's filters are used.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Filters {
    /// `[o, c, k, k]`: o results from c channels.
    AsGiven,
    /// `[o, c, k, k]`: c results from o channels.
    Exchanged,
}

impl Job {
    /// `shape` is results, channels, and taps of a whole filter.
    fn new(
        level: Level,
        plan: &Plan,
        channel: usize,
        [results, channels, taps]: [usize; 3],
        weight: &[f32],
        filters: Filters,
    ) -> Self {
        let width = level.filters();
        let columns = channels * plan.taps.len();
        let mut weights = vec![0.0; results.div_ceil(width) * width * columns];
        for result in 0..results {
            let block = &mut weights[result / width * width * columns..][..width * columns];
            for c in 0..channels {
                let filter = match filters {
                    Filters::AsGiven => (result * channels + c) * taps,
                    Filters::Exchanged => (c * results + result) * taps,
                };
                for (i, &(_, tap)) in plan.taps.iter().enumerate() {
                    block[(c * plan.taps.len() + i) * width + result % width] = weight[filter + tap];
                }
            }
        }
        Self { offsets: offsets(plan, channels, channel), weights, positions: plan.layout.positions() }
    }
}

/// Runs all `jobs` over every picture: from `planes` (`image` numbers each) to `y [n, outputs, pixels]`.
/// `place` is called with the job's index, the channel, its results, and the channel's plane of `y`.
fn correlate(
    level: Level,
    planes: &[f32],
    y: &mut [f32],
    [image, pixels]: [usize; 2],
    outputs: usize,
    jobs: &[Job],
    place: impl Fn(usize, usize, &[f32], &mut [f32]) + Sync,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Convolution by its definition, in double precision.
    fn by_definition(geometry: &Geometry, x: &[f32], weight: &[f32], batch: usize) -> Vec<f64> {
        let Geometry { inputs, outputs, size: [height, width], kernel, stride, padding } = *geometry;
        let [rows, columns] = geometry.output_size();
        let mut y = Vec::new();
        for (n, o, row, column) in (0..batch * outputs * rows * columns).map(|i| {
            (i / columns / rows / outputs, i / columns / rows % outputs, i / columns % rows, i % columns)
        }) {
            let mut sum = 0.0;
            for (c, ky, kx) in
                (0..inputs * kernel * kernel).map(|i| (i / kernel / kernel, i / kernel % kernel, i % kernel))
            {
                let (sy, sx) = (row * stride + ky, column * stride + kx);
                if sy >= padding && sx >= padding && sy < height + padding && sx < width + padding {
                    let x = x[((n * inputs + c) * height + sy - padding) * width + sx - padding];
                    sum += f64::from(x) * f64::from(weight[((o * inputs + c) * kernel + ky) * kernel + kx]);
                }
            }
            y.push(sum);
        }
        y
    }

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed | 1;
        let next = move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..len).map(next).collect()
    }

    fn dot(a: &[f32], b: impl IntoIterator<Item = f64>) -> f64 {
        a.iter().zip(b).map(|(&a, b)| f64::from(a) * b).sum()
    }

    /// All passes at all levels against the definition.
    fn check(geometry: Geometry, batch: usize, seed: u64) -> Result<(), TestCaseError> {
        let Geometry { inputs, outputs, kernel, .. } = geometry;
        let x = numbers(batch * inputs * geometry.input_pixels(), seed);
        let weight = numbers(outputs * inputs * kernel * kernel, seed ^ 2);
        let grad = numbers(batch * outputs * geometry.output_pixels(), seed ^ 4);
        let expected = by_definition(&geometry, &x, &weight, batch);
        for level in Level::available() {
            let part = Part { values: &x, channels: inputs };
            let y = forward(level, &geometry, &[part], &weight, Finish { bias: None, relu: false });
            for (found, expected) in y.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}", level.name());
            }
            // The gradients are those of <grad, y>, which is linear in x and in the weight: <grad, y> itself is
            // what each gives with its own variable.
            let total = dot(&grad, expected.iter().copied());
            let by_x = transposed(level, &geometry, &grad, &weight, Finish { bias: None, relu: false });
            let by_weight = weight_gradient(level, &geometry, &[part], &grad);
            let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
            prop_assert!((dot(&by_x, wide(&x)) - total).abs() < 2e-3, "{}", level.name());
            prop_assert!((dot(&by_weight, wide(&weight)) - total).abs() < 2e-3, "{}", level.name());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_level_computes_the_definition(
            batch in 1usize..3, inputs in 1usize..7, outputs in 1usize..19, height in 1usize..20,
            width in 1usize..20, kernel in 1usize..6, stride in 1usize..4, padding in 0usize..3, seed: u64,
        ) {
            prop_assume!(height.min(width) + 2 * padding >= kernel);
            let geometry = Geometry { inputs, outputs, size: [height, width], kernel, stride, padding };
            check(geometry, batch, seed)?;
        }

        #[test]
        fn every_level_computes_the_definition_with_minimal_filtering(
            batch in 3usize..5, inputs in 8usize..12, outputs in 8usize..20, height in 12usize..24,
            width in 12usize..72, padding in 0usize..3, seed: u64,
        ) {
            let geometry = Geometry { inputs, outputs, size: [height, width], kernel: 3, stride: 1, padding };
            prop_assume!(winograd::suits(&geometry, batch));
            check(geometry, batch, seed)?;
        }

        #[test]
        fn parts_are_joined_along_the_channels(first in 1usize..5, second in 1usize..5, seed: u64) {
            let [height, width, batch, outputs] = [7, 9, 2, 6];
            let geometry =
                Geometry { inputs: first + second, outputs, size: [height, width], kernel: 3, stride: 1, padding: 1 };
            let pixels = height * width;
            let (a, b) = (numbers(batch * first * pixels, seed), numbers(batch * second * pixels, seed ^ 2));
            let joined: Vec<f32> = (0..batch)
                .flat_map(|n| [&a[n * first * pixels..][..first * pixels], &b[n * second * pixels..][..second * pixels]])
                .flatten()
                .copied()
                .collect();
            let weight = numbers(outputs * (first + second) * 9, seed ^ 4);
            let parts = [Part { values: &a, channels: first }, Part { values: &b, channels: second }];
            let whole = [Part { values: &joined, channels: first + second }];
            let run = |x: &[Part<'_>]| {
                forward(Level::current(), &geometry, x, &weight, Finish { bias: None, relu: true })
            };
            prop_assert_eq!(run(&parts), run(&whole));
        }
    }
}
