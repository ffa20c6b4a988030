//! Where on an image defects count.

mod area;
mod drawing;
mod drawings;

use std::fmt;

use anoseg_image::Mask;
use serde::{Deserialize, Serialize};

pub use area::{Area, Point};
pub use drawing::Drawing;
pub use drawings::{Drawings, Narrowing, small_region};

use crate::SettingError;
use crate::settings::require;

/// Most areas of a region.
const MOST_AREAS: usize = 16;

/// Most points of all polygons of a region.
const MOST_POINTS: usize = 5_000;

/// Most runs of all masks of a region.
const MOST_RUNS: usize = 40_000;

/// Longest side at which the share of the image is counted.
const COUNTED_SIDE: usize = 1024;

/// The part of an image in which defects count: inside all of some areas, and outside all of others.
///
/// Areas are in coordinates of the upright image that they were drawn on. On an image of another size
/// they are scaled with it.
///
/// ```
/// use anoseg_infer::{Drawing, RegionOfInterest};
///
/// let left = Drawing::rectangle("0,0,50,80").unwrap().on((100, 80));
/// let region = RegionOfInterest::inside(left);
/// region.validate()?;
/// let mask = region.mask(10, 8);
/// assert!(mask.get(4, 7) && !mask.get(5, 7));
/// assert_eq!(region.share(), 0.5);
/// # Ok::<(), anoseg_infer::SettingError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionOfInterest {
    /// A pixel counts if it lies in all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inside: Vec<Area>,
    /// A pixel does not count if it lies in one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<Area>,
}

impl RegionOfInterest {
    /// The pixels in an area.
    pub fn inside(area: Area) -> Self {
        Self { inside: vec![area], ignored: Vec::new() }
    }

    /// The pixels that are not in an area.
    pub fn ignoring(area: Area) -> Self {
        Self { inside: Vec::new(), ignored: vec![area] }
    }

    /// The pixels that are in both regions.
    pub fn intersection(mut self, other: Self) -> Self {
        let add = |areas: &mut Vec<Area>, more: Vec<Area>| {
            for area in more {
                if !areas.contains(&area) {
                    areas.push(area);
                }
            }
        };
        add(&mut self.inside, other.inside);
        add(&mut self.ignored, other.ignored);
        self
    }

    fn areas(&self) -> impl Iterator<Item = &Area> {
        self.inside.iter().chain(&self.ignored)
    }

    /// Width and height of the image that the first area was drawn on; zeros without areas.
    pub fn drawn_on(&self) -> (usize, usize) {
        self.sizes().next().unwrap_or_default()
    }

    /// Width and height of the image that each area was drawn on.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.areas().map(Area::size)
    }

    /// The region on an image of `width` x `height` pixels: `true` where the middle of the pixel is
    /// inside.
    pub fn mask(&self, width: usize, height: usize) -> Mask {
        let mut mask = Mask::filled(width, height, true);
        for (area, counts) in
            self.inside.iter().map(|area| (area, true)).chain(self.ignored.iter().map(|area| (area, false)))
        {
            let own = area.mask(width, height);
            mask.as_mut_slice().iter_mut().zip(own.as_slice()).for_each(|(all, own)| *all &= *own == counts);
        }
        mask
    }

    /// The share of the image that is inside, 0..=1.
    pub fn share(&self) -> f64 {
        let (width, height) = self.drawn_on();
        let longest = width.max(height).max(1);
        let scaled = |side: usize| (side * longest.min(COUNTED_SIDE) / longest).max(1);
        let mut mask = self.mask(scaled(width), scaled(height));
        if !mask.any() {
            // It may be smaller than the pixels counted.
            mask = self.mask(width, height);
        }
        mask.count() as f64 / mask.as_slice().len().max(1) as f64
    }

    /// Checks numbers and sizes of the areas, so that no file can make [`RegionOfInterest::mask`] slow
    /// or fail. Whether areas have pixels in common is not checked; [`RegionOfInterest::share`] tells.
    ///
    /// # Errors
    /// There is no area or too many, an area is empty, or its numbers do not fit its image.
    pub fn validate(&self) -> Result<(), SettingError> {
        self.require_few()?;
        self.areas().try_for_each(Area::validate)
    }

    /// The part of [`RegionOfInterest::validate`] that looks at no single area, which takes no time.
    fn require_few(&self) -> Result<(), SettingError> {
        let areas = self.areas().count();
        let range = format!("a region must have 1 to {MOST_AREAS} areas, and this has {areas}");
        require((1..=MOST_AREAS).contains(&areas), "region", areas, range)?;
        let points = self.areas().map(Area::points).sum::<usize>();
        let fewer =
            format!("a region may have at most {MOST_POINTS} points, and this has {points}: draw fewer");
        require(points <= MOST_POINTS, "region points", points, fewer)?;
        let runs = self.areas().map(Area::runs).sum::<usize>();
        let simpler = format!(
            "a mask may have at most {MOST_RUNS} runs, and this has {runs}: smooth it, make it smaller, or draw polygons"
        );
        require(runs <= MOST_RUNS, "region runs", runs, simpler)
    }
}

