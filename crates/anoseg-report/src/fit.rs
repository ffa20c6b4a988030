//! Images scaled to display size.

use anoseg_image::Image;
use anoseg_image::resample::{Filter, resize};

/// The image scaled down, aspect kept, so that no side exceeds `max_side` (at least 1); smaller
/// images are returned as they are.
pub(crate) fn fit_within(image: &Image, max_side: usize) -> Image {
    let (width, height) = (image.width(), image.height());
    let (longest, max_side) = (width.max(height), max_side.max(1));
    if longest <= max_side {
        return image.clone();
    }
    let scaled = |side: usize| ((side * max_side + longest / 2) / longest).max(1);
    if image.as_slice().is_empty() {
        return Image::filled(scaled(width), scaled(height), [0.5; 3]);
    }
    // The triangle filter is widened by the reduction, so that thin lines fade but do not vanish.
    resize(image, scaled(width), scaled(height), Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_fits_and_the_aspect_stays() {
        let fitted = fit_within(&Image::filled(640, 480, [0.25, 0.5, 0.75]), 320);
        assert_eq!((fitted.width(), fitted.height()), (320, 240));
        assert!(fitted.get(100, 100).iter().zip([0.25, 0.5, 0.75]).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn small_thin_and_empty_images_are_fine() {
        assert_eq!(fit_within(&Image::filled(10, 20, [0.1; 3]), 320).height(), 20);
        let thin = fit_within(&Image::filled(2000, 1, [0.1; 3]), 100);
        assert_eq!((thin.width(), thin.height()), (100, 1));
        assert_eq!(fit_within(&Image::filled(0, 0, [0.1; 3]), 100).width(), 0);
        assert_eq!(fit_within(&Image::filled(500, 0, [0.1; 3]), 100).height(), 1);
    }
}
