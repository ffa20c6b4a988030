//! The options of commands on a model file.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(crate) struct Export {
    /// Model file.
    pub(crate) model: PathBuf,
    /// The ONNX file to write.
    #[arg(long, value_name = "FILE")]
    pub(crate) onnx: PathBuf,
    /// The graph takes 8-bit images of any size, `[batch, height, width, 3]`, and resamples them itself.
    #[arg(long)]
    pub(crate) with_preprocessing: bool,
    /// Store the weights as 16-bit floats: half the size, slightly other results.
    #[arg(long)]
    pub(crate) fp16: bool,
}

#[derive(Args)]
pub(crate) struct Info {
    /// Model file.
    pub(crate) model: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
