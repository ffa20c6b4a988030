//! The anomaly map over the image.

use std::borrow::Cow;

use super::colour::colour_map;
use super::outline::{OutlineRows, marked_lines, region_lines, thickness};
use crate::{AnomalyMap, Image, Mask};

/// Opacity of the colour map at the top of the scale. The image shows through, so that the defect
/// stays visible.
const STRONGEST_BLEND: f32 = 0.6;

/// The part of the colour map used over an image. Its dark end resembles dirt and its pale end a
/// reflection.
const COLOURS: [f32; 2] = [0.35, 0.88];

/// Colouring begins at this share of the pixel threshold: the faint background of an anomaly map
/// stays invisible.
const ONSET: f32 = 0.5;

/// The image with its anomaly map in colour and the places of `marked`, of its size, outlined; same
/// size as `image`.
///
/// Colours as in [`heat_overlay`] with a scale up to 1.
pub fn overlay(image: &Image, map: &AnomalyMap, marked: &Mask, threshold: f32) -> Image {
    let mut out = image.clone();
    draw_overlay(&mut out, map, marked, threshold);
    out
}

/// As [`overlay`], drawn onto the image itself.
pub fn draw_overlay(image: &mut Image, map: &AnomalyMap, marked: &Mask, threshold: f32) {
    let mut drawn = OverlayRows::new((image.width(), image.height()), map, marked, threshold);
    for_each_row(image, |y, row| drawn.draw(y, row));
}

/// Calls `draw` with each row (red, green, blue) and its number.
fn for_each_row(image: &mut Image, mut draw: impl FnMut(usize, [&mut [f32]; 3])) {
    let (width, height) = (image.width(), image.height());
    let (red, others) = image.as_mut_slice().split_at_mut(width * height);
    let (green, blue) = others.split_at_mut(width * height);
    for y in 0..height {
        let row = y * width..(y + 1) * width;
        draw(y, [&mut red[row.clone()], &mut green[row.clone()], &mut blue[row]]);
    }
}

/// What [`overlay`] draws, row by row: a large image is never whole in memory as floats.
pub struct OverlayRows<'a> {
    heat: Option<HeatRows<'a>>,
    region: Option<[Line<'a>; 2]>,
    marks: [Line<'a>; 2],
    thickness: usize,
}

type Line<'a> = (OutlineRows<'a>, [f32; 3]);

impl<'a> OverlayRows<'a> {
    /// For an image of this width and height; its map, marked pixels and pixel threshold as in [`overlay`].
    pub fn new(size: (usize, usize), map: &'a AnomalyMap, marked: &'a Mask, threshold: f32) -> Self {
        let thickness = thickness(size.0, size.1);
        let marks = marked_lines(marked, thickness);
        Self { heat: HeatRows::new(size, map, Heat::new(threshold, 1.0)), region: None, marks, thickness }
    }

    /// Also draws the region of interest, below the colours of the map.
    #[must_use]
    pub fn with_region(self, inside: &'a Mask) -> Self {
        Self { region: Some(region_lines(inside, self.thickness)), ..self }
    }

    /// Draws onto row `y` (red, green, blue). Rows are drawn in their order.
    ///
    /// # Panics
    /// If another row comes next.
    pub fn draw(&mut self, y: usize, mut row: [&mut [f32]; 3]) {
        self.region.iter_mut().flatten().for_each(|line| draw_line(line, y, &mut row));
        self.heat.iter().for_each(|heat| heat.draw(y, &mut row));
        self.marks.iter_mut().for_each(|line| draw_line(line, y, &mut row));
    }
}

fn draw_line((line, rgb): &mut Line<'_>, y: usize, row: &mut [&mut [f32]; 3]) {
    if y >= line.height() {
        return;
    }
    let drawn = line.row(y);
    for (channel, value) in row.iter_mut().zip(rgb) {
        let pixels = channel.iter_mut().zip(drawn).filter(|(_, drawn)| **drawn);
        pixels.for_each(|(pixel, _)| *pixel = *value);
    }
}

