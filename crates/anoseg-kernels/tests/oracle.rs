//! Every operator and its gradients against stock Burn, and against itself at another number of
//! threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_kernels::extension::{
    Convolution, MapLosses, add_relu, batch_norm, conv_transpose2d, conv2d, conv2d_joined, depth_to_space,
    map_losses, space_to_depth, upsample2d,
};
use anoseg_kernels::{EPSILON, Upsampling};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData, activation::relu, module};
use proptest::prelude::*;

use common::numbers;

fn tensor<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let data = TensorData::new(numbers(shape.iter().product(), seed), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

fn flat(data: TensorData) -> Vec<f32> {
    data.try_into_vec().unwrap()
}

/// The output of `operator` and the gradients of a weighted sum of it, by input, weight and two
/// numbers per channel.
fn run(
    operator: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    shapes: [[usize; 4]; 2],
    channels: usize,
    seed: u64,
) -> Vec<Vec<f32>> {
    run_counting(operator, None, shapes, channels, seed)
}

/// Compares an operator that may have a ReLU with `linear`, the same without, and a ReLU behind it.
///
/// Results within rounding of zero do not count in the gradients: on one side of zero they have
/// one, on the other none.
fn assert_rectified_alike(
    ours: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    linear: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    with_relu: bool,
    (shapes, channels, seed): ([[usize; 4]; 2], usize, u64),
    tolerance: f32,
) -> Result<(), TestCaseError> {
    let y = linear(tensor(shapes[0], seed), tensor(shapes[1], seed ^ 1), tensor([channels], seed ^ 2));
    let counted = with_relu.then(|| y.abs().greater_elem(1e-4).float().detach());
    let stock =
        |x, weight, bias| if with_relu { relu(linear(x, weight, bias)) } else { linear(x, weight, bias) };
    let ours = run_counting(ours, counted.clone(), shapes, channels, seed);
    assert_close(&ours, &run_counting(stock, counted, shapes, channels, seed), tolerance)
}

/// [`run`] with the results in the sum times `counted`.
fn run_counting(
    operator: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    counted: Option<Tensor<4>>,
    [x, weight]: [[usize; 4]; 2],
    channels: usize,
    seed: u64,
) -> Vec<Vec<f32>> {
    let x = tensor(x, seed).require_grad();
    let weight = tensor(weight, seed ^ 1).require_grad();
    let bias = tensor([channels], seed ^ 2).require_grad();
    let y = operator(x.clone(), weight.clone(), bias.clone());
    let mix = tensor(y.dims(), seed ^ 3);
    let mix = counted.map_or(mix.clone(), |counted| mix * counted);
    let gradients = (y.clone() * mix).sum().backward();
    let mut found = vec![flat(y.inner().into_data()), flat(x.grad(&gradients).unwrap().into_data())];
    found.extend(weight.grad(&gradients).map(|grad| flat(grad.into_data())));
    found.push(flat(bias.grad(&gradients).unwrap().into_data()));
    found
}

fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], tolerance: f32) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), theirs.len());
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let scale = theirs.iter().fold(1.0_f32, |scale, v| scale.max(v.abs()));
        prop_assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            prop_assert!((a - b).abs() <= tolerance * scale, "result {}: {} is not {}", i, a, b);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolution_equals_stock_burn(
        n in 1usize..4, c in 1usize..20, o in 1usize..20, h in 1usize..40, w in 1usize..40,
        k in 1usize..8, stride in 1usize..4, padding in 0usize..4, with_relu: bool, seed: u64,
    ) {
        prop_assume!(h.min(w) + 2 * padding >= k);
        let ours = |x, weight, bias| conv2d(x, weight, bias, Convolution { stride, padding, relu: with_relu });
        let linear = |x, weight, bias| {
            module::conv2d(x, weight, Some(bias), ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
        };
        let shapes = [[n, c, h, w], [o, c, k, k]];
        assert_rectified_alike(ours, linear, with_relu, (shapes, o, seed), 2e-5)?;
    }

    #[test]
    fn joined_inputs_equal_stock_burn_on_their_concatenation(
        n in 1usize..4, c in 1usize..20, d in 1usize..20, o in 1usize..20, h in 1usize..30, w in 1usize..30,
        k in 1usize..5, stride in 1usize..3, padding in 0usize..3, one_serves_all: bool, seed: u64,
    ) {
        prop_assume!(h.min(w) + 2 * padding >= k);
        let options = Convolution { stride, padding, relu: false };
        // The second input and the filters come from one tensor, so that both have gradients.
        let images = if one_serves_all { 1 } else { n };
        let parts = |both: Tensor<4>| {
            let (len, all) = (images * d * h * w, both.dims()[1]);
            let second = both.clone().slice([0..1, 0..len, 0..1, 0..1]).reshape([images, d, h, w]);
            (second, both.slice([0..1, len..all, 0..1, 0..1]).reshape([o, c + d, k, k]))
        };
        let ours = |x: Tensor<4>, both, bias| {
            let (second, weight) = parts(both);
            conv2d_joined([x, second], weight, bias, options)
        };
        let stock = |x: Tensor<4>, both, bias| {
            let (second, weight) = parts(both);
            let x = Tensor::cat(vec![x, second.expand([n, d, h, w])], 1);
            module::conv2d(x, weight, Some(bias), ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1))
        };
        let shapes = [[n, c, h, w], [1, images * d * h * w + o * (c + d) * k * k, 1, 1]];
        assert_close(&run(ours, shapes, o, seed), &run(stock, shapes, o, seed), 2e-5)?;
    }

    #[test]
    fn minimal_filtering_equals_stock_burn(
        n in 1usize..5, c in 8usize..40, o in 8usize..40, h in 8usize..30, w in 8usize..70,
        padding in 0usize..3, seed: u64,
    ) {
        // Without ReLU: a result within rounding of zero would have one gradient or the other.
        let options = Convolution { stride: 1, padding, relu: false };
        let ours = |x, weight, bias| conv2d(x, weight, bias, options);
        let stock = |x, weight, bias| {
            module::conv2d(x, weight, Some(bias), ConvOptions::new([1; 2], [padding; 2], [1, 1], 1))
        };
        let shapes = [[n, c, h, w], [o, c, 3, 3]];
        assert_close(&run(ours, shapes, o, seed), &run(stock, shapes, o, seed), 2e-5)?;
    }

    #[test]
    fn transposed_convolution_equals_stock_burn(
        n in 1usize..4, c in 1usize..12, o in 1usize..12, h in 1usize..20, w in 1usize..20,
        k in 1usize..6, stride in 1usize..4, padding in 0usize..3, with_relu: bool, seed: u64,
    ) {
        prop_assume!((h.min(w) - 1) * stride + k > 2 * padding);
        let ours =
            |x, weight, bias| conv_transpose2d(x, weight, bias, Convolution { stride, padding, relu: with_relu });
        let linear = |x, weight, bias| {
            let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], 1);
            module::conv_transpose2d(x, weight, Some(bias), options)
        };
        let shapes = [[n, c, h, w], [c, o, k, k]];
        assert_rectified_alike(ours, linear, with_relu, (shapes, o, seed), 2e-5)?;
    }

    #[test]
    fn shuffling_equals_a_permutation(
        n in 1usize..3, c in 1usize..4, h in 1usize..9, w in 1usize..9, block in 1usize..5, seed: u64,
    ) {
        let inverse = |x: Tensor<4>| {
            let deep = space_to_depth(x.clone(), block);
            let stock = x.reshape([n, c, h, block, w, block]).permute([0, 1, 3, 5, 2, 4]);
            assert_eq!(flat(deep.clone().inner().into_data()), flat(stock.inner().into_data()));
            depth_to_space(deep, block)
        };
        let x = tensor([n, c, h * block, w * block], seed).require_grad();
        let (y, mix) = (inverse(x.clone()), tensor(x.dims(), seed ^ 1));
        prop_assert_eq!(flat(y.clone().inner().into_data()), flat(x.clone().inner().into_data()));
        let gradients = (y * mix.clone()).sum().backward();
        prop_assert_eq!(flat(x.grad(&gradients).unwrap().into_data()), flat(mix.inner().into_data()));
    }

    #[test]
    fn a_sum_with_relu_equals_stock_burn(
        n in 1usize..3, c in 1usize..5, h in 1usize..20, w in 1usize..20, seed: u64,
    ) {
        let ours = |a, b, bias: Tensor<1>| add_relu(a, b) * bias.reshape([1, 1, 1, 1]);
        let stock = |a: Tensor<4>, b, bias: Tensor<1>| relu(a + b) * bias.reshape([1, 1, 1, 1]);
        let shapes = [[n, c, h, w]; 2];
        assert_close(&run(ours, shapes, 1, seed), &run(stock, shapes, 1, seed), 1e-6)?;
    }

    #[test]
    fn doubling_equals_stock_burn(
        n in 1usize..3, c in 1usize..4, h in 2usize..20, w in 2usize..20, seed: u64,
    ) {
        let shapes = [[n, c, h, w], [1, 1, 1, 1]];
        // Weight and bias do not matter here, but have gradients.
        let with = |y: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>| y * weight + bias.reshape([1, 1, 1, 1]);
        for (upsampling, mode) in
            [(Upsampling::Nearest, InterpolateMode::Nearest), (Upsampling::Bilinear, InterpolateMode::Bilinear)]
        {
            let ours = |x, weight, bias| with(upsample2d(x, upsampling), weight, bias);
            let options =
                || InterpolateOptions::new(mode.clone()).with_align_corners(false).with_output_size([2 * h, 2 * w]);
            let stock = |x, weight, bias| with(module::interpolate(x, options()), weight, bias);
            assert_close(&run(ours, shapes, 1, seed), &run(stock, shapes, 1, seed), 1e-5)?;
        }
    }

    #[test]
    fn batch_norm_equals_its_formula(
        n in 1usize..4, c in 1usize..9, h in 1usize..30, w in 1usize..30, with_relu: bool, seed: u64,
    ) {
        prop_assume!(n * h * w > 3);
        // The second tensor serves as a scale here: one number per channel.
        let ours = |x, scale: Tensor<4>, shift| batch_norm(x, scale.reshape([c]), shift, with_relu).output;
        let linear = |x: Tensor<4>, scale: Tensor<4>, shift: Tensor<1>| {
            let per_channel = |flat: Tensor<2>| flat.reshape([1, c, 1, 1]);
            let flat = |x: Tensor<4>| x.swap_dims(0, 1).reshape([c, n * h * w]);
            let centred = x.clone() - per_channel(flat(x).mean_dim(1));
            let variance = per_channel(flat(centred.clone().square()).mean_dim(1));
            centred / (variance + EPSILON).sqrt() * scale + shift.reshape([1, c, 1, 1])
        };
        let shapes = [[n, c, h, w], [1, c, 1, 1]];
        assert_rectified_alike(ours, linear, with_relu, (shapes, c, seed), 1e-4)?;
    }
}

