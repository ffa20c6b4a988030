//! An area of an image: polygons, or the runs of a mask.

use anoseg_image::Mask;
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// Longest side of an image that an area is drawn on.
const LONGEST_SIDE: usize = 65_535;

/// Most pixels of an image that an area is drawn on.
const MOST_PIXELS: usize = 1 << 28;

/// Points this far beyond the image's border, in pixels, are moved to it: tools for labelling write such.
const MARGIN: f32 = 1.0;

/// The same as a share of the image's side: whoever draws along the border hits it no better.
const MARGIN_SHARE: f32 = 0.02;

/// Column and row, in pixels from the image's upper left corner: the middle of the first pixel is
/// (0.5, 0.5).
pub type Point = [f32; 2];

/// An area of an image: the pixels in one of the polygons `include` and in none of `exclude`, or those of
/// a mask. Polygons may cross themselves; the even-odd rule decides what is inside. Without `include`,
/// everything outside `exclude`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Width in pixels of the image that the area was drawn on.
    width: usize,
    /// Height in pixels of that image.
    height: usize,
    /// Polygons of the area.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    include: Vec<Vec<Point>>,
    /// Polygons that do not belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<Vec<Point>>,
    /// Uncompressed run lengths as COCO has them: column by column, pixels outside and inside in turn,
    /// beginning with outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<usize>,
}

impl Area {
    pub(super) fn of_polygons(
        (width, height): (usize, usize),
        include: Vec<Vec<Point>>,
        exclude: Vec<Vec<Point>>,
    ) -> Self {
        Self { width, height, include, exclude, counts: Vec::new() }
    }

    /// The pixels of a mask.
    pub fn of_mask(mask: &Mask) -> Self {
        let (width, height) = (mask.width(), mask.height());
        let (mut counts, mut inside) = (vec![0], false);
        for x in 0..width {
            for y in 0..height {
                if mask.get(x, y) != inside {
                    inside = !inside;
                    counts.push(0);
                }
                if let Some(run) = counts.last_mut() {
                    *run += 1;
                }
            }
        }
        Self { width, height, include: Vec::new(), exclude: Vec::new(), counts }
    }

    /// Width and height in pixels of the image that the area was drawn on.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The area with the points just beyond the image's border moved to it.
    pub(super) fn clipped(mut self) -> Self {
        let (width, height) = self.size();
        let moved = |value: f32, side: usize| {
            let inside = value.clamp(0.0, side as f32);
            let margin = MARGIN.max(MARGIN_SHARE * side as f32);
            if (value - inside).abs() <= margin { inside } else { value }
        };
        for [x, y] in self.include.iter_mut().chain(&mut self.exclude).flatten() {
            (*x, *y) = (moved(*x, width), moved(*y, height));
        }
        self
    }

    /// How far points lie beyond the image's border, in pixels: the farthest.
    pub(super) fn beyond(&self) -> f32 {
        let (width, height) = (self.width as f32, self.height as f32);
        let points = self.include.iter().chain(&self.exclude).flatten();
        points.fold(0.0, |most, [x, y]| most.max(-x).max(-y).max(x - width).max(y - height))
    }

    pub(super) fn points(&self) -> usize {
        self.include.iter().chain(&self.exclude).map(Vec::len).sum()
    }

    pub(super) fn runs(&self) -> usize {
        self.counts.len()
    }

    /// The area on an image of `width` x `height` pixels.
    pub(super) fn mask(&self, width: usize, height: usize) -> Mask {
        if self.counts.is_empty() { self.polygons_mask(width, height) } else { self.runs_mask(width, height) }
    }

    fn polygons_mask(&self, width: usize, height: usize) -> Mask {
        let mut mask = Mask::filled(width, height, false);
        for (y, row) in mask.as_mut_slice().chunks_exact_mut(width.max(1)).enumerate() {
            self.fill_row((y as f64 + 0.5) * self.height as f64 / height as f64, row);
        }
        mask
    }

    /// Sets the pixels of a row of the image that are inside; `y` is the row's middle in the area's own
    /// coordinates.
    fn fill_row(&self, y: f64, row: &mut [bool]) {
        row.fill(self.include.is_empty());
        for (polygons, inside) in [(&self.include, true), (&self.exclude, false)] {
            for polygon in polygons {
                let crossings = crossings(polygon, y);
                for pair in crossings.chunks_exact(2) {
                    let [from, to] = [pair[0], pair[1]].map(|x| first_from(x, self.width, row.len()));
                    row[from..to.max(from)].fill(inside);
                }
            }
        }
    }