/// The image with its anomaly map in colour; same size as `image`.
///
/// Up to half of `threshold` a pixel keeps its own colour exactly. From there to `scale_max` the
/// colour map is blended in proportion to the value. A `scale_max` that is not above the onset
/// counts as just above it; a `threshold` that is not a positive number counts as 0. NaN in the map
/// means normal.
///
/// Image and map should have equal sizes. If they differ, the map is sampled at the nearest
/// corresponding place (a map without pixels leaves the image as it is).
pub fn heat_overlay(image: &Image, map: &AnomalyMap, threshold: f32, scale_max: f32) -> Image {
    let mut out = image.clone();
    draw_heat(&mut out, map, threshold, scale_max);
    out
}

fn draw_heat(image: &mut Image, map: &AnomalyMap, threshold: f32, scale_max: f32) {
    let size = (image.width(), image.height());
    if let Some(heat) = HeatRows::new(size, map, Heat::new(threshold, scale_max)) {
        for_each_row(image, |y, mut row| heat.draw(y, &mut row));
    }
}

/// The colours of a map, row by row.
struct HeatRows<'a> {
    map: Cow<'a, AnomalyMap>,
    heat: Heat,
}

impl<'a> HeatRows<'a> {
    /// None for a map without pixels.
    fn new((width, height): (usize, usize), map: &'a AnomalyMap, heat: Heat) -> Option<Self> {
        Some(Self { map: fitted(map, width, height)?, heat })
    }

    fn draw(&self, y: usize, row: &mut [&mut [f32]; 3]) {
        for (x, value) in self.map.row(y).iter().enumerate() {
            let part = self.heat.part(*value);
            if part > 0.0 {
                let (colour, blend) = (blended_colour(part), strength(part));
                for (channel, colour) in row.iter_mut().zip(colour) {
                    channel[x] += blend * (colour - channel[x]);
                }
            }
        }
    }
}

/// The values that are coloured.
pub(super) struct Heat {
    /// The value from which on there is colour, and how far above it the strongest colour is.
    onset: f32,
    span: f32,
}

impl Heat {
    /// From a share of the pixel threshold to `scale_max`.
    pub(super) fn new(threshold: f32, scale_max: f32) -> Self {
        let onset = if threshold > 0.0 && threshold.is_finite() { ONSET * threshold } else { 0.0 };
        Self { onset, span: (scale_max - onset).max(f32::MIN_POSITIVE) }
    }

    /// Where a value lies between the onset, 0, and the top of the scale, 1; NaN stays.
    pub(super) fn part(&self, value: f32) -> f32 {
        ((value - self.onset) / self.span).clamp(0.0, 1.0)
    }
}

/// Opacity of the colour of a [`Heat::part`].
pub(super) fn strength(part: f32) -> f32 {
    STRONGEST_BLEND * part
}

/// The map at the image's size; `None` for a map without pixels.
fn fitted(map: &AnomalyMap, width: usize, height: usize) -> Option<Cow<'_, AnomalyMap>> {
    if map.as_slice().is_empty() {
        None
    } else if (map.width(), map.height()) == (width, height) {
        Some(Cow::Borrowed(map))
    } else {
        Some(Cow::Owned(nearest(map, width, height)))
    }
}

/// The colour blended over an image: 0 = onset, 1 = top of the scale.
pub fn blended_colour(part: f32) -> [f32; 3] {
    colour_map(COLOURS[0] + part * (COLOURS[1] - COLOURS[0]))
}

/// The anomaly map alone in colour, `scale_max` and everything above it in the lightest colour;
/// same size as the map.
pub fn heatmap(map: &AnomalyMap, scale_max: f32) -> Image {
    let scale = scale_max.max(f32::MIN_POSITIVE);
    Image::from_fn(map.width(), map.height(), |x, y| colour_map(map.get(x, y) / scale))
}

