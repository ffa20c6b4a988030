//! Rectangles, ellipses, spots, polygons and blobs.

use std::f32::consts::{PI, TAU};

use anoseg_image::Plane;

use super::{edge, rasterise};
use crate::draw::Draw;

/// A rectangle at any angle.
pub(super) fn rectangle(length: f32, draw: &mut Draw) -> Plane<f32> {
    let (a, b) = (length / 2.0, length / 2.0 / draw.log_between(1.0, 4.0));
    let (sin, cos) = draw.angle().sin_cos();
    let half = (a * cos.abs() + b * sin.abs(), a * sin.abs() + b * cos.abs());
    rasterise(half.0, half.1, |dx, dy| {
        let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
        edge((u.abs() - a).max(v.abs() - b.max(0.5)))
    })
}

/// An ellipse at any angle.
pub(super) fn ellipse(length: f32, draw: &mut Draw) -> Plane<f32> {
    let a = length / 2.0;
    let b = (a / draw.log_between(1.0, 3.0)).max(0.5);
    let (sin, cos) = draw.angle().sin_cos();
    rasterise(a, a, |dx, dy| edge(elliptic(dx, dy, a, b, sin, cos)))
}

/// A few small spots, close to each other.
pub(super) fn spots(length: f32, draw: &mut Draw) -> Plane<f32> {
    let half = length / 2.0;
    let spots: Vec<_> = (0..draw.count(2, 9))
        .map(|_| {
            let radius = draw.log_between(0.06, 0.3) * half;
            let (sin, cos) = draw.angle().sin_cos();
            let away = (half - radius) * draw.unit().sqrt();
            let (a, b) = (radius.max(0.8), (radius / draw.log_between(1.0, 2.0)).max(0.6));
            (away * cos, away * sin, a, b, sin, cos)
        })
        .collect();
    rasterise(half + 1.0, half + 1.0, |dx, dy| {
        let cover =
            spots.iter().map(|&(x, y, a, b, sin, cos)| edge(elliptic(dx - x, dy - y, a, b, sin, cos)));
        cover.fold(0.0, f32::max)
    })
}

/// About how many pixels a point lies outside an ellipse with half axes `a >= b`.
fn elliptic(dx: f32, dy: f32, a: f32, b: f32, sin: f32, cos: f32) -> f32 {
    let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
    ((u / a).hypot(v / b) - 1.0) * b
}

/// A star-shaped polygon with 3 to 9 corners, like a chip or a flake.
pub(super) fn polygon(length: f32, draw: &mut Draw) -> Plane<f32> {
    let corners = draw.count(3, 9);
    let corners: Vec<(f32, f32)> = (0..corners)
        .map(|i| {
            let angle = TAU * (i as f32 + draw.either_way(0.35)) / corners as f32;
            let (sin, cos) = angle.sin_cos();
            let radius = draw.between(0.35, 1.0);
            (radius * cos, radius * sin)
        })
        .collect();
    let sides = |angle: f32| {
        let (sin, cos) = angle.sin_cos();
        let next = corners.iter().cycle().skip(1);
        let hits = corners.iter().zip(next).filter_map(|(&from, &to)| ray_hits(cos, sin, from, to));
        hits.fold(0.0, f32::max)
    };
    star(length, sides, draw)
}

/// A rounded blob: a circle with a few waves along its edge.
pub(super) fn blob(length: f32, draw: &mut Draw) -> Plane<f32> {
    let waves: [(f32, f32); 5] = std::array::from_fn(|k| (draw.unit() * 0.5 / (k + 2) as f32, draw.angle()));
    let edge_at = |angle: f32| {
        let wave =
            waves.iter().enumerate().map(|(k, &(size, phase))| size * ((k + 1) as f32 * angle + phase).cos());
        (0.7 + wave.sum::<f32>()).clamp(0.15, 1.0)
    };
    star(length, edge_at, draw)
}

/// Where a ray from the origin in direction (cos, sin) meets a side, as a distance.
fn ray_hits(cos: f32, sin: f32, from: (f32, f32), to: (f32, f32)) -> Option<f32> {
    let side = (to.0 - from.0, to.1 - from.1);
    let det = sin * side.0 - cos * side.1;
    if det.abs() < 1e-6 {
        return None;
    }
    let distance = (from.1 * side.0 - from.0 * side.1) / det;
    let along = (cos * from.1 - sin * from.0) / det;
    (distance > 0.0 && (-1e-4..=1.0001).contains(&along)).then_some(distance)
}

/// A shape given by the distance of its edge in each direction (at most 1 at `length / 2` pixels),
/// squeezed and rotated.
fn star(length: f32, edge_at: impl Fn(f32) -> f32, draw: &mut Draw) -> Plane<f32> {
    const STEPS: usize = 256;
    let radii: Vec<f32> = (0..=STEPS).map(|i| edge_at(i as f32 / STEPS as f32 * TAU - PI)).collect();
    let half = length / 2.0;
    let squeeze = draw.log_between(1.0, 2.5);
    let (sin, cos) = draw.angle().sin_cos();
    rasterise(half, half, |dx, dy| {
        let (u, v) = (cos * dx + sin * dy, (cos * dy - sin * dx) * squeeze);
        let position = (v.atan2(u) + PI) / TAU * STEPS as f32;
        let i = (position as usize).min(STEPS - 1);
        let radius = radii[i] + (position - i as f32) * (radii[i + 1] - radii[i]);
        // The middle pixel always belongs to the shape.
        let from_middle = u.hypot(v);
        edge((from_middle - (radius * half).max(0.7)) / squeeze.min(1.0 + from_middle))
    })
}
