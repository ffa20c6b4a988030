//! Detects whether mirrored images of good parts resemble images of good parts.

use anoseg_image::{Filter, Image, resample};
use rayon::prelude::*;

use crate::recipe::{BaseAugmentation, Flip};

/// Side at which images are compared, in pixels.
const SIDE: usize = 16;

/// Structure at this resolution or coarser is treated as uneven lighting and ignored.
const LIGHT: usize = 8;

/// Largest number of images that are compared, evenly spread.
const MOST: usize = 100;

/// Largest ratio of the distance between mirrored and other images to the distance among the
/// images. Textures have ratios of 1.01 to 1.07, aligned parts of 1.13 and more.
const TOLERANCE: f64 = 1.1;

/// Replaces [`Flip::Auto`] by a decision for the images.
pub(crate) fn decide(base: &mut BaseAugmentation, images: &[Image]) {
    if [base.flip_horizontal, base.flip_vertical].contains(&Flip::Auto) {
        let [horizontal, vertical] = allowed(images);
        base.flip_horizontal = base.flip_horizontal.decided(horizontal);
        base.flip_vertical = base.flip_vertical.decided(vertical);
    }
}

/// Whether images mirrored left to right, and top to bottom, differ from the others hardly more
/// than the images differ from each other.
fn allowed(images: &[Image]) -> [bool; 2] {
    let step = images.len().div_ceil(MOST).max(1);
    let small: Vec<Image> = images.par_iter().step_by(step).map(reduced).collect();
    if small.len() < 2 {
        return [false; 2];
    }
    let plain = mean_distance(&small, &small);
    let ratio = |source: fn(usize, usize) -> [usize; 2]| {
        let mirrored: Vec<Image> = small.iter().map(|image| moved(image, source)).collect();
        mean_distance(&mirrored, &small) / plain.max(1e-6)
    };
    let ratios = [ratio(|x, y| [SIDE - 1 - x, y]), ratio(|x, y| [x, SIDE - 1 - y])];
    ratios.map(|ratio| ratio <= TOLERANCE)
}

/// The image at [`SIDE`] without its coarse structure.
fn reduced(image: &Image) -> Image {
    let mut small = resample::resize(image, SIDE, SIDE, Filter::Bilinear);
    let light = resample::resize(&small, LIGHT, LIGHT, Filter::Bilinear);
    let light = resample::resize(&light, SIDE, SIDE, Filter::Bilinear);
    small.as_mut_slice().iter_mut().zip(light.as_slice()).for_each(|(value, light)| *value -= light);
    small
}

fn moved(image: &Image, source: fn(usize, usize) -> [usize; 2]) -> Image {
    Image::from_fn(SIDE, SIDE, |x, y| {
        let [x, y] = source(x, y);
        image.get(x, y)
    })
}

/// Mean root-mean-square distance of each image to all of `others` except the one with the same
/// index.
fn mean_distance(images: &[Image], others: &[Image]) -> f64 {
    let sums: Vec<f64> = images
        .par_iter()
        .enumerate()
        .map(|(i, image)| {
            let others = others.iter().enumerate().filter(|(j, _)| *j != i);
            others.map(|(_, other)| distance(image, other)).sum()
        })
        .collect();
    // Summed in order, so that the result does not depend on the number of threads.
    sums.iter().sum::<f64>() / (images.len() * (images.len() - 1)) as f64
}

fn distance(a: &Image, b: &Image) -> f64 {
    let squares: f32 = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b) * (a - b)).sum();
    (f64::from(squares) / a.as_slice().len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Part, good};

    fn images(part: Part) -> Vec<Image> {
        (0..12).map(|number| good(part, 3, number, 64, 64)).collect()
    }

    #[test]
    fn cloth_may_be_mirrored() {
        assert_eq!(allowed(&images(Part::Fabric)), [true; 2]);
    }

    #[test]
    fn aligned_parts_may_not() {
        // A groove from top to bottom, off the middle; then one from side to side as well.
        let grooved = |number: usize| {
            Image::from_fn(64, 64, |x, _| {
                [if (10..18).contains(&x) { 0.2 } else { 0.5 + 0.02 * number as f32 }; 3]
            })
        };
        let upright: Vec<Image> = (0..6).map(grooved).collect();
        assert_eq!(allowed(&upright), [false, true]);
        let crossed = |image: &Image| {
            Image::from_fn(64, 64, |x, y| if (40..48).contains(&y) { [0.1; 3] } else { image.get(x, y) })
        };
        assert_eq!(allowed(&upright.iter().map(crossed).collect::<Vec<_>>()), [false; 2]);
        assert_eq!(allowed(&images(Part::Token)), [false; 2]);
    }

    #[test]
    fn uneven_lighting_is_ignored() {
        let lit = |image: Image| {
            Image::from_fn(64, 64, |x, y| image.get(x, y).map(|value| value * (0.5 + x as f32 / 128.0)))
        };
        let cloth: Vec<Image> = images(Part::Fabric).into_iter().map(lit).collect();
        assert_eq!(allowed(&cloth), [true; 2]);
    }

    #[test]
    fn explicit_settings_are_kept() {
        let mut base = BaseAugmentation {
            flip_horizontal: Flip::Always,
            flip_vertical: Flip::Never,
            ..BaseAugmentation::default()
        };
        decide(&mut base, &images(Part::Token));
        assert_eq!((base.flip_horizontal, base.flip_vertical), (Flip::Always, Flip::Never));
    }

    #[test]
    fn one_image_decides_nothing() {
        assert_eq!(allowed(&images(Part::Fabric)[..1]), [false; 2]);
    }
}
