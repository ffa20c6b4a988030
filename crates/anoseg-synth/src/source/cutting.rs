//! Patches cut from images.

use anoseg_image::Image;

use super::{Scene, middle, painted, random_pixel};
use crate::draw::Draw;
use crate::frame::sample;
use crate::hard::{ColourJitter, HardAugmentation};
use crate::window::Window;

/// A patch of another training image, rotated and resized; of the same image if there is no other.
pub(super) fn from_another(scene: &Scene<'_>, window: Window, draw: &mut Draw) -> Image {
    let index = scene.another(draw);
    let image = &scene.images[index];
    let mask = scene.foregrounds[index].as_ref().map(|part| &part.mask).filter(|_| draw.chance(0.7));
    let to = middle(window);
    let from = if draw.chance(0.4) {
        // Nearly the same position: a part that is shifted or bent.
        let side = 256.0 * scene.unit();
        let (sin, cos) = draw.angle().sin_cos();
        let away = draw.between(0.03, 0.25) * side;
        let (left, top) = scene.frame.origin();
        (to.0 + left as f32 + away * cos, to.1 + top as f32 + away * sin)
    } else {
        random_pixel(image.width(), image.height(), mask, draw)
    };
    let angle = if draw.chance(0.5) { draw.angle() } else { draw.either_way(0.3) };
    let (sin, cos) = angle.sin_cos();
    let scale = draw.log_between(0.7, 1.5);
    painted(window, |x, y| {
        let (dx, dy) = ((x - to.0) * scale, (y - to.1) * scale);
        sample(image, from.0 + cos * dx - sin * dy, from.1 + sin * dx + cos * dy)
    })
}

/// A patch of a hard-augmented copy of any training image.
pub(super) fn from_hard_augmented(scene: &Scene<'_>, window: Window, draw: &mut Draw) -> Image {
    let image = scene.any_image(draw);
    let (strength, hue) = scene.jitter;
    let hard = HardAugmentation::draw(image.width(), image.height(), strength, hue, draw);
    let (to, from) = (middle(window), random_pixel(image.width(), image.height(), None, draw));
    painted(window, |x, y| hard.sample(image, x - to.0 + from.0, y - to.1 + from.1))
}

/// Cells of the same image in another order, each with slight colour jitter.
pub(super) fn shuffled(image: &Image, window: Window, draw: &mut Draw) -> Image {
    let side = window.width.max(window.height) as f32 / draw.between(1.5, 6.0);
    let side = side.max(3.0);
    let cells = |length: usize| (length as f32 / side) as usize + 1;
    let (columns, rows) = (cells(window.width), cells(window.height));
    let shuffled: Vec<(f32, f32, ColourJitter)> = (0..columns * rows)
        .map(|_| {
            let (x, y) = random_pixel(image.width(), image.height(), None, draw);
            (x, y, ColourJitter::draw(0.15, 0.03, draw))
        })
        .collect();
    Image::from_fn(window.width, window.height, |x, y| {
        let (column, row) = ((x as f32 / side) as usize, (y as f32 / side) as usize);
        let (from_x, from_y, colour) = &shuffled[row * columns + column];
        let (u, v) = (x as f32 - column as f32 * side, y as f32 - row as f32 * side);
        colour.apply(sample(image, from_x + u, from_y + v))
    })
}
