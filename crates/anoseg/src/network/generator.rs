//! The generator: one encoder, a decoder for the anomaly map, and optionally one for the reconstruction.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Decoder, Encoder, Mode, WeightInit};

/// Logit of the map before training: about two pixels in a hundred are anomalous, as in the training pairs. Without
/// it the first hundreds of steps go into learning that most pixels are normal (Lin et al., "Focal loss", 2017, 4.1).
const PRIOR: f32 = -4.0;

/// What decides the network's shape. Stored in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// Channels at strides 4, 8, 16, ...; one entry per scale.
    pub widths: Vec<usize>,
    /// Residual blocks per scale of the encoder.
    pub blocks: usize,
    /// Whether each pixel's row and column are given to the first layer.
    pub coordinates: bool,
    /// Whether a second decoder reconstructs the picture while training.
    pub reconstruction: bool,
}

impl Default for Architecture {
    fn default() -> Self {
        Self { widths: vec![32, 64, 96, 128], blocks: 1, coordinates: true, reconstruction: false }
    }
}

impl Architecture {
    /// Sides of the pictures must be multiples of this.
    pub fn stride(&self) -> usize {
        super::encoder::PATCH << (self.widths.len() - 1)
    }
}

/// What the generator gives for a batch.
pub struct Outputs {
    /// `[n, 1, h, w]`: the anomaly map before the sigmoid; positive = anomalous.
    pub map_logits: Tensor<4>,
    /// `[n, 3, h, w]`: the reconstructed picture, values in 0..=1. None without a reconstruction decoder.
    pub reconstruction: Option<Tensor<4>>,
}

/// Encoder and decoders.
#[derive(Module, Debug)]
pub struct Generator {
    encoder: Encoder,
    map: Decoder,
    reconstruction: Option<Decoder>,
}

impl Generator {
    /// A network with fresh weights.
    pub fn new(architecture: &Architecture, init: &mut WeightInit) -> Self {
        Self {
            encoder: Encoder::new(init, architecture),
            map: Decoder::new(init, architecture, 1, PRIOR),
            reconstruction: architecture.reconstruction.then(|| Decoder::new(init, architecture, 3, 0.0)),
        }
    }

    /// Pictures `[n, 3, h, w]` with values in 0..=1 to both outputs.
    pub fn forward(&self, images: Tensor<4>, mode: &mut Mode) -> Outputs {
        let features = self.encoder.forward(images, mode);
        let map_logits = self.map.forward(&features, true, mode);
        let reconstruction = self
            .reconstruction
            .as_ref()
            .map(|decoder| burn::tensor::activation::sigmoid(decoder.forward(&features, false, mode)));
        Outputs { map_logits, reconstruction }
    }

    /// The network as it is used after training: without the reconstruction's decoder.
    pub fn without_reconstruction(self) -> Self {
        Self { reconstruction: None, ..self }
    }

    /// Pictures `[n, 3, h, w]` to the anomaly map's logits `[n, 1, h, w]` alone.
    pub fn map_logits(&self, images: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let features = self.encoder.forward(images, mode);
        self.map.forward(&features, true, mode)
    }
}
