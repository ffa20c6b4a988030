//! From an image to the pose of the part in it.

use std::f32::consts::TAU;

use super::foreground::foreground;
use super::template::{Level, Points};
use super::{Alignment, Pose, ReducedImage};

/// A part covers this share of the reference's area at least, and that many times of it at most.
const AREAS: [f32; 2] = [0.4, 2.5];

/// Angles that the search begins at.
const ANGLES: usize = 72;

/// Places of the reference that these are compared at, about.
const COMPARED: usize = 400;

/// Maxima of the correlation over the angles that are refined.
const REFINED: usize = 8;

/// Of those, so many are refined further, and at full resolution.
const REFINED_FURTHER: [usize; 2] = [4, 2];

/// Steps of a refinement where it begins, and where it goes on.
const STEPS: [usize; 2] = [8, 5];

/// The search begins where the template has at most so many pixels a side.
const COARSE: usize = 40;

/// A pose closer to the reference's is preferred while it leaves at most this many times as much
/// unexplained, and this much more: what a round or regular part lets undecided is not to turn it.
const UNDECIDED: (f32, f32) = (1.15, 0.0005);

/// Below this correlation along rings, nothing tells how the part is turned.
const TELLING: f32 = 0.35;

/// A pose, and how well it agrees with how the part is turned.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) pose: Pose,
    /// Correlation along rings.
    pub(super) turn: f32,
    /// Whether it keeps the reference's angle.
    held: bool,
}

impl Alignment {
    /// The best pose, whatever its quality; None where nothing of the part's size stands out.
    pub(super) fn search(&self, image: &ReducedImage) -> Option<Candidate> {
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
        let points = |level: usize| self.template.points(self.frame, self.centroid, level as u32);
        let coarsest = levels.len() - 1;
        let mut candidates = self.begun(&points(coarsest), &levels[coarsest], centroid, scale);
        for (number, level) in levels.iter().enumerate().rev() {
            let (points, steps) = (points(number), STEPS[usize::from(number < coarsest)]);
            for candidate in &mut candidates {
                let pose = points.refined(level, candidate.pose, steps, !candidate.held);
                let turn = points.turn_correlation(level, &pose);
                *candidate = Candidate { pose, turn, held: candidate.held };
            }
            self.keep_best(&mut candidates, REFINED_FURTHER[usize::from(number <= 1)]);
        }
        self.decided(&candidates)
    }

    /// Where the search begins: the maxima of the correlation along rings over all angles, and the
    /// reference's own angle.
    fn begun(&self, points: &Points, level: &Level, centroid: [f32; 2], scale: f32) -> Vec<Candidate> {
        let (step, pixel) = ((points.at.len() / COMPARED).max(1), 1.0 / level.scale());
        // Shadows move the centroid.
        let shifts = [[0.0, 0.0], [pixel, 0.0], [-pixel, 0.0], [0.0, pixel], [0.0, -pixel]];
        let best_at = |angle: f32| {
            let upright = Pose { angle, scale, ..Pose::default() };
            let offset = upright.place(upright.turn(), self.centroid);
            let shifted = shifts.map(|[dx, dy]| {
                let centre = [centroid[0] - offset[0] + dx, centroid[1] - offset[1] + dy];
                let pose = Pose { centre, ..upright };
                Pose { quality: points.correlation(level, &pose, step), ..pose }
            });
            let pose = shifted.into_iter().fold(shifted[0], |a, b| if b.quality > a.quality { b } else { a });
            Candidate { pose, turn: points.turn_correlation(level, &pose), held: false }
        };
        let around: Vec<Candidate> =
            (0..ANGLES).map(|i| best_at(self.rest.angle + TAU * i as f32 / ANGLES as f32)).collect();
        let is_peak = |&i: &usize| {
            let beside = [around[(i + ANGLES - 1) % ANGLES].turn, around[(i + 1) % ANGLES].turn];
            beside[0] < around[i].turn && beside[1] <= around[i].turn
        };
        let mut peaks: Vec<Candidate> = (0..ANGLES).filter(is_peak).map(|i| around[i]).collect();
        peaks.sort_by(|a, b| b.turn.total_cmp(&a.turn));
        peaks.truncate(REFINED);
        peaks.extend([around[0], Candidate { held: true, ..around[0] }]);
        peaks
    }

    /// Drops all but the best, the nearest to the reference of those that are about as good, and the one
    /// at the reference's angle.
    fn keep_best(&self, candidates: &mut Vec<Candidate>, most: usize) {
        let decided = self.decided(candidates);
        candidates.sort_by(|a, b| b.turn.total_cmp(&a.turn));
        let mut kept: Vec<Candidate> = Vec::new();
        let held = candidates.iter().copied().find(|candidate| candidate.held);
        for candidate in candidates.iter().copied().chain(decided).chain(held) {
            let is_new = |other: &Candidate| {
                candidate.held != other.held || candidate.pose.turned_from(&other.pose).abs() > 0.02
            };
            if kept.iter().all(is_new) && (kept.len() < most || Some(candidate) == decided || candidate.held)
            {
                kept.push(candidate);
            }
        }
        *candidates = kept;
    }

    /// The best candidate; of those that are about as good, the nearest to the reference's angle.
    fn decided(&self, candidates: &[Candidate]) -> Option<Candidate> {
        let best = candidates.iter().map(|candidate| candidate.turn).reduce(f32::max)?;
        let (factor, more) = UNDECIDED;
        let most = if best < TELLING { f32::INFINITY } else { (1.0 - best) * factor + more };
        let turned = |candidate: &Candidate| candidate.pose.turned_from(&self.rest).abs();
        let about_as_good = candidates.iter().filter(|candidate| 1.0 - candidate.turn <= most);
        about_as_good.copied().min_by(|a, b| turned(a).total_cmp(&turned(b)))
    }
}
