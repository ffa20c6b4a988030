//! The inference runtime: a network's forward pass as a program of operators on planes.
//!
//! [`Recorder`] runs a forward pass once, for one input shape, and records its operators. Filters
//! are folded with their normalisation and laid out, constants are computed, neighbouring operators
//! are fused, and every value gets a place in memory that is reused as soon as the value is no
//! longer needed. [`Program::run`] then goes through the list: no locks, no search by name, and no
//! allocation once a thread has its workspace.

mod byte_scale;
mod execute;
mod fuse;
mod plan;
mod program;
mod recorder;

pub use byte_scale::ByteScale;
pub use program::Program;
pub(crate) use program::free_workspace;
pub use recorder::{Recorder, Value};
