//! Thin lines: scratches, hairs and branching cracks.

use anoseg_image::Plane;

use super::edge;
use crate::draw::Draw;

/// A stroke: points (x, y) about the middle, each with half the line width, all in pixels.
type Stroke = Vec<(f32, f32, f32)>;

/// The course of a line.
#[derive(Clone, Copy)]
enum Course {
    /// Nearly straight: a scratch.
    Straight,
    /// Bends smoothly: a hair, a thread.
    Curved,
    /// Turns at every step and branches: a crack.
    Jagged,
}

/// A line of about `length` pixels end to end, one to a few pixels wide.
pub(super) fn line(length: f32, unit: f32, draw: &mut Draw) -> Plane<f32> {
    let course = draw.weighted(&[(Course::Straight, 0.35), (Course::Curved, 0.35), (Course::Jagged, 0.3)]);
    let widest = (length * 0.12).clamp(1.2, 5.0);
    let half_width = (draw.log_between(0.9, widest) * unit.max(0.5) / 2.0).max(0.4);
    let start = (0.0, 0.0, draw.angle());
    // A line may be up to twice as long as a solid shape, because it is less visible.
    let length = length * draw.between(0.8, 1.7);
    let mut strokes = vec![stroke(start, length, half_width, course, draw)];
    if matches!(course, Course::Jagged) {
        for _ in 0..draw.count(0, 3) {
            let from = strokes[0][draw.below(strokes[0].len())];
            let branch = (from.0, from.1, draw.angle());
            let part = length * draw.between(0.15, 0.5);
            strokes.push(stroke(branch, part, half_width * 0.7, course, draw));
        }
    }
    paint(&strokes)
}

fn stroke(start: (f32, f32, f32), length: f32, half_width: f32, course: Course, draw: &mut Draw) -> Stroke {
    let steps = (length / 3.0).ceil().clamp(2.0, 32.0) as usize;
    let step = length / steps as f32;
    let (mut x, mut y, mut heading) = start;
    let mut bend = draw.either_way(1.5) / steps as f32;
    let tapered = draw.chance(0.6);
    let mut stroke = Vec::with_capacity(steps + 1);
    for i in 0..=steps {
        let along = i as f32 / steps as f32;
        let taper = if tapered { (4.0 * along * (1.0 - along)).sqrt().max(0.35) } else { 1.0 };
        stroke.push((x, y, half_width * taper * draw.between(0.85, 1.15)));
        heading += match course {
            Course::Straight => draw.either_way(0.04),
            Course::Curved => {
                bend += draw.either_way(1.6) / steps as f32;
                bend
            }
            Course::Jagged => draw.either_way(0.7),
        };
        x += step * heading.cos();
        y += step * heading.sin();
    }
    stroke
}

/// Draws the strokes into the smallest plane that holds them.
fn paint(strokes: &[Stroke]) -> Plane<f32> {
    let points = || strokes.iter().flatten();
    let bound = |value: fn(&(f32, f32, f32)) -> f32, sign: f32| {
        points().map(|p| sign * value(p) + p.2).fold(f32::NEG_INFINITY, f32::max)
    };
    let (left, top) = (-bound(|p| p.0, -1.0) - 2.0, -bound(|p| p.1, -1.0) - 2.0);
    let width = (bound(|p| p.0, 1.0) - left).ceil() as usize + 3;
    let height = (bound(|p| p.1, 1.0) - top).ceil() as usize + 3;
    let mut plane = Plane::filled(width, height, 0.0);
    for ends in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let shifted = |p: (f32, f32, f32)| (p.0 - left, p.1 - top, p.2);
        paint_segment(&mut plane, shifted(ends[0]), shifted(ends[1]));
    }
    plane
}

fn paint_segment(plane: &mut Plane<f32>, from: (f32, f32, f32), to: (f32, f32, f32)) {
    let reach = from.2.max(to.2) + 1.0;
    let span = |a: f32, b: f32, limit: usize| {
        let low = (a.min(b) - reach).max(0.0) as usize;
        low..((a.max(b) + reach) as usize + 1).min(limit)
    };
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = (dx * dx + dy * dy).max(1e-6);
    for y in span(from.1, to.1, plane.height()) {
        for x in span(from.0, to.0, plane.width()) {
            let (px, py) = (x as f32 - from.0, y as f32 - from.1);
            let along = ((px * dx + py * dy) / square).clamp(0.0, 1.0);
            let half_width = from.2 + along * (to.2 - from.2);
            let cover = edge((px - along * dx).hypot(py - along * dy) - half_width);
            if cover > plane.get(x, y) {
                plane.set(x, y, cover);
            }
        }
    }
}
