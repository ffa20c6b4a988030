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
use crate::light;
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
    /// Width and height of that training image.
    pub whole: (usize, usize),
    /// Column and row of the training image, with its geometric augmentation, at which the pair begins:
    /// (0, 0) unless it is a part of the image.
    pub origin: (isize, isize),
    /// The anomalies in the order drawn; empty in a clean pair.
    pub kinds: Vec<Kind>,
    /// The pixels in which anomalies may lie; None where they may lie anywhere.
    pub inside: Option<Mask>,
}

/// Synthesizes training pairs from images of good parts.
///
/// A pair depends on the images, the recipe, the seed, the step and the sample only, not on the
/// number of threads or on earlier pairs.
#[derive(Clone, Debug)]
pub struct Synthesizer {
    images: Arc<Vec<Image>>,
    /// Which of the images pairs are made from.
    chosen: Vec<usize>,
    foregrounds: Vec<Option<Foreground>>,
    noise: NoiseTable,
    /// Whether all images are grey. The anomalies are grey then, too.
    grey: bool,
    recipe: Recipe,
    seed: u64,
    /// Width and height of the pairs, where they are parts of the images.
    part: Option<(usize, usize)>,
    /// Where on the training images anomalies may lie; anywhere if None.
    region: Option<Mask>,
}

/// How often a part of an image is drawn that shows nothing of the part that is photographed, before
/// such a one is used.
const PLACES: usize = 4;

/// The same where anomalies may lie in a region only, which may be small.
const PLACES_OF_REGION: usize = 32;

