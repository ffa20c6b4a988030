//! Training pairs: an image of a good part with synthetic anomalies, and its label.

use std::sync::Arc;

use anoseg_image::{Image, Mask};
use rayon::prelude::*;

use crate::base::{self, NoiseTable};
use crate::draw::{Draw, Stream};
use crate::error::SynthError;
use crate::foreground::{self, Foreground};
use crate::frame::Frame;
use crate::kind::Kind;
use crate::natural;
use crate::paper;
use crate::recipe::{Family, Recipe};
use crate::source::Scene;
use crate::symmetry;

/// The shortest side of a training image in pixels.
pub const SMALLEST_SIDE: usize = 8;

/// One training pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The image, with anomalies unless the pair is clean.
    pub image: Image,
    /// The anomalous pixels; all `false` in a clean pair.
    pub label: Mask,
    /// Index of the training image it was made from.
    pub source: usize,
    /// The anomalies in the order drawn; empty in a clean pair.
    pub kinds: Vec<Kind>,
}

/// Synthesizes training pairs from images of good parts.
///
/// A pair depends on the images, the recipe, the seed, the step and the sample only, not on the
/// number of threads or on earlier pairs.
#[derive(Debug)]
pub struct Synthesizer {
    images: Arc<Vec<Image>>,
    foregrounds: Vec<Option<Foreground>>,
    noise: NoiseTable,
    /// Whether all images are grey. The anomalies are grey then, too.
    grey: bool,
    recipe: Recipe,
    seed: u64,
}

/// An augmented image without anomalies.
struct Base {
    image: Image,
    source: usize,
    frame: Frame,
}

impl Synthesizer {
    /// Prepares the images: all of one size (the input of the network), each side at least
    /// [`SMALLEST_SIDE`] pixels, values in 0..=1.
    ///
    /// # Errors
    /// [`SynthError`] if the recipe is out of range, or there is no image, or the images are too
    /// small or of several sizes.
    pub fn new(images: Arc<Vec<Image>>, mut recipe: Recipe, seed: u64) -> Result<Self, SynthError> {
        recipe.validate()?;
        check_sizes(&images)?;
        symmetry::decide(&mut recipe.base, &images);
        let foregrounds = match recipe.family {
            Family::Natural => foreground::estimate(&images),
            // CutPaste pastes anywhere.
            Family::Paper => images.iter().map(|_| None).collect(),
        };
        let grey = images.iter().all(is_grey);
        Ok(Self { images, foregrounds, noise: NoiseTable::new(), grey, recipe, seed })
    }

    /// The pair of a training step and a position in its batch.
    pub fn pair(&self, step: u64, sample: u64) -> Pair {
        let Base { mut image, source, frame } = self.draw_base(step, sample);
        let mut label = Mask::filled(image.width(), image.height(), false);
        let mut draw = Draw::new(self.seed, step, sample, Stream::Anomaly);
        let kinds = if draw.chance(self.recipe.clean_share) {
            Vec::new()
        } else {
            self.draw_anomalies(&mut image, &mut label, source, &frame, &mut draw)
        };
        self.add_noise(&mut image, step, sample);
        Pair { image, label, source, kinds }
    }

    /// The pairs of one training step, in order of their sample numbers `0..size`; computed in
    /// parallel.
    pub fn batch(&self, step: u64, size: usize) -> Vec<Pair> {
        (0..size).into_par_iter().map(|sample| self.pair(step, sample as u64)).collect()
    }

    /// The image of [`pair`](Self::pair) with the same numbers, without its anomalies. Outside the
    /// anomalies the two are equal bit for bit.
    pub fn base(&self, step: u64, sample: u64) -> Image {
        let mut image = self.draw_base(step, sample).image;
        self.add_noise(&mut image, step, sample);
        image
    }

    /// The images of [`batch`](Self::batch) with the same numbers, without their anomalies.
    pub fn base_batch(&self, step: u64, size: usize) -> Vec<Image> {
        (0..size).into_par_iter().map(|sample| self.base(step, sample as u64)).collect()
    }

    /// Which pixels of training image `index` belong to the part; `None` if that cannot be
    /// determined (structured background, or the part fills the image), if there is no such image,
    /// and for [`Family::Paper`].
    pub fn foreground(&self, index: usize) -> Option<&Mask> {
        self.foregrounds.get(index)?.as_ref().map(|part| &part.mask)
    }

    /// The recipe in use, with [`Flip::Auto`](crate::Flip::Auto) resolved.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn draw_base(&self, step: u64, sample: u64) -> Base {
        let mut draw = Draw::new(self.seed, step, sample, Stream::Base);
        let source = draw.below(self.images.len());
        let image = &self.images[source];
        let frame = Frame::draw(&self.recipe.base, image.width(), image.height(), &mut draw);
        let mut image = frame.apply(image);
        base::vary_tone(&mut image, &self.recipe.base, &mut draw);
        Base { image, source, frame }
    }

    fn draw_anomalies(
        &self,
        image: &mut Image,
        label: &mut Mask,
        source: usize,
        frame: &Frame,
        draw: &mut Draw,
    ) -> Vec<Kind> {
        match self.recipe.family {
            Family::Paper => paper::draw_anomalies(image, label, &self.recipe, draw),
            Family::Natural => {
                let scene = Scene {
                    images: &self.images,
                    foregrounds: &self.foregrounds,
                    source,
                    frame,
                    grey: self.grey,
                    jitter: (self.recipe.paper.jitter, self.recipe.paper.hue),
                };
                natural::draw_anomalies(image, label, &self.recipe, &scene, draw)
            }
        }
    }

    /// Noise is added last, so that anomalies cannot be detected by a lack of noise.
    fn add_noise(&self, image: &mut Image, step: u64, sample: u64) {
        self.noise.add(image, &self.recipe.base, &mut Draw::new(self.seed, step, sample, Stream::Noise));
    }
}

/// Whether the three planes are equal.
fn is_grey(image: &Image) -> bool {
    image.plane(0) == image.plane(1) && image.plane(0) == image.plane(2)
}

fn check_sizes(images: &[Image]) -> Result<(), SynthError> {
    let first = images.first().ok_or(SynthError::NoImages)?;
    let (first_width, first_height) = (first.width(), first.height());
    if first_width.min(first_height) < SMALLEST_SIDE {
        return Err(SynthError::TooSmall {
            width: first_width,
            height: first_height,
            smallest: SMALLEST_SIDE,
        });
    }
    for (index, image) in images.iter().enumerate() {
        let (width, height) = (image.width(), image.height());
        if (width, height) != (first_width, first_height) {
            return Err(SynthError::SizeMismatch { index, width, height, first_width, first_height });
        }
    }
    Ok(())
}
