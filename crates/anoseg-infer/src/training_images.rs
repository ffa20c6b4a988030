//! What is known of the images that a model was trained on.

use anoseg_image::{Image, SampleType};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// What the training images had in common, as far as an inspection compares an image with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingImages {
    /// Smallest and largest width in pixels.
    pub widths: [usize; 2],
    /// Smallest and largest height in pixels.
    pub heights: [usize; 2],
    /// Smallest and largest ratio of width to height.
    pub aspects: [f32; 2],
    /// Whether they were grey.
    pub colours: Colours,
    /// The types of their samples, each once.
    pub samples: Vec<SampleType>,
}

/// Whether images are grey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// All: the three planes of each image are equal.
    Grey,
    /// None.
    Colour,
    /// Some.
    Mixed,
}

impl TrainingImages {
    /// What is known of a single image; see [`TrainingImages::and`].
    pub fn of(image: &Image) -> Self {
        let (width, height) = (image.width(), image.height());
        Self {
            widths: [width; 2],
            heights: [height; 2],
            aspects: [width as f32 / height.max(1) as f32; 2],
            colours: if image.is_grey() { Colours::Grey } else { Colours::Colour },
            samples: vec![image.sample_type()],
        }
    }

    /// What is known of the images of both.
    pub fn and(self, other: &Self) -> Self {
        let sides = |a: [usize; 2], b: [usize; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        let mut samples = [self.samples, other.samples.clone()].concat();
        samples.sort_unstable();
        samples.dedup();
        Self {
            widths: sides(self.widths, other.widths),
            heights: sides(self.heights, other.heights),
            aspects: [self.aspects[0].min(other.aspects[0]), self.aspects[1].max(other.aspects[1])],
            colours: if self.colours == other.colours { self.colours } else { Colours::Mixed },
            samples,
        }
    }

    /// Checks that the ranges are ranges.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        for (name, [least, most]) in
            [("training_images.widths", self.widths), ("training_images.heights", self.heights)]
        {
            require(0 < least && least <= most, name, [least, most], "must be a range of pixels above 0")?;
        }
        let [least, most] = self.aspects;
        let range = 0.0 < least && least <= most && most.is_finite();
        require(range, "training_images.aspects", self.aspects, "must be a range of ratios above 0")
    }
}
