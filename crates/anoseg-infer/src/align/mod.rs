//! Parts that are not held still: where the part lies in an image, and the image in its frame.
//!
//! There are two ways: a part that stands out from a plain background, and, in scenes without one, a
//! patch of the image that is found by correlation.
//!
//! | module | what |
//! |---|---|
//! | `reduced` | the small copy of an image that the search works on |
//! | `foreground` | the part told from its background, its centroid and area |
//! | `template` | the reference, correlation with it, refinement of a pose |
//! | `search` | from an image to the pose of a part |
//! | `locate` | from an image to the pose of a reference patch |
//! | `correlate` | the normalised correlation of a patch at all places of an image |
//! | `learn` | from good images to an [`Alignment`] by a part |
//! | `learn_patch` | from good images to an [`Alignment`] by a reference patch |
//! | `patch` | the reference patch, and which areas suit as one |
//! | `warp` | images into the frame, maps out of it |

mod correlate;
mod foreground;
mod learn;
mod learn_patch;
mod locate;
mod patch;
mod reduced;
mod search;
mod solve;
mod template;
mod warp;

use std::f32::consts::{PI, TAU};

use anoseg_image::Image;
use serde::{Deserialize, Serialize};

pub use learn::Learned;
pub use learn_patch::{LearnedPatch, NoPatch, Rectangle};
pub use reduced::ReducedImage;

use crate::SettingError;
use crate::settings::require;
use patch::Patch;
use template::Template;

/// Longest side of images and frames.
const LONGEST_SIDE: usize = 1 << 16;

/// Most pixels of a frame.
const MOST_PIXELS: usize = 1 << 27;

/// Position and rotation of a part: the frame's middle in the image, and how far the frame is turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pose {
    /// Column and row of the frame's middle in pixels of the image. Pixel centres lie at half-integers.
    pub centre: [f32; 2],
    /// How far the frame is turned in the image, from the x axis to the y axis (clockwise as shown), in
    /// radians, -pi to pi.
    pub angle: f32,
    /// Pixels of the image for each of the frame; it follows from the sizes of the images.
    pub scale: f32,
    /// Correlation with the reference, up to 1; 0 where no part was found.
    pub quality: f32,
}

impl Pose {
    /// Whether a part was found. Otherwise it is the pose of the reference.
    pub fn is_found(&self) -> bool {
        self.quality > 0.0
    }

    /// The angle by which this pose is turned from another, in radians, -pi to pi.
    pub fn turned_from(&self, other: &Self) -> f32 {
        difference(self.angle, other.angle)
    }

    /// Cosine and sine of the angle, times the scale.
    fn turn(&self) -> [f32; 2] {
        let (sin, cos) = self.angle.sin_cos();
        [cos * self.scale, sin * self.scale]
    }

    /// The place in the image of a place in the frame, which is given from its middle. `turn` is that
    /// of the pose.
    #[inline]
    fn place(&self, [cos, sin]: [f32; 2], [x, y]: [f32; 2]) -> [f32; 2] {
        [self.centre[0] + cos * x - sin * y, self.centre[1] + sin * x + cos * y]
    }

    /// The same with its angle in -pi to pi.
    fn normalized(self) -> Self {
        Self { angle: difference(self.angle, 0.0), ..self }
    }
}

/// The angle from `b` to `a` in radians, -pi to pi.
fn difference(a: f32, b: f32) -> f32 {
    (a - b + PI).rem_euclid(TAU) - PI
}

/// How the part is found in an image: a small reference of it. Images are then inspected in the
/// part's frame, in which it always lies in the same place. Stored in the model file.
///
/// ```
/// use anoseg_image::Image;
/// use anoseg_infer::{Alignment, ReducedImage};
///
/// // An L-shaped part at several places and, in the last image, lying on its side.
/// let part = |dx: usize, dy: usize, lying: bool| {
///     Image::from_fn(96, 96, |x, y| {
///         let (x, y) = (x as isize - dx as isize, y as isize - dy as isize);
///         let (x, y) = if lying { (y, 40 - x) } else { (x, y) };
///         let inside = (0..12).contains(&x) && (0..40).contains(&y)
///             || (0..24).contains(&x) && (28..40).contains(&y);
///         [if inside { 0.8 } else { 0.2 }; 3]
///     })
/// };
/// let images = [part(20, 30, false), part(50, 20, false), part(30, 40, true)];
/// let reduced: Vec<ReducedImage> = images.iter().map(ReducedImage::of).collect();
/// let alignment = Alignment::learn(&reduced).unwrap().alignment;
/// let [first, last] = [&images[0], &images[2]].map(|image| alignment.find(image));
/// assert!(((last.angle - first.angle).to_degrees() - 90.0).abs() < 1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alignment {
    /// Width and height of the image that the reference comes from.
    image: [usize; 2],
    /// Width and height of the frame, in pixels of that image.
    frame: [usize; 2],
    /// Pose of an image in which no part is found.
    rest: Pose,
    /// Centroid of the part, or middle of the patch, from the middle of the frame.
    centroid: [f32; 2],
    /// Pixels that the part or the patch covers.
    area: f32,
    /// A part with a lower correlation is not taken for found.
    least_quality: f32,
    template: Template,
    /// The reference patch, where images are aligned by one; the template then shows it alone. Not
    /// written where there is none, so that earlier versions can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<Patch>,
}

