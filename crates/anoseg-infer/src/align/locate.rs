//! From an image to the pose of a reference patch.

use super::correlate::{Canvas, CoarsePatch};
use super::patch::Patch;
use super::template::Level;
use super::{Alignment, Pose, ReducedImage};

/// The search begins where the patch has at most so many pixels.
const COARSE: usize = 400;

/// Two angles that the search begins at move the corners of the patch by so many of its pixels.
const ANGLE_STEP: f32 = 1.0;

/// Maxima that are refined: where the search begins, further, and at full resolution.
const REFINED: [usize; 3] = [12, 6, 3];

/// Steps of a refinement where it begins, and where it goes on.
const STEPS: [usize; 2] = [8, 6];

/// Poses are distinct from this share of the patch's shorter side,
const DISTINCT_SHARE: f32 = 0.25;

/// or from so many degrees on.
const DISTINCT_DEGREES: f32 = 6.0;

/// A refinement may leave the range of angles by so many degrees.
const BEYOND_RANGE: f32 = 1.5;

/// The place of a patch is reliable where the best place elsewhere leaves so many times more
/// unexplained, and this much more.
const RELIABLE: (f32, f32) = (1.5, 0.02);

/// Where a patch was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The pose of the frame.
    pub(super) pose: Pose,
    /// The correlation at the best place elsewhere.
    pub(super) elsewhere: f32,
}

impl Place {
    /// How much more the best place elsewhere leaves unexplained than it has to; above 0 where the place
    /// is reliable.
    pub(super) fn margin(&self) -> f32 {
        let (times, more) = RELIABLE;
        (1.0 - self.elsewhere) - times * (1.0 - self.pose.quality) - more
    }
}

impl Alignment {
    /// The best pose, whatever its quality; None where the image is smaller than the patch.
    pub(super) fn locate(&self, image: &ReducedImage, patch: &Patch) -> Option<Place> {
        let scale = self.scale(image.image);
        let [width, height] = self.template.size;
        let halvings = (0..8u32).find(|halvings| (width >> halvings) * (height >> halvings) <= COARSE)?;
        let mut levels = vec![Level::of(image)];
        for _ in 0..halvings {
            levels.extend(levels.last().map(Level::halved));
        }
        let shorter = scale * patch.size[0].min(patch.size[1]) as f32;
        let mut poses = self.peaks(levels.last()?, image.image, patch, (halvings, scale));
        poses = distinct(poses, shorter, REFINED[0]);
        for (number, level) in levels.iter().enumerate().rev() {
            let points = self.template.points(patch.size, [0.0, 0.0], number as u32);
            let begins = number + 1 == levels.len();
            let refine = |pose| points.refined(level, pose, STEPS[usize::from(!begins)], true);
            let most = (patch.degrees + BEYOND_RANGE).to_radians();
            let refined = poses.into_iter().map(refine);
            let within = refined.filter(|pose| pose.turned_from(&self.rest).abs() <= most);
            poses = distinct(within.collect(), shorter, REFINED[if number > 1 { 1 } else { 2 }]);
        }
        let best = *poses.first()?;
        let elsewhere = poses.get(1).map_or(0.0, |pose| pose.quality.max(0.0));
        Some(Place { pose: self.of_patch(best), elsewhere })
    }

    /// Poses of the patch at the maxima of the correlation over all shifts and angles.
    fn peaks(
        &self,
        level: &Level,
        size: [usize; 2],
        patch: &Patch,
        (halvings, scale): (u32, f32),
    ) -> Vec<Pose> {
        let Some(coarse) = CoarsePatch::of(&self.template, halvings) else { return Vec::new() };
        let step = |i: usize| patch.size[i] as f32 / self.template.size[i] as f32;
        let pitch = scale * (1u32 << halvings) as f32 * (step(0) * step(1)).sqrt();
        let radius = (coarse.width as f32).hypot(coarse.height as f32) / 2.0;
        let range = patch.degrees.to_radians();
        let each_side = (range * radius / ANGLE_STEP).ceil().max(1.0);
        let angles = (0..=2 * each_side as usize).map(|i| i as f32 / each_side - 1.0);
        let angles = angles.map(|share| self.rest.angle + share * range);
        let peaks = angles.flat_map(|angle| {
            let canvas = Canvas::of(level, size, angle, pitch, &coarse);
            let peaks = canvas.peaks(&coarse).into_iter();
            peaks.map(move |(quality, centre)| Pose { centre, angle, scale, quality })
        });
        peaks.collect()
    }

    /// The pose of the frame whose patch has this pose.
    fn of_patch(&self, patch: Pose) -> Pose {
        let [x, y] = self.centroid;
        Pose { centre: patch.place(patch.turn(), [-x, -y]), ..patch }
    }
}

/// The best of those that are alike, best first, at most `most`.
fn distinct(mut poses: Vec<Pose>, shorter: f32, most: usize) -> Vec<Pose> {
    poses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    let mut kept: Vec<Pose> = Vec::new();
    for pose in poses {
        let differs = |other: &Pose| {
            let [dx, dy] = [0, 1].map(|i| pose.centre[i] - other.centre[i]);
            dx.hypot(dy) > DISTINCT_SHARE * shorter
                || pose.turned_from(other).to_degrees().abs() > DISTINCT_DEGREES
        };
        if kept.iter().all(differs) {
            kept.push(pose);
            if kept.len() == most {
                break;
            }
        }
    }
    kept
}
