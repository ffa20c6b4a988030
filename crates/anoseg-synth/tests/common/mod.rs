//! Images for the tests.
#![allow(dead_code)]

use std::sync::Arc;

use anoseg_image::Image;
use anoseg_synth::{Recipe, Synthesizer};

/// A part on a plain ground, with some grain, a little elsewhere in each image.
pub(crate) fn parts(count: usize, width: usize, height: usize) -> Arc<Vec<Image>> {
    let side = width.min(height) as f32;
    let part = |n: usize| {
        let middle = (width as f32 / 2.0 + n as f32 % 3.0, height as f32 / 2.0);
        Image::from_fn(width, height, |x, y| {
            let radius = (x as f32 - middle.0).hypot(y as f32 - middle.1) / side;
            let grain = ((x * 31 + y * 17 + n * 7) % 13) as f32 / 160.0;
            if radius < 0.4 { [0.35 + radius + grain, 0.3, 0.2 + grain] } else { [0.85, 0.87, 0.88 + grain] }
        })
    };
    Arc::new((0..count).map(part).collect())
}

/// A synthesizer of 64 x 64 pixels that always draws and adds no noise.
pub(crate) fn always(recipe: Recipe) -> Synthesizer {
    let mut recipe = Recipe { clean_share: 0.0, ..recipe };
    recipe.base.noise = 0.0;
    Synthesizer::new(parts(3, 64, 64), recipe, 11).expect("a valid recipe")
}

/// Mean absolute change over the channels, pixel by pixel.
pub(crate) fn change(before: &Image, after: &Image) -> Vec<f32> {
    let n = before.width() * before.height();
    let of = |i: usize| (0..3).map(|c| (before.plane(c)[i] - after.plane(c)[i]).abs()).sum::<f32>() / 3.0;
    (0..n).map(of).collect()
}
