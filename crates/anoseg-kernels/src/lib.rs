//! CPU operators of convolutional networks, on plain slices.
//!
//! Values are planes, `[n, channels, h, w]` in row-major order. [`PreparedConvolution`] is a layer
//! of a trained network with its filters laid out once; [`space_to_depth`], [`depth_to_space`],
//! [`double`], [`average_pool`] and [`max_pool`] change the resolution; [`NearestVectors`] finds
//! distances to a memory bank.
//!
//! | feature | what |
//! |---|---|
//! | `burn` | `extension`: the operators that training needs, with their gradients, on Burn's tensors |
//! | `mimalloc` | `memory`: a setting for programs that train and allocate with mimalloc |
//!
//! Instructions are chosen when the program runs: AVX-512, AVX2 with FMA, or portable code; see
//! [`Level`]. Results have the same bits at any number of threads.
#![cfg_attr(
    not(feature = "burn"),
    allow(dead_code, reason = "gradients are reached from Burn's extension alone")
)]

mod correlate;
mod depthwise;
#[cfg(feature = "burn")]
pub mod extension;
mod filters;
mod finish;
mod geometry;
mod layer;
#[cfg(feature = "burn")]
mod losses;
#[cfg(feature = "mimalloc")]
pub mod memory;
mod nearest;
#[cfg(feature = "burn")]
mod norm;
mod output;
mod passes;
mod pool;
mod shuffle;
mod sigmoid;
mod simd;
mod winograd;

pub use finish::{Activation, Residual};
pub use layer::{LayerOptions, Planes, PreparedConvolution};
pub use nearest::NearestVectors;
pub use pool::{Pool, Upsampling, average_pool, double, max_pool};
pub use shuffle::{depth_to_space, space_to_depth};
pub use sigmoid::{sigmoid, sigmoid_in_place};
pub use simd::{Level, SIMD_VARIABLE, UnknownLevel};

/// Added to a variance before its root is taken (batch normalisation).
pub const EPSILON: f32 = 1e-5;
