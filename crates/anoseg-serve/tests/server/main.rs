//! Tests of a running server. They are one program: each program of tests takes half a minute to build.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../document/mod.rs"]
mod document;
#[path = "../grpc_client/mod.rs"]
mod grpc_client;

mod drift;
mod generated_code;
mod grpc;
mod history;
mod openapi;
mod options;
mod page;
mod predict;
mod protocol;
mod regression;
mod reload;
mod security;
mod tls;
mod triton;
