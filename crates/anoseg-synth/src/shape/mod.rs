//! Shapes of anomalies: the cover of each pixel, 0..=1, in a plane with an empty margin.

mod line;
mod ragged;
mod solid;

use anoseg_image::Plane;

use crate::draw::Draw;
use crate::filter::smooth;
use crate::kind::Shape;

/// Draws a shape whose longer extent is about `length` pixels. `unit` is the pixels of the image
/// per pixel of one whose shorter side is 256.
pub(crate) fn outline(shape: Shape, length: f32, unit: f32, draw: &mut Draw) -> Plane<f32> {
    match shape {
        Shape::Rectangle => solid::rectangle(length, draw),
        Shape::Ellipse if draw.chance(0.35) => solid::spots(length, draw),
        Shape::Ellipse => solid::ellipse(length, draw),
        Shape::Polygon if draw.chance(0.5) => solid::blob(length, draw),
        Shape::Polygon => solid::polygon(length, draw),
        Shape::Line => line::line(length, unit, draw),
        Shape::Noise => ragged::patches(length, draw),
    }
}

/// The shape with a soft edge of about `radius` pixels to either side.
pub(crate) fn feathered(shape: &Plane<f32>, radius: usize) -> Plane<f32> {
    // Three box blurs reach three radii out.
    let margin = 3 * radius;
    let (width, height) = (shape.width() + 2 * margin, shape.height() + 2 * margin);
    let mut data = vec![0.0; width * height];
    for y in 0..shape.height() {
        let start = (y + margin) * width + margin;
        data[start..start + shape.width()].copy_from_slice(shape.row(y));
    }
    smooth(&mut data, width, height, radius);
    // A line thinner than the blur would almost vanish, so the peak is kept.
    let peak = data.iter().copied().fold(0.0, f32::max);
    let before = shape.as_slice().iter().copied().fold(0.0, f32::max);
    if peak > 0.0 {
        data.iter_mut().for_each(|v| *v *= before / peak);
    }
    Plane::from_vec(width, height, data)
}

/// A plane large enough for these half extents about its middle, and the cover at each offset from
/// the middle.
fn rasterise(half_width: f32, half_height: f32, cover: impl Fn(f32, f32) -> f32) -> Plane<f32> {
    let (half_x, half_y) = (half_width.ceil() as usize + 1, half_height.ceil() as usize + 1);
    Plane::from_fn(2 * half_x + 1, 2 * half_y + 1, |x, y| {
        cover(x as f32 - half_x as f32, y as f32 - half_y as f32)
    })
}

/// Cover of a pixel whose middle is `distance` pixels outside an edge (negative: inside).
fn edge(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    const ALL: [Shape; 5] = [Shape::Rectangle, Shape::Ellipse, Shape::Polygon, Shape::Line, Shape::Noise];

    #[test]
    fn every_shape_covers_something_keeps_its_size_and_has_an_empty_margin() {
        let mut draw = Draw::new(1, 0, 0, Stream::Anomaly);
        for shape in ALL {
            for length in [1.0, 4.0, 20.0, 77.0] {
                for _ in 0..10 {
                    let plane = outline(shape, length, 1.0, &mut draw);
                    let (width, height) = (plane.width(), plane.height());
                    let label = format!("{shape} of {length}: {width} x {height}");
                    assert!(plane.as_slice().iter().all(|v| (0.0..=1.0).contains(v)), "{label}");
                    assert!(plane.as_slice().iter().any(|&v| v > 0.2), "{label} is empty");
                    assert!(width.max(height) as f32 <= 2.0 * length + 12.0, "{label} is too large");
                    let rim = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
                    assert!(rim.into_iter().all(|(x, y)| plane.get(x, y) == 0.0), "{label} touches its rim");
                }
            }
        }
    }

    #[test]
    fn feathering_softens_and_keeps_the_peak() {
        let mut dot = Plane::filled(5, 5, 0.0);
        dot.set(2, 2, 1.0);
        let soft = feathered(&dot, 2);
        assert_eq!((soft.width(), soft.height()), (17, 17));
        assert!((soft.get(8, 8) - 1.0).abs() < 1e-5);
        assert!(soft.get(6, 8) > 0.3 && soft.get(0, 0) < 0.05);
    }
}
