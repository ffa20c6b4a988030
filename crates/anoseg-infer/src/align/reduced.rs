//! The small copy of an image that the part is looked for in.

use anoseg_image::{Filter, Image, resample};

/// Longest side of a reduced image, in pixels.
const LONGEST: usize = 192;

/// Half of the side of the surroundings that detail is measured from, in pixels.
const AROUND: usize = 12;

/// An image at 192 pixels or fewer a side, as [`Alignment`](super::Alignment) takes it. It does not
/// depend on the value scale: poses are the same before and after scaling.
#[derive(Clone, Debug)]
pub struct ReducedImage {
    /// Width and height of the image that it was made of.
    pub(super) image: [usize; 2],
    pub(super) width: usize,
    pub(super) height: usize,
    /// Red, green and blue, lightly smoothed.
    pub(super) planes: [Vec<f32>; 3],
    /// Their mean less its own surroundings: edges and print, without shading and soft shadows. Light
    /// stays where it is when a part turns.
    pub(super) detail: Vec<f32>,
}

impl ReducedImage {
    /// Reduces an image.
    pub fn of(image: &Image) -> Self {
        let (own_width, own_height) = (image.width().max(1), image.height().max(1));
        let scale = (LONGEST as f64 / own_width.max(own_height) as f64).min(1.0);
        let side = |own: usize| ((own as f64 * scale).round() as usize).max(1);
        let (width, height) = (side(own_width), side(own_height));
        let small = resample::resize_raw(image, width, height, Filter::Bilinear);
        let planes = [0, 1, 2].map(|c| smoothed(small.plane(c), width));
        let [red, green, blue] = &planes;
        let grey: Vec<f32> = red.iter().zip(green).zip(blue).map(|((r, g), b)| (r + g + b) / 3.0).collect();
        let around = blurred(&blurred(&grey, width), width);
        let detail = grey.iter().zip(around).map(|(value, around)| value - around).collect();
        Self { image: [own_width, own_height], width, height, planes, detail }
    }

    /// Width and height of the image that it was made of.
    pub fn image_size(&self) -> [usize; 2] {
        self.image
    }

    /// Pixels of this for each of the image, across and down. They differ by rounding.
    pub(super) fn scale(&self) -> [f32; 2] {
        [self.width as f32 / self.image[0] as f32, self.height as f32 / self.image[1] as f32]
    }
}

/// The mean of the square of 2 [`AROUND`] + 1 pixels around each pixel, as far as it lies in the plane.
fn blurred(plane: &[f32], width: usize) -> Vec<f32> {
    let height = plane.len() / width;
    let mut sums = vec![0.0f64; width];
    let mut means = Vec::with_capacity(plane.len());
    let row = |y: usize| &plane[y * width..(y + 1) * width];
    let mut rows = 0..0;
    for y in 0..height {
        while rows.end < (y + AROUND + 1).min(height) {
            sums.iter_mut().zip(row(rows.end)).for_each(|(sum, &value)| *sum += f64::from(value));
            rows.end += 1;
        }
        while rows.start + AROUND < y {
            sums.iter_mut().zip(row(rows.start)).for_each(|(sum, &value)| *sum -= f64::from(value));
            rows.start += 1;
        }
        let (mut sum, mut columns) = (0.0, 0..0);
        for x in 0..width {
            while columns.end < (x + AROUND + 1).min(width) {
                sum += sums[columns.end];
                columns.end += 1;
            }
            while columns.start + AROUND < x {
                sum -= sums[columns.start];
                columns.start += 1;
            }
            means.push((sum / (rows.len() * columns.len()) as f64) as f32);
        }
    }
    means
}

/// The plane filtered with (1, 2, 1) / 4 both ways, its border repeated. Values that are not finite
/// count as 0. Gradients of the result are smooth enough to refine a pose by.
fn smoothed(plane: &[f32], width: usize) -> Vec<f32> {
    let mut across = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        let at = |x: usize| if row[x].is_finite() { row[x] } else { 0.0 };
        let value = |x: usize| 0.25 * (at(x.saturating_sub(1)) + at((x + 1).min(width - 1))) + 0.5 * at(x);
        across.extend((0..width).map(value));
    }
    let height = plane.len() / width;
    let row = |y: usize| &across[y * width..(y + 1) * width];
    let mut both = Vec::with_capacity(plane.len());
    for y in 0..height {
        let (above, below) = (row(y.saturating_sub(1)), row((y + 1).min(height - 1)));
        let values = row(y).iter().zip(above).zip(below);
        both.extend(values.map(|((here, above), below)| 0.5 * here + 0.25 * (above + below)));
    }
    both
}
