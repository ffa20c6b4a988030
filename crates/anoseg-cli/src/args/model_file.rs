//! The options of commands on a model file.

use std::path::PathBuf;

use clap::Args;

use super::DataOptions;

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
    /// Most layers compute on 8-bit integers: faster on processors with VNNI or the like, slightly other
    /// results. The scales are measured on --images, and what is lost is printed.
    #[arg(long, requires = "images", conflicts_with = "fp16")]
    pub(crate) int8: bool,
    /// Good images for --int8, such as those of the training: a folder, or a dataset.
    #[arg(long, value_name = "DATA", requires = "int8")]
    pub(crate) images: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
}

#[derive(Args)]
pub(crate) struct Info {
    /// Model file.
    pub(crate) model: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
