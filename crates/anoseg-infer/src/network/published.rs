//! The networks as AnoSeg describes them (Song et al., 2021): a ResNet-18 encoder, decoders without
//! skip connections, and a discriminator of eight layers; or narrower ones of the same shape.

mod decoder;
mod detector;
mod discriminator;
mod encoder;

pub use decoder::Decoder;
pub use detector::{Detector, Judgement};
pub use discriminator::Discriminator;
pub use encoder::Encoder;

/// Sides of images must be multiples of this.
pub const STRIDE: usize = 32;

/// `channels` of the published network, at a share `width` of them.
fn scaled(channels: usize, width: f32) -> usize {
    ((channels as f32 * width).round() as usize).max(1)
}
