//! The settings that decide a network's shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Averaging, Blueprint, Detector, EncoderArchitecture, ImageGenerator, compact, head, pretrained, published,
};
use crate::SettingError;
use crate::settings::require;

/// Most numbers that are trained: half a gigabyte. The published networks have a third of it.
const MOST_PARAMETERS: u64 = 1 << 27;

/// Most multiplications for one image: a minute or two of a plain PC.
const MOST_MULTIPLICATIONS: f64 = 2e13;

/// Which network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Works at a quarter of the image's resolution and below, with skip connections.
    #[default]
    Compact,
    /// A head on a frozen encoder's features and their distance to those of good images.
    Pretrained,
    /// The published AnoSeg: ResNet-18, decoders without skip connections.
    Published,
}

/// The settings that decide the network's shape. Stored in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// Which network.
    pub network: Kind,
    /// Compact network: channels at strides 4, 8, 16, ...; one entry per scale.
    pub widths: Vec<usize>,
    /// Compact network: residual blocks per scale of the encoder.
    pub blocks: usize,
    /// Pretrained network: number of feature vectors in the memory bank.
    pub memory: usize,
    /// Pretrained network: where the features that are compared are averaged with their neighbours. Not written
    /// where it is `joined`, so that earlier versions can read the file.
    #[serde(default, skip_serializing_if = "Averaging::is_joined")]
    pub averaging: Averaging,
    /// Whether each position is compared with the whole image; in the pretrained network also with
    /// its wider surroundings.
    #[serde(default)]
    pub context: bool,
    /// Published network: its channels as a share of the published ones, above 0 and at most 1.
    pub width: f32,
    /// Whether each pixel's row and column are given to the first layer.
    pub coordinates: bool,
    /// Compact network: coordinates run from minus to plus this value, 0 to 1. In the other
    /// networks they run from -1 to 1.
    #[serde(default = "unscaled")]
    pub coordinate_scale: f32,
    /// Whether a second decoder reconstructs the image while training.
    pub reconstruction: bool,
    /// Whether a second GAN scores the image from its map (AnoSeg, appendix), in place of the map's
    /// largest values. It has the published layers at `width`.
    pub detector: bool,
    /// Pretrained network: its encoder. Not written where it is EfficientNet-Lite0 as it was published,
    /// so that earlier versions can read the file.
    #[serde(default, skip_serializing_if = "EncoderArchitecture::is_default")]
    pub encoder: EncoderArchitecture,
}

