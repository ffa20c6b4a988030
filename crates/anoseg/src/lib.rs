//! Anomaly segmentation, trained on images of good parts only.
//!
//! ```no_run
//! use anoseg::prelude::*;
//!
//! let model = Model::load("part.anoseg".as_ref())?;
//! let image = anoseg::decode::load("part.png".as_ref(), &Limits::default())?;
//! let inspection = model.inspect(&image)?;
//! if inspection.decision == Decision::Reject {
//!     println!("{:?}", inspection.regions);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | item | what |
//! |---|---|
//! | [`Model`], [`Inspection`] | a trained model, and its result for an image |
//! | [`ImageView`] | an image in a camera's buffer |
//! | [`batch`] | folders of images to verdicts, masks and maps |
#![cfg_attr(feature = "train", doc = "| [`Trainer`] | from a folder of good images to a model |")]
#![cfg_attr(
    feature = "train",
    doc = "| [`evaluation`] | figures of a model on test images, with report and maps |"
)]
//!
//! The feature `train` (default) has training, evaluation and the HTML report; without it only the
//! inference runtime is built. No type of a deep-learning framework is part of this interface.

pub mod batch;
#[cfg(feature = "train")]
pub mod evaluation;

pub use anoseg_image::{
    AnomalyMap, Dataset, DatasetError, Image, ImageError, ImageView, Limits, Mask, PixelFormat, Plane,
    Region, SampleType, ViewError, WriteError, dataset, decode, write,
};
pub use anoseg_infer::{
    Analysis, Area, Calibration, Decision, DecisionRule, Description, Drawing, Drawings, Error, ErrorKind,
    Extent, Geometry, Inspection, InspectionWarning, Levels, Model, ModelFault, ModelFile, Narrowing,
    Postprocess, Preprocess, Provenance, RegionFilter, RegionOfInterest, RegionRule, ScoreRule, SettingError,
    Threads, TrainingImages, ValueScale, VerdictScores, file_digest, small_region,
};
#[cfg(feature = "train")]
pub use anoseg_train::{
    Align, AlignedBy, Budget, Config, DEFAULT_ENCODER, Error as TrainError, Event, Movement, Origin, Preset,
    PretrainedEncoder, Progress, RunDir, StepLosses, StopToken, StoredEncoder, Trainer, View,
    few_good_images, is_encoder_name,
};

/// The types that most programs need.
pub mod prelude {
    pub use anoseg_image::{AnomalyMap, Dataset, Image, ImageView, Limits, Mask, PixelFormat, Region};
    pub use anoseg_infer::{Analysis, Decision, Inspection, Model, Threads};
    #[cfg(feature = "train")]
    pub use anoseg_train::{Budget, Config, Event, Preset, RunDir, StopToken, Trainer};
}
