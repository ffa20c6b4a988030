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

    fn apply(&self, channel: usize, plane: &mut [f32]) {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filters::Roles;

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
            let finish = Finish { bias: None, relu: false };
            let filters = Filters::new(level, &geometry, &weight, Roles::AsGiven);
            let kept = Filters::kept(level, [outputs, inputs, kernel], weight.clone());
            let y = forward(&geometry, &[part], &filters, finish);
            for (found, expected) in forward(&geometry, &[part], &kept, finish).iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "kept filters at {}", level.name());
            }
            for (found, expected) in y.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}", level.name());
            }
            // The gradients are those of <grad, y>, which is linear in x and in the weight: <grad, y> itself is
            // what each gives with its own variable.
            let total = dot(&grad, expected.iter().copied());
            let exchanged = Filters::new(level, &geometry, &weight, Roles::Exchanged);
            let by_x = transposed(&geometry, &grad, &exchanged, finish);
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
            prop_assume!(winograd::suits(&geometry, batch, false));
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
                let filters = Filters::new(Level::current(), &geometry, &weight, Roles::AsGiven);
                forward(&geometry, x, &filters, Finish { bias: None, relu: true })
            };
            prop_assert_eq!(run(&parts), run(&whole));
        }
    }
}
