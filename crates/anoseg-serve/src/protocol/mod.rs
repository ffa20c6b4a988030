//! The Open Inference Protocol, version 2: what its two faces have in common, and the one over HTTP.
//!
//! <https://github.com/kserve/open-inference-protocol>, with the extensions `binary_tensor_data`,
//! `model_repository` and `statistics`. The other face is [`grpc`](crate::grpc).
//!
//! ```text
//! JSON      -> json::input -> tensors -> inspect -> output -> json::output
//! messages  -> grpc::input -> tensors -> inspect -> output -> grpc::infer
//! ```

mod inspect;
mod json;
pub(crate) mod metadata;
pub(crate) mod output;
pub(crate) mod parameters;
pub(crate) mod repository;
pub(crate) mod tensors;

pub(crate) use inspect::inspect;
pub(crate) use json::infer;
pub(crate) use metadata::{live, model, model_ready, model_statistics, ready, server, statistics};
pub(crate) use repository::{index, load, unload};
