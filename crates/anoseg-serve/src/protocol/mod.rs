//! The Open Inference Protocol, version 2, over HTTP.
//!
//! <https://github.com/kserve/open-inference-protocol>, with the extensions `binary_tensor_data`,
//! `model_repository` and `statistics`.

mod infer;
mod metadata;
mod output;
mod repository;
mod tensors;

pub(crate) use infer::{infer, infer_version};
pub(crate) use metadata::{
    live, model, model_ready, model_statistics, model_version, model_version_ready, model_version_statistics,
    ready, server, statistics,
};
pub(crate) use repository::{index, load, load_version, unload, unload_version};
