//! From an image to a decision: the inference runtime of anoseg, and its model file.
//!
//! ```text
//! Image -> Preprocess -> network -> logits -> Postprocess -> AnomalyMap + score -> Calibration -> Inspection
//! ```
//!
//! [`Model::load`] reads a model file, [`Model::inspect`] judges an image. This crate does not
//! depend on the training code.
//!
//! | module | what |
//! |---|---|
//! | [`network`] | the networks, written once, generic over an executor |
//! | [`runtime`] | the executor that runs them: a program of operators with planned memory |
//! | [`parameters`] | parameters by name |
//! | [`archive`] | safetensors with one JSON document and digests: model files and checkpoints |
//!
//! Maps and scores are anomaly values: 0 = normal, 1 = anomalous.

mod align;
pub mod archive;
mod calibration;
mod cautions;
mod confidence;
mod decision_rule;
mod description;
mod error;
mod geometry;
mod inspection;
mod model;
mod model_file;
pub mod network;
pub mod parameters;
mod postprocess;
mod preprocess;
mod region_filter;
mod region_of_interest;
pub mod runtime;
mod scale;
mod score;
mod settings;
mod strongest;
mod threads;
mod thresholds;
mod training_images;
mod warning;

pub use align::{Alignment, Learned, LearnedPatch, NoPatch, Pose, Rectangle, ReducedImage};
pub use calibration::{Calibration, Decision, Rule, VerdictScores, images_needed};
pub use confidence::{images_to_be_sure, sure_rate};
pub use decision_rule::{DecisionRule, RegionRule};
pub use description::{Description, Provenance, file_digest, file_digest_of_blake3, json_value};
pub use error::{Error, ErrorKind, ModelFault, Result};
pub use geometry::{Extent, Geometry, Window};
pub use inspection::{Analysis, Inspection};
pub use model::{Model, Network, NetworkOutputs, WindowOutputs};
pub use model_file::ModelFile;
pub use postprocess::Postprocess;
pub use preprocess::{Channels, Preprocess};
pub use region_filter::{FalseMarks, RegionFilter, conformal_rank};
pub use region_of_interest::{Area, Drawing, Drawings, Narrowing, Point, RegionOfInterest, small_region};
pub use scale::{Levels, ValueScale};
pub use score::{ScoreRule, logit, probability};
pub use settings::{SettingError, require};
pub use threads::Threads;
pub use thresholds::{image_threshold, review_threshold};
pub use training_images::{Colours, TrainingImages};
pub use warning::InspectionWarning;
