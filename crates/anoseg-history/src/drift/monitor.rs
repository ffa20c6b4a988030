//! One monitor: values or marks that come one by one, compared with a reference in windows.

use super::counts::{critical_count, fisher};
use super::rank::critical;

/// What a window's end gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) size: usize,
    /// For values: share of the pairs in which the newer value is the greater, 0.5 without drift. For marks:
    /// the share of marked images.
    pub(super) statistic: f64,
    /// Some(true): more or higher than in the reference; Some(false): less.
    pub(super) raised: Option<bool>,
}

/// Compares values with a reference, in windows that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Values {
    /// Ascending.
    reference: Vec<f64>,
    windows: Vec<Window>,
}

#[derive(Clone, Debug)]
struct Window {
    size: usize,
    /// Distance from the greatest U at which an alarm is raised; None where the reference is too small.
    critical: Option<u64>,
    count: usize,
    /// Pairs in which the newer value is greater, and in which it is less.
    above: u64,
    below: u64,
}

impl Values {
    pub(super) fn new(mut reference: Vec<f64>, levels: &[(usize, f64)]) -> Self {
        reference.sort_unstable_by(f64::total_cmp);
        let m = reference.len();
        let window = |&(size, level): &(usize, f64)| Window {
            size,
            critical: critical(m, size, level / 2.0),
            count: 0,
            above: 0,
            below: 0,
        };
        Self { windows: levels.iter().map(window).collect(), reference }
    }

    /// Whether any window can raise an alarm.
    pub(super) fn can_alarm(&self) -> bool {
        self.windows.iter().any(|window| window.critical.is_some())
    }

    pub(super) fn add(&mut self, value: f64, ended: &mut Vec<Verdict>) {
        let less = self.reference.partition_point(|&reference| reference < value) as u64;
        let at_most = self.reference.partition_point(|&reference| reference <= value) as u64;
        let m = self.reference.len() as u64;
        for window in &mut self.windows {
            // Equal values count for neither side, so that ties raise no alarm.
            window.above += less;
            window.below += m - at_most;
            window.count += 1;
            if window.count == window.size {
                ended.push(window.end(m));
            }
        }
    }
}

impl Window {
    fn end(&mut self, m: u64) -> Verdict {
        let pairs = m * self.size as u64;
        let exceeds = |count: u64| self.critical.is_some_and(|distance| count + distance >= pairs && m > 0);
        let raised = if exceeds(self.above) {
            Some(true)
        } else if exceeds(self.below) {
            Some(false)
        } else {
            None
        };
        let ties = (pairs - self.above - self.below) as f64;
        let statistic = (self.above as f64 + ties / 2.0) / (pairs as f64).max(1.0);
        (self.count, self.above, self.below) = (0, 0, 0);
        Verdict { size: self.size, statistic, raised }
    }
}

/// Counts marked images, in windows that follow each other, and tells when there are too many.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    windows: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    size: usize,
    /// An alarm is raised from so many on.
    least: Option<usize>,
    count: usize,
    marked: usize,
}

impl Marks {
    /// Against a threshold that `above` of `m` calibration scores exceed, and a share of defects that is
    /// expected.
    pub(super) fn of_threshold((m, above): (usize, usize), defects: f64, levels: &[(usize, f64)]) -> Self {
        Self::new(levels, |size, level| critical_count(m, above, size, defects, level))
    }

    /// Against a baseline of `m` images, `marked` of them.
    pub(super) fn of_baseline((m, marked): (usize, usize), levels: &[(usize, f64)]) -> Self {
        Self::new(levels, |size, level| (1..=size).find(|&x| fisher(m, marked, size, x) <= level))
    }

    fn new(levels: &[(usize, f64)], least: impl Fn(usize, f64) -> Option<usize>) -> Self {
        let counted =
            |&(size, level): &(usize, f64)| Counted { size, least: least(size, level), count: 0, marked: 0 };
        Self { windows: levels.iter().map(counted).collect() }
    }

    /// Whether any window can raise an alarm.
    pub(super) fn can_alarm(&self) -> bool {
        self.windows.iter().any(|window| window.least.is_some())
    }

    pub(super) fn add(&mut self, marked: bool, ended: &mut Vec<Verdict>) {
        for window in &mut self.windows {
            window.count += 1;
            window.marked += usize::from(marked);
            if window.count == window.size {
                let raised = window.least.is_some_and(|least| window.marked >= least).then_some(true);
                let statistic = window.marked as f64 / window.size as f64;
                ended.push(Verdict { size: window.size, statistic, raised });
                (window.count, window.marked) = (0, 0);
            }
        }
    }
}
