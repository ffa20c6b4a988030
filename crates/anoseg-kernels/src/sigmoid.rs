//! The logistic function, with an exponential that the compiler turns into vectors.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::simd::Level;

/// Values of one job.
const PIECE: usize = 8192;

/// `1 / (1 + exp(-x))` of every value, to a few units in the last place; values that are not numbers stay so.
///
/// # Panics
/// If `y` has another number of values.
///
/// ```
/// let mut y = [0.0; 3];
/// anoseg_kernels::sigmoid(&[0.0, -1000.0, 1000.0], &mut y);
/// assert_eq!((y[0], y[2]), (0.5, 1.0));
/// assert!(y[1] < 1e-37);
/// ```
pub fn sigmoid(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "as many results as values");
    let level = Level::current();
    y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| level.run(Sigmoid { x, y }));
}

/// As [`sigmoid`], each value replaced by its result.
pub fn sigmoid_in_place(values: &mut [f32]) {
    let level = Level::current();
    values.par_chunks_mut(PIECE).for_each(|values| level.run(InPlace(values)));
}

struct InPlace<'a>(&'a mut [f32]);

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.iter_mut().for_each(|value| *value = sigmoid_of(*value));
    }
}

struct Sigmoid<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Sigmoid<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = sigmoid_of(x);
        }
    }
}

#[inline(always)]
fn sigmoid_of(x: f32) -> f32 {
    let small = exp(-x.abs());
    let whole = 1.0 + small;
    if x < 0.0 { small / whole } else { 1.0 / whole }
}

/// `e^x` for x up to 0, to a few units in the last place; 0 is approached down to e^-87 (after
/// Cephes' `expf`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    // Written so that NaN stays NaN.
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let series = 1.987_569_1e-4;
    let series = series * r + 1.398_2e-3;
    let series = series * r + 8.333_452e-3;
    let series = series * r + 4.166_58e-2;
    let series = series * r + 1.666_666_5e-1;
    let series = series * r + 0.5;
    // The rounded exponent is in the lowest bits of the shifted number.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (series * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logistic_function() {
        let x: Vec<f32> = (-20_000..20_000).map(|i| i as f32 / 400.0).collect();
        let mut y = vec![0.0; x.len()];
        sigmoid(&x, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let expected = 1.0 / (1.0 + (-f64::from(*x)).exp());
            assert!((f64::from(*y) / expected - 1.0).abs() < 5e-7, "sigmoid({x}) is not {y}");
        }
        let mut in_place = x.clone();
        sigmoid_in_place(&mut in_place);
        assert!(in_place.iter().zip(&y).all(|(a, b)| a.to_bits() == b.to_bits()));
        let mut y = [0.0];
        sigmoid(&[f32::NAN], &mut y);
        assert!(y[0].is_nan());
    }
}
