//! Another light on an image: brighter here, darker there, of another colour.

use anoseg_image::Image;

use crate::draw::{Draw, Stream};
use crate::noise::value_noise;
use crate::recipe::BaseAugmentation;

/// The distance over which the light changes, as a share of the image's shorter side.
const REACH: [f32; 2] = [0.5, 2.0];

impl BaseAugmentation {
    /// Whether images are lit anew.
    pub fn varies_light(&self) -> bool {
        self.light > 0.0 || self.white_balance > 0.0
    }
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
    let strength = draw.unit() * recipe.light;
    let field = value_noise(width, height, cell, draw);
    let exposure = 1.0 + 0.5 * draw.either_way(recipe.light);
    let mut colour = || if grey { 1.0 } else { 1.0 + draw.either_way(recipe.white_balance) };
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
        BaseAugmentation { light: 0.3, white_balance: 0.1, ..BaseAugmentation::none() }
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
}
