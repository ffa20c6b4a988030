//! The discriminators of the adversarial losses: does this map belong to this picture?

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, Kind, Mode, WeightInit, centred, compact, published};

/// Judges pairs of picture and anomaly map (AnoSeg, section 3.2).
#[derive(Module, Debug)]
pub enum Discriminator {
    /// Patch by patch.
    Compact(compact::Discriminator),
    /// As a whole.
    Published(published::Discriminator),
}

impl Discriminator {
    /// The discriminator that goes with the generator of `architecture`.
    pub fn new(init: &mut WeightInit, architecture: &Architecture) -> Self {
        match architecture.network {
            // A pretrained network has no use for one.
            Kind::Compact | Kind::Pretrained => {
                Self::Compact(compact::Discriminator::new(init, &architecture.widths))
            }
            Kind::Published => Self::Published(published::Discriminator::new(init, architecture.width)),
        }
    }

    /// Pictures `[n, 3, h, w]` and anomaly maps `[n, 1, h, w]`, both in 0..=1, to logits `[n, 1, h', w']`; positive = a
    /// true pair.
    pub fn forward(&self, images: Tensor<4>, maps: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let (images, maps) = (centred(images), centred(maps));
        match self {
            Self::Compact(network) => network.forward(images, maps, mode),
            Self::Published(network) => network.forward(images, maps, mode).0,
        }
    }
}
