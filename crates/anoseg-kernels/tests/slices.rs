//! The operators on plain slices against their definitions, in double precision.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_kernels::{
    Activation, LayerOptions, Planes, Pool, PreparedConvolution, Residual, Upsampling, average_pool,
    depth_to_space, double, max_pool, space_to_depth,
};
use proptest::prelude::*;

use common::numbers;

fn close(found: &[f32], expected: &[f64]) -> Result<(), TestCaseError> {
    let scale = expected.iter().fold(1.0_f64, |scale, value| scale.max(value.abs()));
    prop_assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        prop_assert!(difference <= 2e-5 * scale, "value {}: {} is not {}", i, found, expected);
    }
    Ok(())
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// A convolution by its definition: `x [n, c, h, w]`, `weight [o, c / groups, k, k]`.
fn convolution(
    (x, [n, c, h, w]): (&[f32], [usize; 4]),
    (weight, [o, k], groups): (&[f32], [usize; 2], usize),
    LayerOptions { stride, padding, .. }: LayerOptions,
) -> Vec<f64> {
    let [rows, columns] = [h, w].map(|size| (size + 2 * padding - k) / stride + 1);
    let inputs = c / groups;
    let mut y = Vec::new();
    for (image, filter) in (0..n * o).map(|i| (i / o, i % o)) {
        let first = filter / (o / groups) * inputs;
        for (row, column) in (0..rows * columns).map(|i| (i / columns, i % columns)) {
            let mut sum = 0.0;
            for (channel, ky, kx) in (0..inputs * k * k).map(|i| (i / k / k, i / k % k, i % k)) {
                let (sy, sx) = (row * stride + ky, column * stride + kx);
                if sy >= padding && sx >= padding && sy < h + padding && sx < w + padding {
                    let at = ((image * c + first + channel) * h + sy - padding) * w + sx - padding;
                    let tap = ((filter * inputs + channel) * k + ky) * k + kx;
                    sum += f64::from(x[at]) * f64::from(weight[tap]);
                }
            }
            y.push(sum);
        }
    }
    y
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![Just(Activation::None), Just(Activation::Relu), Just(Activation::Relu6)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_prepared_layer_equals_its_definition(
        (n, c, d, o) in (1usize..3, 1usize..14, 0usize..6, 1usize..20), h in 1usize..30, w in 1usize..30,
        k in 1usize..6, stride in 1usize..3, padding in 0usize..3, activation in activation(),
        residual in any::<Option<bool>>(), other_bias: bool, seed: u64,
    ) {
        prop_assume!(h.min(w) + 2 * padding >= k);
        let options = LayerOptions { stride, padding, activation };
        let weight = numbers(o * (c + d) * k * k, seed).iter().map(|value| value * 8.0).collect::<Vec<_>>();
        let (bias, dynamic) = (numbers(o, seed ^ 1), numbers(o, seed ^ 2));
        let layer = PreparedConvolution::new([o, c + d, k, k], weight.clone(), bias.clone(), options);
        let [rows, columns] = layer.output_size([h, w]).unwrap();
        // The second input is one image that serves all.
        let (first, second) = (numbers(n * c * h * w, seed ^ 3), numbers(d * h * w, seed ^ 4));
        let joined: Vec<f32> = first.chunks_exact(c * h * w).flat_map(|image| [image, &second].concat()).collect();
        let added = numbers(n * o * rows * columns, seed ^ 5);
        let sums = convolution((&joined, [n, c + d, h, w]), (&weight, [o, k], 1), options);
        let bias = if other_bias { &dynamic } else { &bias };
        let expected: Vec<f64> = sums.iter().zip(&added).enumerate().map(|(i, (sum, added))| {
            let sum = sum + f64::from(bias[i / (rows * columns) % o]);
            let added = f64::from(*added);
            match residual {
                None => activated(activation, sum),
                Some(true) => activated(activation, sum + added),
                Some(false) => activated(activation, sum) + added,
            }
        }).collect();
        let mut inputs = vec![Planes { values: &first, channels: c }];
        if d > 0 {
            inputs.push(Planes { values: &second, channels: d });
        }
        let residual = residual.map(|before_activation| Residual { values: &added, before_activation });
        for _ in 0..2 {
            let mut found = vec![f32::NAN; n * o * rows * columns];
            layer.forward_with(&inputs, [h, w], other_bias.then_some(&dynamic[..]), residual, &mut found);
            close(&found, &expected)?;
        }
    }

    /// Enough channels and tiles that 3 x 3 filters go by minimal filtering.
    #[test]
    fn minimal_filtering_takes_residuals(
        n in 1usize..3, c in 8usize..20, o in 8usize..20, h in 12usize..30, w in 12usize..30,
        before: bool, seed: u64,
    ) {
        let options = LayerOptions { stride: 1, padding: 1, activation: Activation::Relu };
        let (weight, bias) = (numbers(o * c * 9, seed), numbers(o, seed ^ 1));
        let layer = PreparedConvolution::new([o, c, 3, 3], weight.clone(), bias.clone(), options);
        let (x, added) = (numbers(n * c * h * w, seed ^ 2), numbers(n * o * h * w, seed ^ 3));
        let sums = convolution((&x, [n, c, h, w]), (&weight, [o, 3], 1), options);
        let expected: Vec<f64> = sums.iter().zip(&added).enumerate().map(|(i, (sum, added))| {
            let (sum, added) = (sum + f64::from(bias[i / (h * w) % o]), f64::from(*added));
            if before { (sum + added).max(0.0) } else { sum.max(0.0) + added }
        }).collect();
        let mut found = vec![f32::NAN; n * o * h * w];
        let residual = Some(Residual { values: &added, before_activation: before });
        layer.forward(&[Planes { values: &x, channels: c }], [h, w], residual, &mut found);
        close(&found, &expected)?;
    }

    #[test]
    fn a_depthwise_layer_equals_its_definition(
        n in 1usize..3, c in 1usize..12, h in 1usize..30, w in 1usize..30,
        k in 1usize..6, stride in 1usize..3, padding in 0usize..3, activation in activation(), seed: u64,
    ) {
        prop_assume!(h.min(w) + 2 * padding >= k);
        let options = LayerOptions { stride, padding, activation };
        let (weight, bias) = (numbers(c * k * k, seed), numbers(c, seed ^ 1));
        let layer = PreparedConvolution::depthwise([c, 1, k, k], weight.clone(), bias.clone(), options);
        let x = numbers(n * c * h * w, seed ^ 2);
        let [rows, columns] = layer.output_size([h, w]).unwrap();
        let expected: Vec<f64> = convolution((&x, [n, c, h, w]), (&weight, [c, k], c), options)
            .iter()
            .enumerate()
            .map(|(i, sum)| activated(activation, sum + f64::from(bias[i / (rows * columns) % c])))
            .collect();
        let mut found = vec![f32::NAN; n * c * rows * columns];
        layer.forward(&[Planes { values: &x, channels: c }], [h, w], None, &mut found);
        close(&found, &expected)?;
    }

    /// A transposed convolution is the adjoint of the convolution with the same filters.
    #[test]
    fn a_transposed_layer_is_the_adjoint_of_the_convolution(
        c in 1usize..8, o in 1usize..8, h in 1usize..12, w in 1usize..12,
        k in 1usize..6, stride in 1usize..4, padding in 0usize..3, seed: u64,
    ) {
        prop_assume!((h.min(w) - 1) * stride + k > 2 * padding);
        let options = LayerOptions { stride, padding, activation: Activation::None };
        let weight = numbers(c * o * k * k, seed);
        let layer = PreparedConvolution::transposed([c, o, k, k], weight.clone(), vec![0.0; o], options);
        let [rows, columns] = layer.output_size([h, w]).unwrap();
        prop_assume!((rows + 2 * padding - k) / stride + 1 == h && (columns + 2 * padding - k) / stride + 1 == w);
        let (x, z) = (numbers(c * h * w, seed ^ 1), numbers(o * rows * columns, seed ^ 2));
        let mut y = vec![f32::NAN; o * rows * columns];
        layer.forward(&[Planes { values: &x, channels: c }], [h, w], None, &mut y);
        let back = convolution((&z, [1, o, rows, columns]), (&weight, [c, k], 1), options);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let other: f64 = x.iter().zip(&back).map(|(x, back)| f64::from(*x) * back).sum();
        prop_assert!((dot(&y, &z) - other).abs() < 1e-4 * (1.0 + other.abs()));
    }

    #[test]
    fn pools_equal_their_definition(
        planes in 1usize..4, h in 1usize..20, w in 1usize..20, kernel in 1usize..5, stride in 1usize..4,
        padding in 0usize..3, seed: u64,
    ) {
        prop_assume!(padding < kernel && h.min(w) + 2 * padding >= kernel);
        let (pool, x) = (Pool { kernel, stride, padding }, numbers(planes * h * w, seed));
        let [rows, columns] = pool.output_size([h, w]);
        prop_assert_eq!([rows, columns], [h, w].map(|size| (size + 2 * padding - kernel) / stride + 1));
        let (mut mean, mut largest) = (Vec::new(), Vec::new());
        for (plane, i, j) in (0..planes * rows * columns).map(|at| (at / rows / columns, at / columns % rows, at % columns)) {
            let inside = (0..kernel * kernel).filter_map(|tap| {
                let (y, x) = (i * stride + tap / kernel, j * stride + tap % kernel);
                let inside = y >= padding && x >= padding && y < h + padding && x < w + padding;
                inside.then(|| plane * h * w + (y - padding) * w + x - padding)
            });
            mean.push(inside.clone().map(|at| f64::from(x[at])).sum::<f64>() / (kernel * kernel) as f64);
            largest.push(inside.map(|at| f64::from(x[at])).fold(f64::NEG_INFINITY, f64::max));
        }
        let mut found = vec![0.0; planes * rows * columns];
        average_pool(&x, [h, w], pool, &mut found);
        close(&found, &mean)?;
        max_pool(&x, [h, w], pool, &mut found);
        let found: Vec<f64> = found.iter().map(|value| f64::from(*value)).collect();
        prop_assert_eq!(found, largest);
    }

    #[test]
    fn doubling_is_linear_between_centres(planes in 1usize..3, h in 1usize..12, w in 1usize..12, seed: u64) {
        let x = numbers(planes * h * w, seed);
        let mut found = vec![0.0; 4 * planes * h * w];
        double(&x, [h, w], Upsampling::Bilinear, &mut found);
        let mix = |i: usize, size: usize| {
            let centre = ((i as f64 + 0.5) / 2.0 - 0.5).clamp(0.0, (size - 1) as f64);
            let first = centre.floor() as usize;
            (first, (first + 1).min(size - 1), centre - centre.floor())
        };
        let mut expected = Vec::new();
        for (plane, i, j) in (0..4 * planes * h * w).map(|at| (at / (4 * h * w), at / (2 * w) % (2 * h), at % (2 * w))) {
            let ((y0, y1, v), (x0, x1, u)) = (mix(i, h), mix(j, w));
            let at = |y: usize, column: usize| f64::from(x[(plane * h + y) * w + column]);
            let row = |y| at(y, x0) * (1.0 - u) + at(y, x1) * u;
            expected.push(row(y0) * (1.0 - v) + row(y1) * v);
        }
        close(&found, &expected)?;
    }

    #[test]
    fn shuffles_are_inverse(n in 1usize..4, h in 1usize..6, w in 1usize..6, block in 1usize..5, seed: u64) {
        let x = numbers(n * h * w * block * block, seed);
        let (mut deep, mut back) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        space_to_depth(&x, [h * block, w * block], block, &mut deep);
        depth_to_space(&deep, [h, w], block, &mut back);
        prop_assert_eq!(&back, &x);
        // The first pixel of every block is the first plane of a channel.
        prop_assert_eq!(deep[w * h - 1], x[((h - 1) * block) * w * block + (w - 1) * block]);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let results = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = LayerOptions { stride: 1, padding: 1, activation: Activation::Relu };
            let x = numbers(16 * 40 * 56, 1);
            let plain =
                PreparedConvolution::new([24, 16, 3, 3], numbers(24 * 144, 2), numbers(24, 3), options);
            let depthwise =
                PreparedConvolution::depthwise([16, 1, 3, 3], numbers(144, 4), numbers(16, 5), options);
            [plain, depthwise].map(|layer| {
                let mut y = vec![0.0; layer.outputs() * 40 * 56];
                layer.forward(&[Planes { values: &x, channels: 16 }], [40, 56], None, &mut y);
                y
            })
        })
    };
    let one = results(1);
    for threads in [2, 3, 8] {
        assert_eq!(results(threads), one, "{threads} threads");
    }
}
