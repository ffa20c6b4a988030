//! The networks, each written once: layers and parameters as data ([`Blueprint`]), and a forward
//! pass that is generic over the [`Executor`] that runs it.
//!
//! An encoder takes the image with its coordinate channels (AnoSeg, section 3.3); a decoder gives
//! the anomaly map, another may reconstruct the image. [`compact`] and [`published`] start from
//! images ([`ImageGenerator`]), [`pretrained`] from a frozen backbone's features.

mod architecture;
pub mod compact;
mod executor;
mod folding;
mod generator;
mod layer;
pub mod pretrained;
pub mod published;

pub use architecture::{Architecture, Kind};
pub use executor::{Executor, TrainedExecutor};
pub use generator::{ImageGenerator, Outputs, head};
pub use layer::{
    Behind, Blueprint, Convolution, ConvolutionKind, Init, ParameterId, ParameterSpec, Residual,
    keeping_variance,
};
pub use pretrained::{Averaging, Backbone, EncoderArchitecture, EncoderKind, Features, Head, MemoryBank};
pub use published::{Detector, Judgement};
