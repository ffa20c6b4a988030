//! The networks that can be encoders, and how their input is scaled.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// Grey levels are 0 to this.
pub(super) const BRIGHTEST: f32 = 255.0;

/// The networks that can be encoders. Each is used down to a sixteenth of the resolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncoderKind {
    /// EfficientNet-Lite0.
    #[default]
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
    /// EfficientNet-Lite1.
    #[serde(rename = "efficientnet-lite1")]
    EfficientNetLite1,
    /// EfficientNet-Lite2.
    #[serde(rename = "efficientnet-lite2")]
    EfficientNetLite2,
    /// EfficientNet-Lite3.
    #[serde(rename = "efficientnet-lite3")]
    EfficientNetLite3,
    /// EfficientNet-Lite4.
    #[serde(rename = "efficientnet-lite4")]
    EfficientNetLite4,
    /// ResNet-18.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// Wide ResNet-50-2.
    #[serde(rename = "wide-resnet50-2")]
    WideResNet50,
}

impl EncoderKind {
    /// All networks.
    pub const ALL: [Self; 7] = [
        Self::EfficientNetLite0,
        Self::EfficientNetLite1,
        Self::EfficientNetLite2,
        Self::EfficientNetLite3,
        Self::EfficientNetLite4,
        Self::ResNet18,
        Self::WideResNet50,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::EfficientNetLite0 => "efficientnet-lite0",
            Self::EfficientNetLite1 => "efficientnet-lite1",
            Self::EfficientNetLite2 => "efficientnet-lite2",
            Self::EfficientNetLite3 => "efficientnet-lite3",
            Self::EfficientNetLite4 => "efficientnet-lite4",
            Self::ResNet18 => "resnet18",
            Self::WideResNet50 => "wide-resnet50-2",
        }
    }

    /// Channels of the features at strides 2, 4, 8 and 16.
    pub const fn channels(self) -> [usize; 4] {
        match self {
            Self::EfficientNetLite0 | Self::EfficientNetLite1 => [16, 24, 40, 112],
            Self::EfficientNetLite2 => [16, 24, 48, 120],
            Self::EfficientNetLite3 => [24, 32, 48, 136],
            Self::EfficientNetLite4 => [24, 32, 56, 160],
            Self::ResNet18 => [64, 64, 128, 256],
            Self::WideResNet50 => [64, 256, 512, 1024],
        }
    }

    /// Blocks in each stage that is used.
    pub const fn blocks(self) -> &'static [usize] {
        match self {
            Self::EfficientNetLite0 => &[1, 2, 2, 3, 3],
            Self::EfficientNetLite1 | Self::EfficientNetLite2 => &[1, 3, 3, 4, 4],
            Self::EfficientNetLite3 => &[1, 3, 3, 5, 5],
            Self::EfficientNetLite4 => &[1, 4, 4, 6, 6],
            Self::ResNet18 => &[2, 2, 2],
            Self::WideResNet50 => &[3, 4, 6],
        }
    }

    /// Channels of all features together.
    pub const fn all_channels(self) -> usize {
        let [stride2, stride4, stride8, stride16] = self.channels();
        stride2 + stride4 + stride8 + stride16
    }

    /// Channels of what is compared with the memory bank: the features at strides 4, 8 and 16.
    pub const fn descriptor(self) -> usize {
        self.all_channels() - self.channels()[0]
    }

    /// Channels of what is compared with the second memory bank: the features at strides 2 and 4.
    pub const fn fine_descriptor(self) -> usize {
        self.channels()[0] + self.channels()[1]
    }
}

impl fmt::Display for EncoderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What decides an encoder's features beside its weights. Stored in the model file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderArchitecture {
    /// Which network.
    pub network: EncoderKind,
    /// The grey level, on a scale of 0 to 255, that becomes 0, for red, green and blue.
    pub centre: [f32; 3],
    /// The difference of grey levels that becomes 1.
    pub scale: [f32; 3],
}

/// EfficientNet-Lite0 as it was published.
impl Default for EncoderArchitecture {
    fn default() -> Self {
        Self::as_published(EncoderKind::default())
    }
}

impl EncoderArchitecture {
    /// An EfficientNet-Lite with the input that its authors trained it with.
    pub fn as_published(network: EncoderKind) -> Self {
        Self { network, centre: [127.0; 3], scale: [128.0; 3] }
    }

    /// Whether this is EfficientNet-Lite0 as it was published.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        let Self { centre, scale, .. } = self;
        let in_range = centre.iter().all(|centre| (-BRIGHTEST..=2.0 * BRIGHTEST).contains(centre));
        require(in_range, "architecture.encoder.centre", centre, "must be -255 to 510")?;
        let in_range = scale.iter().all(|scale| (0.1..=10.0 * BRIGHTEST).contains(scale));
        require(in_range, "architecture.encoder.scale", scale, "must be 0.1 to 2550")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_files() {
        for kind in EncoderKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let unknown = serde_json::from_str::<EncoderKind>("\"resnet99\"").unwrap_err().to_string();
        assert!(unknown.contains("resnet99") && unknown.contains("wide-resnet50-2"), "{unknown}");
    }

    #[test]
    fn scales_that_nothing_can_be_divided_by_are_refused() {
        let network = EncoderKind::ResNet18;
        EncoderArchitecture::as_published(network).validate().unwrap();
        for (centre, scale) in
            [([f32::NAN; 3], [1.0; 3]), ([0.0; 3], [1.0, 0.0, 1.0]), ([0.0; 3], [f32::INFINITY; 3])]
        {
            assert!(EncoderArchitecture { network, centre, scale }.validate().is_err());
        }
    }
}
