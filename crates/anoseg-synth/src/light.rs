//! Another light on an image: brighter here, darker there, of another colour.

use anoseg_image::Image;
use rayon::prelude::*;

use crate::draw::{Draw, Stream};
use crate::noise::value_noise;
use crate::recipe::BaseAugmentation;
use crate::variation::Variation;

/// The distance over which the light changes, as a share of the image's shorter side.
const REACH: [f32; 2] = [0.5, 2.0];

/// Images whose brightness varies by more than this share show other lights themselves. It varies by 0.01 to 0.04
/// where parts are photographed in one place, and by 0.4 where the light is not the same.
const STEADY: f32 = 0.1;

/// [`BaseAugmentation::light`] and [`BaseAugmentation::white_balance`] of images under a steady light.
const USUAL: [f32; 2] = [0.2, 0.06];

/// Largest number of images whose brightness is compared, evenly spread.
const MOST: usize = 200;

impl BaseAugmentation {
    /// Whether images are lit anew.
    pub fn varies_light(&self) -> bool {
        self.light.share() > 0.0 || self.white_balance.share() > 0.0
    }
}

/// Replaces [`Variation::Auto`] by a decision for the images: those that were taken under one light cannot tell what
/// their part looks like under another.
pub(crate) fn decide(base: &mut BaseAugmentation, images: &[Image]) {
    if [base.light, base.white_balance].contains(&Variation::Auto) {
        let steady = deviation_of_brightness(images) <= STEADY;
        let [light, white_balance] = if steady { USUAL } else { [0.0; 2] };
        base.light = base.light.decided(light);
        base.white_balance = base.white_balance.decided(white_balance);
    }
}

/// How much the images' brightness varies, as a share: the median absolute deviation of its logarithm, on the scale of
/// a standard deviation. 0 of one image.
fn deviation_of_brightness(images: &[Image]) -> f32 {
    let step = images.len().div_ceil(MOST).max(1);
    let brightness = |image: &Image| {
        let values = image.as_slice();
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        (sum / values.len().max(1) as f64 + 1e-3).ln() as f32
    };
    let logarithms: Vec<f32> = images.par_iter().step_by(step).map(brightness).collect();
    let middle = median(logarithms.clone());
    1.4826 * median(logarithms.into_iter().map(|value| (value - middle).abs()).collect())
}

/// The upper median; 0 without values.
fn median(mut values: Vec<f32>) -> f32 {
    let half = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(half, f32::total_cmp).1 }
}

/// An image of a good part with a tone and under a light that the recipe allows; the same for the same seed and
/// number.
pub fn relit(image: &Image, recipe: &BaseAugmentation, seed: u64, number: u64) -> Image {
    let mut draw = Draw::new(seed, number, 0, Stream::Light);
    let mut image = image.clone();
    crate::base::vary_tone(&mut image, recipe, &mut draw);
    let grey = image.is_grey();
    vary(&mut image, recipe, grey, &mut draw);
    image
}

/// Multiplies the image by a smooth field, and red and blue by a factor each; `grey` images keep equal planes.
/// Weak lights are as likely as strong ones.
pub(crate) fn vary(image: &mut Image, recipe: &BaseAugmentation, grey: bool, draw: &mut Draw) {
    if !recipe.varies_light() {
        return;
    }
    let (width, height) = (image.width(), image.height());
    let cell = draw.log_between(REACH[0], REACH[1]) * width.min(height) as f32;
    let strength = draw.unit() * recipe.light.share();
    let field = value_noise(width, height, cell, draw);
    let exposure = 1.0 + 0.5 * draw.either_way(recipe.light.share());
    let mut colour = || if grey { 1.0 } else { 1.0 + draw.either_way(recipe.white_balance.share()) };
    let gains = [colour() * exposure, exposure, colour() * exposure];
    for (plane, gain) in image.as_mut_slice().chunks_exact_mut((width * height).max(1)).zip(gains) {
        for (value, field) in plane.iter_mut().zip(field.as_slice()) {
            *value = (*value * gain * (1.0 + strength * (2.0 * field - 1.0))).clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> BaseAugmentation {
        let [light, white_balance] = [0.3, 0.1].map(Variation::UpTo);
        BaseAugmentation { light, white_balance, ..BaseAugmentation::none() }
    }

    #[test]
    fn the_light_changes_slowly_and_within_its_range() {
        let grey = Image::filled(64, 48, [0.5; 3]);
        let mut differ = 0;
        for number in 0..20 {
            let lit = relit(&grey, &recipe(), 1, number);
            assert_eq!(lit, relit(&grey, &recipe(), 1, number));
            let plane = lit.plane(1);
            assert!(plane.iter().all(|value| (0.5 * 0.7 * 0.85..=0.5 * 1.3 * 1.15).contains(value)));
            let steps = plane.windows(2).enumerate().filter(|(i, _)| i % 64 != 63);
            assert!(steps.map(|(_, pair)| (pair[1] - pair[0]).abs()).fold(0.0, f32::max) < 0.03);
            assert_eq!(plane, lit.plane(0));
            differ += usize::from(plane != grey.plane(1));
        }
        assert_eq!(differ, 20);
    }

    #[test]
    fn colours_change_on_coloured_images_alone() {
        let brown = Image::filled(32, 32, [0.5, 0.4, 0.3]);
        let lit = relit(&brown, &recipe(), 1, 7);
        let ratio = |plane: usize| lit.plane(plane)[0] / brown.plane(plane)[0];
        assert!((ratio(0) / ratio(1) - 1.0).abs() <= 0.1 + 1e-5 && ratio(0) != ratio(1));
    }

    #[test]
    fn a_recipe_without_light_leaves_the_image_as_it_is() {
        let image = Image::from_fn(16, 16, |x, y| [x as f32 / 16.0, y as f32 / 16.0, 0.5]);
        assert_eq!(relit(&image, &BaseAugmentation::none(), 1, 1), image);
    }

    /// Parts in one place differ a little; the light of a window differs much.
    #[test]
    fn images_under_a_steady_light_are_lit_anew() {
        let settled = |spread: f32, light| {
            let images: Vec<Image> = (0..40)
                .map(|i| Image::filled(16, 16, [0.3 * (1.0 + spread * (i as f32 / 20.0 - 1.0)); 3]))
                .collect();
            let mut base =
                BaseAugmentation { light, white_balance: Variation::Auto, ..BaseAugmentation::none() };
            decide(&mut base, &images);
            [base.light, base.white_balance]
        };
        let usual = USUAL.map(Variation::UpTo);
        assert_eq!(settled(0.05, Variation::Auto), usual);
        assert_eq!(settled(0.6, Variation::Auto), [Variation::OFF; 2]);
        assert_eq!(settled(0.05, Variation::OFF), [Variation::OFF, usual[1]], "what is given stays");
        assert_eq!(deviation_of_brightness(&[]), 0.0);
        assert_eq!(deviation_of_brightness(&[Image::filled(16, 16, [0.0; 3])]), 0.0);
    }
}
