//! The small copy of an image that the part is looked for in.

use anoseg_image::{Filter, Image, resample};

/// Longest side of a reduced image, in pixels.
const LONGEST: usize = 192;

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
    /// Their mean.
    pub(super) grey: Vec<f32>,
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
        let grey = red.iter().zip(green).zip(blue).map(|((r, g), b)| (r + g + b) / 3.0).collect();
        Self { image: [own_width, own_height], width, height, planes, grey }
    }

    /// Pixels of this for each of the image, across and down. They differ by rounding.
    pub(super) fn scale(&self) -> [f32; 2] {
        [self.width as f32 / self.image[0] as f32, self.height as f32 / self.image[1] as f32]
    }
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
