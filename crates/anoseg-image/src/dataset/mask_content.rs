//! Masks told by their pixels. `mask` is also a word for a part that covers faces, or other parts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::decode::{self, Limits};
use crate::plane::Image;

/// Images of a folder that are looked at.
const SAMPLES: usize = 5;

/// A mask has at most this many colours, except at smooth edges.
const FEW_COLOURS: usize = 16;

/// Share of the pixels of a mask that are black or white.
const MOST: f64 = 0.95;

/// Below this value a pixel is black, and as far below full scale it is white.
const DARK: f32 = 0.05;

/// Whether the images are no masks, told by a few of them. Images that cannot be read tell nothing, so
/// that without any other the answer is no.
pub(super) fn holds_photos(images: &[PathBuf]) -> bool {
    let every = images.len().div_ceil(SAMPLES).max(1);
    let read = images.iter().step_by(every).filter_map(|path| is_photo(path));
    read.reduce(|all, photo| all && photo) == Some(true)
}

fn is_photo(path: &Path) -> Option<bool> {
    decode::load(path, &Limits::default()).ok().map(|image| !is_like_a_mask(&image))
}

fn is_like_a_mask(image: &Image) -> bool {
    let pixels = || image.plane(0).iter().zip(image.plane(1)).zip(image.plane(2));
    let mut colours = BTreeSet::new();
    let mut extreme = 0usize;
    for ((&red, &green), &blue) in pixels() {
        let (least, most) = (red.min(green).min(blue), red.max(green).max(blue));
        extreme += usize::from(most < DARK || least > 1.0 - DARK);
        if colours.len() <= FEW_COLOURS {
            colours.insert([red, green, blue].map(f32::to_bits));
        }
    }
    let all = image.plane(0).len().max(1);
    colours.len() <= FEW_COLOURS || extreme as f64 / all as f64 >= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_few_values_and_photos_many() {
        let disc = |x: usize, y: usize| x.abs_diff(16).pow(2) + y.abs_diff(16).pow(2);
        let sharp = Image::from_fn(32, 32, |x, y| [if disc(x, y) < 40 { 1.0 } else { 0.0 }; 3]);
        let smooth = Image::from_fn(64, 64, |x, y| [((300.0 - disc(x, y) as f32) / 20.0).clamp(0.0, 1.0); 3]);
        let classes = Image::from_fn(32, 32, |x, _| [0.0, 0.3 * (x / 8) as f32, 0.0]);
        for mask in [sharp, smooth, classes] {
            assert!(is_like_a_mask(&mask));
        }
        let photo = Image::from_fn(32, 32, |x, y| [0.2 + x as f32 / 64.0, 0.3 + y as f32 / 99.0, 0.4]);
        assert!(!is_like_a_mask(&photo));
    }
}
