//! What decides a network's shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{compact, pretrained};

/// Which network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Works at a quarter of the picture's resolution and below, with skip connections.
    #[default]
    Compact,
    /// A head on a frozen encoder's features and their distance to those of good pictures.
    Pretrained,
    /// As AnoSeg was published: ResNet-18, decoders without skip connections.
    Published,
}

/// What decides the network's shape. Stored in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// Which network.
    pub network: Kind,
    /// Compact network: channels at strides 4, 8, 16, ...; one entry per scale.
    pub widths: Vec<usize>,
    /// Compact network: residual blocks per scale of the encoder.
    pub blocks: usize,
    /// Pretrained network: how many feature vectors of good pictures are remembered.
    pub memory: usize,
    /// Pretrained network: whether each place is held against its wider surroundings and the picture as a whole.
    pub context: bool,
    /// Published network: its channels as a share of the published ones, above 0 and at most 1.
    pub width: f32,
    /// Whether each pixel's row and column are given to the first layer.
    pub coordinates: bool,
    /// Whether a second decoder reconstructs the picture while training.
    pub reconstruction: bool,
    /// Whether a second GAN scores the picture from its map (AnoSeg, appendix), in place of the map's largest values. It
    /// has the published layers at `width`.
    pub detector: bool,
}

impl Default for Architecture {
    fn default() -> Self {
        Self {
            network: Kind::Compact,
            widths: vec![32, 64, 96, 128],
            blocks: 1,
            memory: 4000,
            context: false,
            width: 1.0,
            coordinates: true,
            reconstruction: false,
            detector: false,
        }
    }
}

impl Architecture {
    /// The network of the paper at full width.
    pub fn published() -> Self {
        Self { network: Kind::Published, reconstruction: true, detector: true, ..Self::default() }
    }

    /// A head on a frozen encoder.
    pub fn pretrained() -> Self {
        Self { network: Kind::Pretrained, context: true, ..Self::default() }
    }

    /// Sides of the pictures must be multiples of this.
    pub fn stride(&self) -> usize {
        match self.network {
            Kind::Compact => compact::PATCH << (self.widths.len() - 1),
            Kind::Pretrained => pretrained::STRIDE,
            Kind::Published => 32,
        }
    }
}

/// The kind, and what decides its size.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Kind::Compact => write!(f, "compact, widths {:?}", self.widths),
            Kind::Pretrained => write!(f, "pretrained, {} vectors remembered", self.memory),
            Kind::Published => write!(f, "published, width {}", self.width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_from_before_the_context_is_read_as_having_none() {
        let stored = r#"{"network": "pretrained", "memory": 4000}"#;
        assert!(!serde_json::from_str::<Architecture>(stored).unwrap().context);
        assert!(Architecture::pretrained().context);
    }

    #[test]
    fn an_architecture_is_described_by_what_decides_its_size() {
        let published = Architecture { width: 0.125, ..Architecture::published() };
        let described = [Architecture::default(), Architecture::pretrained(), published]
            .map(|architecture| architecture.to_string());
        let expected = [
            "compact, widths [32, 64, 96, 128]",
            "pretrained, 4000 vectors remembered",
            "published, width 0.125",
        ];
        assert_eq!(described, expected);
    }
}
