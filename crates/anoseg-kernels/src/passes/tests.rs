use proptest::prelude::*;

use super::*;
use crate::filters::Roles;
use crate::finish::Activation;

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
        let finish = Finish { bias: None, activation: Activation::None, residual: None };
        let filters = Filters::new(level, &geometry, &weight, Roles::AsGiven);
        let kept = Filters::kept(level, [outputs, inputs, kernel], weight.clone());
        let y = forward(&geometry, &[part], &filters, finish);
        for (found, expected) in forward(&geometry, &[part], &kept, finish).iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "kept filters at {}", level.name());
        }
        for (found, expected) in y.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}", level.name());
        }
        // The gradients are those of <grad, y>, which is linear in x and in the weight: <grad, y>
        // itself is what each gives with its own variable.
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
            forward(&geometry, x, &filters, Finish { bias: None, activation: Activation::Relu, residual: None })
        };
        prop_assert_eq!(run(&parts), run(&whole));
    }
}