/// The map at another size, each pixel the value of the nearest place; `map` has at least one
/// pixel.
fn nearest(map: &AnomalyMap, width: usize, height: usize) -> AnomalyMap {
    let at = |i: usize, size: usize, source: usize| ((2 * i + 1) * source / (2 * size)).min(source - 1);
    AnomalyMap::from_fn(width, height, |x, y| map.get(at(x, width, map.width()), at(y, height, map.height())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::PREDICTION_COLOUR;
    use proptest::prelude::*;

    fn image(width: usize, height: usize) -> Image {
        Image::from_fn(width, height, |x, y| [x as f32 / 64.0, y as f32 / 64.0, 0.5])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn size_is_kept_and_colours_stay_in_range(
            width in 0usize..20, height in 0usize..20, map_width in 0usize..20, map_height in 0usize..20,
            value in prop::num::f32::ANY, threshold in prop::num::f32::ANY, scale_max in prop::num::f32::ANY,
        ) {
            let map = AnomalyMap::from_fn(map_width, map_height, |x, _| if x % 2 == 0 { value } else { 0.3 });
            let out = heat_overlay(&image(width, height), &map, threshold, scale_max);
            prop_assert_eq!((out.width(), out.height()), (width, height));
            prop_assert!(out.as_slice().iter().all(|v| (0.0..=1.0).contains(v)));
            prop_assert!(heatmap(&map, scale_max).as_slice().iter().all(|v| (0.0..=1.0).contains(v)));
        }

        #[test]
        fn a_normal_image_is_unchanged(value in -1.0f32..0.25) {
            let image = image(30, 20);
            let out = overlay(&image, &AnomalyMap::filled(30, 20, value), &Mask::filled(30, 20, false), 0.5);
            prop_assert_eq!(out, image);
        }
    }

    #[test]
    fn a_stronger_anomaly_is_blended_more_strongly() {
        let image = Image::filled(50, 1, [0.2, 0.6, 0.4]);
        let map = AnomalyMap::from_fn(50, 1, |x, _| x as f32 / 49.0);
        let out = heat_overlay(&image, &map, f32::NAN, 1.0);
        let distance = |x: usize| -> f32 {
            let (a, b) = (out.get(x, 0), image.get(x, 0));
            (0..3).map(|c| (a[c] - b[c]).abs()).sum()
        };
        assert_eq!(distance(0), 0.0);
        assert!(distance(49) > distance(25) && distance(25) > distance(5));
    }

    #[test]
    fn only_the_region_and_its_line_change() {
        let (image, marked) = (image(60, 60), square(20, 30));
        let out = overlay(&image, &map_of(&marked), &marked, 0.5);
        for y in 0..60 {
            for x in 0..60 {
                let near = (18..32).contains(&x) && (18..32).contains(&y);
                assert!(near || out.get(x, y) == image.get(x, y), "({x}, {y}) changed");
            }
        }
        assert_eq!(out.get(25, 19), PREDICTION_COLOUR);
    }

    /// What the limits on area and peak leave out was outlined here although the mask did not have
    /// it.
    #[test]
    fn what_is_not_marked_is_coloured_and_not_outlined() {
        let image = image(60, 60);
        let (marked, dropped) = (square(10, 20), square(40, 50));
        let map = Mask::from_fn(60, 60, |x, y| marked.get(x, y) || dropped.get(x, y));
        let out = overlay(&image, &map_of(&map), &marked, 0.5);
        assert_eq!(out.get(15, 9), PREDICTION_COLOUR);
        assert_eq!(out.get(45, 39), image.get(45, 39));
        assert_ne!(out.get(45, 45), image.get(45, 45));
    }

    #[test]
    fn a_map_of_another_size_is_stretched() {
        let map = AnomalyMap::from_vec(2, 1, vec![0.0, 1.0]);
        let stretched = nearest(&map, 5, 3);
        assert_eq!(stretched.row(2), [0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    fn square(from: usize, to: usize) -> Mask {
        Mask::from_fn(60, 60, |x, y| (from..to).contains(&x) && (from..to).contains(&y))
    }

    fn map_of(mask: &Mask) -> AnomalyMap {
        mask.map(|&marked| if marked { 1.0 } else { 0.0 })
    }

    fn pixels_of(image: &Image, colour: [f32; 3]) -> usize {
        (0..60 * 60).filter(|i| image.get(i % 60, i / 60) == colour).count()
    }

    #[test]
    fn the_heat_alone_has_no_contour() {
        let drawn = heat_overlay(&image(60, 60), &map_of(&square(20, 30)), 0.5, 1.0);
        assert_eq!(pixels_of(&drawn, PREDICTION_COLOUR), 0);
        assert_ne!(drawn.get(25, 25), image(60, 60).get(25, 25));
    }
}
