//! What is told of drift.

use serde::Serialize;

/// What a monitor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Scores that are not rejected.
    Score,
    /// The share of images that are rejected.
    Rejects,
    /// The share of images that are rejected or to be reviewed.
    Reviews,
    /// Mean luminance.
    Brightness,
    /// See [`ImageSummary::sharpness`](crate::ImageSummary::sharpness).
    Sharpness,
}

/// What it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Against {
    /// The good images that the thresholds come from.
    Calibration,
    /// The first images of the model in the history.
    Baseline,
}

/// An alarm, raised at the end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// What drifts.
    pub signal: Signal,
    /// From what.
    pub against: Against,
    /// Whether values are higher, or marks more frequent, than in the reference.
    pub higher: bool,
    /// Of score, brightness and sharpness: the share of pairs in which the newer value is the greater, 0.5
    /// without drift. Of rejects and reviews: their share.
    pub statistic: f64,
    /// Images of the window.
    pub window: usize,
    /// The last image of the window.
    pub verdict: i64,
    /// Its time, in milliseconds since 1970.
    pub time: i64,
}

/// How a monitor stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonitorStatus {
    /// What is watched.
    pub signal: Signal,
    /// What it is compared with.
    pub against: Against,
    /// Whether the reference is large enough for any alarm.
    pub can_alarm: bool,
    /// The statistic of the last window that ended; None before the first.
    pub statistic: Option<f64>,
    /// The alarm, until the next window of the same size ends without one.
    pub raised: Option<Alarm>,
    /// Alarms since this process watches.
    pub alarms: u64,
}

/// How a model's images stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Images of the recent figures, at most [`BASELINE`](super::BASELINE).
    pub recent: usize,
    /// Quantiles of the recent scores: 0.5, 0.9, 0.99. None without images.
    pub scores: Option<[f64; 3]>,
    /// The same of the calibration scores.
    pub calibration_scores: Option<[f64; 3]>,
    /// Share of the recent images that were rejected.
    pub rejected: f64,
    /// Share of the recent images that were rejected or sent to review.
    pub flagged: f64,
    /// Median of the recent images, and of the baseline once it is whole.
    pub brightness: [Option<f64>; 2],
    /// Median of the recent images, and of the baseline once it is whole.
    pub sharpness: [Option<f64>; 2],
    /// Share of the recent images whose sides or ratio of sides no training image had; None where the model
    /// does not say.
    pub unlike_training: Option<f64>,
    /// Images of the baseline so far, and how many it takes.
    pub baseline: [usize; 2],
    /// The monitors.
    pub monitors: Vec<MonitorStatus>,
}

/// 0.5, 0.9 and 0.99 quantile (the smallest value that such a share does not exceed); None without values.
pub(super) fn quantiles(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    let at = |q: f64| values[((q * n as f64).ceil() as usize).clamp(1, n) - 1];
    (n > 0).then(|| [0.5, 0.9, 0.99].map(at))
}