impl fmt::Display for RegionOfInterest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.drawn_on();
        let percent = 100.0 * self.share();
        let digits = if percent < 9.95 { 1 } else { 0 };
        write!(f, "{percent:.digits$} % of the image, drawn on {width} x {height} pixels")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(text: &str) -> Area {
        Drawing::rectangle(text).unwrap().on((20, 10))
    }

    #[test]
    fn regions_are_intersected_and_areas_ignored() {
        let region = RegionOfInterest::inside(rectangle("0,0,10,10"))
            .intersection(RegionOfInterest::inside(rectangle("5,0,15,10")))
            .intersection(RegionOfInterest::ignoring(rectangle("6,0,2,10")));
        let mask = region.mask(20, 10);
        let columns: Vec<usize> = (0..20).filter(|&x| mask.get(x, 3)).collect();
        assert_eq!(columns, [5, 8, 9]);
        assert_eq!(region.share(), 3.0 / 20.0);
        assert_eq!(region.clone().intersection(region.clone()), region);
        assert_eq!(region.to_string(), "15 % of the image, drawn on 20 x 10 pixels");
        region.validate().unwrap();
    }

    #[test]
    fn a_region_survives_its_text_form() {
        let region = RegionOfInterest::ignoring(rectangle("1,2,3,4"))
            .intersection(RegionOfInterest::inside(Area::of_mask(&Mask::from_fn(7, 5, |x, y| x > y))));
        let text = serde_json::to_string(&region).unwrap();
        assert_eq!(serde_json::from_str::<RegionOfInterest>(&text).unwrap(), region);
    }

    #[test]
    fn regions_out_of_bounds_are_refused() {
        let refused = |text: &str| {
            let region: RegionOfInterest = serde_json::from_str(text).unwrap();
            region.validate().unwrap_err().to_string()
        };
        assert!(refused("{}").contains("1 to 16 areas"));
        let area = |fields: &str| format!(r#"{{"inside":[{{"width":8,"height":4,{fields}}}]}}"#);
        for (fields, part) in [
            (r#""include":[[[0,0],[1,1]]]"#, "at least 3 points"),
            (r#""include":[[[0,0],[9,1],[4,4]]]"#, "outside"),
            (r#""include":[[[0,0],[-1,1],[4,4]]]"#, "outside"),
            (r#""include":[[[1,1],[1,1],[1,1]]]"#, "no pixel"),
            (r#""include":[[[0,0],[8,0],[8,4],[0,4]]],"exclude":[[[0,0],[8,0],[8,4],[0,4]]]"#, "no pixel"),
            (r#""include":[]"#, "polygons or runs"),
            (r#""counts":[32]"#, "no pixel"),
            (r#""counts":[0,33]"#, "32 pixels"),
            (r#""counts":[0,18446744073709551615,18446744073709551615]"#, "32 pixels"),
            (r#""counts":[1,0,31]"#, "0 long"),
            (r#""counts":[1,31],"include":[[[0,0],[1,1],[0,1]]]"#, "not both"),
        ] {
            let error = refused(&area(fields));
            assert!(error.contains(part), "{fields}: {error}");
        }
        for size in
            ["\"width\":0,\"height\":4", "\"width\":70000,\"height\":4", "\"width\":65000,\"height\":65000"]
        {
            let error = refused(&format!(r#"{{"ignored":[{{{size},"counts":[1,1]}}]}}"#));
            assert!(error.contains("pixels"), "{error}");
        }
        let many = vec![r#"{"width":2,"height":1,"counts":[1,1]}"#; 17].join(",");
        assert!(refused(&format!(r#"{{"inside":[{many}]}}"#)).contains("1 to 16 areas"));
        let points = vec!["[1,1]"; 5001].join(",");
        assert!(refused(&area(&format!(r#""include":[[{points}]]"#))).contains("at most 5000 points"));
        let runs = vec!["1"; 40_001].join(",");
        assert!(refused(&area(&format!(r#""counts":[{runs}]"#))).contains("at most 40000 runs"));
    }
}
