//! Good images as the network's input, split into those to train on and those to calibrate on.

use std::path::{Path, PathBuf};

use anoseg_image::{Dataset, Image, ImageError, Limits, decode};
use anoseg_infer::Preprocess;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::config::Config;
use crate::{Error, Result};

/// Most bytes of images kept in memory; of a larger set a seeded sample is used.
const MAX_MEMORY_BYTES: usize = 4 << 30;

/// With fewer good images the variation between them cannot be measured.
const FEWEST_IMAGES: usize = 2;

/// Good images at the network's size.
pub struct GoodImages {
    /// The images, `size` x `size`, in the order of their names.
    pub images: Vec<Image>,
    /// BLAKE3 over the names and contents of all files, in order.
    pub manifest: String,
    /// Remarks on images that were left out, for the user.
    pub warnings: Vec<String>,
}

/// Reads a category's good images. Damaged files are left out and named in the warnings.
///
/// # Errors
/// There is no image, or none can be read.
pub fn load_good_images(dataset: &Dataset, config: &Config) -> Result<GoodImages> {
    let (root, size) = (&dataset.root, config.input.size);
    let preprocess = Preprocess::square(size, config.input.filter);
    let mut warnings = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let paths = sample_to_fit(dataset.training_images()?, size, &mut rng, &mut warnings);
    let read: Vec<_> = paths.par_iter().map(|path| read(path, root, &preprocess)).collect();
    let mut hasher = blake3::Hasher::new();
    let mut images = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok((image, digest)) => {
                hasher.update(digest.as_bytes());
                images.push(image);
            }
            Err(error) => warnings.push(format!("left out: {error}")),
        }
    }
    if images.is_empty() {
        let mut what = "none of its images can be read".to_owned();
        what.extend(warnings.first().map(|first| format!("; the first: {first}")));
        return Err(Error::data(root, what));
    }
    if images.len() < FEWEST_IMAGES {
        let what = format!(
            "{} good image is not enough to train on: give at least {FEWEST_IMAGES}, better 20",
            images.len()
        );
        return Err(Error::data(root, what));
    }
    Ok(GoodImages { images, manifest: hasher.finalize().to_hex().to_string(), warnings })
}

impl GoodImages {
    /// Holds out a seeded share of the images for calibration; none, with a warning, when there are
    /// too few.
    pub(crate) fn hold_out(&mut self, share: f64, seed: u64) -> Vec<Image> {
        let held_out = split(&mut self.images, share, &mut ChaCha8Rng::seed_from_u64(seed));
        if held_out.is_empty() {
            self.warnings.push(format!(
                "of {} good images none is held out: the thresholds come from the training images themselves \
                 and will reject too much; calibrate with other good images",
                self.images.len()
            ));
        }
        held_out
    }
}

/// A seeded sample of `paths` that fits into memory, in the original order.
fn sample_to_fit(
    paths: &[PathBuf],
    size: usize,
    rng: &mut ChaCha8Rng,
    warnings: &mut Vec<String>,
) -> Vec<PathBuf> {
    let most = (MAX_MEMORY_BYTES / (3 * size * size * size_of::<f32>())).max(1);
    if paths.len() <= most {
        return paths.to_vec();
    }
    warnings.push(format!("{} images do not fit into memory: a random {most} of them are used", paths.len()));
    let mut chosen: Vec<usize> = (0..paths.len()).collect();
    shuffle(&mut chosen, rng);
    chosen.truncate(most);
    chosen.sort_unstable();
    chosen.into_iter().map(|i| paths[i].clone()).collect()
}

/// The network's input of one image, and the digest of its name and content. Both come from one
/// read of the file.
fn read(path: &Path, root: &Path, preprocess: &Preprocess) -> Result<(Image, blake3::Hash)> {
    let limits = Limits::default();
    let content = read_file(path, &limits)?;
    let image = decode::load_bytes(&content, path, &limits)?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&[0]).update(&content);
    Ok((preprocess.apply(&image), hasher.finalize()))
}

/// The bytes of a regular file; pipes and devices are refused, because reading them could wait
/// forever.
fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let io = |source| ImageError::Io { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_owned() });
    }
    if metadata.len() > limits.max_file_bytes {
        // Refused by the decoder, with the limit's name.
        return decode::load(path, limits).map(|_| Vec::new());
    }
    std::fs::read(path).map_err(io)
}

/// Holds out a seeded share of `images`; none when fewer than eight would be left to train on.
///
/// With few images the share is larger, up to a quarter: the fewer scores there are, the farther
/// above them the threshold must lie. At a false-reject rate of 1 % it lies 6.0 standard deviations
/// above the mean with 5 scores, 4.7 with 8 and 3.5 with 31 (`gumbel`).
fn split(images: &mut Vec<Image>, share: f64, rng: &mut ChaCha8Rng) -> Vec<Image> {
    const FEWEST_TO_TRAIN_ON: usize = 8;
    const FEWEST_TO_CALIBRATE_ON: usize = 4;
    const ENOUGH_OF_FEW: usize = 8;
    if share <= 0.0 {
        return Vec::new();
    }
    let quarter = (images.len() / 4).clamp(FEWEST_TO_CALIBRATE_ON, ENOUGH_OF_FEW);
    let wanted = ((images.len() as f64 * share).round() as usize).max(quarter);
    if images.len() < wanted + FEWEST_TO_TRAIN_ON {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..images.len()).collect();
    shuffle(&mut order, rng);
    let mut out: Vec<usize> = order.into_iter().take(wanted).collect();
    out.sort_unstable();
    out.into_iter().rev().map(|i| images.remove(i)).collect()
}

/// Fisher-Yates.
fn shuffle(values: &mut [usize], rng: &mut ChaCha8Rng) {
    for i in (1..values.len()).rev() {
        values.swap(i, rng.random_range(0..=i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize) -> Vec<Image> {
        (0..count).map(|i| Image::filled(4, 4, [i as f32, 0.0, 0.0])).collect()
    }

    #[test]
    fn the_split_is_disjoint_complete_and_seeded() {
        let tags = |images: &[Image]| images.iter().map(|image| image.as_slice()[0]).collect::<Vec<_>>();
        let (mut first, mut second) = (images(40), images(40));
        let out_first = split(&mut first, 0.15, &mut ChaCha8Rng::seed_from_u64(5));
        let out_second = split(&mut second, 0.15, &mut ChaCha8Rng::seed_from_u64(5));
        assert_eq!(tags(&out_first), tags(&out_second));
        assert_eq!(out_first.len(), 8);
        let mut all = [tags(&first), tags(&out_first)].concat();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, (0..40).map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    fn of_few_images_a_quarter_is_held_out_and_at_most_eight() {
        let held_out = |count| split(&mut images(count), 0.15, &mut ChaCha8Rng::seed_from_u64(0)).len();
        assert_eq!([16, 31, 40, 60, 100].map(held_out), [4, 7, 8, 9, 15]);
    }

    #[test]
    fn few_images_are_all_trained_on() {
        let mut few = images(11);
        assert!(split(&mut few, 0.15, &mut ChaCha8Rng::seed_from_u64(0)).is_empty());
        assert_eq!(few.len(), 11);
        assert_eq!(split(&mut images(12), 0.15, &mut ChaCha8Rng::seed_from_u64(0)).len(), 4);
    }
}
