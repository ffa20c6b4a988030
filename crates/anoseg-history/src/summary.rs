//! What is kept of an image.

use anoseg_image::resample::resize;
use anoseg_image::{Filter, Image, write};

/// Longest side of a thumbnail in pixels.
pub const THUMBNAIL_SIDE: usize = 160;

/// Quality of a thumbnail as JPEG.
const QUALITY: u8 = 80;

/// Rows that the statistics are taken from, at most: large images have more, and their values are nearly the
/// same.
const MOST_ROWS: usize = 256;

/// Size, statistics and thumbnail of an image. Statistics are of values as an inspection has them: give the
/// image that [`Model::scaled`](anoseg_infer::Model::scaled) returns.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSummary {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Mean luminance (ITU-R BT.601), 0..=1.
    pub brightness: f64,
    /// Standard deviation of the luminance's Laplacian (four neighbours), 0..: blur lowers it.
    pub sharpness: f64,
    /// JPEG of at most [`THUMBNAIL_SIDE`] pixels a side.
    pub thumbnail: Vec<u8>,
}

impl ImageSummary {
    /// Of an image with at least one pixel. Takes milliseconds; call it on the thread that inspected the
    /// image.
    pub fn of(image: &Image) -> Self {
        let (width, height) = (image.width(), image.height());
        let (brightness, sharpness) = statistics(image);
        // Sums of huge values overflow.
        let sharpness = if sharpness.is_finite() { sharpness } else { 0.0 };
        Self { width, height, brightness, sharpness, thumbnail: thumbnail(image) }
    }
}

fn thumbnail(image: &Image) -> Vec<u8> {
    let (width, height) = (image.width(), image.height());
    let longest = width.max(height);
    if longest <= THUMBNAIL_SIDE {
        return write::encode_jpeg(image, QUALITY);
    }
    let side = |side: usize| (side * THUMBNAIL_SIDE / longest).max(1);
    write::encode_jpeg(&resize(image, side(width), side(height), Filter::Bilinear), QUALITY)
}

/// Brightness and sharpness. Values that are not finite count as 0.
fn statistics(image: &Image) -> (f64, f64) {
    let (width, height) = (image.width(), image.height());
    let stride = height.div_ceil(MOST_ROWS).max(1);
    let (mut brightness, mut laplacian) = (Moments::default(), Moments::default());
    for y in (0..height).step_by(stride) {
        let row = luminance(image, y);
        brightness.add(row.iter().copied());
        if y == 0 || y + 1 == height || width < 3 {
            continue;
        }
        let (above, below) = (luminance(image, y - 1), luminance(image, y + 1));
        let vertical = above[1..].iter().zip(&below[1..]).map(|(a, b)| a + b);
        let horizontal = row.windows(3).map(|near| near[0] + near[2] - 4.0 * near[1]);
        laplacian.add(vertical.zip(horizontal).map(|(a, b)| a + b));
    }
    (brightness.mean().clamp(0.0, 1.0), laplacian.deviation())
}

fn luminance(image: &Image, y: usize) -> Vec<f32> {
    let [red, green, blue] = [0, 1, 2].map(|c| image.row(c, y));
    let colours = red.iter().zip(green.iter()).zip(blue.iter());
    let value = |((r, g), b): ((&f32, &f32), &f32)| 0.299 * r + 0.587 * g + 0.114 * b;
    colours.map(value).map(|value| if value.is_finite() { value } else { 0.0 }).collect()
}

/// Sums of values that are small, so that sums of squares lose nothing.
#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    /// Sums of a row in f32, whose values are few enough for that.
    fn add(&mut self, values: impl Iterator<Item = f32>) {
        let (mut count, mut sum, mut squares) = (0, 0.0, 0.0);
        for value in values {
            count += 1;
            sum += value;
            squares += value * value;
        }
        self.count += f64::from(count);
        self.sum += f64::from(sum);
        self.squares += f64::from(squares);
    }

    fn mean(&self) -> f64 {
        let mean = self.sum / self.count;
        if mean.is_nan() { 0.0 } else { mean }
    }

    fn deviation(&self) -> f64 {
        let mean = self.mean();
        if self.count == 0.0 { 0.0 } else { (self.squares / self.count - mean * mean).max(0.0).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg_image::{Limits, decode};

    #[test]
    fn blur_and_light_show_in_the_statistics() {
        let stripes = |low: f32, high: f32, period: usize| {
            Image::from_fn(64, 48, |x, _| [if (x / period).is_multiple_of(2) { low } else { high }; 3])
        };
        let (sharp, dark) =
            (ImageSummary::of(&stripes(0.2, 0.8, 4)), ImageSummary::of(&stripes(0.1, 0.4, 4)));
        assert!((sharp.brightness - 0.5).abs() < 1e-6 && (dark.brightness - 0.25).abs() < 1e-6);
        let image = stripes(0.2, 0.8, 4);
        let blurred = Image::from_fn(64, 48, |x, y| {
            let at = |x: usize| image.get(x.min(63), y)[0];
            [(at(x.saturating_sub(1)) + at(x) + at(x + 1)) / 3.0; 3]
        });
        assert!(ImageSummary::of(&blurred).sharpness < 0.6 * sharp.sharpness);
        let flat = ImageSummary::of(&Image::filled(5, 5, [0.3; 3]));
        assert!(flat.sharpness < 1e-4);
    }

    #[test]
    fn thumbnails_keep_the_shape_of_the_image() {
        for (size, expected) in
            [((640, 320), (160, 80)), ((100, 50), (100, 50)), ((2000, 1), (160, 1)), ((1, 1), (1, 1))]
        {
            let summary = ImageSummary::of(&Image::filled(size.0, size.1, [0.4, 0.5, 0.6]));
            let limits = Limits { min_side: 1, ..Limits::default() };
            let shown = decode::load_bytes(&summary.thumbnail, "t.jpg".as_ref(), &limits).unwrap();
            assert_eq!((shown.width(), shown.height()), expected);
        }
    }

    #[test]
    fn values_that_are_not_finite_give_finite_statistics() {
        let image = Image::from_fn(8, 8, |x, _| [if x == 3 { f32::NAN } else { 0.5 }; 3]);
        let huge = Image::from_fn(8, 8, |x, _| [if x.is_multiple_of(2) { f32::MAX } else { f32::MIN }; 3]);
        for image in [image, huge] {
            let (brightness, sharpness) = statistics(&image);
            assert!((0.0..=1.0).contains(&brightness) && !sharpness.is_nan());
        }
    }
}
