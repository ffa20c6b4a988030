//! Outlines of regions.

use crate::{Image, Mask};

/// Outline colour of what the model marks: a light blue that stands out from
/// [`colour_map`](super::colour_map)'s warm colours for every kind of colour vision.
pub const PREDICTION_COLOUR: [f32; 3] = [0.30, 0.84, 1.0];

/// Outline colour of the ground truth.
pub const GROUND_TRUTH_COLOUR: [f32; 3] = [1.0, 0.85, 0.20];

/// Outline colour of the region of interest: white, which neither lines nor colour map have.
pub const REGION_COLOUR: [f32; 3] = [1.0, 1.0, 1.0];

/// The dark line under a bright one, so that the outline is visible on light images too.
const CASING: [f32; 3] = [0.05, 0.06, 0.08];

/// The line thickness in pixels, proportional to the size of the image: 1/160 of the shorter side,
/// at least 1.
pub fn outline_thickness(image: &Image) -> usize {
    thickness(image.width(), image.height())
}

/// As [`outline_thickness`], from width and height.
pub(super) fn thickness(width: usize, height: usize) -> usize {
    (width.min(height) as f32 / 160.0).round().max(1.0) as usize
}

/// Draws a line of `thickness` pixels around the regions of `mask`.
///
/// The line lies outside the regions, so it never hides a small defect; where a region reaches the
/// image's edge it is closed along the edge. A thickness of 0 draws nothing. Pixels of `image`
/// beyond the mask's size are left alone.
pub fn draw_outline(image: &mut Image, mask: &Mask, rgb: [f32; 3], thickness: usize) {
    let mut line = OutlineRows::new(mask, thickness);
    for y in 0..image.height().min(mask.height()) {
        for (x, _) in line.row(y).iter().enumerate().take(image.width()).filter(|(_, drawn)| **drawn) {
            image.set(x, y, rgb);
        }
    }
}

/// A copy of the image with the regions of `mask` outlined in `rgb` on a thin dark casing,
/// thickness by the image's size.
pub fn outlined(image: &Image, mask: &Mask, rgb: [f32; 3]) -> Image {
    let mut out = image.clone();
    draw_cased_outline(&mut out, mask, rgb);
    out
}

