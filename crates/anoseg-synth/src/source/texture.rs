//! Procedural textures, which need no third-party images.

use anoseg_image::{Image, Plane};

use super::Scene;
use super::colour::colour;
use crate::draw::Draw;
use crate::noise::{fractal, value_noise};
use crate::window::Window;

/// Fractal noise, stripes, speckle or a gradient between two colours.
pub(super) fn texture(scene: &Scene<'_>, window: Window, draw: &mut Draw) -> Image {
    let (first, second) = (colour(scene, draw), colour(scene, draw));
    let mix = match draw.below(8) {
        0..4 => clouds(window, draw),
        4..6 => stripes(scene.unit(), window, draw),
        6 => speckle(window, draw),
        _ => gradient(window, draw),
    };
    Image::from_fn(window.width, window.height, |x, y| {
        let t = mix.get(x, y);
        std::array::from_fn(|c| first[c] + t * (second[c] - first[c]))
    })
}

/// Fractal noise with increased contrast.
fn clouds(window: Window, draw: &mut Draw) -> Plane<f32> {
    let cell = window.width.max(window.height) as f32 / draw.log_between(1.0, 8.0);
    let contrast = draw.log_between(1.2, 5.0);
    let octaves = draw.count(1, 4);
    fractal(window.width, window.height, cell.max(2.0), octaves, draw)
        .map(|v| ((v - 0.5) * contrast + 0.5).clamp(0.0, 1.0))
}

/// Waves in one direction, bent by noise.
fn stripes(unit: f32, window: Window, draw: &mut Draw) -> Plane<f32> {
    let (sin, cos) = draw.angle().sin_cos();
    let period = draw.log_between(3.0, 24.0) * unit.max(0.5);
    let sharpness = draw.log_between(0.6, 4.0);
    let bend = draw.between(0.0, 1.5) * period;
    let field = value_noise(window.width, window.height, 3.0 * period, draw);
    Plane::from_fn(window.width, window.height, |x, y| {
        let along = cos * x as f32 + sin * y as f32 + bend * field.get(x, y);
        ((along / period * std::f32::consts::TAU).sin() * sharpness * 0.5 + 0.5).clamp(0.0, 1.0)
    })
}

/// Grains of one colour on another.
fn speckle(window: Window, draw: &mut Draw) -> Plane<f32> {
    let threshold = draw.between(0.4, 0.85);
    let grain = draw.between(1.0, 3.0);
    value_noise(window.width, window.height, grain, draw)
        .map(|v| ((v - threshold) * 6.0 + 0.5).clamp(0.0, 1.0))
}

/// A linear gradient across the window.
fn gradient(window: Window, draw: &mut Draw) -> Plane<f32> {
    let (sin, cos) = draw.angle().sin_cos();
    let half = (window.width as f32 - 1.0) / 2.0 * cos.abs() + (window.height as f32 - 1.0) / 2.0 * sin.abs();
    let (middle_x, middle_y) = ((window.width as f32 - 1.0) / 2.0, (window.height as f32 - 1.0) / 2.0);
    Plane::from_fn(window.width, window.height, |x, y| {
        let along = cos * (x as f32 - middle_x) + sin * (y as f32 - middle_y);
        0.5 + 0.5 * along / half.max(0.5)
    })
    .map(|t| t.clamp(0.0, 1.0))
}
