//! The generator: one encoder, a decoder for the anomaly map, and optionally one for the reconstruction.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, Kind, Mode, Sight, WeightInit, centred, compact, pretrained, published};

/// Logit of the compact network's map before training: about two pixels in a hundred are anomalous, as in the training
/// pairs. Without it the first hundreds of steps go into learning that most pixels are normal (Lin et al., "Focal loss",
/// 2017, 4.1).
const PRIOR: f32 = -4.0;

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

#[derive(Module, Debug)]
enum Encoder {
    Compact(compact::Encoder),
    Pretrained(pretrained::Encoder),
    Published(published::Encoder),
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has two of them")]
enum Decoder {
    Compact(compact::Decoder),
    Pretrained(pretrained::Decoder),
    Published(published::Decoder),
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

    /// What is seen of pictures to both outputs.
    pub fn forward(&self, sight: Sight, mode: &mut Mode) -> Outputs {
        let features = self.encoder.forward(sight, mode);
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

    /// What is seen of pictures to the anomaly map's logits `[n, 1, h, w]` alone.
    pub fn map_logits(&self, sight: Sight, mode: &mut Mode) -> Tensor<4> {
        let features = self.encoder.forward(sight, mode);
        self.map.forward(&features, true, mode)
    }
}

impl Encoder {
    fn new(init: &mut WeightInit, architecture: &Architecture) -> Self {
        let Architecture { coordinates, width, .. } = *architecture;
        match architecture.network {
            Kind::Compact => Self::Compact(compact::Encoder::new(init, architecture)),
            Kind::Pretrained => Self::Pretrained(pretrained::Encoder::new(init)),
            Kind::Published => Self::Published(published::Encoder::new(init, 3, coordinates, width)),
        }
    }

    /// One feature tensor per scale, finest first.
    fn forward(&self, sight: Sight, mode: &mut Mode) -> Vec<Tensor<4>> {
        let images = || centred(sight[0].clone());
        match self {
            Self::Compact(encoder) => encoder.forward(images(), mode),
            Self::Pretrained(encoder) => encoder.forward(&sight, mode),
            Self::Published(encoder) => encoder.forward(images(), mode),
        }
    }
}

impl Decoder {
    /// Outputs of `channels` channels; the compact network's start around `level`.
    fn new(init: &mut WeightInit, architecture: &Architecture, channels: usize, level: f32) -> Self {
        match architecture.network {
            Kind::Compact => Self::Compact(compact::Decoder::new(init, architecture, channels, level)),
            Kind::Pretrained => Self::Pretrained(pretrained::Decoder::new(init, architecture, level)),
            Kind::Published => Self::Published(published::Decoder::new(init, channels, architecture.width)),
        }
    }

    /// `[n, channels, h, w]` before any squashing, from the encoder's features; with `skips` false, or in the published
    /// network, from the coarsest of them alone.
    fn forward(&self, features: &[Tensor<4>], skips: bool, mode: &mut Mode) -> Tensor<4> {
        match self {
            Self::Compact(decoder) => decoder.forward(features, skips, mode),
            Self::Pretrained(decoder) => decoder.forward(features, mode),
            Self::Published(decoder) => {
                let coarsest = features.last().expect("an encoder has at least one scale");
                decoder.forward(coarsest.clone(), mode)
            }
        }
    }
}
