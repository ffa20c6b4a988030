//! Good pictures at the network's size, split into those to learn from and those to calibrate on.

use std::path::{Path, PathBuf};

use anoseg_image::{Category, Image, Limits, decode, resample};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::config::{Config, Input};
use crate::{Error, Result};

/// Pictures kept in memory take at most this much; of a larger set a seeded sample is used.
const MAX_MEMORY_BYTES: usize = 4 << 30;

/// With fewer good pictures nothing tells what varies between them.
const FEWEST_PICTURES: usize = 2;

/// Good pictures at the network's size.
pub struct GoodPictures {
    /// The pictures, `size` x `size`, in the order of their names.
    pub images: Vec<Image>,
    /// BLAKE3 over the names and contents of all files, in order.
    pub manifest: String,
    /// What was left out or assumed, for the user.
    pub warnings: Vec<String>,
}

/// Reads a category's good pictures. Damaged files are left out and named in the warnings.
///
/// # Errors
/// There is no picture, or not one can be read.
pub fn load_good_pictures(category: &Category, config: &Config) -> Result<GoodPictures> {
    let (root, input) = (&category.root, &config.input);
    let mut warnings = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let paths = sample_to_fit(category.training_images()?, input.size, &mut rng, &mut warnings);
    let read: Vec<_> = paths.par_iter().map(|path| read(path, root, input)).collect();
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
        let mut what = "none of its pictures can be read".to_owned();
        what.extend(warnings.first().map(|first| format!("; the first: {first}")));
        return Err(Error::data(root, what));
    }
    if images.len() < FEWEST_PICTURES {
        let what = format!(
            "{} good picture is not enough to learn what is normal: give at least {FEWEST_PICTURES}, better 20",
            images.len()
        );
        return Err(Error::data(root, what));
    }
    Ok(GoodPictures { images, manifest: hasher.finalize().to_hex().to_string(), warnings })
}

impl GoodPictures {
    /// Takes a seeded share of the pictures out, to calibrate on; none, with a warning, when there are too few.
    pub(crate) fn hold_out(&mut self, share: f64, seed: u64) -> Vec<Image> {
        let held_out = split(&mut self.images, share, &mut ChaCha8Rng::seed_from_u64(seed));
        if held_out.is_empty() {
            self.warnings.push(format!(
                "of {} good pictures none is held out: the thresholds come from the training pictures themselves \
                 and will reject too much; calibrate with other good pictures",
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
    warnings
        .push(format!("{} pictures do not fit into memory: a random {most} of them are used", paths.len()));
    let mut chosen: Vec<usize> = (0..paths.len()).collect();
    shuffle(&mut chosen, rng);
    chosen.truncate(most);
    chosen.sort_unstable();
    chosen.into_iter().map(|i| paths[i].clone()).collect()
}

/// One picture at the network's size, and the digest of its name and content.
fn read(path: &Path, root: &Path, input: &Input) -> Result<(Image, blake3::Hash)> {
    let image = decode::load(path, &Limits::default())?;
    let content = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&[0]).update(&content);
    Ok((resample::resize(&image, input.size, input.size, input.filter), hasher.finalize()))
}

/// Takes a seeded share of the pictures out of `images`; none when fewer than eight would be left to learn from.
///
/// Of few pictures a larger share, up to a quarter: the fewer scores a threshold comes from, the farther above them it must lie.
/// For one false reject in a hundred that is 6.0 of their standard deviations above their mean with 5 scores, 4.7 with 8 and 3.5
/// with 31 (`gumbel`).
fn split(images: &mut Vec<Image>, share: f64, rng: &mut ChaCha8Rng) -> Vec<Image> {
    const FEWEST_TO_LEARN_FROM: usize = 8;
    const FEWEST_TO_CALIBRATE_ON: usize = 4;
    const ENOUGH_OF_FEW: usize = 8;
    if share <= 0.0 {
        return Vec::new();
    }
    let quarter = (images.len() / 4).clamp(FEWEST_TO_CALIBRATE_ON, ENOUGH_OF_FEW);
    let wanted = ((images.len() as f64 * share).round() as usize).max(quarter);
    if images.len() < wanted + FEWEST_TO_LEARN_FROM {
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
    fn of_few_pictures_a_quarter_is_held_out_and_at_most_eight() {
        let held_out = |count| split(&mut images(count), 0.15, &mut ChaCha8Rng::seed_from_u64(0)).len();
        assert_eq!([16, 31, 40, 60, 100].map(held_out), [4, 7, 8, 9, 15]);
    }

    #[test]
    fn few_pictures_are_all_learned_from() {
        let mut few = images(11);
        assert!(split(&mut few, 0.15, &mut ChaCha8Rng::seed_from_u64(0)).is_empty());
        assert_eq!(few.len(), 11);
        assert_eq!(split(&mut images(12), 0.15, &mut ChaCha8Rng::seed_from_u64(0)).len(), 4);
    }
}
