//! From an image to the network's input.

use std::borrow::Cow;
use std::ops::Range;

use anoseg_image::{AnomalyMap, Filter, Image, Mask, SampleType, resample};
use serde::{Deserialize, Serialize};

use crate::scale::is_default;
use crate::{Alignment, Extent, Geometry, Pose, RegionOfInterest, SettingError, ValueScale};

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
    /// How the part is found, where images are inspected in its frame. Geometry is then that of the
    /// frame. Not written where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<Alignment>,
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
        let (scale, region, alignment) = (ValueScale::default(), None, None);
        Self { channels: Channels::Rgb, geometry, filter, scale, region, alignment }
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

    /// Pixels of the network that lie inside the region of interest of an image of `width` x `height`
    /// pixels, and the size of that image at the network's scale; None without a region.
    pub fn region_pixels(&self, width: usize, height: usize) -> Option<(usize, Extent)> {
        let plane = self.geometry.plane(width, height);
        Some((self.inside(plane.width, plane.height)?.count(), plane))
    }

    /// The same with this alignment.
    pub fn with_alignment(self, alignment: Option<Alignment>) -> Self {
        Self { alignment, ..self }
    }

    /// Height and width of the network's input: of a tile where it works on tiles.
    pub fn size(&self) -> [usize; 2] {
        self.geometry.size()
    }

    /// The image at the network's scale, of the size that [`Geometry::plane`] gives, values in 0..=1;
    /// in the part's frame where there is an alignment.
    pub fn apply(&self, image: &Image) -> Image {
        self.apply_at(image, self.pose(image).as_ref())
    }

    /// As [`Preprocess::apply`], with the image's [pose](Preprocess::pose).
    pub fn apply_at(&self, image: &Image, pose: Option<&Pose>) -> Image {
        let prepared = self.prepare(image, pose);
        let Extent { width, height } = prepared.extent();
        prepared.part(0..width, 0..height)
    }

    /// As [`Preprocess::apply_at`], of which any part is made when it is asked for.
    pub(crate) fn prepare<'a>(&'a self, image: &'a Image, pose: Option<&Pose>) -> Prepared<'a> {
        let framed = self.alignment.as_ref().zip(pose);
        let clip = self.scale.clip(image.sample_type());
        let framed = framed.map(|(alignment, pose)| alignment.framed_of(image, pose, clip));
        Prepared { preprocess: self, image: framed.map_or(Cow::Borrowed(image), Cow::Owned) }
    }

    /// Where the part lies in the image; None without an alignment.
    pub fn pose(&self, image: &Image) -> Option<Pose> {
        self.alignment.as_ref().map(|alignment| alignment.find(image))
    }

    /// The map of a prepared image in the coordinates of the image, which has `width` x `height`
    /// pixels and this pose. Outside the part's frame it is 0.
    pub fn restored(&self, map: AnomalyMap, pose: Option<&Pose>, width: usize, height: usize) -> AnomalyMap {
        match self.alignment.as_ref().zip(pose) {
            Some((alignment, pose)) => alignment.unframed(&map, pose, width, height),
            None => resample::resize_map_in_place(map, width, height),
        }
    }

    /// Pixels of an image of `all` pixels and this pose that are inspected: those of the part's frame.
    pub(crate) fn inspected(&self, pose: Option<&Pose>, all: usize) -> usize {
        self.alignment.as_ref().zip(pose).map_or(all, |(alignment, pose)| alignment.pixels(pose))
    }

    /// The image at its own size, values in 0..=1: what people are to see.
    pub fn scaled<'a>(&self, image: &'a Image) -> Cow<'a, Image> {
        self.scale.apply(image)
    }

    /// As [`Preprocess::scaled`], of an image that is not needed as it was.
    pub fn into_scaled(&self, image: Image) -> Image {
        self.scale.apply_to(image)
    }

    /// The first half of [`Preprocess::apply`], for images whose scale is not known yet: the image
    /// at the network's scale, values as they are. [`Preprocess::scale_resampled`] is the second
    /// half. The result is the same bit for bit, if no value of the image is beyond the scale.
    pub fn resample(&self, image: &Image) -> Image {
        self.resample_at(image, self.pose(image).as_ref())
    }

    fn resample_at(&self, image: &Image, pose: Option<&Pose>) -> Image {
        let framed = self.alignment.as_ref().zip(pose);
        let framed = framed.map(|(alignment, pose)| alignment.framed(image, pose));
        let image = framed.as_ref().unwrap_or(image);
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
    /// white, the region, and that the alignment has a reference.
    ///
    /// # Errors
    /// They are not.
    pub fn validate(&self, stride: usize) -> Result<(), SettingError> {
        self.geometry.validate(stride)?;
        self.alignment.as_ref().map_or(Ok(()), Alignment::validate)?;
        self.scale.validate()?;
        self.region.as_ref().map_or(Ok(()), RegionOfInterest::validate)
    }
}

/// An image at the network's scale, of which parts are made when they are asked for, so that a large one
/// is never whole in memory as floats.
pub(crate) struct Prepared<'a> {
    preprocess: &'a Preprocess,
    /// In the part's frame, where there is an alignment.
    image: Cow<'a, Image>,
}

impl Prepared<'_> {
    /// The size of the whole.
    pub(crate) fn extent(&self) -> Extent {
        self.preprocess.geometry.plane(self.image.width(), self.image.height())
    }

    /// The pixels in these columns and rows of the whole, values in 0..=1.
    pub(crate) fn part(&self, columns: Range<usize>, rows: Range<usize>) -> Image {
        let Self { preprocess, image } = self;
        let Extent { width, height } = self.extent();
        let samples = image.sample_type();
        let clip = preprocess.scale.clip(samples);
        let (size, part) = ((width, height), (columns, rows));
        let mut resampled = resample::resize_part(image, size, part, preprocess.filter, clip);
        if samples == SampleType::U8 {
            // A filter may overshoot.
            resampled.as_mut_slice().iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        }
        preprocess.scale_resampled(resampled)
    }
}
