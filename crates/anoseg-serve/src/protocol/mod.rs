//! The Open Inference Protocol, version 2, over HTTP.
//!
//! <https://github.com/kserve/open-inference-protocol>, with the extensions `binary_tensor_data`,
//! `model_repository` and `statistics`.

mod infer;
mod metadata;
mod output;
mod repository;
mod tensors;

pub(crate) use infer::infer;
pub(crate) use metadata::{live, model, model_ready, model_statistics, ready, server, statistics};
pub(crate) use repository::{index, load, unload};
