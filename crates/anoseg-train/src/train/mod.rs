//! Training: from a folder of good images to a calibrated model.

mod adversary;
mod batch;
mod checkpoint;
mod detector;
mod event;
mod exact;
mod folds;
mod frozen;
mod gradients;
mod health;
mod learner;
mod log;
mod loss;
mod optimiser;
mod schedule;
mod session;
mod step_losses;
#[cfg(test)]
mod tests;
mod trained;
mod trainer;

pub use event::{Event, Progress, StopToken};
pub(crate) use log::read_log;
pub use log::{StepRecord, TrainingLog};
pub use step_losses::StepLosses;
pub use trainer::Trainer;
