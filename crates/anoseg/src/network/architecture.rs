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
    /// Compact network: whether each place is held against the picture as a whole; pretrained network: against its wider
    /// surroundings, too.
    #[serde(default)]
    pub context: bool,
    /// Published network: its channels as a share of the published ones, above 0 and at most 1.
    pub width: f32,
    /// Whether each pixel's row and column are given to the first layer.
    pub coordinates: bool,
    /// Compact network: rows and columns run from minus to plus this, 0 to 1. In the others they run from -1 to 1.
    #[serde(default = "unscaled")]
    pub coordinate_scale: f32,
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
            context: true,
            width: 1.0,
            coordinates: true,
            coordinate_scale: 0.1,
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
        Self { network: Kind::Pretrained, ..Self::default() }
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

/// The coordinates of models that do not say.
fn unscaled() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_from_before_context_and_scale_is_read_as_it_was() {
        for stored in [r#"{"network": "pretrained", "memory": 4000}"#, r#"{"network": "compact"}"#] {
            let read = serde_json::from_str::<Architecture>(stored).unwrap();
            assert_eq!((read.context, read.coordinate_scale), (false, 1.0));
        }
        for new in [Architecture::default(), Architecture::pretrained()] {
            assert!(new.context);
        }
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
