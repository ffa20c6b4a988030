//! Speed of every operator at the sizes our networks use, compared with the processor's peak.
//!
//! `cargo bench --bench operators` prints, for each operator (or those whose name contains the
//! argument), the median time of one pass over a batch, GFLOP/s (a multiplication and an addition
//! are two operations, counted as in the operator's definition, however it is computed) and the
//! share of the measured peak of all threads. Operators that hardly multiply show GB/s instead:
//! bytes of their inputs and outputs, each counted once. `forward` is the pass alone, `both` is
//! forward and backward together.
#![allow(clippy::print_stdout, reason = "this is what the benchmark is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anoseg_kernels::extension::{
    Convolution, batch_norm, conv_transpose2d, conv2d, depth_to_space, space_to_depth, upsample2d,
};
use anoseg_kernels::{Level, Upsampling};
use burn::tensor::{Device, Distribution, Tensor};
use pulp::{Arch, Simd, WithSimd};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Images in a batch.
const BATCH: usize = 4;

/// How long each operator is repeated.
const TIME: Duration = Duration::from_millis(400);

fn main() {
    // On a thread of the pool, where networks run: calls from outside wait for one to wake up.
    rayon::scope(|_| operators());
}

fn operators() {
    let threads = rayon::current_num_threads();
    let peak = peak(threads);
    println!(
        "{} instructions, {threads} threads, peak {:.0} GFLOP/s, batch {BATCH}",
        Level::current().name(),
        peak
    );
    println!("{:<40} {:>10} {:>9} {:>8} {:>7}", "operator", "pass", "time", "speed", "of peak");
    for [channels, outputs, size] in
        [[80, 32, 64], [32, 32, 64], [64, 64, 32], [96, 96, 16], [128, 128, 8], [32, 16, 64]]
    {
        let options = Convolution::same(3);
        convolution("3 x 3", [channels, outputs, size, 3], options, peak);
    }
    for [channels, outputs, size] in [[128, 64, 32], [256, 96, 16], [128, 384, 8], [64, 128, 32]] {
        convolution("1 x 1", [channels, outputs, size, 1], Convolution::same(1), peak);
    }
    let halving = |padding| Convolution { stride: 2, padding, relu: false };
    convolution("3 x 3, stride 2", [32, 64, 64, 3], halving(1), peak);
    convolution("4 x 4, stride 2", [32, 64, 64, 4], halving(1), peak);
    convolution("7 x 7, stride 2", [5, 64, 256, 7], halving(3), peak);
    let transposed = |x, weight, bias| conv_transpose2d(x, weight, bias, halving(1));
    let multiplications = BATCH * 64 * 32 * 16 * 32 * 32;
    let shapes = [[BATCH, 64, 32, 32], [64, 32, 4, 4]];
    report(
        "transposed 4 x 4, stride 2, 64 -> 32 at 32",
        shapes,
        32,
        transposed,
        Work::Multiply(multiplications),
        peak,
    );
    let bytes = 4 * BATCH * 32 * 64 * 64;
    let shapes = [[BATCH, 32, 64, 64], [1, 32, 1, 1]];
    let norm = |x, _: Tensor<4>, bias: Tensor<1>| batch_norm(x, bias.clone(), bias, true).output;
    report("batch norm + ReLU, 32 at 64", shapes, 32, norm, Work::Move(2 * bytes), peak);
    let deep = |x, _: Tensor<4>, _: Tensor<1>| space_to_depth(x, 2);
    report("space to depth, 32 at 64", shapes, 32, deep, Work::Move(2 * bytes), peak);
    let flat = |x, _: Tensor<4>, _: Tensor<1>| depth_to_space(x, 2);
    report("depth to space, 32 at 64", shapes, 32, flat, Work::Move(2 * bytes), peak);
    for (name, upsampling) in [("nearest", Upsampling::Nearest), ("bilinear", Upsampling::Bilinear)] {
        let double = |x, _: Tensor<4>, _: Tensor<1>| upsample2d(x, upsampling);
        report(&format!("{name} x 2, 32 at 64"), shapes, 32, double, Work::Move(5 * bytes), peak);
    }
}

