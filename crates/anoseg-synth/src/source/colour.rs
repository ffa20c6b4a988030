//! Random colours, among them those of the parts.

use super::{Scene, random_pixel};
use crate::draw::Draw;

/// A colour close to one of the images, or close to grey, or any.
pub(super) fn colour(scene: &Scene<'_>, draw: &mut Draw) -> [f32; 3] {
    let kind = draw.unit();
    if kind < 0.35 {
        let image = scene.any_image(draw);
        let (x, y) = random_pixel(image.width(), image.height(), None, draw);
        let offset = draw.either_way(0.25);
        image.get(x as usize, y as usize).map(|v| (v + offset + draw.either_way(0.08)).clamp(0.0, 1.0))
    } else if kind < 0.65 {
        let grey = draw.unit();
        [0; 3].map(|_| (grey + draw.either_way(0.08)).clamp(0.0, 1.0))
    } else {
        [0; 3].map(|_| draw.unit())
    }
}
