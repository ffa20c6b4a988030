//! From an image to the network's input.

use anoseg_image::{Filter, Image, resample};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// How images become the network's input. Stored in the model file; training, calibration and
/// prediction use the same.
///
/// ```
/// use anoseg_image::{Filter, Image};
/// use anoseg_infer::Preprocess;
///
/// let preprocess = Preprocess::square(64, Filter::Bilinear);
/// let input = preprocess.apply(&Image::filled(100, 50, [0.2, 0.4, 0.6]));
/// assert_eq!((input.width(), input.height()), (64, 64));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// The channels that the network takes.
    pub channels: Channels,
    /// Where the pixels of the network's input lie in the image.
    pub geometry: Geometry,
    /// Resampling filter.
    pub filter: Filter,
}

/// The channels that the network takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Channels {
    /// Red, green and blue, each in 0..=1; a grey image has three equal ones.
    #[default]
    Rgb,
}

/// Where the pixels of the network's input lie in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Geometry {
    /// The whole image is resampled to this size, whatever its aspect ratio.
    Whole {
        /// Width of the network's input in pixels.
        width: usize,
        /// Height of the network's input in pixels.
        height: usize,
    },
}

/// Longest side of a network's input.
const LONGEST_SIDE: usize = 4096;

impl Preprocess {
    /// Whole images, resampled to `size` x `size` pixels.
    pub fn square(size: usize, filter: Filter) -> Self {
        Self { channels: Channels::Rgb, geometry: Geometry::Whole { width: size, height: size }, filter }
    }

    /// Height and width of the network's input.
    pub fn size(&self) -> [usize; 2] {
        let Geometry::Whole { width, height } = self.geometry;
        [height, width]
    }

    /// The network's input of an image of any size.
    pub fn apply(&self, image: &Image) -> Image {
        let [height, width] = self.size();
        resample::resize(image, width, height, self.filter)
    }

    /// Checks that both sides are multiples of `stride`, above 0 and at most 4096.
    ///
    /// # Errors
    /// They are not.
    pub fn validate(&self, stride: usize) -> Result<(), SettingError> {
        let fits = |side: &usize| (1..=LONGEST_SIDE).contains(side) && side.is_multiple_of(stride);
        let allowed = format!("each side must be a multiple of {stride} and at most {LONGEST_SIDE}");
        require(self.size().iter().all(fits), "preprocess.geometry", self.size(), allowed)
    }
}