/// What an operator's speed is measured by.
#[derive(Clone, Copy)]
enum Work {
    /// Multiplications of the forward pass.
    Multiply(usize),
    /// Bytes of the forward pass.
    Move(usize),
}

fn convolution(name: &str, [channels, outputs, size, kernel]: [usize; 4], options: Convolution, peak: f64) {
    let results = (size + 2 * options.padding - kernel) / options.stride + 1;
    let multiplications = BATCH * channels * outputs * kernel * kernel * results * results;
    let name = format!("convolution {name}, {channels} -> {outputs} at {size}");
    let shapes = [[BATCH, channels, size, size], [outputs, channels, kernel, kernel]];
    let operator = |x, weight, bias| conv2d(x, weight, bias, options);
    report(&name, shapes, outputs, operator, Work::Multiply(multiplications), peak);
}

fn report(
    name: &str,
    [x, weight]: [[usize; 4]; 2],
    channels: usize,
    operator: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
    work: Work,
    peak: f64,
) {
    let mut wanted = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    if !wanted.next().is_none_or(|part| name.contains(&part)) {
        return;
    }
    let device = Device::flex();
    let random = |shape: [usize; 4], device: &Device| {
        Tensor::<4>::random(shape, Distribution::Uniform(-0.5, 0.5), device)
    };
    let bias = |device: &Device| Tensor::<1>::random([channels], Distribution::Uniform(0.5, 1.0), device);
    let (image, filters, offsets) = (random(x, &device), random(weight, &device), bias(&device));
    let forward = median(|| operator(image.clone(), filters.clone(), offsets.clone()));
    let device = device.autodiff();
    let (image, filters, offsets) = (random(x, &device), random(weight, &device), bias(&device));
    let both = median(|| {
        let parameters = (image.clone().require_grad(), filters.clone().require_grad(), offsets.clone());
        operator(parameters.0, parameters.1, parameters.2.require_grad()).sum().backward()
    });
    for (pass, seconds, times) in [("forward", forward, 1.0), ("both", both, 3.0)] {
        let time = format!("{:.3} ms", seconds * 1e3);
        match work {
            Work::Multiply(count) => {
                let speed = 2e-9 * count as f64 * times / seconds;
                println!("{name:<40} {pass:>10} {time:>9} {speed:>8.1} {:>6.0}%", 100.0 * speed / peak);
            }
            Work::Move(bytes) => {
                let speed = 1e-9 * bytes as f64 * times / seconds;
                println!("{name:<40} {pass:>10} {time:>9} {speed:>5.1} GB/s");
            }
        }
    }
}

/// Median seconds of `work`.
fn median<T>(mut work: impl FnMut() -> T) -> f64 {
    black_box(work());
    let (begin, mut times) = (Instant::now(), Vec::new());
    while begin.elapsed() < TIME || times.len() < 5 {
        let start = Instant::now();
        black_box(work());
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// GFLOP/s of all threads together when they do nothing but multiply and add in registers.
fn peak(threads: usize) -> f64 {
    let rounds = 2_000_000;
    let seconds =
        median(|| rayon::broadcast(|_| Arch::new().dispatch(Multiply { rounds: black_box(rounds) })));
    let lanes = Arch::new().dispatch(Lanes);
    2e-9 * (threads * rounds * CHAINS * lanes) as f64 / seconds
}

/// Independent sums: more than latency times multipliers of any processor.
const CHAINS: usize = 24;

struct Multiply {
    rounds: usize,
}

impl WithSimd for Multiply {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (factor, term) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [simd.splat_f32s(1.0); CHAINS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

/// Lanes of the widest vector.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}
