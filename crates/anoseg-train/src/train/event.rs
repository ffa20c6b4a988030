//! Events of a running training, and how to stop it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anoseg_infer::{Extent, Geometry, ValueScale};

use super::step_losses::StepLosses;
use crate::align::Movement;
use crate::config::View;

/// What happens during a training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A remark for the user; the training goes on.
    Warning(String),
    /// The training has failed; it ends with the networks of its last good checkpoint.
    FellBack {
        /// The step at which it failed.
        lost_at: u64,
        /// What happened.
        why: String,
        /// The step of the checkpoint.
        step: u64,
    },
    /// The training images are on another value scale than the full one of their files; this scale
    /// was found and goes into the model.
    ValueScale(ValueScale),
    /// How the part moves in the training images, and whether they are aligned.
    Movement(Movement),
    /// The part moves in the training images, which are not aligned, though they could be.
    Moves(Movement),
    /// What the network takes of the images.
    Geometry {
        /// The geometry.
        geometry: Geometry,
        /// The setting that it follows from.
        view: View,
        /// Smallest width and height of the images, in pixels; those of the frame where they are aligned.
        smallest: (usize, usize),
        /// Largest width and height.
        largest: (usize, usize),
    },
    /// Defects count in a part of the image only.
    Region {
        /// Its share of the image at the network's scale, above 0 and at most 1.
        share: f64,
        /// Pixels of the network that lie inside.
        pixels: usize,
        /// Size of the image at the network's scale.
        plane: Extent,
    },
    /// The images are read.
    Loaded {
        /// Number of training images.
        train: usize,
        /// Number of images held out for calibration.
        held_out: usize,
        /// Number of further trainings that each leave out a part of the images ([`Event::Fold`]); 0 where images are
        /// held out instead.
        folds: usize,
        /// Whether images are also trained on mirrored left to right, and top to bottom.
        mirrored: [bool; 2],
        /// Whether they are also trained on under other lights.
        lit_anew: bool,
        /// Number of images in which the part can be told from its background, so that anomalies
        /// are mostly drawn on the part; on the others they are drawn anywhere.
        foregrounds: usize,
        /// Steps done before, when resumed.
        resumed_at: u64,
        /// Whether no step is left: only the thresholds are derived.
        complete: bool,
    },
    /// A step is done.
    Step(Progress),
    /// The training ends before its time is used up: each image has been used
    /// `optimiser.most_views` times.
    ViewLimitReached {
        /// How often, on average.
        views: u64,
    },
    /// A further training begins, without a part of the images, whose scores by it give the thresholds.
    Fold {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Number of images that it is trained on.
        train: usize,
        /// Number of images that it leaves out.
        held_out: usize,
    },
    /// All steps are done; thresholds are being derived.
    Calibrating,
    /// Images have been judged for the thresholds.
    Judged {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// Good images that score far above the others, the highest first: they may show defects.
    Suspects {
        /// Their files, below the dataset's folder.
        images: Vec<PathBuf>,
        /// Good images in all.
        of: usize,
    },
}

/// Progress of a training.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// All steps, as far as can be told.
    pub total: Option<u64>,
    /// Losses of the last step.
    pub losses: StepLosses,
    /// Images per second since the start.
    pub images_per_second: f64,
    /// Seconds left, as far as can be told.
    pub remaining: Option<f64>,
}

/// Stops a training from outside, with a checkpoint. Clones stop the same training.
///
/// ```
/// let stop = anoseg_train::StopToken::new();
/// let other = stop.clone();
/// other.stop();
/// assert!(stop.is_stopped());
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopToken {
    stopped: Arc<AtomicBool>,
}

impl StopToken {
    /// A token that is not stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the training to stop after its current step. Returns whether it was asked before.
    pub fn stop(&self) -> bool {
        self.stopped.swap(true, Ordering::Relaxed)
    }

    /// Whether the training was asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
