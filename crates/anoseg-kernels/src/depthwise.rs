//! Convolution in which every channel has one filter of its own.
//!
//! Planes are laid out as for any convolution (see `geometry`), each is a job of its own, and sums stay in registers over
//! all taps. A value is used once per tap and no more, so these loops wait for loads, not for the multipliers.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::correlate::{Correlate, LANES, load, store, sum_of_lanes};
use crate::geometry::{
    Geometry, Plan, Transposed, forward_plan, gather_gradient, gather_input, gather_output, output_rows,
    scatter_input, transposed_plans,
};
use crate::output::written;
use crate::passes::Finish;
use crate::simd::{Level, mul_add, with_scratch};

/// `x [n, c, h, w]` with a filter for each channel, `weight [c, k, k]` -> `[n, c, h', w']`.
pub(crate) fn forward(
    level: Level,
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    finish: Finish<'_>,
) -> Vec<f32> {
    let plan = forward_plan(geometry);
    let (from, to) = (geometry.input_pixels(), geometry.output_pixels());
    let compute = |index: usize, x: &[f32], y: &mut [MaybeUninit<f32>]| {
        let channel = index % geometry.inputs;
        with_scratch(plan.phases * plan.layout.len(), |planes| {
            gather_input(geometry, &plan, x, planes);
            with_scratch(padded(&plan), |results| {
                Filter { planes, plan: &plan, filter: filter(geometry, weight, channel), results }.run(level);
                for (results, y) in output_rows(geometry, &plan, results, y) {
                    finish.write(channel, results, y);
                }
            });
        });
    };
    // SAFETY: there is a plane of the result for each plane of `x`, and `compute` writes all of its rows.
    unsafe {
        written(x.len() / from * to, |y| {
            let planes = y.par_chunks_exact_mut(to).zip(x.par_chunks_exact(from));
            planes.enumerate().for_each(|(index, (y, x))| compute(index, x, y));
        })
    }
}

/// Gradient of the input, `[n, c, h, w]`, from the output's.
pub(crate) fn input_gradient(level: Level, geometry: &Geometry, grad: &[f32], weight: &[f32]) -> Vec<f32> {
    let passes = transposed_plans(geometry);
    let layout = passes[0].plan.layout;
    let (from, to) = (geometry.output_pixels(), geometry.input_pixels());
    // Cleared, for with strides wider than the filters there are pixels that no pass reaches.
    let mut x = vec![0.0; grad.len() / from * to];
    x.par_chunks_exact_mut(to).zip(grad.par_chunks_exact(from)).enumerate().for_each(|(index, (x, grad))| {
        let filter = filter(geometry, weight, index % geometry.inputs);
        with_scratch(layout.len(), |planes| {
            gather_gradient(geometry, &passes[0].plan, grad, planes);
            with_scratch(padded(&passes[0].plan), |results| {
                for pass @ Transposed { plan, .. } in &passes {
                    Filter { planes, plan, filter, results }.run(level);
                    scatter_input(geometry, pass, results, x);
                }
            });
        });
    });
    x
}

/// Gradient of the filters, `[c, k, k]`, from input and the output's gradient.
pub(crate) fn weight_gradient(level: Level, geometry: &Geometry, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let plan = forward_plan(geometry);
    let (channels, taps) = (geometry.inputs, plan.taps.len());
    let (pixels, results) = (geometry.input_pixels(), geometry.output_pixels());
    // The last block of taps is filled up by repeating a tap; what it adds is not read.
    let mut offsets: Vec<usize> = plan.taps.iter().map(|&(offset, _)| offset).collect();
    offsets.resize(taps.next_multiple_of(TAPS), offsets[taps - 1]);
    let mut gradient = vec![0.0; channels * taps];
    gradient.par_chunks_exact_mut(taps).enumerate().for_each(|(channel, gradient)| {
        with_scratch(plan.phases * plan.layout.len(), |planes| {
            with_scratch(plan.layout.len(), |left| {
                with_scratch(offsets.len() * LANES, |sums| {
                    sums.fill(0.0);
                    let planes_of = |values, pixels| planes_of(values, [channel, channels, pixels]);
                    for (x, grad) in planes_of(x, pixels).zip(planes_of(grad, results)) {
                        gather_input(geometry, &plan, x, planes);
                        gather_output(geometry, &plan, grad, left);
                        let positions = plan.layout.positions();
                        TapSums { left, planes, offsets: &offsets, positions, sums }.run(level);
                    }
                    let totals = sums.chunks_exact(LANES).map(sum_of_lanes);
                    gradient.iter_mut().zip(totals).for_each(|(gradient, total)| *gradient = total);
                });
            });
        });
    });
    gradient
}

