//! Geometric augmentation: an affine map about the centre of the image.

use anoseg_image::{Image, Mask};

use crate::draw::Draw;
use crate::recipe::{BaseAugmentation, Flip};

/// Maps pixels of the augmented image to positions in the training image, and back.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Rows of the linear part, from varied to training image.
    linear: [[f32; 2]; 2],
    /// Rows of its inverse.
    inverse: [[f32; 2]; 2],
    /// Shift in training-image pixels.
    shift: [f32; 2],
    /// Centre of the image in pixels.
    centre: [f32; 2],
    /// Where the varied image's first pixel lies in the whole varied image.
    origin: (isize, isize),
    /// Width and height of the varied image.
    size: (usize, usize),
}

impl Frame {
    /// Draws the geometric augmentation of one image. Shifts are in pixels of an image of which
    /// `unit` pixels are one of an image of 256.
    pub(crate) fn draw(
        recipe: &BaseAugmentation,
        (width, height): (usize, usize),
        unit: f32,
        draw: &mut Draw,
    ) -> Self {
        let angle = draw.either_way(recipe.rotation_degrees).to_radians();
        let scale = 1.0 + draw.either_way(recipe.scale);
        let shift = [draw.either_way(recipe.shift_px) * unit, draw.either_way(recipe.shift_px) * unit];
        let (sin, cos) = angle.sin_cos();
        let mut linear = [[cos * scale, -sin * scale], [sin * scale, cos * scale]];
        // Flips and quarter turns are exact: their matrices hold only 0 and +-1.
        let turns = if recipe.quarter_turns { draw.below(4) } else { 0 };
        let turns = if width == height { turns } else { turns / 2 * 2 };
        for _ in 0..turns {
            let [first, second] = linear;
            linear = [[-second[0], -second[1]], first];
        }
        if recipe.flip_horizontal == Flip::Always && draw.chance(0.5) {
            linear[0] = linear[0].map(|v| -v);
        }
        if recipe.flip_vertical == Flip::Always && draw.chance(0.5) {
            linear[1] = linear[1].map(|v| -v);
        }
        let centre = [(width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0];
        Self { linear, inverse: invert(linear), shift, centre, origin: (0, 0), size: (width, height) }
    }

    /// The same of a part of the varied image: `width` x `height` pixels from `origin`.
    pub(crate) fn cut(self, origin: (isize, isize), size: (usize, usize)) -> Self {
        Self { origin, size, ..self }
    }

    /// Where the varied image's first pixel lies in the whole varied image.
    pub(crate) fn origin(&self) -> (isize, isize) {
        self.origin
    }

    /// Width and height of the varied image.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Position in the training image of a pixel of the varied one.
    pub(crate) fn source(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (x + self.origin.0 as f32, y + self.origin.1 as f32);
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let [row_x, row_y] = self.linear;
        (
            self.centre[0] + row_x[0] * dx + row_x[1] * dy + self.shift[0],
            self.centre[1] + row_y[0] * dx + row_y[1] * dy + self.shift[1],
        )
    }

    /// Position in the varied image of a pixel of the training image.
    pub(crate) fn target(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (x - self.centre[0] - self.shift[0], y - self.centre[1] - self.shift[1]);
        let [row_x, row_y] = self.inverse;
        let (left, top) = (self.centre[0] - self.origin.0 as f32, self.centre[1] - self.origin.1 as f32);
        (left + row_x[0] * dx + row_x[1] * dy, top + row_y[0] * dx + row_y[1] * dy)
    }

    /// Whether a pixel of the varied image lies in a mask of the training image.
    pub(crate) fn covers(&self, mask: &Mask, x: usize, y: usize) -> bool {
        let (sx, sy) = self.source(x as f32, y as f32);
        let column = (sx.round().max(0.0) as usize).min(mask.width() - 1);
        let row = (sy.round().max(0.0) as usize).min(mask.height() - 1);
        mask.get(column, row)
    }

    /// A mask of the training image on the varied one.
    pub(crate) fn moved(&self, mask: &Mask) -> Mask {
        let (width, height) = self.size;
        Mask::from_fn(width, height, |x, y| self.covers(mask, x, y))
    }

    /// The varied image: bilinear, the border repeated outwards.
    pub(crate) fn apply(&self, image: &Image) -> Image {
        let (width, height) = self.size;
        if self.linear == [[1.0, 0.0], [0.0, 1.0]] && self.shift == [0.0, 0.0] {
            return match self.origin {
                (0, 0) if self.size == (image.width(), image.height()) => image.clone(),
                origin => image.cut(origin, width, height),
            };
        }
        let mut out = vec![0.0; 3 * width * height];
        let (red, rest) = out.split_at_mut(width * height);
        let (green, blue) = rest.split_at_mut(width * height);
        let mut taps = Vec::with_capacity(width);
        for y in 0..height {
            taps.clear();
            taps.extend(self.taps_of_row(image, y));
            // Plane by plane, so that the taps of a row stay in the cache.
            for (channel, plane) in [&mut *red, &mut *green, &mut *blue].into_iter().enumerate() {
                let from = image.plane(channel);
                for (value, tap) in plane[y * width..(y + 1) * width].iter_mut().zip(&taps) {
                    *value = tap.of(from, image.width());
                }
            }
        }
        Image::from_planar(width, height, out)
    }

    /// The taps of the pixels of a row. In fixed point a step is one addition without accumulated
    /// rounding errors.
    fn taps_of_row(&self, image: &Image, y: usize) -> impl Iterator<Item = Tap> {
        let (width, height) = (image.width(), image.height());
        let (start_x, start_y) = self.source(0.0, y as f32);
        let (mut at_x, mut at_y) = (fixed(start_x), fixed(start_y));
        let (step_x, step_y) = (fixed(self.linear[0][0]), fixed(self.linear[1][0]));
        let (last_x, last_y) = ((width as i64 - 1) << POINT, (height as i64 - 1) << POINT);
        let fraction = |position: i64, index: i64| (position - (index << POINT)) as f32 * (1.0 / ONE);
        (0..self.size.0).map(move |_| {
            let (x, y) = (at_x.clamp(0, last_x), at_y.clamp(0, last_y));
            (at_x, at_y) = (at_x + step_x, at_y + step_y);
            // In the last column and row the whole weight is on the right and lower pixels.
            let (column, row) = ((x >> POINT).min(width as i64 - 2), (y >> POINT).min(height as i64 - 2));
            let corner = (row * width as i64 + column) as u32;
            Tap { corner, fx: fraction(x, column), fy: fraction(y, row) }
        })
    }
}

/// Bits after the point of fixed-point positions.
const POINT: u32 = 24;
/// One in fixed point.
const ONE: f32 = (1 << POINT) as f32;

/// A position in fixed point; images are far smaller than its range.
fn fixed(value: f32) -> i64 {
    (f64::from(value) * f64::from(ONE)).round() as i64
}

fn invert([[a, b], [c, d]]: [[f32; 2]; 2]) -> [[f32; 2]; 2] {
    // Scale is at least one half, so the determinant is at least a quarter.
    let det = a * d - b * c;
    [[d / det, -b / det], [-c / det, a / det]]
}

/// The four pixels around a position and their bilinear weights. Images are at least 2 x 2.
#[derive(Clone, Copy, Debug)]
struct Tap {
    /// Index of the upper left of the four.
    corner: u32,
    fx: f32,
    fy: f32,
}

impl Tap {
    /// A position is clamped to the image: the border repeats outwards.
    #[inline]
    fn at(width: usize, height: usize, x: f32, y: f32) -> Self {
        let (x, y) = (x.max(0.0).min((width - 1) as f32), y.max(0.0).min((height - 1) as f32));
        let (column, row) = ((x as u32).min(width as u32 - 2), (y as u32).min(height as u32 - 2));
        Self { corner: row * width as u32 + column, fx: x - column as f32, fy: y - row as f32 }
    }

