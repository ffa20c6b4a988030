//! The convolution and its gradients against stock Burn, and against themselves at another number of threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::module::conv2d as stock_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

/// Output and the three gradients of a weighted sum of the output.
fn run(
    conv: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    [n, c, o, h, w, k]: [usize; 6],
    seed: u64,
) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let values = |len: usize, salt: u64| {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
        let next = move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        (0..len).map(next).collect::<Vec<f32>>()
    };
    let x = Tensor::<4>::from_data(TensorData::new(values(n * c * h * w, 1), [n, c, h, w]), &device)
        .require_grad();
    let weight = Tensor::<4>::from_data(TensorData::new(values(o * c * k * k, 2), [o, c, k, k]), &device)
        .require_grad();
    let bias = Tensor::<1>::from_data(TensorData::new(values(o, 3), [o]), &device).require_grad();
    let mix = Tensor::<4>::from_data(TensorData::new(values(n * o * h * w, 4), [n, o, h, w]), &device);
    let y = conv(x.clone(), weight.clone(), bias.clone());
    let gradients = (y.clone() * mix).sum().backward();
    let flat = |data: TensorData| data.try_into_vec::<f32>().unwrap();
    [
        flat(y.inner().into_data()),
        flat(x.grad(&gradients).unwrap().into_data()),
        flat(weight.grad(&gradients).unwrap().into_data()),
        flat(bias.grad(&gradients).unwrap().into_data()),
    ]
}

fn stock(k: usize) -> impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4> {
    move |x, weight, bias| {
        stock_conv2d(x, weight, Some(bias), ConvOptions::new([1, 1], [k / 2, k / 2], [1, 1], 1))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equals_stock_burn(
        n in 1usize..4, c in 1usize..20, o in 1usize..20, h in 1usize..40, w in 1usize..40,
        k in prop::sample::select(vec![1usize, 3, 5]), seed in any::<u64>(),
    ) {
        let ours = run(anoseg_kernels::conv2d, [n, c, o, h, w, k], seed);
        let theirs = run(stock(k), [n, c, o, h, w, k], seed);
        for (what, (ours, theirs)) in ["output", "input", "weight", "bias"].iter().zip(ours.iter().zip(&theirs)) {
            let scale = theirs.iter().fold(1.0_f32, |scale, v| scale.max(v.abs()));
            for (a, b) in ours.iter().zip(theirs) {
                prop_assert!((a - b).abs() <= 2e-5 * scale, "{what}: {a} is not {b}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for shape in [[3, 7, 9, 33, 31, 3], [1, 16, 17, 64, 64, 3], [5, 20, 6, 16, 16, 1]] {
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(anoseg_kernels::conv2d, shape, 3))
        };
        let one = in_pool(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, in_pool(threads), "{threads} threads");
        }
    }
}
