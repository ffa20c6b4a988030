//! Changes of the image itself: tone, relief, blur and warp.

use anoseg_image::Image;

use super::{Scene, middle, painted};
use crate::draw::Draw;
use crate::filter::smooth;
use crate::frame::sample;
use crate::hard::ColourJitter;
use crate::noise::{fractal, value_noise};
use crate::window::{Placed, Window};

/// Another brightness, contrast or colour; uniform, or uneven like a stain.
pub(super) fn tone(image: &Image, placed: &Placed, draw: &mut Draw) -> Image {
    let window = placed.window;
    let mut part = window.cut(image);
    let changed = match draw.below(4) {
        0 | 1 => brightness(&part, draw),
        2 => contrast(&part, draw),
        _ => {
            let saturation = draw.between(0.0, 2.0);
            let jitter = ColourJitter::new(draw.between(0.7, 1.3), 1.0, saturation, draw.signed(0.2, 2.5));
            Image::from_fn(window.width, window.height, |x, y| jitter.apply(part.get(x, y)))
        }
    };
    if draw.chance(0.5) {
        return changed;
    }
    let cell = window.width.max(window.height) as f32 / draw.between(1.0, 4.0);
    let strength = fractal(window.width, window.height, cell.max(2.0), 2, draw);
    for channel in 0..3 {
        let pairs = part.plane_mut(channel).iter_mut().zip(changed.plane(channel));
        for ((value, new), &strength) in pairs.zip(strength.as_slice()) {
            *value += (1.5 * strength).min(1.0) * (new - *value);
        }
    }
    part
}

/// Lighter or darker, slightly different per channel; multiplied like dirt or added like haze.
fn brightness(part: &Image, draw: &mut Draw) -> Image {
    let strength = draw.signed(0.08, 0.45);
    let amounts = [0; 3].map(|_| strength * draw.between(0.7, 1.3));
    let multiplied = draw.chance(0.5);
    let mut out = part.clone();
    for (channel, amount) in amounts.into_iter().enumerate() {
        for value in out.plane_mut(channel) {
            *value = if multiplied { *value * (1.0 + 1.5 * amount) } else { *value + amount }.clamp(0.0, 1.0);
        }
    }
    out
}

/// Less or more contrast about the mean of the window.
fn contrast(part: &Image, draw: &mut Draw) -> Image {
    let factor = if draw.chance(0.6) { draw.between(0.0, 0.6) } else { draw.between(1.6, 3.0) };
    let mut out = part.clone();
    for channel in 0..3 {
        let plane = out.plane_mut(channel);
        let mean = plane.iter().sum::<f32>() / plane.len() as f32;
        plane.iter_mut().for_each(|v| *v = ((*v - mean) * factor + mean).clamp(0.0, 1.0));
    }
    out
}

/// A dent or bump lit from one side: brightness follows the slope of the smoothed shape.
pub(super) fn relief(image: &Image, placed: &Placed, draw: &mut Draw) -> Image {
    let (width, height) = (placed.window.width, placed.window.height);
    let radius = (width.min(height) / 10).clamp(1, 8);
    let mut level = placed.cover.as_slice().to_vec();
    smooth(&mut level, width, height, radius);
    let grain = fractal(width, height, (width.max(height) as f32 / 4.0).max(2.0), 2, draw);
    let roughness = draw.between(0.0, 0.6);
    level.iter_mut().zip(grain.as_slice()).for_each(|(v, &g)| *v *= 1.0 + roughness * (g - 0.5));
    let (sin, cos) = draw.angle().sin_cos();
    let slope = |x: usize, y: usize| {
        let at = |x: usize, y: usize| level[y.min(height - 1) * width + x.min(width - 1)];
        cos * (at(x + 1, y) - at(x.saturating_sub(1), y)) + sin * (at(x, y + 1) - at(x, y.saturating_sub(1)))
    };
    let slopes: Vec<f32> = (0..width * height).map(|i| slope(i % width, i / width)).collect();
    let steepest = slopes.iter().fold(1e-6f32, |most, s| most.max(s.abs()));
    let (light, floor) = (draw.between(0.15, 0.5), draw.either_way(0.12));
    let mut out = placed.window.cut(image);
    for channel in 0..3 {
        for ((value, slope), level) in out.plane_mut(channel).iter_mut().zip(&slopes).zip(&level) {
            *value = (*value + light * slope / steepest + floor * level).clamp(0.0, 1.0);
        }
    }
    out
}

/// Blurs the window.
pub(super) fn blur(scene: &Scene<'_>, image: &Image, window: Window, draw: &mut Draw) -> Image {
    let radius = (draw.log_between(1.5, 6.0) * scene.unit()).round().max(1.0) as usize;
    // The mean includes pixels beyond the window.
    let around = window.grown(3 * radius, image.width(), image.height());
    let mut part = around.cut(image);
    for channel in 0..3 {
        smooth(part.plane_mut(channel), around.width, around.height, radius);
    }
    let inner = Window { x: window.x - around.x, y: window.y - around.y, ..window };
    inner.cut(&part)
}

/// Twists, squeezes, shifts or crumples the window.
pub(super) fn warp(image: &Image, window: Window, draw: &mut Draw) -> Image {
    let (cx, cy) = middle(window);
    let half = (window.width.max(window.height) as f32 / 2.0).max(1.0);
    match draw.below(4) {
        0 => {
            let twist = draw.signed(0.5, 2.5);
            painted(window, |x, y| {
                let (dx, dy) = (x - cx, y - cy);
                let fade = (1.0 - dx.hypot(dy) / half).max(0.0);
                let (sin, cos) = (twist * fade).sin_cos();
                sample(image, cx + cos * dx - sin * dy, cy + sin * dx + cos * dy)
            })
        }
        1 => {
            let pinch = draw.signed(0.3, 0.8);
            painted(window, |x, y| {
                let (dx, dy) = (x - cx, y - cy);
                let factor = 1.0 - pinch * (1.0 - dx.hypot(dy) / half).max(0.0);
                sample(image, cx + factor * dx, cy + factor * dy)
            })
        }
        2 => {
            let (sin, cos) = draw.angle().sin_cos();
            let away = draw.between(0.15, 0.7) * half + 1.0;
            painted(window, |x, y| sample(image, x + away * cos, y + away * sin))
        }
        _ => crumpled(image, window, half, draw),
    }
}

/// Shifts every pixel by a smooth random field.
fn crumpled(image: &Image, window: Window, half: f32, draw: &mut Draw) -> Image {
    let cell = (half / draw.between(1.0, 3.0)).max(2.0);
    let reach = draw.between(0.5, 1.5) * cell;
    let along_x = value_noise(window.width, window.height, cell, draw);
    let along_y = value_noise(window.width, window.height, cell, draw);
    Image::from_fn(window.width, window.height, |x, y| {
        let (dx, dy) = (along_x.get(x, y) - 0.5, along_y.get(x, y) - 0.5);
        sample(image, (window.x + x) as f32 + reach * dx, (window.y + y) as f32 + reach * dy)
    })
}
