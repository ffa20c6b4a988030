//! The generators: one encoder, a decoder for the anomaly map, and optionally one for the
//! reconstruction.

use super::{Architecture, Blueprint, Executor, Head, Kind, compact, published};

/// Logit of the map before training: about two pixels in a hundred are anomalous, as in the
/// training pairs. Without it the first hundreds of steps are spent on learning that most pixels
/// are normal (Lin et al., "Focal loss", 2017, 4.1).
const PRIOR: f32 = -4.0;

/// The outputs of a generator for a batch.
pub struct Outputs<V> {
    /// `[n, 1, h, w]`: the anomaly map before the sigmoid; positive = anomalous.
    pub map_logits: V,
    /// `[n, 3, h, w]`: the reconstructed image, values in 0..=1. None without a reconstruction
    /// decoder.
    pub reconstruction: Option<V>,
}

/// A generator that starts from images.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one of them")]
pub enum ImageGenerator {
    /// The network of preset `fast`.
    Compact {
        /// Features of images.
        encoder: compact::Encoder,
        /// Decoder of the anomaly map.
        map: compact::Decoder,
        /// Decoder of the reconstruction.
        reconstruction: Option<compact::Decoder>,
    },
    /// The network of preset `paper`.
    Published {
        /// Features of images.
        encoder: published::Encoder,
        /// Decoder of the anomaly map.
        map: published::Decoder,
        /// Decoder of the reconstruction.
        reconstruction: Option<published::Decoder>,
    },
}

impl ImageGenerator {
    /// The generator of `architecture`; None if that one starts from a backbone's features.
    pub fn new(b: &mut Blueprint, architecture: &Architecture) -> Option<Self> {
        let Architecture { width, coordinates, reconstruction, .. } = *architecture;
        match architecture.network {
            Kind::Compact => {
                let decoder = |b: &mut Blueprint, name, channels, level| {
                    b.at(name, |b| compact::Decoder::new(b, architecture, channels, level))
                };
                Some(Self::Compact {
                    encoder: b.at("encoder", |b| compact::Encoder::new(b, architecture)),
                    map: decoder(b, "map", 1, PRIOR),
                    reconstruction: reconstruction.then(|| decoder(b, "reconstruction", 3, 0.0)),
                })
            }
            Kind::Published => {
                let decoder = |b: &mut Blueprint, name, channels| {
                    b.at(name, |b| published::Decoder::new(b, channels, width))
                };
                Some(Self::Published {
                    encoder: b.at("encoder", |b| published::Encoder::new(b, 3, coordinates, width)),
                    map: decoder(b, "map", 1),
                    reconstruction: reconstruction.then(|| decoder(b, "reconstruction", 3)),
                })
            }
            Kind::Pretrained => None,
        }
    }

    /// Images `[n, 3, h, w]` with values in 0..=1 to both outputs.
    pub fn forward<X: Executor>(&self, x: &mut X, images: &X::Value) -> Outputs<X::Value> {
        let images = x.centre(images);
        let (map_logits, reconstruction) = match self {
            Self::Compact { encoder, map, reconstruction } => {
                let features = encoder.forward(x, &images);
                let map = map.forward(x, &features, true);
                (map, reconstruction.as_ref().map(|decoder| decoder.forward(x, &features, false)))
            }
            Self::Published { encoder, map, reconstruction } => {
                let features = encoder.forward(x, &images);
                let map = map.forward(x, &features);
                (map, reconstruction.as_ref().map(|decoder| decoder.forward(x, &features)))
            }
        };
        let reconstruction = reconstruction.map(|drawn| x.sigmoid(&drawn));
        Outputs { map_logits, reconstruction }
    }
}

/// The head of an architecture that starts from a backbone's features.
pub fn head(b: &mut Blueprint, architecture: &Architecture) -> Head {
    Head::new(b, architecture, PRIOR)
}