/// A result of this convolution lies within rounding of zero, where our gradient and stock Burn's
/// differ. The comparison once reported that as an error.
#[test]
fn a_result_at_the_kink_of_the_relu_is_no_difference() {
    let options = Convolution { stride: 1, padding: 0, relu: true };
    let ours = |x, weight, bias| conv2d(x, weight, bias, options);
    let linear =
        |x, weight, bias| module::conv2d(x, weight, Some(bias), ConvOptions::new([1; 2], [0; 2], [1, 1], 1));
    let shapes = [[1, 16, 39, 22], [2, 16, 4, 4]];
    assert_rectified_alike(ours, linear, true, (shapes, 2, 14_960_093_182_152_115_203), 2e-5).unwrap();
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let in_pool = |threads, shapes: [[usize; 4]; 2], stride| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let padding = shapes[1][2] / 2;
        let network = |x, weight: Tensor<4>, bias: Tensor<1>| {
            let y = conv2d(x, weight, bias.clone(), Convolution { stride, padding, relu: false });
            batch_norm(y, bias.clone(), bias, true).output
        };
        pool.install(|| run(network, shapes, shapes[1][0], 3))
    };
    for (shapes, stride) in [
        ([[3, 7, 33, 31], [9, 7, 3, 3]], 1),
        ([[1, 16, 64, 64], [17, 16, 3, 3]], 1),
        ([[5, 20, 16, 16], [6, 20, 1, 1]], 1),
        ([[2, 3, 40, 30], [12, 3, 4, 4]], 2),
    ] {
        let one = in_pool(1, shapes, stride);
        for threads in [2, 3, 8] {
            assert_eq!(one, in_pool(threads, shapes, stride), "{threads} threads");
        }
    }
}

