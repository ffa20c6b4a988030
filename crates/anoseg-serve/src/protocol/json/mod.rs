//! Inference with JSON, and with bytes behind it.

mod infer;
mod input;
mod output;

pub(crate) use infer::infer;