    /// The value of one plane there; exactly a pixel's at whole positions.
    #[inline]
    fn of(self, plane: &[f32], width: usize) -> f32 {
        let corner = self.corner as usize;
        let (upper, lower) = (&plane[corner..corner + 2], &plane[corner + width..corner + width + 2]);
        let upper = upper[0] * (1.0 - self.fx) + upper[1] * self.fx;
        let lower = lower[0] * (1.0 - self.fx) + lower[1] * self.fx;
        upper * (1.0 - self.fy) + lower * self.fy
    }
}

/// The colour at a position, bilinear, the border repeated outwards.
#[inline]
pub(crate) fn sample(image: &Image, x: f32, y: f32) -> [f32; 3] {
    let tap = Tap::at(image.width(), image.height(), x, y);
    [0, 1, 2].map(|channel| tap.of(image.plane(channel), image.width()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    fn draw(sample: u64) -> Draw {
        Draw::new(0, 0, sample, Stream::Base)
    }

    #[test]
    fn no_variation_keeps_the_image_bit_for_bit() {
        let image = Image::from_fn(17, 20, |x, y| [x as f32 / 17.0, y as f32 / 20.0, 0.3]);
        let frame = Frame::draw(&BaseAugmentation::none(), (17, 20), 17.0 / 256.0, &mut draw(0));
        assert_eq!(frame.apply(&image), image);
    }

    #[test]
    fn target_undoes_source() {
        let recipe =
            BaseAugmentation { quarter_turns: true, flip_vertical: Flip::Always, ..Default::default() };
        for n in 0..20 {
            let frame = Frame::draw(&recipe, (64, 64), 0.25, &mut draw(n));
            let (sx, sy) = frame.source(12.0, 50.0);
            let (x, y) = frame.target(sx, sy);
            assert!((x - 12.0).abs() < 1e-3 && (y - 50.0).abs() < 1e-3);
        }
    }

    #[test]
    fn a_part_is_that_of_the_whole_varied_image() {
        let image = Image::from_fn(60, 40, |x, y| [(x * 7 % 13) as f32 / 13.0, y as f32 / 40.0, 0.3]);
        for n in 0..6 {
            let recipe = if n == 0 { BaseAugmentation::none() } else { BaseAugmentation::default() };
            let frame = Frame::draw(&recipe, (60, 40), 1.0, &mut draw(n));
            let whole = frame.apply(&image);
            let part = frame.clone().cut((20, -3), (32, 24));
            let (cut, expected) = (part.apply(&image), whole.cut((20, -3), 32, 24));
            for (x, y) in [(0, 5), (31, 23), (7, 3)] {
                assert!((cut.get(x, y)[0] - expected.get(x, y)[0]).abs() < 1e-3);
            }
            let (sx, sy) = part.source(4.0, 9.0);
            let (x, y) = part.target(sx, sy);
            assert!((x - 4.0).abs() < 1e-3 && (y - 9.0).abs() < 1e-3);
        }
    }

    #[test]
    fn quarter_turns_and_flips_only_move_pixels() {
        let turns = BaseAugmentation {
            quarter_turns: true,
            flip_horizontal: Flip::Always,
            flip_vertical: Flip::Always,
            ..BaseAugmentation::none()
        };
        for (width, height) in [(16, 16), (16, 18)] {
            let image = Image::from_fn(width, height, |x, y| [(y * width + x) as f32, 0.0, 0.0]);
            let mut changed = false;
            for n in 0..12 {
                let frame = Frame::draw(&turns, (width, height), 0.0625, &mut draw(n));
                let mut varied = frame.apply(&image).plane(0).to_vec();
                changed |= varied != image.plane(0);
                varied.sort_by(f32::total_cmp);
                assert_eq!(varied, image.plane(0));
            }
            assert!(changed);
        }
    }
}