    /// Each pixel is that of the mask at its middle.
    fn runs_mask(&self, width: usize, height: usize) -> Mask {
        let ends: Vec<usize> = self
            .counts
            .iter()
            .scan(0usize, |end, &run| {
                *end = end.saturating_add(run);
                Some(*end)
            })
            .collect();
        let at =
            |i: usize, side: usize, own: usize| ((2 * i + 1) * own / (2 * side)).min(own.saturating_sub(1));
        let rows: Vec<usize> = (0..height).map(|y| at(y, height, self.height)).collect();
        let mut mask = Mask::filled(width, height, false);
        for x in 0..width {
            let first = at(x, width, self.width) * self.height;
            let mut run = ends.partition_point(|&end| end <= first);
            for (y, row) in rows.iter().enumerate() {
                while ends.get(run).is_some_and(|&end| end <= first + row) {
                    run += 1;
                }
                mask.set(x, y, run % 2 == 1 && run < ends.len());
            }
        }
        mask
    }

    fn is_empty(&self) -> bool {
        if !self.counts.is_empty() {
            return self.counts.len() < 2;
        }
        let mut row = vec![false; self.width];
        (0..self.height).all(|y| {
            self.fill_row(y as f64 + 0.5, &mut row);
            !row.contains(&true)
        })
    }

    pub(super) fn validate(&self) -> Result<(), SettingError> {
        let (width, height) = self.size();
        let sides = (1..=LONGEST_SIDE).contains(&width) && (1..=LONGEST_SIDE).contains(&height);
        let range = format!(
            "an image of {width} x {height} pixels; it must have 1 to {LONGEST_SIDE} pixels a side, and at most \
             {MOST_PIXELS} in all"
        );
        require(sides && width * height <= MOST_PIXELS, "region size", [width, height], range)?;
        let (polygons, runs) = (self.include.len() + self.exclude.len(), self.counts.len());
        require(polygons + runs > 0, "region", polygons, "must have polygons or runs")?;
        require(polygons == 0 || runs == 0, "region", polygons, "must have polygons or runs, not both")?;
        self.include.iter().chain(&self.exclude).try_for_each(|polygon| self.validate_polygon(polygon))?;
        if runs > 0 {
            self.validate_runs()?;
        }
        let none = format!("no pixel of the image of {width} x {height} pixels is inside");
        require(!self.is_empty(), "region", self.size(), none)
    }

    fn validate_polygon(&self, polygon: &[Point]) -> Result<(), SettingError> {
        let enough = format!("a polygon must have at least 3 points, and one has {}", polygon.len());
        require(polygon.len() >= 3, "region polygon", polygon.len(), enough)?;
        let (width, height) = (self.width as f32, self.height as f32);
        let within = |[x, y]: &&Point| (0.0..=width).contains(x) && (0.0..=height).contains(y);
        let beyond = polygon.iter().find(|point| !within(point));
        let Some(point @ [x, y]) = beyond else { return Ok(()) };
        let image = format!("the image of {width} x {height} pixels");
        let beside = |axis: usize, side: f32| {
            polygon.iter().all(|point| point[axis] <= 0.0) || polygon.iter().all(|point| point[axis] >= side)
        };
        let what = if beside(0, width) || beside(1, height) {
            format!("nothing of it lies inside {image}")
        } else {
            format!("the point ({x}, {y}) lies outside {image}")
        };
        Err(SettingError::new("region point", point, what))
    }

    fn validate_runs(&self) -> Result<(), SettingError> {
        let pixels = self.width * self.height;
        let sum = self.counts.iter().try_fold(0usize, |sum, &run| sum.checked_add(run));
        let whole = format!("the runs must make up {pixels} pixels");
        require(sum == Some(pixels), "region runs", sum, whole)?;
        let empty = self.counts.iter().skip(1).position(|&run| run == 0);
        require(empty.is_none(), "region runs", empty, "only the first run may be 0 long")
    }
}

