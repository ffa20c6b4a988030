//! From an image to the network's input.

use std::borrow::Cow;

use anoseg_image::{Filter, Image, Mask, SampleType, resample};
use serde::{Deserialize, Serialize};

use crate::scale::is_default;
use crate::{Extent, Geometry, RegionOfInterest, SettingError, ValueScale};

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
    /// Which sample values are black and white. Not written where it is the full scale, so that
    /// earlier versions can read the file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scale: ValueScale,
    /// Where on the image defects count; everywhere if None, which is not written, so that earlier
    /// versions can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionOfInterest>,
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

impl Preprocess {
    /// Whole images, resampled to `size` x `size` pixels, values on full scale.
    pub fn square(size: usize, filter: Filter) -> Self {
        let geometry = Geometry::Whole { width: size, height: size };
        Self { channels: Channels::Rgb, geometry, filter, scale: ValueScale::default(), region: None }
    }

    /// The same with this value scale.
    pub fn with_scale(self, scale: ValueScale) -> Self {
        Self { scale, ..self }
    }

    /// The same with this geometry.
    pub fn with_geometry(self, geometry: Geometry) -> Self {
        Self { geometry, ..self }
    }

    /// The same with defects that count in this region only.
    pub fn with_region(self, region: Option<RegionOfInterest>) -> Self {
        Self { region, ..self }
    }

    /// Where on an image of `width` x `height` pixels defects count; everywhere if None.
    pub fn inside(&self, width: usize, height: usize) -> Option<Mask> {
        self.region.as_ref().map(|region| region.mask(width, height))
    }

    /// Height and width of the network's input: of a tile where it works on tiles.
    pub fn size(&self) -> [usize; 2] {
        self.geometry.size()
    }

    /// The image at the network's scale, of the size that [`Geometry::plane`] gives, values in 0..=1.
    pub fn apply(&self, image: &Image) -> Image {
        self.scale_resampled(self.resample(&self.scale.clipped(image)))
    }

    /// The image at its own size, values in 0..=1: what people are to see.
    pub fn scaled<'a>(&self, image: &'a Image) -> Cow<'a, Image> {
        self.scale.apply(image)
    }

    /// The first half of [`Preprocess::apply`], for images whose scale is not known yet: the image
    /// at the network's scale, values as they are. [`Preprocess::scale_resampled`] is the second
    /// half. The result is the same bit for bit, if no value of the image is beyond the scale.
    pub fn resample(&self, image: &Image) -> Image {
        let Extent { width, height } = self.geometry.plane(image.width(), image.height());
        match image.sample_type() {
            SampleType::U8 => resample::resize(image, width, height, self.filter),
            _ => resample::resize_raw(image, width, height, self.filter),
        }
    }

    /// The second half of [`Preprocess::apply`].
    pub fn scale_resampled(&self, mut image: Image) -> Image {
        let levels = self.scale.levels(image.sample_type());
        if image.sample_type() == SampleType::U8 {
            return image;
        }
        image.as_mut_slice().iter_mut().for_each(|value| *value = levels.scaled(*value));
        image.with_sample_type(SampleType::U8)
    }

    /// Checks that both sides are multiples of `stride`, above 0 and at most 4096, that black is below
    /// white, and the region.
    ///
    /// # Errors
    /// They are not.
    pub fn validate(&self, stride: usize) -> Result<(), SettingError> {
        self.geometry.validate(stride)?;
        self.scale.validate()?;
        self.region.as_ref().map_or(Ok(()), RegionOfInterest::validate)
    }
}