impl Alignment {
    /// Width and height of the part's frame, in pixels of the training images.
    pub fn frame(&self) -> [usize; 2] {
        self.frame
    }

    /// Where the part lies in this image. It is measured from the pose of the reference where no part
    /// is found, see [`Pose::is_found`].
    pub fn find(&self, image: &Image) -> Pose {
        self.find_reduced(&ReducedImage::of(image))
    }

    /// As [`Alignment::find`], in an image that is reduced already.
    pub fn find_reduced(&self, image: &ReducedImage) -> Pose {
        let found = match &self.patch {
            Some(patch) => self.locate(image, patch).map(|found| found.pose),
            None => self.search(image).map(|found| found.pose),
        };
        let found = found.filter(|pose| pose.quality >= self.least_quality);
        found.unwrap_or_else(|| self.at_rest(image.image))
    }

    /// What images are aligned by, in words, such as `the part`.
    pub fn way(&self) -> String {
        match &self.patch {
            None => "the part".to_owned(),
            Some(Patch { size: [width, height], degrees }) => format!(
                "a reference patch of {width} x {height} pixels, searched within {degrees} degrees to either side"
            ),
        }
    }

    /// The share of the part (or patch), as the reference shows it, that lies beyond the border of an image of this
    /// width and height, 0..=1.
    pub fn share_beyond(&self, pose: &Pose, [width, height]: [usize; 2]) -> f32 {
        let (width, height) = (width as f32, height as f32);
        let (mut all, mut beyond) = (0usize, 0usize);
        for ([x, y], &pixel) in self.places(pose).zip(&self.template.pixels) {
            if pixel > 0 {
                all += 1;
                beyond += usize::from(x < 0.0 || y < 0.0 || x > width || y > height);
            }
        }
        beyond as f32 / all.max(1) as f32
    }

    /// The pose of the reference, in an image of this size.
    fn at_rest(&self, size: [usize; 2]) -> Pose {
        let across = [0, 1].map(|i| size[i] as f32 / self.image[i] as f32);
        let centre = [0, 1].map(|i| self.rest.centre[i] * across[i]);
        Pose { centre, scale: self.scale(size), quality: 0.0, ..self.rest }
    }

    /// Pixels of an image of this size for each of the frame.
    fn scale(&self, [width, height]: [usize; 2]) -> f32 {
        let own = self.image[0] as f32 * self.image[1] as f32;
        (width as f32 * height as f32 / own).sqrt()
    }

    /// Pixels of the frame in an image of this pose.
    pub(crate) fn pixels(&self, pose: &Pose) -> usize {
        let [width, height] = self.frame.map(|side| side as f32 * pose.scale);
        ((width * height).round() as usize).max(1)
    }

    /// Checks sizes, ranges and the reference.
    ///
    /// # Errors
    /// Names what is out of its range.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        let allowed =
            format!("each side must be 1 to {LONGEST_SIDE}, and a frame has at most {MOST_PIXELS} pixels");
        for (name, [width, height]) in
            [("preprocess.alignment.image", self.image), ("preprocess.alignment.frame", self.frame)]
        {
            let sides = [width, height].iter().all(|side| (1..=LONGEST_SIDE).contains(side));
            let fits = sides && (name != "preprocess.alignment.frame" || width * height <= MOST_PIXELS);
            require(fits, name, [width, height], &allowed)?;
        }
        let near = |value: f32| value.abs() <= 4.0 * LONGEST_SIDE as f32;
        let Pose { centre, angle, scale, quality } = self.rest;
        let sound = centre.into_iter().all(near) && angle.abs() <= 4.0 && scale == 1.0 && quality == 0.0;
        require(sound, "preprocess.alignment.rest", self.rest, "must be a pose at scale 1, of quality 0")?;
        self.patch.as_ref().map_or(Ok(()), Patch::validate)?;
        let sound = self.centroid.into_iter().all(near);
        require(sound, "preprocess.alignment.centroid", self.centroid, "must lie in the frame")?;
        let sound = self.area >= 1.0 && self.area <= (LONGEST_SIDE as f32).powi(2);
        require(sound, "preprocess.alignment.area", self.area, "must be at least a pixel")?;
        let sound = self.least_quality > 0.0 && self.least_quality <= 1.0;
        let name = "preprocess.alignment.least_quality";
        require(sound, name, self.least_quality, "must be above 0 and at most 1")?;
        let allowed = "must have as many pixels as its size says, and show a part";
        require(self.template.is_sound(), "preprocess.alignment.template", self.template.size, allowed)
    }
}
