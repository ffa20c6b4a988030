//! Missing pieces: the background or the surroundings in place of the part.

use anoseg_image::Image;

use super::{Scene, middle};
use crate::blend::surroundings;
use crate::draw::Draw;
use crate::window::Placed;

/// The background colour where it is known, else an interpolation of the surroundings.
pub(super) fn missing(scene: &Scene<'_>, image: &Image, placed: &Placed, draw: &mut Draw) -> Image {
    if draw.chance(0.6)
        && let Some(colour) = background_colour(scene, image, middle(placed.window), draw)
    {
        return Image::filled(placed.window.width, placed.window.height, colour);
    }
    surroundings(&placed.window.cut(image), placed)
}

/// Mean colour of random background pixels, weighted by distance; `None` if no background is known.
fn background_colour(
    scene: &Scene<'_>,
    image: &Image,
    near: (f32, f32),
    draw: &mut Draw,
) -> Option<[f32; 3]> {
    scene.foreground()?;
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for _ in 0..64 {
        let (x, y) = (draw.below(image.width()), draw.below(image.height()));
        if scene.on_part(x, y) {
            continue;
        }
        let weight = 1.0 / (1.0 + (x as f32 - near.0).powi(2) + (y as f32 - near.1).powi(2));
        total += weight;
        for (sum, value) in sum.iter_mut().zip(image.get(x, y)) {
            *sum += weight * value;
        }
    }
    (total > 0.0).then(|| sum.map(|v| v / total))
}