/// The filter of a channel.
fn filter<'a>(geometry: &Geometry, weight: &'a [f32], channel: usize) -> &'a [f32] {
    let taps = geometry.kernel * geometry.kernel;
    &weight[channel * taps..][..taps]
}

/// The planes of one channel in all pictures.
fn planes_of(values: &[f32], [channel, channels, pixels]: [usize; 3]) -> impl Iterator<Item = &[f32]> {
    values.chunks_exact(pixels).skip(channel).step_by(channels)
}

/// Positions of a plan in whole vectors.
fn padded(plan: &Plan) -> usize {
    Correlate::padded(plan.layout.positions())
}

/// `results[q] = sum over the plan's taps of filter[tap] * planes[q + offset]`.
struct Filter<'a> {
    planes: &'a [f32],
    plan: &'a Plan,
    filter: &'a [f32],
    results: &'a mut [f32],
}

impl Filter<'_> {
    fn run(self, level: Level) {
        let padded = padded(self.plan);
        let last = self.plan.taps.iter().map(|&(offset, _)| offset + padded).max().unwrap_or(0);
        assert!(last <= self.planes.len(), "planes are too short");
        assert!(padded <= self.results.len(), "results are too short");
        level.run(self);
    }

    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize>(&mut self, simd: S, start: usize) {
        let mut sums = [simd.splat_f32s(0.0); VECTORS];
        for &(offset, tap) in &self.plan.taps {
            let weight = simd.splat_f32s(self.filter[tap]);
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `run` asserted that every offset leaves room for the padded positions.
                let value = unsafe { load::<S>(self.planes, offset + start + v * S::F32_LANES) };
                *sum = mul_add(simd, weight, value, *sum);
            }
        }
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: `results` holds the padded positions, as `run` asserted.
            unsafe { store::<S>(self.results, start + v * S::F32_LANES, sum) };
        }
    }
}

impl WithSimd for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        assert!(S::F32_LANES <= LANES);
        let vectors = self.plan.layout.positions().div_ceil(S::F32_LANES);
        let whole = vectors / VECTORS * VECTORS;
        for first in (0..whole).step_by(VECTORS) {
            self.tile::<S, VECTORS>(simd, first * S::F32_LANES);
        }
        for first in whole..vectors {
            self.tile::<S, 1>(simd, first * S::F32_LANES);
        }
    }
}

/// Vectors of sums that hide the time one multiplication takes.
const VECTORS: usize = 8;

/// Taps that [`TapSums`] takes at a time.
const TAPS: usize = 9;

/// `sums[k] += sum over q of left[q] * planes[q + offsets[k]]`, each sum spread over the lanes of a vector.
struct TapSums<'a> {
    left: &'a [f32],
    planes: &'a [f32],
    /// A multiple of [`TAPS`] offsets.
    offsets: &'a [usize],
    positions: usize,
    /// `[offsets][LANES]`
    sums: &'a mut [f32],
}

impl TapSums<'_> {
    fn run(self, level: Level) {
        let end = self.positions.next_multiple_of(LANES);
        let last = self.offsets.iter().max().map_or(0, |offset| offset + end);
        assert!(last <= self.planes.len(), "planes are too short");
        assert!(end <= self.left.len(), "left is too short");
        assert_eq!(self.offsets.len() % TAPS, 0);
        assert_eq!(self.sums.len(), self.offsets.len() * LANES);
        level.run(self);
    }
}

impl WithSimd for TapSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        assert!(S::F32_LANES <= LANES);
        let vectors = self.positions.div_ceil(S::F32_LANES);
        for (offsets, sums) in self.offsets.chunks_exact(TAPS).zip(self.sums.chunks_exact_mut(TAPS * LANES)) {
            let mut totals = [simd.splat_f32s(0.0); TAPS];
            for q in 0..vectors {
                let q = q * S::F32_LANES;
                // SAFETY: `run` asserted that `left` reaches to the end of the last vector.
                let left = unsafe { load::<S>(self.left, q) };
                for k in 0..TAPS {
                    // SAFETY: `run` asserted that every offset leaves room for all positions.
                    let right = unsafe { load::<S>(self.planes, offsets[k] + q) };
                    totals[k] = mul_add(simd, left, right, totals[k]);
                }
            }
            for (k, &total) in totals.iter().enumerate() {
                // SAFETY: `sums` holds TAPS vectors of LANES numbers, and a vector is no longer than LANES.
                unsafe { store::<S>(sums, k * LANES, simd.add_f32s(load::<S>(sums, k * LANES), total)) };
            }
        }
    }
}
