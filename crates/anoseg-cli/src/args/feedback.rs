//! The options of `anoseg feedback`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::LimitOptions;
use super::values::{duration, share, whole_number_in};

#[derive(Subcommand)]
pub(crate) enum FeedbackCommand {
    /// Write the images that operators gave feedback on as folders for calibrate, train and eval.
    Export(FeedbackExport),
    /// Show what the thresholds of a model would become, and which decisions would change. The model stays as
    /// it is; --output writes another with these thresholds.
    Thresholds(FeedbackThresholds),
    /// Show which decisions a new model changes, on the images that operators gave feedback on.
    Regression(FeedbackRegression),
}

#[derive(Args)]
pub(crate) struct FeedbackExport {
    /// Folder to write, which must not be there yet: MODEL/train/good, MODEL/test/defect and export.json.
    pub(crate) output: PathBuf,
    /// Folder of the history.
    #[arg(long, value_name = "DIR")]
    pub(crate) history: PathBuf,
    /// Only of the model that is served under this name [default: all].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct FeedbackThresholds {
    /// Model file; verdicts of models with the same network count.
    pub(crate) model: PathBuf,
    /// Folder of the history.
    #[arg(long, value_name = "DIR")]
    pub(crate) history: PathBuf,
    /// Count verdicts of good that nobody has given feedback on as good images.
    #[arg(long)]
    pub(crate) unquestioned: bool,
    /// Leave out the scores that the present thresholds come from.
    #[arg(long)]
    pub(crate) without_calibration: bool,
    /// Only verdicts of this last time, such as 7d [default: all].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// Wanted share of good images that are rejected [default: the model's].
    #[arg(long, allow_negative_numbers = true, value_parser = share)]
    pub(crate) false_reject: Option<f64>,
    /// Wanted share of good images that are rejected or sent to review [default: the model's].
    #[arg(long, allow_negative_numbers = true, value_parser = share)]
    pub(crate) review: Option<f64>,
    /// List at most so many decisions that would change.
    #[arg(long, allow_negative_numbers = true, default_value_t = 20, value_parser = |text: &str| whole_number_in(text, 0..=1_000_000))]
    pub(crate) list: u64,
    /// Write the model with these thresholds into this file, such as that of its next version.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct FeedbackRegression {
    /// The new model's file.
    pub(crate) model: PathBuf,
    /// Folder of the history.
    #[arg(long, value_name = "DIR")]
    pub(crate) history: PathBuf,
    /// The former model's file, which judges the same images [default: the verdicts that the history has].
    #[arg(long, value_name = "FILE")]
    pub(crate) former: Option<PathBuf>,
    /// The name that the model is served under [default: the only one in the history].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Judge the newest so many images.
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = |text: &str| whole_number_in(text, 1..=1_000_000))]
    pub(crate) images: u64,
    /// List at most so many decisions that change.
    #[arg(long, default_value_t = 20, value_parser = |text: &str| whole_number_in(text, 0..=1_000_000))]
    pub(crate) list: u64,
    /// Exit with code 1 if more than so many images are decided worse.
    #[arg(long, value_name = "COUNT", value_parser = |text: &str| whole_number_in(text, 0..=1_000_000))]
    pub(crate) max_worse: Option<u64>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}