/// The two lines around what the model marks: the dark one first, then the bright one on it.
pub(super) fn marked_lines(mask: &Mask, thickness: usize) -> [(OutlineRows<'_>, [f32; 3]); 2] {
    cased(mask, PREDICTION_COLOUR, thickness, thickness.div_ceil(2))
}

/// The two lines around the region of interest. They are half as thick as those around defects, on a dark
/// line that is wider by one pixel.
pub(super) fn region_lines(inside: &Mask, thickness: usize) -> [(OutlineRows<'_>, [f32; 3]); 2] {
    cased(inside, REGION_COLOUR, thickness.div_ceil(2), 1)
}

fn cased(mask: &Mask, rgb: [f32; 3], thickness: usize, wider: usize) -> [(OutlineRows<'_>, [f32; 3]); 2] {
    [(OutlineRows::new(mask, thickness + wider), CASING), (OutlineRows::new(mask, thickness), rgb)]
}

fn draw_cased_outline(image: &mut Image, mask: &Mask, rgb: [f32; 3]) {
    let thickness = outline_thickness(image);
    draw_outline(image, mask, CASING, thickness + thickness.div_ceil(2));
    draw_outline(image, mask, rgb, thickness);
}

/// Draws a thin line around the region of interest, half as thick as those around defects, on a dark
/// casing of one pixel.
pub fn draw_region(image: &mut Image, inside: &Mask) {
    let thickness = outline_thickness(image).div_ceil(2);
    draw_outline(image, inside, CASING, thickness + 1);
    draw_outline(image, inside, REGION_COLOUR, thickness);
}

/// The image with two contours on thin dark casings: around what the model marks, and around the
/// ground truth, if there is any; all of one size.
///
/// The ground truth's line is wider and lies below: where the regions agree, its outer part shows.
pub fn contours(image: &Image, marked: &Mask, ground_truth: Option<&Mask>) -> Image {
    let mut out = image.clone();
    let thin = outline_thickness(image);
    let wide = thin + (3 * thin).div_ceil(4);
    let lines = [(ground_truth, GROUND_TRUTH_COLOUR, wide), (Some(marked), PREDICTION_COLOUR, thin)];
    let lines = lines.map(|(mask, rgb, thickness)| mask.map(|mask| (mask, rgb, thickness)));
    // All casings first, so that none cuts through a line.
    for (mask, _, thickness) in lines.into_iter().flatten() {
        draw_outline(&mut out, mask, CASING, thickness + thin.div_ceil(2));
    }
    for (mask, rgb, thickness) in lines.into_iter().flatten() {
        draw_outline(&mut out, mask, rgb, thickness);
    }
    out
}

/// The pixels outside a mask within `thickness` (Euclidean) of it, and those inside it that lie within
/// `thickness` of the image's edge. Rows come one by one, so that only some rows are in memory.
///
/// As for a distance transform: the vertical distance to the mask first, then the smallest sum of squares
/// along each row.
pub(super) struct OutlineRows<'a> {
    mask: &'a Mask,
    thickness: usize,
    /// The row that comes next.
    next: usize,
    /// For each column the distance to the nearest masked pixel in this row or above, as far as it matters.
    above: Vec<usize>,
    /// For each column the nearest row from this one on in which it is masked, as far as it matters.
    below: Vec<Option<usize>>,
    /// The row that was given last.
    line: Vec<bool>,
    /// Nothing is drawn.
    is_empty: bool,
}

impl<'a> OutlineRows<'a> {
    pub(super) fn new(mask: &'a Mask, thickness: usize) -> Self {
        let width = mask.width();
        Self {
            mask,
            thickness,
            next: 0,
            above: vec![thickness + 1; width],
            below: vec![None; width],
            line: vec![false; width],
            is_empty: thickness == 0 || !mask.any(),
        }
    }

    /// Rows of the mask.
    pub(super) fn height(&self) -> usize {
        self.mask.height()
    }

    /// Which pixels of row `y` belong to the line. Rows are asked for in their order.
    ///
    /// # Panics
    /// If another row comes next.
    pub(super) fn row(&mut self, y: usize) -> &[bool] {
        assert_eq!(y, self.next, "rows in their order");
        self.next += 1;
        if !self.is_empty {
            self.advance(y);
            self.draw(y);
        }
        &self.line
    }

    /// Vertical distances of row `y`.
    fn advance(&mut self, y: usize) {
        let Self { mask, thickness, .. } = *self;
        let last = (y + thickness).min(mask.height() - 1);
        let columns = self.above.iter_mut().zip(&mut self.below).enumerate();
        for (x, (above, below)) in columns {
            *above = if mask.get(x, y) { 0 } else { (*above + 1).min(thickness + 1) };
            match *below {
                Some(row) if row >= y => {}
                // The rows before the last one were searched when it came.
                None if y > 0 => *below = mask.get(x, last).then_some(last),
                _ => *below = (y..=last).find(|&row| mask.get(x, row)),
            }
        }
    }

    fn draw(&mut self, y: usize) {
        let Self { mask, thickness, .. } = *self;
        let (width, height) = (mask.width(), mask.height());
        let below = self.below.iter().map(|row| row.map_or(thickness + 1, |row| row - y));
        let distances = &mut self.above.clone();
        distances.iter_mut().zip(below).for_each(|(distance, below)| *distance = below.min(*distance));
        if distances.iter().all(|&distance| distance > thickness) {
            return self.line.fill(false);
        }
        let reach = thickness * thickness;
        for (x, drawn) in self.line.iter_mut().enumerate() {
            let edge = x.min(y).min(width - 1 - x).min(height - 1 - y);
            *drawn = if mask.get(x, y) {
                edge < thickness
            } else {
                let (from, to) = (x.saturating_sub(thickness), (x + thickness).min(width - 1));
                (from..=to).any(|at| at.abs_diff(x).pow(2) + distances[at].pow(2) <= reach)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, pixel against pixel.
    fn outline_by_definition(mask: &Mask, thickness: usize) -> Mask {
        let (width, height) = (mask.width(), mask.height());
        Mask::from_fn(width, height, |x, y| {
            if mask.get(x, y) {
                return x < thickness || y < thickness || x + thickness >= width || y + thickness >= height;
            }
            (0..height).any(|v| {
                (0..width).any(|u| {
                    mask.get(u, v) && u.abs_diff(x).pow(2) + v.abs_diff(y).pow(2) <= thickness * thickness
                })
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn agrees_with_the_definition(
            width in 1usize..24, height in 1usize..24, thickness in 1usize..5, seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let mask = Mask::from_fn(width, height, |_, _| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                state >> 60 == 0
            });
            let expected = if mask.any() { outline_by_definition(&mask, thickness) } else { mask.clone() };
            let mut rows = OutlineRows::new(&mask, thickness);
            let drawn: Vec<bool> = (0..height).flat_map(|y| rows.row(y).to_vec()).collect();
            prop_assert_eq!(Mask::from_vec(width, height, drawn), expected);
        }
    }

    #[test]
    fn a_single_pixel_stays_visible() {
        let mut mask = Mask::filled(9, 9, false);
        mask.set(4, 4, true);
        let mut image = Image::filled(9, 9, [0.5; 3]);
        draw_outline(&mut image, &mask, [1.0, 0.0, 0.0], 1);
        assert_eq!(image.get(4, 4), [0.5; 3]);
        assert_eq!(image.get(4, 3), [1.0, 0.0, 0.0]);
        assert_eq!(image.get(3, 3), [0.5; 3]);
    }

    #[test]
    fn other_sizes_and_no_thickness_are_harmless() {
        let mut image = Image::filled(5, 4, [0.5; 3]);
        draw_outline(&mut image, &Mask::filled(2, 9, true), [1.0; 3], 1);
        assert_eq!(image.get(4, 3), [0.5; 3]);
        let before = image.clone();
        draw_outline(&mut image, &Mask::filled(5, 4, true), [0.0; 3], 0);
        draw_outline(&mut image, &Mask::filled(0, 0, true), [0.0; 3], 3);
        assert_eq!(image, before);
    }

    #[test]
    fn thickness_grows_with_the_shorter_side() {
        assert_eq!(outline_thickness(&Image::filled(40, 30, [0.0; 3])), 1);
        assert_eq!(outline_thickness(&Image::filled(960, 970, [0.0; 3])), 6);
        // Lines on long images once covered the cracks that they marked.
        assert_eq!(outline_thickness(&Image::filled(500, 1270, [0.0; 3])), 3);
    }

    fn square(from: usize, to: usize) -> Mask {
        Mask::from_fn(60, 60, |x, y| (from..to).contains(&x) && (from..to).contains(&y))
    }

    fn pixels_of(image: &Image, colour: [f32; 3]) -> usize {
        (0..60 * 60).filter(|i| image.get(i % 60, i / 60) == colour).count()
    }

    #[test]
    fn both_contours_stay_visible_where_they_agree() {
        let same = square(20, 30);
        let drawn = contours(&Image::filled(60, 60, [0.5; 3]), &same, Some(&same));
        for colour in [PREDICTION_COLOUR, GROUND_TRUTH_COLOUR] {
            assert!(pixels_of(&drawn, colour) >= 40, "the line is closed around the square");
        }
    }

    #[test]
    fn a_good_image_has_the_models_contour_or_none() {
        let image = Image::filled(60, 60, [0.5; 3]);
        let marked = contours(&image, &square(20, 30), None);
        assert!(pixels_of(&marked, PREDICTION_COLOUR) > 0 && pixels_of(&marked, GROUND_TRUTH_COLOUR) == 0);
        assert_eq!(contours(&image, &square(0, 0), None), image);
        assert_eq!(contours(&image, &square(0, 0), Some(&square(0, 0))), image);
    }
}
