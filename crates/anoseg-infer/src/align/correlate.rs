//! The normalised correlation of a patch with an image at all places.

use super::template::{Level, Template};

/// A place whose brightness varies by less than this share of the image's usual variance tells nothing.
const FLAT: f64 = 0.02;

/// The template on a coarse grid, at mean 0 and norm 1.
pub(super) struct CoarsePatch {
    pub(super) width: usize,
    pub(super) height: usize,
    values: Vec<f32>,
}

impl CoarsePatch {
    /// The mean of each block of 2^`halvings` pixels a side. None where all are equal.
    pub(super) fn of(template: &Template, halvings: u32) -> Option<Self> {
        let (block, own_width) = (1usize << halvings, template.size[0]);
        let [width, height] = template.size.map(|side| side >> halvings);
        let known = || template.pixels.iter().filter(|&&pixel| pixel > 0).map(|&pixel| f32::from(pixel));
        let mean = known().sum::<f32>() / known().count().max(1) as f32;
        let mut values = Vec::with_capacity(width * height);
        for (top, left) in (0..height).flat_map(|y| (0..width).map(move |x| (y * block, x * block))) {
            let rows = (top..top + block).map(|y| &template.pixels[y * own_width + left..][..block]);
            // An unknown pixel has no effect.
            let sum: f32 =
                rows.flatten().map(|&pixel| if pixel > 0 { f32::from(pixel) - mean } else { 0.0 }).sum();
            values.push(sum / (block * block) as f32);
        }
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
        values.iter_mut().for_each(|value| *value -= mean);
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter_mut().for_each(|value| *value /= norm);
        (norm > 0.0).then_some(Self { width, height, values })
    }
}

/// An image turned back by an angle, on the grid of a [`CoarsePatch`]. Outside the image it is 0, which is
/// about the mean of its detail.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    values: Vec<f32>,
    /// From pixels of this to places of the image.
    middle: [f32; 2],
    turn: [f32; 2],
}

impl Canvas {
    /// `pitch` is the distance of two pixels in pixels of the image of `size`. The canvas extends beyond the
    /// image by a quarter of the patch on each side.
    pub(super) fn of(level: &Level, size: [usize; 2], angle: f32, pitch: f32, patch: &CoarsePatch) -> Self {
        let ([width, height], (sin, cos)) = (size.map(|side| side as f32), angle.sin_cos());
        let extent = |a: f32, b: f32, patch: usize| {
            ((a * cos.abs() + b * sin.abs()) / pitch).ceil() as usize + patch / 2
        };
        let (across, down) = (extent(width, height, patch.width), extent(height, width, patch.height));
        let mut canvas = Self {
            width: across,
            height: down,
            values: Vec::with_capacity(across * down),
            middle: [width / 2.0, height / 2.0],
            turn: [cos * pitch, sin * pitch],
        };
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
            let [x, y] = canvas.place(x as f32 + 0.5, y as f32 + 0.5);
            canvas.values.push(level.value(x, y).unwrap_or(0.0));
        }
        canvas
    }

    /// The place in the image of a place of this.
    fn place(&self, x: f32, y: f32) -> [f32; 2] {
        let (x, y) = (x - self.width as f32 / 2.0, y - self.height as f32 / 2.0);
        let [cos, sin] = self.turn;
        [self.middle[0] + cos * x - sin * y, self.middle[1] + sin * x + cos * y]
    }

    /// The local maxima of the correlation, and the middle of the patch there in pixels of the image.
    pub(super) fn peaks(&self, patch: &CoarsePatch) -> Vec<(f32, [f32; 2])> {
        let fits = patch.width <= self.width && patch.height <= self.height;
        if !fits {
            return Vec::new();
        }
        let (across, down) = (self.width - patch.width + 1, self.height - patch.height + 1);
        let map = self.correlations(patch, across, down);
        let is_peak = |x: usize, y: usize| {
            let own = map[y * across + x];
            let columns = x.saturating_sub(1)..(x + 2).min(across);
            let mut rows =
                (y.saturating_sub(1)..(y + 2).min(down)).map(|y| &map[y * across..][columns.clone()]);
            own > 0.0 && rows.all(|row| row.iter().all(|near| *near <= own))
        };
        let places = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
        let middle = |x: usize, y: usize| {
            self.place(x as f32 + patch.width as f32 / 2.0, y as f32 + patch.height as f32 / 2.0)
        };
        places.filter(|&(x, y)| is_peak(x, y)).map(|(x, y)| (map[y * across + x], middle(x, y))).collect()
    }

    /// The correlation with the patch at each place of its upper left pixel.
    fn correlations(&self, patch: &CoarsePatch, across: usize, down: usize) -> Vec<f32> {
        let sums = self.integrals(f64::from);
        let squares = self.integrals(|value| f64::from(value) * f64::from(value));
        let window = |of: &[f64], x: usize, y: usize| {
            let at = |x: usize, y: usize| of[y * (self.width + 1) + x];
            let (right, lower) = (x + patch.width, y + patch.height);
            at(right, lower) - at(x, lower) - at(right, y) + at(x, y)
        };
        let (n, all) = ((patch.width * patch.height) as f64, self.values.len() as f64);
        let least = FLAT * n * squares.last().copied().unwrap_or(0.0) / all;
        let mut map = Vec::with_capacity(across * down);
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
            let sum = window(&sums, x, y);
            let spread = window(&squares, x, y) - sum * sum / n;
            let rows = patch.values.chunks_exact(patch.width).enumerate();
            let product = |(row, values): (usize, &[f32])| {
                let own = &self.values[(y + row) * self.width + x..][..patch.width];
                own.iter().zip(values).map(|(a, b)| a * b).sum::<f32>()
            };
            let known = spread > least && spread > 0.0;
            map.push(if known { rows.map(product).sum::<f32>() / spread.sqrt() as f32 } else { 0.0 });
        }
        map
    }

    /// Sums over the rectangle from the upper left corner to each place.
    fn integrals(&self, of: impl Fn(f32) -> f64) -> Vec<f64> {
        let stride = self.width + 1;
        let mut sums = vec![0.0; stride * (self.height + 1)];
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            let mut sum = 0.0;
            for (x, value) in row.iter().enumerate() {
                sum += of(*value);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + sum;
            }
        }
        sums
    }
}
