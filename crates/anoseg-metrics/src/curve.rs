//! Curves for plotting: few points, the same shape.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use crate::ranking::Ranking;
use crate::sweep::{Level, Totals, sweep};

/// A curve to plot; metrics are never computed from it.
///
/// A test set has a point for each distinct score, tens of millions of them. Of points closer
/// together than 1/4096 in both directions one is kept. Of these, Douglas-Peucker simplification
/// (D. Douglas and T. Peucker, Cartographica 10(2), 1973) keeps those that carry the shape: it
/// splits where the deviation is largest until the number of points is reached. First and last
/// point are always kept, hence a limit below 2 acts as 2.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// `[x, y]`, in the order of a falling threshold; empty when a class is absent.
    pub points: Vec<[f64; 2]>,
}

impl Curve {
    /// Starts at `first` and goes through the `point` of every level; empty when a class is absent.
    pub(crate) fn trace(
        ranking: &Ranking,
        first: [f64; 2],
        point: impl Fn(&Level) -> [f64; 2],
        max_points: usize,
    ) -> Self {
        let mut tracer = Tracer::starting_at(first);
        sweep(&[ranking], None, |level| tracer.add(point(level)));
        tracer.finish(&Totals::of(&[ranking]), max_points)
    }
}

/// Points nearer to the last kept one than this are dropped: finer than any plot shows.
///
/// It bounds the memory: over n pixels, precision varies by at most `1 + 1/2 + ... + 1/n` (about 21
/// for a billion) and the other coordinates are monotone, so that fewer than 100 000 points are
/// ever kept.
const SPACING: f64 = 1.0 / 4096.0;

/// Collects the points of a curve that are at least [`SPACING`] apart.
#[derive(Debug)]
pub(crate) struct Tracer {
    points: Vec<[f64; 2]>,
    kept: [f64; 2],
    newest: [f64; 2],
}

impl Tracer {
    pub(crate) fn starting_at(first: [f64; 2]) -> Self {
        Self { points: vec![first], kept: first, newest: first }
    }

    pub(crate) fn add(&mut self, point: [f64; 2]) {
        self.newest = point;
        if (point[0] - self.kept[0]).abs().max((point[1] - self.kept[1]).abs()) >= SPACING {
            self.points.push(point);
            self.kept = point;
        }
    }

    /// The curve with at most `max_points` points; empty when a class is absent.
    pub(crate) fn finish(mut self, totals: &Totals, max_points: usize) -> Curve {
        if !totals.both_classes() {
            return Curve::default();
        }
        if self.newest != self.kept {
            self.points.push(self.newest);
        }
        Curve { points: simplify(&self.points, max_points) }
    }
}

/// A stretch of the curve drawn as one line, and its point farthest from that line.
#[derive(Debug)]
struct Span {
    first: usize,
    last: usize,
    farthest: usize,
    deviation: f64,
}

impl Span {
    fn new(points: &[[f64; 2]], first: usize, last: usize) -> Self {
        let mut span = Self { first, last, farthest: first, deviation: 0.0 };
        for (i, &point) in points.iter().enumerate().take(last).skip(first + 1) {
            let deviation = squared_distance(point, points[first], points[last]);
            if deviation > span.deviation {
                (span.farthest, span.deviation) = (i, deviation);
            }
        }
        span
    }
}

impl Ord for Span {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equal deviations the leftmost is split first, so that the order is total.
        (self.deviation.total_cmp(&other.deviation)).then(Reverse(self.first).cmp(&Reverse(other.first)))
    }
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Span {}

/// At most `max(2, max_points)` of `points`, the ones that keep the shape, in their order.
fn simplify(points: &[[f64; 2]], max_points: usize) -> Vec<[f64; 2]> {
    if points.len() <= max_points.max(2) {
        return points.to_vec();
    }
    let mut kept = vec![0, points.len() - 1];
    let mut spans = BinaryHeap::from([Span::new(points, 0, points.len() - 1)]);
    while kept.len() < max_points {
        let Some(span) = spans.pop().filter(|span| span.deviation > 0.0) else { break };
        kept.push(span.farthest);
        spans.push(Span::new(points, span.first, span.farthest));
        spans.push(Span::new(points, span.farthest, span.last));
    }
    kept.sort_unstable();
    kept.into_iter().map(|i| points[i]).collect()
}

/// Squared distance of `p` to the line segment from `a` to `b`.
fn squared_distance(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { (along[0] * to[0] + along[1] * to[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    let (dx, dy) = (to[0] - share * along[0], to[1] - share * along[1]);
    dx * dx + dy * dy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_stretches_need_only_their_ends() {
        let points: Vec<_> = (0..=100).map(|i| [f64::from(i) / 100.0, 1.0]).collect();
        assert_eq!(simplify(&points, 10), [[0.0, 1.0], [1.0, 1.0]]);
    }

    #[test]
    fn corners_are_kept() {
        let side = |i: i32| f64::from(i) / 50.0;
        let up = (0..50).map(|i| [0.0, side(i)]);
        let points: Vec<_> = up.chain((0..=50).map(|i| [side(i), 1.0])).collect();
        assert_eq!(simplify(&points, 3), [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    }

    #[test]
    fn a_dense_curve_stays_within_the_spacing() {
        let curve = |x: f64| x.sqrt();
        let mut tracer = Tracer::starting_at([0.0, 0.0]);
        for i in 1..=100_000 {
            let x = f64::from(i) / 100_000.0;
            tracer.add([x, curve(x)]);
        }
        let few = tracer.finish(&Totals { positives: 1, negatives: 1, regions: 1 }, 200).points;
        assert_eq!(few.len(), 200);
        for pair in few.windows(2) {
            let middle = [(pair[0][0] + pair[1][0]) / 2.0, (pair[0][1] + pair[1][1]) / 2.0];
            assert!((curve(middle[0]) - middle[1]).abs() < 1e-3, "{pair:?}");
        }
    }

    #[test]
    fn a_limit_below_two_keeps_the_ends() {
        assert_eq!(simplify(&[[0.0, 0.0], [0.5, 1.0], [1.0, 1.0]], 0), [[0.0, 0.0], [1.0, 1.0]]);
    }
}
