//! Whether a training still improves.

use serde::{Deserialize, Serialize};

use super::step_losses::StepLosses;

/// Horizon of the running averages, in steps.
const MEMORY: f64 = 100.0;

/// Steps before anything is judged: early losses vary too much.
const GRACE: u64 = 300;

/// The training is lost when the average of its losses is this many times the lowest so far, and
/// doubtful at the square root of this factor.
const RISE: f64 = 4.0;

/// Collapse: a discriminator that is nearly always right, with high confidence, gives the generator
/// no useful gradient. The training is lost when both averages of the first pair are reached
/// (accuracy, the generator's adversarial loss), and doubtful at the second pair.
const OVERPOWERED: [[f64; 2]; 2] = [[0.995, 9.0], [0.98, 7.0]];

/// Running averages of the losses. Part of a checkpoint, so that a resumed training decides in the
/// same way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Health {
    steps: u64,
    /// The generator's loss without its adversarial part.
    #[serde(with = "super::exact")]
    loss: f64,
    #[serde(with = "super::exact")]
    lowest: f64,
    #[serde(with = "super::exact")]
    accuracy: f64,
    #[serde(with = "super::exact")]
    adversarial: f64,
    /// Whether the losses include the focal loss. The loss that replaces it has another scale, so
    /// the averages start anew.
    #[serde(default)]
    focal: bool,
}

/// State of a training.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// It improves.
    Good,
    /// It may be about to fail: no checkpoint is taken.
    Doubtful,
    /// It has failed, for this reason.
    Lost(String),
}

impl Health {
    /// Adds the losses of a step to the averages; `adversarial_weight` is the share of
    /// `losses.adversarial` in the total.
    pub(super) fn observe(&mut self, losses: &StepLosses, adversarial_weight: f32) -> Condition {
        if !losses.total.is_finite() {
            return Condition::Lost(format!("the loss became {}", losses.total));
        }
        let focal = losses.focal.is_some();
        if focal != self.focal {
            *self = Self { focal, ..Self::default() };
        }
        let adversarial = losses.adversarial.unwrap_or(0.0);
        self.steps += 1;
        self.average(|health| &mut health.loss, losses.total - adversarial * adversarial_weight);
        self.average(|health| &mut health.adversarial, adversarial);
        self.average(|health| &mut health.accuracy, losses.discriminator_accuracy.unwrap_or(0.0));
        if self.steps <= GRACE {
            self.lowest = self.loss;
            return Condition::Good;
        }
        self.lowest = self.lowest.min(self.loss);
        let rise = self.loss / self.lowest.max(1e-12);
        let overpowered = |[accuracy, loss]: [f64; 2]| self.accuracy >= accuracy && self.adversarial >= loss;
        if rise >= RISE {
            return Condition::Lost(format!("the loss rose to {:.3} from {:.3}", self.loss, self.lowest));
        }
        if overpowered(OVERPOWERED[0]) {
            return Condition::Lost(format!(
                "the discriminator classifies {:.1} % of the pairs correctly and no longer helps the \
                 generator (collapse)",
                100.0 * self.accuracy
            ));
        }
        if rise >= RISE.sqrt() || overpowered(OVERPOWERED[1]) { Condition::Doubtful } else { Condition::Good }
    }

    /// A training with the focal loss that has had this loss for many steps.
    #[cfg(test)]
    pub(super) fn after_loss(loss: f64) -> Self {
        Self { steps: 2 * GRACE, loss, lowest: loss, focal: true, ..Self::default() }
    }

    /// Moves an average towards `value`; the first steps have equal weight.
    fn average(&mut self, of: impl Fn(&mut Self) -> &mut f64, value: f32) {
        let weight = 1.0 / MEMORY.min(self.steps as f64);
        let average = of(self);
        *average += (f64::from(value) - *average) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(total: f32, adversarial: f32, accuracy: f32) -> StepLosses {
        StepLosses {
            total,
            adversarial: Some(adversarial),
            discriminator_accuracy: Some(accuracy),
            ..StepLosses::default()
        }
    }

    fn after(health: &mut Health, steps: u64, losses: &StepLosses) -> Condition {
        (0..steps).map(|_| health.observe(losses, 0.1)).last().expect("at least one step")
    }

    #[test]
    fn a_steady_training_is_good() {
        let mut health = Health::default();
        assert_eq!(after(&mut health, 1000, &losses(1.0, 0.7, 0.5)), Condition::Good);
    }

    #[test]
    fn a_rising_loss_is_doubted_then_lost() {
        let mut health = Health::default();
        after(&mut health, 400, &losses(1.0, 0.0, 0.5));
        assert_eq!(after(&mut health, 70, &losses(4.0, 0.0, 0.5)), Condition::Doubtful);
        let Condition::Lost(why) = after(&mut health, 1000, &losses(9.0, 0.0, 0.5)) else {
            panic!("not lost")
        };
        assert!(why.contains("rose"), "{why}");
    }

    /// A cross-entropy many times the focal loss before it once counted as a rising loss.
    #[test]
    fn the_loss_that_replaces_the_focal_loss_is_no_rise() {
        let mut health = Health::default();
        after(&mut health, 400, &StepLosses { focal: Some(0.01), ..losses(0.1, 0.0, 0.5) });
        let then = StepLosses { cross_entropy: Some(0.2), ..losses(0.4, 0.0, 0.5) };
        assert_eq!(after(&mut health, 1000, &then), Condition::Good);
    }

    #[test]
    fn an_adversarial_loss_that_rises_by_itself_is_no_rise() {
        let mut health = Health::default();
        after(&mut health, 400, &losses(1.07, 0.7, 0.5));
        assert_eq!(after(&mut health, 400, &losses(1.6, 6.0, 0.9)), Condition::Good);
    }

    #[test]
    fn an_overpowering_discriminator_is_a_collapse() {
        let mut health = Health::default();
        after(&mut health, 400, &losses(1.0, 0.7, 0.5));
        let Condition::Lost(why) = after(&mut health, 2000, &losses(2.0, 12.0, 1.0)) else {
            panic!("not lost")
        };
        assert!(why.contains("collapse"), "{why}");
    }

    #[test]
    fn a_loss_that_is_not_a_number_is_lost_at_once() {
        assert!(matches!(Health::default().observe(&losses(f32::NAN, 0.0, 0.0), 0.1), Condition::Lost(_)));
    }
}
