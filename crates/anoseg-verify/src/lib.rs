//! Exported models in other engines, compared with inference.
//!
//! Native inference with its network replaced by the graph: an image is decoded and prepared once, the graph of
//! [`anoseg_export`] runs in an engine, and what stays outside of the graph (tiles, region of interest, alignment,
//! the size of the image) is done by the model's own steps. Maps, scores and decisions are compared.
//!
//! ```no_run
//! use anoseg_image::{Limits, decode};
//! use anoseg_infer::Model;
//! use anoseg_verify::{Choice, Comparison, Engines, Exported};
//!
//! let model = Model::load("part.anoseg".as_ref())?;
//! let file = Exported::read("part.onnx".as_ref(), &model)?;
//! let engines = Engines::load(&file, Choice::All, None)?;
//! let mut comparison = Comparison::new(&model, &file, engines);
//! let image = decode::load("part.png".as_ref(), &Limits::default())?;
//! comparison.add("part.png", &image)?;
//! let report = comparison.finish();
//! println!("{}", if report.agrees(1e-4) { "no difference" } else { "another result" });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | engine | what |
//! |---|---|
//! | [`Engine::RTEN`] | rten, part of this library |
//! | [`Engine::ONNX_RUNTIME`] | the library of ONNX Runtime that is found when the program runs |
//!
//! A file that makes an engine panic ends in an error. The memory that a graph asks for is not limited: graphs of
//! unknown origin are programs of unknown origin.

mod builtin;
mod compare;
mod engine;
mod error;
mod exported;
mod guard;
mod onnx_runtime;
mod report;

pub use compare::Comparison;
pub use engine::{Choice, Engine, Engines};
pub use error::VerifyError;
pub use exported::Exported;
pub use report::{Changed, Compared, Difference, Judged, NotCompared, Report, Verdict};
