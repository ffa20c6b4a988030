//! Smooth random fields.

use anoseg_image::Plane;

use crate::base::split_mix;
use crate::draw::Draw;

/// Value noise: random values on a lattice `cell` pixels apart, smoothly interpolated; 0..=1.
pub(crate) fn value_noise(width: usize, height: usize, cell: f32, draw: &mut Draw) -> Plane<f32> {
    let mut plane = Plane::filled(width, height, 0.0);
    add_octave(&mut plane, cell, 1.0, draw);
    plane
}

/// Octaves of value noise, each at half the cell and half the weight; 0..=1, around one half.
pub(crate) fn fractal(width: usize, height: usize, cell: f32, octaves: usize, draw: &mut Draw) -> Plane<f32> {
    let mut plane = Plane::filled(width, height, 0.0);
    let total: f32 = (0..octaves).map(|o| 0.5f32.powi(o as i32)).sum();
    for octave in 0..octaves {
        let weight = 0.5f32.powi(octave as i32);
        add_octave(&mut plane, cell * weight, weight / total, draw);
    }
    plane
}

fn add_octave(plane: &mut Plane<f32>, cell: f32, weight: f32, draw: &mut Draw) {
    let cell = cell.max(1.0);
    let (width, height) = (plane.width(), plane.height());
    // The lattice is shifted by a random part of a cell, so that its lines do not always lie at the
    // edge.
    let (x_axis, y_axis) = (Axis::new(width, cell, draw.unit()), Axis::new(height, cell, draw.unit()));
    let columns = x_axis.nodes;
    let mut state = draw.bits();
    let lattice: Vec<f32> = (0..columns * y_axis.nodes)
        .map(|_| (split_mix(&mut state) >> 40) as f32 / (1u32 << 24) as f32)
        .collect();
    // Interpolate along y once per lattice column, then along x.
    let mut row_values = vec![0.0; columns];
    for (row, &(top, fy)) in plane.as_mut_slice().chunks_exact_mut(width).zip(&y_axis.steps) {
        for (i, value) in row_values.iter_mut().enumerate() {
            let (upper, lower) = (lattice[top * columns + i], lattice[(top + 1) * columns + i]);
            *value = weight * (upper + fy * (lower - upper));
        }
        for (value, &(left, fx)) in row.iter_mut().zip(&x_axis.steps) {
            *value += row_values[left] + fx * (row_values[left + 1] - row_values[left]);
        }
    }
}

/// Lattice index and smoothed fraction of every pixel along one axis.
struct Axis {
    nodes: usize,
    steps: Vec<(usize, f32)>,
}

impl Axis {
    fn new(length: usize, cell: f32, phase: f32) -> Self {
        let steps: Vec<_> = (0..length)
            .map(|i| {
                let position = i as f32 / cell + phase;
                let index = position as usize;
                let t = position - index as f32;
                (index, t * t * (3.0 - 2.0 * t))
            })
            .collect();
        let nodes = steps.last().map_or(2, |&(index, _)| index + 2);
        Self { nodes, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn noise_is_smooth_varied_and_in_range() {
        let mut draw = Draw::new(4, 0, 0, Stream::Anomaly);
        for cell in [0.2, 3.0, 16.0, 400.0] {
            let plane = fractal(40, 30, cell, 3, &mut draw);
            assert!(plane.as_slice().iter().all(|v| (0.0..=1.0).contains(v)));
        }
        let plane = value_noise(64, 64, 16.0, &mut draw);
        let steepest = plane.as_slice().windows(2).enumerate().filter(|(i, _)| i % 64 != 63);
        // Smoothstep is at most 1.5 times steeper than a straight line.
        assert!(steepest.map(|(_, w)| (w[1] - w[0]).abs()).fold(0.0, f32::max) <= 1.5 / 16.0 + 1e-3);
        let (low, high) = plane.as_slice().iter().fold((1.0f32, 0.0f32), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(high - low > 0.4);
    }
}
