//! Anomaly segmentation learned from pictures of good parts: model, training, calibration, evaluation, prediction.
//!
//! ```text
//! folder -> Category -> TrainingRun -> Model -> Analysis -> Calibration -> Verdict
//! ```
//!
//! Maps and scores are anomaly values: 0 = normal, 1 = anomalous.

pub mod ablation;
mod archive;
pub mod benchmark;
pub mod calibrate;
pub mod config;
mod data;
pub mod encoder;
mod error;
pub mod evaluate;
mod gumbel;
mod model;
pub mod network;
pub mod predict;
mod region_filter;
mod score;
mod table;
pub mod train;

pub use calibrate::{Calibration, Decision};
pub use config::{Budget, Config, Preset};
pub use data::{GoodPictures, load_good_pictures};
pub use encoder::PretrainedEncoder;
pub use error::{Error, Result};
pub use model::{Analysis, Description, Model, Provenance};
pub use region_filter::RegionFilter;
pub use score::ScoreRule;
pub use train::{TrainingEvent, TrainingRun};

pub use burn::tensor::Device;
