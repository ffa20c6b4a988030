//! Good images as the network's input, split into those to train on and those to calibrate on.

mod good_file;
mod sample;

use std::path::{Path, PathBuf};

use anoseg_image::{Dataset, Image, Limits, Mask};
use anoseg_infer::{Alignment, Geometry, Preprocess, TrainingImages};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::align::{self, Movement};
use crate::config::{Align, Config};
use crate::geometry;
use crate::in_parallel::{Probed, probe_all, read_all};
use crate::in_parts;
use crate::region;
use crate::remark::{self, Remark, ShapeEffect};
use crate::sanity::{self, Seen};
use crate::scale::{self, FarValues};
use crate::train::StopToken;
use crate::{Error, Result};

use good_file::GoodFile;
pub(crate) use sample::shuffle;
use sample::{sample_to_fit, split};

/// With fewer good images the variation between them cannot be measured.
const FEWEST_IMAGES: usize = 2;

/// With fewer good images, the thresholds that come from their scores say little.
const ADVISED_IMAGES: usize = 20;

/// A remark where so many good images are fewer than are advised.
pub fn few_good_images(count: usize) -> Option<String> {
    (count < ADVISED_IMAGES).then(|| {
        format!(
            "{count} good images are few: {ADVISED_IMAGES} or more are advised, because the thresholds come \
             from their scores"
        )
    })
}

/// Good images at the network's size.
pub struct GoodImages {
    /// The images at the network's scale, values in 0..=1, in the order of their names. All have one
    /// size, unless the network works on tiles.
    pub images: Vec<Image>,
    /// How they became the network's input, with the value scale that was found on them.
    pub preprocess: Preprocess,
    /// BLAKE3 over the names and contents of all files, in order.
    pub manifest: String,
    /// Remarks on images that were left out, for the user.
    pub warnings: Vec<String>,
    /// How the part moves, where it was measured.
    pub movement: Option<Movement>,
    /// Values that do not count for the value scale.
    far: Vec<FarValues>,
    /// Files that could not be read.
    pub(crate) unreadable: usize,
    /// What is known of each image.
    pub(crate) seen: Vec<Seen>,
    /// Digest of each image's file, in the order of the images.
    pub(crate) files: Vec<String>,
}

/// Reads a category's good images and finds their value scale, within the limits of the settings.
/// Damaged files are left out and named in the warnings.
///
/// # Errors
/// There is no image, or none can be read.
pub fn load_good_images(dataset: &Dataset, config: &Config) -> Result<GoodImages> {
    load_within(dataset, config, &config.input.limits())
}

/// As [`load_good_images`], each image within these limits.
///
/// # Errors
/// As [`load_good_images`].
pub fn load_within(dataset: &Dataset, config: &Config, limits: &Limits) -> Result<GoodImages> {
    load_until(dataset, config, limits, &StopToken::new())
}

/// As [`load_within`], until the token is stopped.
///
/// # Errors
/// As [`load_within`], and [`Error::Stopped`].
pub(crate) fn load_until(
    dataset: &Dataset,
    config: &Config,
    limits: &Limits,
    stop: &StopToken,
) -> Result<GoodImages> {
    let mut movement = None;
    let preprocess = |files: &[Probed]| {
        let learned = (config.input.align == Align::Auto)
            .then(|| align::learn(&dataset.root, files, limits, config.input.align_patch))
            .transpose()?;
        let (alignment, found) = learned.map_or((None, None), |(alignment, found)| (alignment, Some(found)));
        movement = found;
        let sizes = sizes(files, alignment.as_ref());
        let geometry = geometry::choose(&config.input, config.stride(), &sizes);
        geometry::require_tiles(&config.input, &geometry, &sizes)?;
        geometry::require_fine_enough(&config.input, &geometry, &sizes)?;
        Ok(Preprocess::square(config.input.size, config.input.filter)
            .with_geometry(geometry)
            .with_alignment(alignment)
            .with_region(config.region.clone()))
    };
    let good = load(dataset, preprocess, config.seed, true, (limits, stop))?;
    Ok(GoodImages { movement, ..good })
}

/// Widths and heights of the images, or of what is taken of them where they are aligned.
fn sizes(files: &[Probed], alignment: Option<&Alignment>) -> Vec<(usize, usize)> {
    let frame = alignment.map(|alignment| alignment.frame().into());
    files.iter().filter_map(|file| file.size.map(|size| frame.unwrap_or(size))).collect()
}

