//! Training anomaly segmentation models from images of good parts only.
//!
//! ```text
//! folder -> Dataset -> Preprocess -> Synthesizer -> Batch -> session -> Model -> calibrate -> model file
//! ```
//!
//! [`Trainer`] runs these steps from end to end. This is the only crate of anoseg that trains with
//! Burn; no type of Burn is part of its interface.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | every setting and its range; presets |
//! | [`calibrate`](mod@calibrate) | thresholds from good images alone |
//! | [`evaluate`](mod@evaluate) | figures of a model on a dataset's test images |
//! | [`series`], [`benchmark`], [`ablation`] | trainings one after the other, and tables of their figures |

pub mod ablation;
mod align;
mod backbone;
pub mod benchmark;
pub mod calibrate;
pub mod config;
mod copies;
mod coreset;
mod data;
mod doubts;
mod encoder;
mod error;
pub mod evaluate;
pub mod examine;
mod geometry;
mod in_parallel;
mod in_parts;
mod pixel_threshold;
mod region;
mod remark;
mod repeated;
mod reported;
mod run_dir;
mod sanity;
mod scale;
pub mod series;
mod suspects;
mod table;
mod tensors;
mod train;

pub use align::{AlignedBy, Movement};
pub use config::{Align, Budget, Config, Preset, View};
pub use data::{
    GoodImages, few_good_images, load_good_images, load_good_images_as,
    load_within as load_good_images_within,
};
pub use encoder::{
    DEFAULT_ENCODER, ENCODER_FILE, PretrainedEncoder, StoredEncoder, is_name as is_encoder_name,
};
pub use error::{Error, Result};
pub use in_parts::{synthesizer, window_of, without_small};
pub use remark::{Remark, ShapeEffect};
pub use run_dir::{Origin, RunDir};
pub use scale::FarValues;
pub use table::Table;
pub use train::{Event, Progress, StepLosses, StepRecord, StopToken, Trainer, TrainingLog};
