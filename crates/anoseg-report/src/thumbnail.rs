//! Images small enough to be embedded in the report.

use anoseg_image::{Image, write::encode_jpeg};
use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use std::fmt;

use crate::fit::fit_within;

const MAX_SIDE: usize = 320;

/// Longest side of thumbnails of long images. Their shorter side is what shows whether a crack is there.
const MAX_LONG_SIDE: usize = 960;

/// The shorter side that long images are to have.
const SHORT_SIDE: usize = 240;
const QUALITY: u8 = 80;

/// Three thumbnails for each of 100 images take 8.8 MB in base64 at most, which leaves room for the
/// rest of a page of 10 MB.
const MAX_BYTES: usize = 22_000;

/// Qualities tried until a thumbnail is small enough. Below the last one JPEG blocks are visible,
/// so the size is reduced instead.
const QUALITIES: [u8; 4] = [QUALITY, 70, 55, 40];

/// An image reduced and encoded as JPEG, a few kilobytes each, so that a report holds no full-size
/// pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    width: usize,
    height: usize,
    jpeg: Vec<u8>,
}

impl Thumbnail {
    /// The image with its longer side reduced to at most 320 pixels, JPEG quality 80 and at most 22
    /// kB. Long images keep 240 pixels on their shorter side, up to 960 on the longer one.
    ///
    /// Images that are too noisy for that get a lower quality first, then fewer pixels.
    pub fn from_image(image: &Image) -> Self {
        let (short, long) = (image.width().min(image.height()), image.width().max(image.height()));
        let mut side = (SHORT_SIDE * long / short.max(1)).clamp(MAX_SIDE, MAX_LONG_SIDE);
        let small = fit_within(image, side);
        loop {
            for quality in QUALITIES {
                let thumbnail = Self::with_size(&small, side, quality);
                if thumbnail.jpeg.len() <= MAX_BYTES || side == 1 {
                    return thumbnail;
                }
            }
            side = side * 3 / 4;
        }
    }

    /// The image with its longer side reduced to at most `max_side` pixels (1..=4096) at JPEG
    /// `quality` (1..=100); both are clamped. An image without pixels becomes one grey pixel.
    pub fn with_size(image: &Image, max_side: usize, quality: u8) -> Self {
        let mut small = fit_within(image, max_side.clamp(1, 4096));
        if small.as_slice().is_empty() {
            small = Image::filled(1, 1, [0.5; 3]);
        }
        let (width, height) = (small.width(), small.height());
        let jpeg = encode_jpeg(&small, quality.clamp(1, 100));
        Self { width, height, jpeg }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The JPEG file's bytes.
    pub fn jpeg(&self) -> &[u8] {
        &self.jpeg
    }

    /// The image as a `data:` URI.
    pub(crate) fn data_uri(&self) -> impl fmt::Display + '_ {
        DataUri(&self.jpeg)
    }
}

struct DataUri<'a>(&'a [u8]);

impl fmt::Display for DataUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data:image/jpeg;base64,{}", Base64Display::new(self.0, &STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg_image::{Limits, decode::load_bytes};
    use base64::Engine;
    use std::path::Path;

    #[test]
    fn decodes_to_the_image() {
        let image = Image::from_fn(640, 320, |x, y| [x as f32 / 640.0, y as f32 / 320.0, 0.25]);
        let thumbnail = Thumbnail::from_image(&image);
        assert_eq!((thumbnail.width(), thumbnail.height()), (480, 240));
        let decoded = load_bytes(thumbnail.jpeg(), Path::new("thumbnail.jpg"), &Limits::default()).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (480, 240));
        let middle = decoded.get(240, 120);
        assert!(middle.iter().zip([0.5, 0.5, 0.25]).all(|(a, b)| (a - b).abs() < 0.03), "{middle:?}");
    }

    /// A crack of 5 pixels on a part of 500 x 1263 once had little more than one.
    #[test]
    fn long_images_stay_wide() {
        let size = |width, height| {
            let thumbnail = Thumbnail::from_image(&Image::filled(width, height, [0.5; 3]));
            (thumbnail.width(), thumbnail.height())
        };
        assert_eq!(size(500, 1263), (240, 606));
        assert_eq!(size(1263, 500), (606, 240));
        assert_eq!(size(640, 480), (320, 240));
        assert_eq!(size(100, 4000), (24, 960));
        let crack =
            Image::from_fn(500, 1263, |x, _| if (250..255).contains(&x) { [0.0; 3] } else { [0.8; 3] });
        let thumbnail = Thumbnail::from_image(&crack);
        let decoded = load_bytes(thumbnail.jpeg(), Path::new("thumbnail.jpg"), &Limits::default()).unwrap();
        let dark = (0..240).filter(|&x| decoded.get(x, 300)[1] < 0.4).count();
        assert!(dark >= 2, "{dark}");
    }

    #[test]
    fn noise_is_small_too() {
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let thumbnail = Thumbnail::from_image(&Image::from_fn(320, 320, |_, _| [noise(), noise(), noise()]));
        assert!(thumbnail.jpeg().len() <= MAX_BYTES);
        assert!(thumbnail.width() >= 160, "{} pixels are enough to see something", thumbnail.width());
    }

    #[test]
    fn any_image_becomes_a_thumbnail() {
        assert_eq!(Thumbnail::from_image(&Image::filled(0, 0, [0.0; 3])).width(), 1);
        assert_eq!(Thumbnail::with_size(&Image::filled(9, 3, [f32::NAN; 3]), 0, 0).width(), 1);
    }

    #[test]
    fn the_data_uri_holds_the_bytes() {
        let thumbnail = Thumbnail::from_image(&Image::filled(8, 8, [1.0, 0.0, 0.0]));
        let uri = thumbnail.data_uri().to_string();
        let encoded = uri.strip_prefix("data:image/jpeg;base64,").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), thumbnail.jpeg());
    }
}
