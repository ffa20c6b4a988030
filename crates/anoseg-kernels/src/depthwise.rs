//! Convolution in which every channel has one filter of its own.
//!
//! Planes are laid out as for any convolution (see `geometry`), each is a job of its own, and sums stay in registers over
//! all taps. A value is used once per tap and no more, so these loops wait for loads, not for the multipliers.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::correlate::{Correlate, LANES, load, store};
use crate::finish::Finish;
use crate::geometry::{Geometry, Plan, forward_plan, gather_input, output_rows};
use crate::simd::{Level, mul_add, with_scratch};

/// `x [n, c, h, w]` with a filter for each channel, `weight [c, k, k]`, into `y [n, c, h', w']`, every number of which is
/// written.
pub(crate) fn forward_into(
    level: Level,
    geometry: &Geometry,
    x: &[f32],
    weight: &[f32],
    finish: Finish<'_>,
    y: &mut [MaybeUninit<f32>],
) {
    let plan = forward_plan(geometry);
    let (from, to) = (geometry.input_pixels(), geometry.output_pixels());
    assert_eq!(y.len(), x.len() / from * to, "the output has another size");
    let compute = |index: usize, x: &[f32], y: &mut [MaybeUninit<f32>]| {
        let channel = index % geometry.inputs;
        with_scratch(plan.phases * plan.layout.len(), |planes| {
            gather_input(geometry, &plan, x, planes);
            with_scratch(padded(&plan), |results| {
                Filter { planes, plan: &plan, filter: filter(geometry, weight, channel), results }.run(level);
                for (results, y) in output_rows(geometry, &plan, results, y) {
                    finish.write(channel, results, None, y);
                }
            });
        });
    };
    let planes = y.par_chunks_exact_mut(to).zip(x.par_chunks_exact(from));
    planes.enumerate().for_each(|(index, (y, x))| compute(index, x, y));
}

/// The filter of a channel.
fn filter<'a>(geometry: &Geometry, weight: &'a [f32], channel: usize) -> &'a [f32] {
    let taps = geometry.kernel * geometry.kernel;
    &weight[channel * taps..][..taps]
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