impl Default for Architecture {
    fn default() -> Self {
        Self {
            network: Kind::Compact,
            widths: vec![32, 64, 96, 128],
            blocks: 1,
            memory: 4000,
            averaging: Averaging::Joined,
            context: true,
            width: 1.0,
            coordinates: true,
            coordinate_scale: 0.1,
            reconstruction: false,
            detector: false,
            encoder: EncoderArchitecture::default(),
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
        Self { network: Kind::Pretrained, averaging: Averaging::OwnStride, ..Self::default() }
    }

    /// The same without the decoder that only training needs.
    pub fn in_use(self) -> Self {
        Self { reconstruction: false, ..self }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        let Self { ref widths, blocks, coordinate_scale, memory, width, .. } = *self;
        let in_range =
            (1..=6).contains(&widths.len()) && widths.iter().all(|width| (1..=2048).contains(width));
        require(in_range, "architecture.widths", widths, "give 1 to 6 widths of 1 to 2048 channels")?;
        require(blocks <= 16, "architecture.blocks", blocks, "at most 16")?;
        let in_range = (0.0..=1.0).contains(&coordinate_scale);
        require(in_range, "architecture.coordinate_scale", coordinate_scale, "must be 0 to 1")?;
        require((1..=100_000).contains(&memory), "architecture.memory", memory, "must be 1 to 100000")?;
        let in_range = width > 0.0 && width <= 1.0;
        require(in_range, "architecture.width", width, "must be above 0 and at most 1")?;
        let map_alone = self.network != Kind::Pretrained || !(self.reconstruction || self.detector);
        let allowed =
            "a pretrained network gives the map alone: leave architecture.reconstruction and .detector off";
        require(map_alone, "architecture.network", "pretrained", allowed)?;
        self.encoder.validate()?;
        let own = self.network == Kind::Pretrained || self.encoder.is_default();
        let allowed = "only a pretrained network has an encoder: leave it out";
        require(own, "architecture.encoder", self.encoder.network.name(), allowed)?;
        let parameters = self.parameters();
        let allowed = format!(
            "architecture.widths and .blocks ask for {parameters} parameters, the most is {MOST_PARAMETERS}: \
             give less of them"
        );
        require(parameters <= MOST_PARAMETERS, "architecture.blocks", blocks, allowed)
    }

    /// Checks that an input of `height` x `width` pixels takes no more than minutes of computing.
    ///
    /// # Errors
    /// It takes more.
    pub fn validate_work(&self, [height, width]: [usize; 2]) -> Result<(), SettingError> {
        let work = self.multiplications([height, width]);
        let allowed = format!(
            "an input of {width} x {height} pixels takes {work:.1e} multiplications, the most is \
             {MOST_MULTIPLICATIONS:.0e}: give fewer channels or a smaller input"
        );
        require(work <= MOST_MULTIPLICATIONS, "architecture.widths", &self.widths, allowed)
    }

    /// Number of parameters of all networks that this architecture asks for.
    fn parameters(&self) -> u64 {
        let mut blueprint = Blueprint::default();
        if ImageGenerator::new(&mut blueprint, self).is_none() {
            head(&mut blueprint, self);
        }
        if self.detector {
            Detector::new(&mut blueprint, self.width);
        }
        let lengths = blueprint.parameters().iter().map(|spec| spec.len() as u64);
        lengths.fold(0, u64::saturating_add)
    }

    /// Multiplications of one image in a compact network, about; the others have a fixed size.
    fn multiplications(&self, [height, width]: [usize; 2]) -> f64 {
        if self.network != Kind::Compact {
            return 0.0;
        }
        let mut positions = (height * width) as f64 / (compact::PATCH * compact::PATCH) as f64;
        let mut sum = 0.0;
        for &channels in &self.widths {
            // The blocks of the encoder and one of the decoder, of two layers of 3 x 3 filters each.
            let squared = (channels * channels) as f64;
            sum += positions * squared * 18.0 * (self.blocks + 1) as f64;
            positions /= 4.0;
        }
        sum
    }

    /// Sides of the network's input must be multiples of this.
    pub fn stride(&self) -> usize {
        match self.network {
            // Its discriminator halves the image eight times.
            _ if self.detector => 256,
            Kind::Compact => compact::PATCH << (self.widths.len() - 1),
            Kind::Pretrained => pretrained::STRIDE,
            Kind::Published => published::STRIDE,
        }
    }
}

/// The kind, and the settings that decide its size.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            Kind::Compact => write!(f, "compact, widths {:?}", self.widths),
            Kind::Pretrained if !self.encoder.is_default() => {
                let encoder = self.encoder.network;
                write!(f, "pretrained {encoder}, memory bank of {} vectors", self.memory)
            }
            Kind::Pretrained => write!(f, "pretrained, memory bank of {} vectors", self.memory),
            Kind::Published => write!(f, "published, width {}", self.width),
        }
    }
}

/// The coordinates of models whose file does not name a scale.
fn unscaled() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_context_and_scale_gets_the_former_values() {
        for stored in [r#"{"network": "pretrained", "memory": 4000}"#, r#"{"network": "compact"}"#] {
            let read = serde_json::from_str::<Architecture>(stored).unwrap();
            assert_eq!((read.context, read.coordinate_scale), (false, 1.0));
            assert_eq!(read.averaging, Averaging::Joined);
            assert!(!serde_json::to_string(&read).unwrap().contains("averaging"));
        }
        for new in [Architecture::default(), Architecture::pretrained()] {
            assert!(new.context);
            assert_eq!(
                serde_json::from_str::<Architecture>(&serde_json::to_string(&new).unwrap()).unwrap(),
                new
            );
        }
        assert_eq!(Architecture::pretrained().averaging, Averaging::OwnStride);
    }

    /// A file of 27 kB with these settings once kept the program busy for 43 seconds and then ended
    /// it.
    #[test]
    fn a_network_of_any_size_is_refused_at_once() {
        let huge = Architecture { widths: vec![2048; 6], blocks: 16, ..Architecture::default() };
        let begun = std::time::Instant::now();
        let refused = huge.validate().unwrap_err().to_string();
        assert!(refused.contains("architecture.blocks = 16") && begun.elapsed().as_secs() < 1, "{refused}");
        for fine in [Architecture::default(), Architecture::published(), Architecture::pretrained()] {
            fine.validate().unwrap();
            fine.validate_work([4096, 4096]).unwrap();
        }
        let slow = Architecture { widths: vec![512; 2], blocks: 4, ..Architecture::default() };
        slow.validate().unwrap();
        slow.validate_work([256, 256]).unwrap();
        assert!(slow.validate_work([4096, 4096]).is_err());
    }

    #[test]
    fn an_architecture_is_described_by_its_size() {
        let published = Architecture { width: 0.125, ..Architecture::published() };
        let described = [Architecture::default(), Architecture::pretrained(), published]
            .map(|architecture| architecture.to_string());
        let expected = [
            "compact, widths [32, 64, 96, 128]",
            "pretrained, memory bank of 4000 vectors",
            "published, width 0.125",
        ];
        assert_eq!(described, expected);
    }
}
