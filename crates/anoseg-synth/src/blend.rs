//! Blending of anomalies into the image.

use anoseg_image::Image;

use crate::membrane::{self, Cell};
use crate::window::Placed;

/// Alpha blending: `cover * opacity` of the filling, the rest of the pixels as before.
pub(crate) fn lay_over(before: &Image, filling: &Image, placed: &Placed, opacity: f32) -> Image {
    let mut after = before.clone();
    for channel in 0..3 {
        let cover = placed.cover.as_slice();
        let pixels = after.plane_mut(channel).iter_mut().zip(filling.plane(channel));
        for ((value, &new), &cover) in pixels.zip(cover) {
            *value = (*value + cover * opacity * (new - *value)).clamp(0.0, 1.0);
        }
    }
    after
}

/// Poisson blending (Pérez et al. 2003): the gradients of the filling, continued from the values
/// around the shape. It is the filling plus the membrane interpolation of the difference at its
/// edge.
pub(crate) fn poisson(before: &Image, filling: &Image, placed: &Placed) -> Image {
    let inside: Vec<bool> = placed.cover.as_slice().iter().map(|&cover| cover >= 0.5).collect();
    if inside.iter().all(|&inside| inside) {
        return lay_over(before, filling, placed, 1.0);
    }
    let mut correction = cells(before);
    for (i, value) in correction.iter_mut().enumerate() {
        for (c, v) in value.iter_mut().take(3).enumerate() {
            *v -= filling.plane(c)[i];
        }
    }
    membrane::fill(&mut correction, &inside, before.width(), before.height());
    let mut after = before.clone();
    for channel in 0..3 {
        let pixels = after.plane_mut(channel).iter_mut().zip(filling.plane(channel)).zip(&correction);
        for (((value, &new), correction), &inside) in pixels.zip(&inside) {
            if inside {
                *value = (new + correction[channel]).clamp(0.0, 1.0);
            }
        }
    }
    after
}

/// The pixels of the shape, interpolated from those around it.
pub(crate) fn surroundings(before: &Image, placed: &Placed) -> Image {
    let inside: Vec<bool> = placed.cover.as_slice().iter().map(|&cover| cover > 0.02).collect();
    let mut values = cells(before);
    membrane::fill(&mut values, &inside, before.width(), before.height());
    let planes = (0..3).flat_map(|channel| values.iter().map(move |value| value[channel]));
    Image::from_planar(before.width(), before.height(), planes.collect())
}

fn cells(image: &Image) -> Vec<Cell> {
    let [red, green, blue] = [0, 1, 2].map(|c| image.plane(c));
    red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| [r, g, b, 0.0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Window;
    use anoseg_image::Plane;

    fn square() -> Placed {
        let cover = Plane::from_fn(16, 16, |x, y| f32::from((4..12).contains(&x) && (4..12).contains(&y)));
        Placed { window: Window { x: 0, y: 0, width: 16, height: 16 }, cover }
    }

    #[test]
    fn opacity_mixes_and_the_rest_is_untouched() {
        let (before, filling) = (Image::filled(16, 16, [0.2; 3]), Image::filled(16, 16, [0.8; 3]));
        let after = lay_over(&before, &filling, &square(), 0.5);
        assert!((after.get(8, 8)[0] - 0.5).abs() < 1e-6);
        assert_eq!(after.get(3, 8), before.get(3, 8));
    }

    #[test]
    fn poisson_takes_the_fillings_gradients_and_the_images_level() {
        let before = Image::filled(16, 16, [0.2; 3]);
        let flat = poisson(&before, &Image::filled(16, 16, [0.8; 3]), &square());
        assert!(flat.as_slice().iter().all(|v| (v - 0.2).abs() < 1e-3), "no gradient, no change");
        let spot = Image::from_fn(16, 16, |x, y| [if (x, y) == (8, 8) { 0.9 } else { 0.6 }; 3]);
        let after = poisson(&before, &spot, &square());
        assert!((after.get(8, 8)[0] - 0.5).abs() < 1e-3);
        assert_eq!(after.get(2, 2), before.get(2, 2));
    }

    #[test]
    fn surroundings_remove_a_spot() {
        let before = Image::from_fn(16, 16, |x, y| [if (x, y) == (8, 8) { 0.9 } else { 0.3 }; 3]);
        let clean = surroundings(&before, &square());
        assert!((clean.get(8, 8)[0] - 0.3).abs() < 1e-3);
    }
}