/// Losses of a map and the gradient of a weighted sum of them, by the formulas in double precision.
fn losses_by_definition(
    logits: &[f32],
    labels: &[f32],
    gamma: f64,
    weights: [f64; 2],
) -> (Vec<f64>, Vec<f64>) {
    let value = |at: Option<(usize, f64)>| {
        let logit =
            |i: usize| f64::from(logits[i]) + at.map_or(0.0, |(j, step)| if i == j { step } else { 0.0 });
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (mut focal, mut overlap, mut total) = (0.0, 0.0, 0.0);
        for (i, &y) in labels.iter().enumerate() {
            let p = if y > 0.5 { sigmoid(logit(i)) } else { sigmoid(-logit(i)) };
            focal -= (1.0 - p).powf(gamma) * p.ln() / labels.len() as f64;
            overlap += sigmoid(logit(i)) * f64::from(y);
            total += sigmoid(logit(i)) + f64::from(y);
        }
        [focal, 1.0 - (2.0 * overlap + 1.0) / (total + 1.0)]
    };
    let sum = |at| value(at).iter().zip(weights).map(|(loss, weight)| loss * weight).sum::<f64>();
    let slope = |i| (sum(Some((i, 1e-5))) - sum(Some((i, -1e-5)))) / 2e-5;
    (value(None).to_vec(), (0..logits.len()).map(slope).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn map_losses_are_the_textbook_formulas(
        n in 1usize..3, h in 1usize..8, w in 1usize..8, gamma in 0.0_f32..4.0, scale in 1.0_f32..16.0, seed: u64,
    ) {
        let labels: Vec<f32> = numbers(n * h * w, seed ^ 1).iter().map(|v| f32::from(*v > 0.2)).collect();
        let logits = (tensor([n, 1, h, w], seed) * scale).detach().require_grad();
        let device = Device::flex().autodiff();
        let given = Tensor::<4>::from_data(TensorData::new(labels.clone(), [n, 1, h, w]), &device);
        let MapLosses { focal, dice } = map_losses(logits.clone(), given, gamma);
        let gradients = (focal.clone() * 3.0 + dice.clone() * 0.5).backward();
        let found = vec![
            [flat(focal.inner().into_data()), flat(dice.inner().into_data())].concat(),
            flat(logits.grad(&gradients).unwrap().into_data()),
        ];
        let logits = flat(logits.inner().into_data());
        let (losses, slopes) = losses_by_definition(&logits, &labels, f64::from(gamma), [3.0, 0.5]);
        let expected = [losses, slopes].map(|values| values.into_iter().map(|v| v as f32).collect());
        assert_close(&found, &expected, 2e-6)?;
    }
}