/// As [`load_good_images`], as a model prepares its images: with the model's value scale, not one
/// of their own.
///
/// # Errors
/// As [`load_good_images`].
pub fn load_good_images_as(dataset: &Dataset, preprocess: &Preprocess, seed: u64) -> Result<GoodImages> {
    load(dataset, |_| Ok(preprocess.clone()), seed, false, (&Limits::default(), &StopToken::new()))
}

/// `preprocess` is that for these images.
fn load(
    dataset: &Dataset,
    preprocess: impl FnOnce(&[Probed]) -> Result<Preprocess>,
    seed: u64,
    find_scale: bool,
    (limits, stop): (&Limits, &StopToken),
) -> Result<GoodImages> {
    let root = &dataset.root;
    let mut warnings = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let probed = probe_all(dataset.training_images()?, limits);
    let mut preprocess = preprocess(&probed)?;
    let sizes = sizes(&probed, preprocess.alignment.as_ref());
    let extent = geometry::common_extent(&preprocess.geometry, &sizes);
    if find_scale {
        region::require_fit(root, &preprocess, extent, &probed)?;
    }
    let probed =
        if find_scale { in_parts::without_small_files(probed, &preprocess, &mut warnings) } else { probed };
    let probed = sample_to_fit(probed, extent, &mut rng, &mut warnings);
    let mut hasher = blake3::Hasher::new();
    let (mut files, mut unreadable) = (Vec::with_capacity(probed.len()), Vec::new());
    let read = |path: &Path| {
        if stop.is_stopped() { Err(Error::Stopped) } else { GoodFile::read(path, root, &preprocess, limits) }
    };
    let results = read_all(&probed, read);
    if stop.is_stopped() {
        return Err(Error::Stopped);
    }
    for result in results {
        match result {
            Ok(file) => {
                hasher.update(file.digest.as_bytes());
                files.push(file);
            }
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    require_images(root, files.len(), &unreadable)?;
    warnings.extend(unreadable.iter().map(|error| format!("left out: {error}")));
    let mut far = Vec::new();
    if find_scale {
        let values = files.iter().filter_map(|file| Some((file.samples(), file.values.as_ref()?)));
        let found = scale::find(values);
        preprocess.scale = found.scale;
        far = found.far;
    }
    // One by one, because they are decoded again.
    let mut beyond = files.iter_mut().filter(|file| !file.is_within(&preprocess));
    beyond.try_for_each(|file| file.clip(&preprocess, limits))?;
    let digests = files.iter().map(|file| file.content_digest.clone()).collect();
    let (images, seen) = files.into_par_iter().map(|file| file.scaled(&preprocess)).unzip();
    let manifest = hasher.finalize().to_hex().to_string();
    let unreadable = unreadable.len();
    let (movement, files) = (None, digests);
    Ok(GoodImages { images, preprocess, manifest, warnings, movement, far, unreadable, seen, files })
}

/// Unreadable files that are named where too few others are left.
const NAMED_UNREADABLE: usize = 3;

/// Fails where too few images could be read. The reason is then in the files that could not.
fn require_images(root: &Path, count: usize, unreadable: &[String]) -> Result<()> {
    if count >= FEWEST_IMAGES {
        return Ok(());
    }
    let all = count + unreadable.len();
    let mut what = match (count, unreadable.len()) {
        (0, _) => format!("none of its {all} images can be read"),
        (_, 0) => {
            format!("{count} good image is not enough to train on: give at least {FEWEST_IMAGES}, better 20")
        }
        (_, bad) => format!(
            "{bad} of its {all} images cannot be read, and {count} is not enough to train on: give at least \
             {FEWEST_IMAGES}, better 20"
        ),
    };
    for (number, error) in unreadable.iter().take(NAMED_UNREADABLE).enumerate() {
        what.push_str(if number == 0 { ": " } else { "; " });
        what.push_str(error);
    }
    match unreadable.len().saturating_sub(NAMED_UNREADABLE) {
        0 => {}
        more => what.push_str(&format!("; and {more} more")),
    }
    Err(Error::data(root, what))
}

/// The images held out of the training.
#[derive(Default)]
pub(crate) struct HeldOut {
    pub(crate) images: Vec<Image>,
    pub(crate) names: Vec<PathBuf>,
    /// Digest of each image's file, in the order of the images.
    pub(crate) files: Vec<String>,
}

impl GoodImages {
    /// The images' files, below the dataset's folder.
    pub(crate) fn names(&self) -> Vec<PathBuf> {
        self.seen.iter().map(|seen| seen.name.clone()).collect()
    }

    /// Remarks on the set: copies, images of one value, strangers.
    pub fn remarks(&self) -> Vec<Remark> {
        let far = self.far.iter().map(|&values| Remark::FarValues { values });
        far.chain(sanity::remarks(&self.seen, self.shape_effect())).collect()
    }

    /// What becomes of images of another shape than most; None on tiles, where nothing does.
    fn shape_effect(&self) -> Option<ShapeEffect> {
        match self.preprocess.geometry {
            _ if self.preprocess.alignment.is_some() => Some(ShapeEffect::Misjudged),
            Geometry::Whole { .. } => Some(ShapeEffect::Stretched),
            Geometry::Fitted { .. } => Some(ShapeEffect::Padded),
            _ => None,
        }
    }

    /// Where on the images defects count; everywhere if None.
    pub fn inside(&self) -> Option<Mask> {
        let image = self.images.first()?;
        self.preprocess.inside(image.width(), image.height())
    }

    /// Smallest and largest width and height of the images, or of the part's frame where they are aligned.
    pub(crate) fn taken(&self) -> [(usize, usize); 2] {
        if let Some(alignment) = &self.preprocess.alignment {
            return [alignment.frame().into(); 2];
        }
        let sides =
            |end: usize| self.traits().map_or((1, 1), |traits| (traits.widths[end], traits.heights[end]));
        [sides(0), sides(1)]
    }

    /// What the images have in common.
    pub fn traits(&self) -> Option<TrainingImages> {
        self.seen.iter().map(|seen| seen.traits.clone()).reduce(|all, one| all.and(&one))
    }

    /// Fails where all images are the same one.
    pub(crate) fn require_distinct(&self, root: &Path) -> Result<()> {
        if sanity::distinct(&self.seen) >= FEWEST_IMAGES {
            return Ok(());
        }
        let files = self.names();
        let what = format!(
            "all {} images are the same one: {}; how good images differ cannot be learned from them",
            files.len(),
            remark::names(&files)
        );
        Err(Error::data(root, what))
    }

    /// Holds out a seeded share of the images for calibration; none, with a warning, when there are
    /// too few.
    pub(crate) fn hold_out(&mut self, share: f64, seed: u64) -> HeldOut {
        let chosen = split(self.images.len(), share, &mut ChaCha8Rng::seed_from_u64(seed));
        if chosen.is_empty() {
            self.warnings.push(format!(
                "of {} good images none is held out: the thresholds come from the training images themselves \
                 and will reject too much; calibrate with other good images",
                self.images.len()
            ));
        }
        let from_last = || chosen.iter().rev();
        let files = from_last().map(|&i| self.files.remove(i)).collect();
        let images = from_last().map(|&i| self.images.remove(i)).collect();
        HeldOut { images, names: from_last().map(|&i| self.seen.remove(i).name).collect(), files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It once named one file, or none.
    #[test]
    fn too_few_readable_images_name_those_that_are_not() {
        let bad: Vec<String> = (0..5).map(|i| format!("{i}.png is damaged; copy it again")).collect();
        let text =
            |count, bad: &[String]| require_images(Path::new("set"), count, bad).unwrap_err().to_string();
        let named = "0.png is damaged; copy it again; 1.png is damaged; copy it again; 2.png is damaged; copy it again";
        let none = text(0, &bad);
        assert!(none.starts_with("set: none of its 5 images can be read: "), "{none}");
        let few = text(1, &bad);
        assert!(few.starts_with("set: 5 of its 6 images cannot be read, and 1 is not enough"), "{few}");
        for text in [none, few] {
            assert!(text.contains(named) && text.ends_with("; and 2 more"), "{text}");
        }
        assert!(text(1, &[]).contains("1 good image is not enough"));
        assert!(require_images(Path::new("set"), 2, &bad).is_ok());
    }
}