/// A foreground that covers a smaller share of the region does not tell where in it the part is.
const ON_REGION: f32 = 0.1;

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
    pub fn new(images: Arc<Vec<Image>>, recipe: Recipe, seed: u64) -> Result<Self, SynthError> {
        require_one_size(&images)?;
        Self::prepared(images, recipe, seed, None)
    }

    /// As [`Synthesizer::new`], with pairs of `width` x `height` pixels at random places of the images,
    /// which may have several sizes. Foreground and mirroring are those of the whole images, and anomalies
    /// are as large as on images of that size.
    ///
    /// # Errors
    /// [`SynthError`] if the recipe is out of range, there is no image, or one is smaller than a part.
    pub fn of_parts(
        images: Arc<Vec<Image>>,
        recipe: Recipe,
        seed: u64,
        (width, height): (usize, usize),
    ) -> Result<Self, SynthError> {
        images.iter().try_for_each(|image| require_sides(image, [width, height]))?;
        Self::prepared(images, recipe, seed, Some((width, height)))
    }

    fn prepared(
        images: Arc<Vec<Image>>,
        mut recipe: Recipe,
        seed: u64,
        part: Option<(usize, usize)>,
    ) -> Result<Self, SynthError> {
        recipe.validate()?;
        require_sides(images.first().ok_or(SynthError::NoImages)?, [SMALLEST_SIDE; 2])?;
        symmetry::decide(&mut recipe.base, &images);
        light::decide(&mut recipe.base, &images);
        let foregrounds = match recipe.family {
            Family::Natural => foreground::estimate(&images),
            // CutPaste pastes anywhere.
            Family::Paper => images.iter().map(|_| None).collect(),
        };
        let grey = images.iter().all(Image::is_grey);
        let noise = NoiseTable::new();
        let chosen = (0..images.len()).collect();
        Ok(Self { images, chosen, foregrounds, noise, grey, recipe, seed, part, region: None })
    }

    /// The same with pairs that are made from the images of these numbers only; foregrounds, and mirroring,
    /// stay those of all.
    ///
    /// # Panics
    /// If there is none, or a number has no image.
    pub fn among(self, images: Vec<usize>) -> Self {
        assert!(!images.is_empty(), "a choice of images");
        assert!(images.iter().all(|&image| image < self.images.len()), "numbers of images");
        Self { chosen: images, ..self }
    }

    /// Pairs with anomalies inside this region of the images only; anywhere if None. It is mirrored and
    /// moved with the image.
    ///
    /// # Panics
    /// If it is of another size than the images.
    pub fn within(mut self, region: Option<Mask>) -> Self {
        let Some(region) = &region else { return self };
        let size = (region.width(), region.height());
        let fits = |image: &Image| (image.width(), image.height()) == size;
        assert!(self.images.iter().all(fits), "a region of the images' size");
        let pixels = region.count() as f32;
        for foreground in &mut self.foregrounds {
            foreground.take_if(|part| {
                let both = part.mask.as_slice().iter().zip(region.as_slice());
                (both.filter(|(on, inside)| **on && **inside).count() as f32) < ON_REGION * pixels
            });
        }
        Self { region: Some(region.clone()), ..self }
    }

    /// Whether pairs are parts of the images.
    pub fn is_in_parts(&self) -> bool {
        self.part.is_some()
    }

    /// The pair of a training step and a position in its batch.
    pub fn pair(&self, step: u64, sample: u64) -> Pair {
        self.pair_on(self.part, step, sample)
    }

    /// A pair of the size of the images, also where the others are parts of them. Its anomalies are
    /// as large as those of the others.
    pub fn whole_pair(&self, step: u64, sample: u64) -> Pair {
        self.pair_on(None, step, sample)
    }

    fn pair_on(&self, part: Option<(usize, usize)>, step: u64, sample: u64) -> Pair {
        let Base { mut image, source, frame } = self.draw_base(part, step, sample);
        let mut label = Mask::filled(image.width(), image.height(), false);
        let inside = self.region.as_ref().map(|region| frame.moved(region));
        let mut draw = Draw::new(self.seed, step, sample, Stream::Anomaly);
        let kinds = if draw.chance(self.recipe.clean_share) || inside.as_ref().is_some_and(|all| !all.any()) {
            Vec::new()
        } else {
            self.draw_anomalies(&mut image, &mut label, (source, &frame, inside.as_ref()), &mut draw)
        };
        self.add_noise(&mut image, step, sample);
        let whole = (self.images[source].width(), self.images[source].height());
        Pair { image, label, source, whole, origin: frame.origin(), kinds, inside }
    }

    /// The pairs of one training step, in order of their sample numbers `0..size`; computed in
    /// parallel.
    pub fn batch(&self, step: u64, size: usize) -> Vec<Pair> {
        (0..size).into_par_iter().map(|sample| self.pair(step, sample as u64)).collect()
    }

    /// The image of [`pair`](Self::pair) with the same numbers, without its anomalies. Outside the
    /// anomalies the two are equal bit for bit.
    pub fn base(&self, step: u64, sample: u64) -> Image {
        let mut image = self.draw_base(self.part, step, sample).image;
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

    /// The recipe in use, with [`Flip::Auto`](crate::Flip::Auto) and [`Variation::Auto`](crate::Variation::Auto)
    /// resolved.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn draw_base(&self, part: Option<(usize, usize)>, step: u64, sample: u64) -> Base {
        let mut draw = Draw::new(self.seed, step, sample, Stream::Base);
        let source = self.chosen[draw.below(self.chosen.len())];
        let image = &self.images[source];
        let size = (image.width(), image.height());
        let mut frame = Frame::draw(&self.recipe.base, size, self.unit(), &mut draw);
        if let Some(part) = part {
            frame = self.draw_part(frame, source, part, &mut draw);
        }
        let mut image = frame.apply(image);
        base::vary_tone(&mut image, &self.recipe.base, &mut draw);
        light::vary(&mut image, &self.recipe.base, self.grey, &mut draw);
        Base { image, source, frame }
    }

    /// The frame of a part of the image.
    fn draw_part(&self, whole: Frame, source: usize, part: (usize, usize), draw: &mut Draw) -> Frame {
        let image = &self.images[source];
        let mut at = || (start(image.width(), part.0, draw), start(image.height(), part.1, draw));
        let mut frame = whole.clone().cut(at(), part);
        let foreground = self.foregrounds[source].as_ref();
        let suits = |frame: &Frame| {
            foreground.is_none_or(|foreground| shows(frame, &foreground.mask, 10))
                && self.region.as_ref().is_none_or(|region| shows(frame, region, GRID * GRID))
        };
        let places = if self.region.is_some() { PLACES_OF_REGION } else { PLACES };
        for _ in 1..places {
            if suits(&frame) {
                break;
            }
            frame = whole.clone().cut(at(), part);
        }
        frame
    }

    /// Pixels per pixel of an image whose shorter side is 256.
    fn unit(&self) -> f32 {
        let (width, height) = self.part.unwrap_or((self.images[0].width(), self.images[0].height()));
        width.min(height) as f32 / 256.0
    }

    fn draw_anomalies(
        &self,
        image: &mut Image,
        label: &mut Mask,
        (source, frame, inside): (usize, &Frame, Option<&Mask>),
        draw: &mut Draw,
    ) -> Vec<Kind> {
        match self.recipe.family {
            Family::Paper => paper::draw_anomalies(image, label, (&self.recipe, inside), draw),
            Family::Natural => {
                let scene = Scene {
                    images: &self.images,
                    chosen: &self.chosen,
                    foregrounds: &self.foregrounds,
                    source,
                    frame,
                    inside,
                    grey: self.grey,
                    unit: self.unit(),
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

/// Where a part of `side` pixels begins along a line of `len` pixels. The ends are drawn more often than
/// other places, because every image has them.
fn start(len: usize, side: usize, draw: &mut Draw) -> isize {
    if len <= side {
        return 0;
    }
    let beyond = side / 8;
    let drawn = draw.below(len - side + 1 + 2 * beyond);
    drawn.saturating_sub(beyond).min(len - side) as isize
}

/// Positions a side at which a part of an image is compared with a mask.
const GRID: usize = 8;

/// Whether one in `few` positions of a part of an image, or more, lies in a mask of the image.
fn shows(frame: &Frame, mask: &Mask, few: usize) -> bool {
    let (width, height) = frame.size();
    let at = |side: usize, i: usize| (2 * i + 1) * side / (2 * GRID);
    let covered = |i: usize| frame.covers(mask, at(width, i % GRID), at(height, i / GRID));
    (0..GRID * GRID).filter(|&i| covered(i)).count() * few >= GRID * GRID
}

fn require_one_size(images: &[Image]) -> Result<(), SynthError> {
    let first = images.first().ok_or(SynthError::NoImages)?;
    require_sides(first, [SMALLEST_SIDE; 2])?;
    let (first_width, first_height) = (first.width(), first.height());
    for (index, image) in images.iter().enumerate() {
        let (width, height) = (image.width(), image.height());
        if (width, height) != (first_width, first_height) {
            return Err(SynthError::SizeMismatch { index, width, height, first_width, first_height });
        }
    }
    Ok(())
}

/// Fails where the image has fewer columns or rows.
fn require_sides(image: &Image, [columns, rows]: [usize; 2]) -> Result<(), SynthError> {
    let (width, height) = (image.width(), image.height());
    if width >= columns && height >= rows {
        return Ok(());
    }
    Err(SynthError::TooSmall { width, height, smallest: if width < columns { columns } else { rows } })
}
