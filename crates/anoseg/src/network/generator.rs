//! The generator: one encoder, a decoder for the anomaly map, and optionally one for the reconstruction.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Decoder, Encoder, WeightInit};

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
            map: Decoder::new(init, architecture, 1),
            reconstruction: architecture.reconstruction.then(|| Decoder::new(init, architecture, 3)),
        }
    }

    /// Pictures `[n, 3, h, w]` with values in 0..=1 to both outputs.
    pub fn forward(&self, images: Tensor<4>) -> Outputs {
        let features = self.encoder.forward(images);
        let map_logits = self.map.forward(&features, true);
        let reconstruction = self
            .reconstruction
            .as_ref()
            .map(|decoder| burn::tensor::activation::sigmoid(decoder.forward(&features, false)));
        Outputs { map_logits, reconstruction }
    }

    /// The network as it is used after training: without the reconstruction's decoder.
    pub fn without_reconstruction(self) -> Self {
        Self { reconstruction: None, ..self }
    }

    /// Pictures `[n, 3, h, w]` to the anomaly map's logits `[n, 1, h, w]` alone.
    pub fn map_logits(&self, images: Tensor<4>) -> Tensor<4> {
        self.map.forward(&self.encoder.forward(images), true)
    }
}
