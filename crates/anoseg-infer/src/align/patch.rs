//! The reference patch, and which areas of an image suit as one.

use serde::{Deserialize, Serialize};

use super::LONGEST_SIDE;
use super::reduced::ReducedImage;
use super::template::LONGEST;
use crate::SettingError;
use crate::settings::require;

/// Most degrees to either side that a patch is searched at.
pub(super) const MOST_DEGREES: f32 = 30.0;

/// Side of the patches that are tried, as a share of the image's shorter side. Large ones tell the
/// rotation better, small ones lie more often wholly within the image.
const SIDE: f32 = 0.4;

/// Patches that are tried keep this share of the image's sides from the border, because images are
/// shifted.
const FROM_BORDER: f32 = 0.08;

/// Places are tried at steps of this share of the side.
const STEP: f32 = 0.2;

/// Fewest pixels of a side of a patch in the reduced image.
pub(super) const FEWEST: usize = 12;

/// How a reference patch is searched. Its middle is the `centroid` of the alignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    /// Width and height, in pixels of the frame.
    pub(super) size: [usize; 2],
    /// The patch is searched at up to so many degrees to either side of the pose of rest.
    pub(super) degrees: f32,
}

impl Patch {
    /// Checks size and range.
    ///
    /// # Errors
    /// Names what is out of its range.
    pub(super) fn validate(&self) -> Result<(), SettingError> {
        let sound = self.size.iter().all(|side| (1..=LONGEST_SIDE).contains(side));
        let allowed = format!("each side must be 1 to {LONGEST_SIDE}");
        require(sound, "preprocess.alignment.patch.size", self.size, allowed)?;
        let sound = self.degrees >= 0.0 && self.degrees <= MOST_DEGREES;
        let allowed = format!("must be 0 to {MOST_DEGREES}");
        require(sound, "preprocess.alignment.patch.degrees", self.degrees, allowed)
    }
}

/// A rectangle of a reduced image, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) size: [usize; 2],
}

/// The areas with the most structure in every direction, best first, at most `most`. They overlap by half
/// at most. The measure is the smaller eigenvalue of the structure tensor (Shi and Tomasi, "Good features
/// to track", 1994): along an edge without corners it is 0, because nothing tells a shift along the edge.
pub(super) fn distinctive(image: &ReducedImage, most: usize) -> Vec<Area> {
    let side = ((SIDE * image.width.min(image.height) as f32).round() as usize).min(LONGEST);
    if side < FEWEST {
        return Vec::new();
    }
    let step = ((STEP * side as f32).round() as usize).max(1);
    let range = |all: usize| {
        let margin = (FROM_BORDER * all as f32).round() as usize;
        (margin..=(all - side).saturating_sub(margin).max(margin)).step_by(step)
    };
    let areas = range(image.height)
        .flat_map(|top| range(image.width).map(move |left| Area { left, top, size: [side, side] }));
    let within = areas.filter(|area| area.left + side <= image.width && area.top + side <= image.height);
    let mut ranked: Vec<(f64, Area)> = within.map(|area| (structure(image, area), area)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<Area> = Vec::new();
    for (_, area) in ranked.into_iter().filter(|(structure, _)| *structure > 0.0) {
        let far = |other: &Area| {
            2 * area.left.abs_diff(other.left) >= side || 2 * area.top.abs_diff(other.top) >= side
        };
        if chosen.len() < most && chosen.iter().all(far) {
            chosen.push(area);
        }
    }
    chosen
}

/// The smaller eigenvalue of the structure tensor of an area.
fn structure(image: &ReducedImage, area: Area) -> f64 {
    let [mut xx, mut xy, mut yy] = [0.0f64; 3];
    let Area { left, top, size: [width, height] } = area;
    for y in top..(top + height - 1) {
        let row = |y: usize| &image.detail[y * image.width + left..][..width];
        for (here, below) in row(y).windows(2).zip(row(y + 1)) {
            let (dx, dy) = (f64::from(here[1] - here[0]), f64::from(below - here[0]));
            xx += dx * dx;
            xy += dx * dy;
            yy += dy * dy;
        }
    }
    (xx + yy) / 2.0 - ((xx - yy) / 2.0).hypot(xy)
}