/// Where the sides of a polygon cross the line at `y`, in ascending order: an even number of columns.
fn crossings(polygon: &[Point], y: f64) -> Vec<f64> {
    let starts = polygon.iter().map(|point| point.map(f64::from));
    let mut found: Vec<f64> = starts
        .clone()
        .zip(starts.cycle().skip(1))
        .filter(|([_, from], [_, to])| (*from <= y) != (*to <= y))
        .map(|([x0, y0], [x1, y1])| x0 + (y - y0) / (y1 - y0) * (x1 - x0))
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    found
}

/// The first of `count` pixels whose middle is at `x` or beyond, where they make up `width`; `count` if
/// none is.
fn first_from(x: f64, width: usize, count: usize) -> usize {
    let middle = |i: usize| (i as f64 + 0.5) * width as f64 / count as f64;
    let mut first = ((x * count as f64 / width as f64 - 0.5).ceil().max(0.0) as usize).min(count);
    // The division may have been rounded.
    while first > 0 && middle(first - 1) >= x {
        first -= 1;
    }
    while first < count && middle(first) < x {
        first += 1;
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Even-odd rule by its definition: the sides that a line to the left crosses.
    fn in_polygon(polygon: &[Point], x: f64, y: f64) -> bool {
        let crossed = |i: usize| {
            let ([x0, y0], [x1, y1]) = (polygon[i], polygon[(i + 1) % polygon.len()]);
            let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(f64::from);
            (y0 <= y) != (y1 <= y) && x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x
        };
        (0..polygon.len()).filter(|&i| crossed(i)).count() % 2 == 1
    }

    fn polygons(most: usize) -> impl Strategy<Value = Vec<Vec<Point>>> {
        // Halves hit the middles of pixels and the borders between them.
        let side = |most: u8| {
            prop_oneof![(0..=2 * most).prop_map(|half| f32::from(half) / 2.0), 0.0..f32::from(most)]
        };
        let point = (side(30), side(20)).prop_map(|(x, y)| [x, y]);
        prop::collection::vec(prop::collection::vec(point, 3..9), 0..most)
    }

    proptest! {
        #[test]
        fn polygons_are_filled_by_the_even_odd_rule(
            include in polygons(4), exclude in polygons(3), width in 1usize..50, height in 1usize..50,
        ) {
            let area = Area::of_polygons((30, 20), include.clone(), exclude.clone());
            let mask = area.mask(width, height);
            for y in 0..height {
                for x in 0..width {
                    let at_x = (x as f64 + 0.5) * 30.0 / width as f64;
                    let at_y = (y as f64 + 0.5) * 20.0 / height as f64;
                    let within = |polygons: &[Vec<Point>]| polygons.iter().any(|p| in_polygon(p, at_x, at_y));
                    let expected = (include.is_empty() || within(&include)) && !within(&exclude);
                    prop_assert_eq!(mask.get(x, y), expected, "({}, {})", x, y);
                }
            }
        }

        #[test]
        fn runs_give_their_mask_back(bits in prop::collection::vec(any::<bool>(), 1..80), width in 1usize..9) {
            let height = bits.len().div_ceil(width);
            let mask = Mask::from_fn(width, height, |x, y| bits.get(y * width + x) == Some(&true));
            let area = Area::of_mask(&mask);
            prop_assert_eq!(area.counts.iter().sum::<usize>(), width * height);
            prop_assert_eq!(&area.mask(width, height), &mask);
            prop_assert_eq!(area.validate().is_ok(), mask.any());
            let doubled = area.mask(2 * width, 2 * height);
            prop_assert_eq!(doubled, Mask::from_fn(2 * width, 2 * height, |x, y| mask.get(x / 2, y / 2)));
        }

        #[test]
        fn damaged_areas_are_refused_or_harmless(
            counts in prop::collection::vec(prop_oneof![0usize..40, any::<usize>()], 0..9),
            width in 0usize..9, height in 0usize..9, points in prop::collection::vec(any::<[f32; 2]>(), 0..5),
        ) {
            let area = Area { width, height, include: vec![points], exclude: Vec::new(), counts };
            let _ = area.validate();
            let area = Area { include: Vec::new(), ..area };
            if area.validate().is_ok() {
                prop_assert!(area.mask(width, height).any());
            }
        }
    }
}
