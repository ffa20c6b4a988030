//! The learning rate over a training whose number of steps may not be known at its start.
//!
//! Warm up, hold, then fall linearly to zero over the last two fifths. With a time budget the fall
//! begins when three fifths of the time are over; the steps done by then fix the total, and a limit
//! of steps may end it sooner. A run that was cut by the clock is therefore the same as one of that
//! many steps: `--steps` reproduces what `--time` gave.

use serde::{Deserialize, Serialize};

use crate::config::Budget;

/// Learning rate and end of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Schedule {
    #[serde(with = "super::exact")]
    peak: f64,
    warmup_steps: u64,
    budget: Budget,
    /// Known from the start for a budget of steps; from three fifths of the time, or of the limit,
    /// on for a budget of time.
    total_steps: Option<u64>,
    /// A time budget ends early after this many steps.
    #[serde(default)]
    limit: Option<u64>,
}

impl Schedule {
    pub(super) fn new(peak: f64, warmup_steps: u64, budget: Budget, limit: Option<u64>) -> Self {
        let total_steps = match budget {
            Budget::Steps(steps) => Some(steps),
            Budget::Seconds(_) => None,
        };
        Self { peak, warmup_steps, budget, total_steps, limit }
    }

    /// Updates the schedule: `steps` are done after `elapsed` seconds of training.
    pub(super) fn observe(&mut self, steps: u64, elapsed: f64) {
        let (Budget::Seconds(seconds), None) = (self.budget, self.total_steps) else { return };
        if let Some(limit) = self.limit.filter(|&limit| steps >= three_fifths(limit)) {
            self.total_steps = Some(limit);
        } else if steps > 0 && elapsed >= 0.6 * seconds {
            self.total_steps = Some(steps.saturating_mul(5).div_ceil(3));
        }
    }

    /// Whether the training is over after `steps` steps.
    pub(super) fn is_over(&self, steps: u64) -> bool {
        self.total_steps.is_some_and(|total| steps >= total)
    }

    /// Whether it was the limit that ended a budget of time.
    pub(super) fn ended_early(&self) -> bool {
        matches!(self.budget, Budget::Seconds(_)) && self.limit.is_some() && self.total_steps == self.limit
    }

    /// All steps of this training, as far as can be told after `steps` steps and `elapsed` seconds.
    pub(super) fn expected_steps(&self, steps: u64, elapsed: f64) -> Option<u64> {
        self.total_steps.or_else(|| match self.budget {
            Budget::Seconds(seconds) if steps > 0 && elapsed > 0.0 => {
                let expected = (steps as f64 * seconds / elapsed).round() as u64;
                Some(self.limit.map_or(expected, |limit| expected.min(limit)))
            }
            _ => None,
        })
    }

    /// Learning rate of step number `step`, counted from 0.
    pub(super) fn learning_rate(&self, step: u64) -> f64 {
        let warmup = (step + 1) as f64 / self.warmup_steps.max(1) as f64;
        let fall = self.total_steps.map_or(1.0, |total| {
            let start = three_fifths(total);
            if step < start { 1.0 } else { (total - step.min(total)) as f64 / (total - start).max(1) as f64 }
        });
        self.peak * warmup.min(1.0) * fall
    }
}

/// 3/5 of the steps, rounded down, of any number of them.
fn three_fifths(steps: u64) -> u64 {
    steps / 5 * 3 + steps % 5 * 3 / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_cut_by_the_clock_equals_one_of_as_many_steps() {
        for stop in [1, 2, 3, 7, 50, 101, 999] {
            let mut timed = Schedule::new(1e-3, 30, Budget::Seconds(60.0), None);
            let mut rates = Vec::new();
            let mut step = 0;
            while !timed.is_over(step) {
                timed.observe(step, 36.0 * step as f64 / stop as f64);
                rates.push(timed.learning_rate(step));
                step += 1;
            }
            let counted = Schedule::new(1e-3, 30, Budget::Steps(step), None);
            let expected: Vec<f64> = (0..step).map(|step| counted.learning_rate(step)).collect();
            assert_eq!(rates, expected, "clock reached at step {stop}");
        }
    }

    #[test]
    fn it_rises_holds_and_falls_to_nearly_zero() {
        let schedule = Schedule::new(1.0, 10, Budget::Steps(100), None);
        assert!((schedule.learning_rate(0) - 0.1).abs() < 1e-12);
        assert_eq!(schedule.learning_rate(30), 1.0);
        assert!((schedule.learning_rate(80) - 0.5).abs() < 1e-12);
        assert!((schedule.learning_rate(99) - 0.025).abs() < 1e-12);
    }

    #[test]
    fn a_limit_ends_a_budget_of_time_as_if_it_were_one_of_steps() {
        for limit in [1, 2, 7, 100] {
            let mut timed = Schedule::new(1e-3, 30, Budget::Seconds(60.0), Some(limit));
            let mut rates = Vec::new();
            let mut step = 0;
            loop {
                // A thousandth of the time per step.
                timed.observe(step, 0.06 * step as f64);
                if timed.is_over(step) {
                    break;
                }
                rates.push(timed.learning_rate(step));
                step += 1;
            }
            let counted = Schedule::new(1e-3, 30, Budget::Steps(limit), None);
            assert_eq!(rates, (0..limit).map(|step| counted.learning_rate(step)).collect::<Vec<_>>());
        }
        let asked_for = Schedule::new(1.0, 10, Budget::Steps(50), Some(20));
        assert!(!asked_for.is_over(49), "a step budget has no limit");
    }

    #[test]
    fn the_expected_length_follows_the_speed() {
        let schedule = Schedule::new(1.0, 10, Budget::Seconds(100.0), None);
        assert_eq!(schedule.expected_steps(20, 10.0), Some(200));
        assert_eq!(schedule.expected_steps(0, 0.0), None);
    }

    /// 3 times the number of steps once did not fit into 64 bits.
    #[test]
    fn huge_budgets_do_not_overflow() {
        for steps in [u64::MAX, u64::MAX / 3 + 1] {
            let schedule = Schedule::new(1e-3, 30, Budget::Steps(steps), Some(u64::MAX));
            assert!(schedule.learning_rate(steps - 1) >= 0.0 && !schedule.is_over(7));
            let mut timed = Schedule::new(1e-3, 30, Budget::Seconds(10.0), Some(steps));
            timed.observe(u64::MAX - 1, 9.0);
            assert!(timed.learning_rate(u64::MAX - 1) >= 0.0);
        }
        assert_eq!([0, 1, 4, 5, 99].map(three_fifths), [0, 0, 2, 3, 59]);
    }
}
