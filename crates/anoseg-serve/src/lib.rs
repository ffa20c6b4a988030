//! A server for models of anoseg, over HTTP and gRPC.
//!
//! [`Server`] answers the Open Inference Protocol, version 2, over both, and a simpler route that takes an image
//! file and gives the verdict that `predict` writes. Models are those of a folder,
//! `<models>/<model>/<version>/model.anoseg`, and are replaced while requests go on.
//!
//! ```text
//! connections (TLS) -> routes | grpc -> intake (body) -> work (queue, threads) -> inspect -> answer
//!                                   repository: load, warm up, canary images, swap
//! ```
//!
//! Nothing in a request becomes a path: names are looked up among those of the folder. A request that
//! makes the program panic is answered with 500 and the process goes on.

mod app;
mod audit;
mod auth;
mod connections;
mod drift;
mod error;
mod failure;
mod form;
mod grpc;
mod held;
mod history;
mod host;
mod inspect;
mod intake;
mod metrics;
mod openapi;
mod options;
mod page;
mod predict;
mod proposal;
mod protocol;
mod regression;
mod repository;
mod routes;
mod server;
mod settings;
mod thresholds;
mod tls;
mod upload;
mod work;

pub use anoseg_history::Retention;
pub use anoseg_history::drift::Settings as DriftSettings;
pub use auth::{Role, Tokens};
pub use error::ServeError;
pub use server::Server;
pub use settings::Settings;
pub use tls::Tls;
