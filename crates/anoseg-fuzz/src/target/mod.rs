//! The targets: functions of any bytes that must neither panic, nor run for long, nor allocate more
//! than their limit.

mod checkpoint;
mod dataset;
mod encoder;
mod images;
mod model;
mod onnx;
mod text;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::Mutator;

/// A format that comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// An image file: an error, or an image within the limits with finite values.
    Decode,
    /// A ground-truth mask: an error, or a mask within the limits.
    GroundTruth,
    /// A tree of file names and small files: an error, or a dataset whose paths lie in the folder.
    Dataset,
    /// A `config.toml`: an error or settings; checking their ranges does not panic.
    Config,
    /// A model file: an error or a model.
    ModelFile,
    /// A model file, and an inspection with it: an error or a finite score.
    Inspect,
    /// The checkpoint of a training: an error, or the training is resumed.
    Checkpoint,
    /// The log of a training: an error or its steps.
    Log,
    /// An ONNX file: an error or what it says of itself.
    OnnxFile,
    /// Description and header of pretrained weights: an error or an encoder.
    Encoder,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 10] = [
        Self::Decode,
        Self::GroundTruth,
        Self::Dataset,
        Self::Config,
        Self::ModelFile,
        Self::Inspect,
        Self::Checkpoint,
        Self::Log,
        Self::OnnxFile,
        Self::Encoder,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::GroundTruth => "ground-truth",
            Self::Dataset => "dataset",
            Self::Config => "config",
            Self::ModelFile => "model-file",
            Self::Inspect => "inspect",
            Self::Checkpoint => "checkpoint",
            Self::Log => "log",
            Self::OnnxFile => "onnx-file",
            Self::Encoder => "encoder",
        }
    }

    /// Bytes that one input may allocate beyond what was in use before, the input included.
    pub fn most_bytes(self) -> usize {
        match self {
            // The limit of the decoder, the file, and what the results take.
            Self::Decode | Self::GroundTruth => images::LIMITS.max_alloc_bytes as usize + (16 << 20),
            // ResNet-18 has 11 MB, which are folded into as many again.
            Self::Dataset | Self::Config | Self::Log | Self::OnnxFile | Self::Encoder => 64 << 20,
            // The largest network that a file of this size may describe.
            Self::ModelFile | Self::Inspect | Self::Checkpoint => 512 << 20,
        }
    }

    /// Runs the target on an input. Gives whether it was accepted: a target that accepts nothing
    /// tests nothing.
    pub fn run(self, bytes: &[u8]) -> bool {
        match self {
            Self::Decode => images::decode(bytes),
            Self::GroundTruth => images::ground_truth(bytes),
            Self::Dataset => dataset::open(bytes),
            Self::Config => text::config(bytes),
            Self::ModelFile => model::read(bytes),
            Self::Inspect => model::inspect(bytes),
            Self::Checkpoint => checkpoint::resume(bytes),
            Self::Log => text::log(bytes),
            Self::OnnxFile => onnx::parse(bytes),
            Self::Encoder => encoder::read(bytes),
        }
    }

    /// Changes an input at random. Of files with digests, half of the changes are signed again, so
    /// that they reach what lies behind the check.
    pub fn mutate(self, mutator: &mut Mutator, bytes: &mut Vec<u8>, other: &[u8]) {
        let signed = match self {
            Self::ModelFile | Self::Inspect if mutator.below(4) > 0 => {
                model::changed(mutator, bytes, "model", 2)
            }
            Self::Checkpoint if mutator.below(4) > 0 => model::changed(mutator, bytes, "checkpoint", 1),
            _ => None,
        };
        match signed {
            Some(changed) => *bytes = changed,
            None => mutator.mutate(bytes, other),
        }
    }

    /// Inputs to begin with that no fixture holds.
    pub(crate) fn generated(self) -> Vec<Vec<u8>> {
        match self {
            Self::Dataset => dataset::generated(),
            Self::Config => text::generated_configs(),
            Self::Log => text::generated_logs(),
            Self::Checkpoint => checkpoint::generated(),
            Self::OnnxFile => onnx::generated(),
            Self::Encoder => encoder::generated(),
            _ => Vec::new(),
        }
    }
}

/// A file of this name that only the calling thread writes, in a folder that lasts as long as the
/// thread.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder can be made");
    }
    let path = FOLDER.with(|folder| folder.path().join(name));
    std::fs::write(&path, bytes).expect("a temporary file can be written");
    path
}
