//! Seeded choices among good images: those that are held out, and those that fit into memory.

use anoseg_infer::Extent;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::in_parallel::Probed;

/// Most bytes of images kept in memory; of a larger set a seeded sample is used.
const MAX_MEMORY_BYTES: usize = 4 << 30;

/// A seeded sample of `files` that fits into memory, in the original order.
pub(super) fn sample_to_fit(
    files: Vec<Probed>,
    Extent { width, height }: Extent,
    rng: &mut ChaCha8Rng,
    warnings: &mut Vec<String>,
) -> Vec<Probed> {
    let most = (MAX_MEMORY_BYTES / (3 * width * height * size_of::<f32>())).max(1);
    if files.len() <= most {
        return files;
    }
    warnings.push(format!("{} images do not fit into memory: a random {most} of them are used", files.len()));
    let mut chosen: Vec<usize> = (0..files.len()).collect();
    shuffle(&mut chosen, rng);
    chosen.truncate(most);
    chosen.sort_unstable();
    chosen.into_iter().map(|i| files[i].clone()).collect()
}

/// A seeded share of `count` images to hold out, in ascending order; none when fewer than eight
/// would be left to train on.
///
/// With few images the share is larger, up to a quarter: the fewer scores there are, the farther
/// above them the threshold must lie. At a false-reject rate of 1 % it lies 6.0 standard deviations
/// above the mean with 5 scores, 4.7 with 8 and 3.5 with 31 (`anoseg_infer::image_threshold`).
pub(super) fn split(count: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<usize> {
    const FEWEST_TO_TRAIN_ON: usize = 8;
    const FEWEST_TO_CALIBRATE_ON: usize = 4;
    const ENOUGH_OF_FEW: usize = 8;
    if share <= 0.0 {
        return Vec::new();
    }
    let quarter = (count / 4).clamp(FEWEST_TO_CALIBRATE_ON, ENOUGH_OF_FEW);
    let wanted = ((count as f64 * share).round() as usize).max(quarter);
    if count < wanted + FEWEST_TO_TRAIN_ON {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..count).collect();
    shuffle(&mut order, rng);
    let mut out: Vec<usize> = order.into_iter().take(wanted).collect();
    out.sort_unstable();
    out
}

/// Fisher-Yates.
pub(crate) fn shuffle(values: &mut [usize], rng: &mut ChaCha8Rng) {
    for i in (1..values.len()).rev() {
        values.swap(i, rng.random_range(0..=i));
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn held_out(count: usize, seed: u64) -> Vec<usize> {
        split(count, 0.15, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn the_split_is_seeded_and_names_each_image_once() {
        let out = held_out(40, 5);
        assert_eq!(out, held_out(40, 5));
        assert_ne!(out, held_out(40, 6));
        assert_eq!(out.len(), 8);
        assert!(out.windows(2).all(|pair| pair[0] < pair[1]) && out[7] < 40);
    }

    #[test]
    fn of_few_images_a_quarter_is_held_out_and_at_most_eight() {
        assert_eq!([16, 31, 40, 60, 100].map(|count| held_out(count, 0).len()), [4, 7, 8, 9, 15]);
    }

    #[test]
    fn few_images_are_all_trained_on() {
        assert!(held_out(11, 0).is_empty());
        assert_eq!(held_out(12, 0).len(), 4);
    }
}
