//! From an image to the pose of the part in it.

use std::f32::consts::TAU;

use super::foreground::foreground;
use super::template::{Level, Points};
use super::{Alignment, Pose, ReducedImage, difference};

/// A part covers this share of the reference's area at least, and that many times of it at most.
const AREAS: [f32; 2] = [0.4, 2.5];

/// Angles that the search begins at.
const ANGLES: usize = 72;

/// Places of the reference that these are compared at, about.
const COMPARED: usize = 400;

/// Maxima of the correlation over the angles that are refined.
const REFINED: usize = 6;

/// Of those, so many are refined further, and at full resolution.
const REFINED_FURTHER: [usize; 2] = [4, 2];

/// Steps of a refinement where it begins, and where it goes on.
const STEPS: [usize; 2] = [8, 5];

/// The search begins where the template has at most so many pixels a side.
const COARSE: usize = 40;

/// A pose closer to the reference's is preferred while it leaves at most this many times as much
/// unexplained, and this much more: what a round or regular part lets undecided is not to turn it.
const UNDECIDED: (f32, f32) = (1.15, 0.002);

impl Alignment {
    /// The best pose, whatever its quality; None where nothing of the part's size stands out.
    pub(super) fn search(&self, image: &ReducedImage) -> Option<Pose> {
        let found = foreground(image)?;
        let [across, down] = image.scale();
        let scale = self.scale(image.image);
        let area = found.area as f32 / (across * down * scale * scale);
        if !(AREAS[0]..=AREAS[1]).contains(&(area / self.area)) {
            return None;
        }
        let centroid = [found.centre[0] / across, found.centre[1] / down];
        let halvings =
            (0..8).find(|halvings| self.template.size.iter().all(|side| side >> halvings <= COARSE));
        let halvings = halvings.unwrap_or(0);
        let mut levels = vec![Level::of(image)];
        for _ in 0..halvings {
            levels.extend(levels.last().map(Level::halved));
        }
        let points = |level: usize| self.template.points(self.frame, level as u32);
        let coarsest = levels.len() - 1;
        let mut poses = self.begun(&points(coarsest), &levels[coarsest], centroid, scale);
        for (number, level) in levels.iter().enumerate().rev() {
            let points = points(number);
            let steps = STEPS[usize::from(number < coarsest)];
            poses.iter_mut().for_each(|pose| *pose = points.refined(level, *pose, steps));
            self.keep_best(&mut poses, REFINED_FURTHER[usize::from(number <= 1)]);
        }
        self.decided(&poses)
    }

    /// Where the search begins: the maxima of the correlation over all angles, and the reference's
    /// own angle.
    fn begun(&self, points: &Points, level: &Level, centroid: [f32; 2], scale: f32) -> Vec<Pose> {
        let at = |angle: f32| {
            let upright = Pose { angle, scale, ..Pose::default() };
            let offset = upright.place(upright.turn(), self.centroid);
            Pose { centre: [centroid[0] - offset[0], centroid[1] - offset[1]], ..upright }
        };
        let (step, pixel) = ((points.at.len() / COMPARED).max(1), 1.0 / level.scale());
        // Shadows move the centroid.
        let shifts = [[0.0, 0.0], [pixel, 0.0], [-pixel, 0.0], [0.0, pixel], [0.0, -pixel]];
        let best_at = |angle: f32| {
            let pose = at(angle);
            let shifted = shifts.map(|[dx, dy]| {
                let pose = Pose { centre: [pose.centre[0] + dx, pose.centre[1] + dy], ..pose };
                Pose { quality: points.correlation(level, &pose, step), ..pose }
            });
            shifted.into_iter().fold(shifted[0], |a, b| if b.quality > a.quality { b } else { a })
        };
        let around: Vec<Pose> =
            (0..ANGLES).map(|i| best_at(self.rest.angle + TAU * i as f32 / ANGLES as f32)).collect();
        let is_peak = |&i: &usize| {
            let beside = [around[(i + ANGLES - 1) % ANGLES], around[(i + 1) % ANGLES]];
            beside[0].quality < around[i].quality && beside[1].quality <= around[i].quality
        };
        let mut peaks: Vec<Pose> = (0..ANGLES).filter(is_peak).map(|i| around[i]).collect();
        peaks.sort_by(|a, b| b.quality.total_cmp(&a.quality));
        peaks.truncate(REFINED);
        peaks.push(around[0]);
        peaks
    }

    /// Drops all but the best, and the nearest to the reference of those that are about as good.
    fn keep_best(&self, poses: &mut Vec<Pose>, most: usize) {
        let decided = self.decided(poses);
        poses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
        let mut kept: Vec<Pose> = Vec::new();
        for pose in poses.iter().copied().chain(decided) {
            let is_new = kept.iter().all(|other| difference(pose.angle, other.angle).abs() > 0.02);
            if is_new && (kept.len() < most || Some(pose) == decided) {
                kept.push(pose);
            }
        }
        *poses = kept;
    }

    /// The best pose; of those that are about as good, the nearest to the reference's angle.
    fn decided(&self, poses: &[Pose]) -> Option<Pose> {
        let best = poses.iter().map(|pose| pose.quality).reduce(f32::max)?;
        let (factor, more) = UNDECIDED;
        let most = (1.0 - best) * factor + more;
        let turned = |pose: &Pose| difference(pose.angle, self.rest.angle).abs();
        let about_as_good = poses.iter().filter(|pose| 1.0 - pose.quality <= most);
        about_as_good.copied().min_by(|a, b| turned(a).total_cmp(&turned(b)))
    }
}
