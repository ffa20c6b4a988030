//! Hard augmentation: rotation, permutation of the quadrants and colour jitter, in this order and
//! each with probability 1/2 (Song et al. 2021, section 3.1). The paper does not give their
//! strengths. Rotation is by quarter turns (as in CSI, Tack et al. 2020), so that no corner has to
//! be filled in.

use anoseg_image::Image;

use crate::draw::Draw;
use crate::frame::sample;

/// One hard augmentation, computed only for the pixels that are needed.
#[derive(Clone, Debug)]
pub(crate) struct HardAugmentation {
    /// Quarter turns, 0..4; 0 or 2 where the image is not square.
    turns: usize,
    /// Which quadrant of the turned image stands where (top left, top right, bottom left, bottom
    /// right).
    quadrants: Option<[usize; 4]>,
    colour: Option<ColourJitter>,
}

impl HardAugmentation {
    pub(crate) fn draw(width: usize, height: usize, jitter: f32, hue: f32, draw: &mut Draw) -> Self {
        let turned = draw.chance(0.5);
        let turns = if width == height { draw.count(1, 3) } else { 2 };
        let permuted = draw.chance(0.5);
        let quadrants = draw.permutation();
        let coloured = draw.chance(0.5);
        let colour = ColourJitter::draw(jitter, hue, draw);
        Self {
            turns: if turned { turns } else { 0 },
            quadrants: permuted.then_some(quadrants),
            colour: coloured.then_some(colour),
        }
    }

    /// The colour of the augmented copy of `image` at a position.
    pub(crate) fn sample(&self, image: &Image, x: f32, y: f32) -> [f32; 3] {
        let (width, height) = (image.width(), image.height());
        let (x, y) = self.permuted(x, y, width, height);
        let (last_x, last_y) = (width as f32 - 1.0, height as f32 - 1.0);
        let (x, y) = match self.turns {
            0 => (x, y),
            1 => (y, last_x - x),
            2 => (last_x - x, last_y - y),
            _ => (last_y - y, x),
        };
        let rgb = sample(image, x, y);
        self.colour.as_ref().map_or(rgb, |colour| colour.apply(rgb))
    }

    /// The position before the permutation of the quadrants. An odd last row or column stays in
    /// place.
    fn permuted(&self, x: f32, y: f32, width: usize, height: usize) -> (f32, f32) {
        let Some(quadrants) = self.quadrants else { return (x, y) };
        let (half_x, half_y) = ((width / 2) as f32, (height / 2) as f32);
        let (x, y) = (x.clamp(0.0, width as f32 - 1.0), y.clamp(0.0, height as f32 - 1.0));
        if x >= 2.0 * half_x || y >= 2.0 * half_y {
            return (x, y);
        }
        let (column, row) = (usize::from(x >= half_x), usize::from(y >= half_y));
        let from = quadrants[2 * row + column];
        let inside = (x - column as f32 * half_x, y - row as f32 * half_y);
        // Stay inside the quadrant, so that interpolation does not mix in its neighbour.
        let limit = |v: f32, half: f32| v.min(half - 1.0);
        (
            limit(inside.0, half_x) + (from % 2) as f32 * half_x,
            limit(inside.1, half_y) + (from / 2) as f32 * half_y,
        )
    }
}

/// Brightness, contrast, saturation and hue as one affine map of the colour.
#[derive(Clone, Debug)]
pub(crate) struct ColourJitter {
    matrix: [[f32; 3]; 3],
    offset: f32,
}

impl ColourJitter {
    /// Factors within 1 +- `strength`, hue rotated by up to `hue` of the circle.
    pub(crate) fn draw(strength: f32, hue: f32, draw: &mut Draw) -> Self {
        let brightness = 1.0 + draw.either_way(strength);
        let contrast = 1.0 + draw.either_way(strength);
        let saturation = 1.0 + draw.either_way(strength);
        let angle = draw.either_way(hue) * std::f32::consts::TAU;
        Self::new(brightness, contrast, saturation, angle)
    }

    /// Brightness and contrast are factors (contrast about mid-grey), `hue` is an angle in radians.
    pub(crate) fn new(brightness: f32, contrast: f32, saturation: f32, hue: f32) -> Self {
        let gain = brightness * contrast;
        // Rotation about the grey axis (Rodrigues); it and the saturation leave grey as it is.
        let (sin, cos) = hue.sin_cos();
        let axis = (1.0 - cos) / 3.0;
        let cross = sin / 3f32.sqrt();
        let turn = |row: usize, column: usize| match (3 + column - row) % 3 {
            0 => cos + axis,
            1 => axis - cross,
            _ => axis + cross,
        };
        const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
        let saturate = |row: usize, column: usize| {
            (1.0 - saturation) * LUMA[column] + if row == column { saturation } else { 0.0 }
        };
        let matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                gain * (0..3).map(|k| turn(row, k) * saturate(k, column)).sum::<f32>()
            })
        });
        Self { matrix, offset: 0.5 * (1.0 - contrast) }
    }

    /// The changed colour, within 0..=1.
    pub(crate) fn apply(&self, [r, g, b]: [f32; 3]) -> [f32; 3] {
        self.matrix.map(|[mr, mg, mb]| (mr * r + mg * g + mb * b + self.offset).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    fn close(a: [f32; 3], b: [f32; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    #[test]
    fn a_third_of_the_hue_circle_moves_the_channels_on() {
        let turned = ColourJitter::new(1.0, 1.0, 1.0, std::f32::consts::TAU / 3.0);
        assert!(close(turned.apply([0.9, 0.3, 0.1]), [0.1, 0.9, 0.3]));
    }

    #[test]
    fn no_saturation_is_grey_and_grey_keeps_its_hue() {
        let [r, g, b] = ColourJitter::new(1.0, 1.0, 0.0, 0.3).apply([0.9, 0.3, 0.1]);
        assert!((r - g).abs() < 1e-4 && (g - b).abs() < 1e-4);
        assert!(close(ColourJitter::new(1.0, 1.0, 1.4, 2.0).apply([0.4; 3]), [0.4; 3]));
        assert!(close(ColourJitter::new(1.2, 0.5, 1.0, 0.0).apply([0.5; 3]), [0.55; 3]));
    }

    #[test]
    fn turning_and_permuting_only_move_pixels() {
        let image = Image::from_fn(16, 16, |x, y| [(y * 16 + x) as f32 / 256.0, 0.0, 0.0]);
        let mut draw = Draw::new(3, 0, 0, Stream::Anomaly);
        let mut moved = 0;
        for _ in 0..20 {
            let hard =
                HardAugmentation { colour: None, ..HardAugmentation::draw(16, 16, 0.0, 0.0, &mut draw) };
            let copy = Image::from_fn(16, 16, |x, y| hard.sample(&image, x as f32, y as f32));
            let mut values = copy.plane(0).to_vec();
            moved += usize::from(values != image.plane(0));
            values.sort_by(f32::total_cmp);
            assert_eq!(values, image.plane(0));
        }
        assert!(moved > 8);
    }
}
