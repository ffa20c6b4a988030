//! Thresholded smooth noise, like the Perlin masks of DRAEM (Zavrtanik et al. 2021) but limited to
//! one region.

use anoseg_image::Plane;

use crate::draw::Draw;
use crate::noise::fractal;

/// Ragged patches within an ellipse: noise that decreases towards the edge of the ellipse, above a
/// threshold.
pub(super) fn patches(length: f32, draw: &mut Draw) -> Plane<f32> {
    let aspect = draw.log_between(1.0, 2.5);
    let (long, short) = (length / 2.0, length / 2.0 / aspect);
    let (a, b) = if draw.chance(0.5) { (long, short) } else { (short, long) };
    let (width, height) = (2 * (a.ceil() as usize) + 3, 2 * (b.ceil() as usize) + 3);
    let cell = (length / draw.log_between(1.5, 6.0)).max(2.0);
    let octaves = draw.count(1, 3);
    let mut field = fractal(width, height, cell, octaves, draw);
    let (middle_x, middle_y) = ((width / 2) as f32, (height / 2) as f32);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = ((x as f32 - middle_x) / a.max(0.5), (y as f32 - middle_y) / b.max(0.5));
            let sunk = field.get(x, y) - 0.5 * (u * u + v * v).min(4.0);
            field.set(x, y, sunk);
        }
    }
    let threshold = quantile_of_the_inside(&field, draw.between(0.3, 0.85));
    // The edge is about one pixel wide where the noise is as steep as its cell says.
    let steepness = cell.min(12.0);
    let last = (width - 1, height - 1);
    Plane::from_fn(width, height, |x, y| {
        let rim = x == 0 || y == 0 || x == last.0 || y == last.1;
        let cover = ((field.get(x, y) - threshold) * steepness + 0.5).clamp(0.0, 1.0);
        if rim { 0.0 } else { cover }
    })
}

/// The quantile `share` of the inner pixels.
fn quantile_of_the_inside(field: &Plane<f32>, share: f32) -> f32 {
    let (width, height) = (field.width(), field.height());
    let mut values: Vec<f32> =
        (1..height - 1).flat_map(|y| field.row(y)[1..width - 1].iter().copied()).collect();
    let rank = ((values.len() as f32 * share) as usize).min(values.len() - 1);
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}
