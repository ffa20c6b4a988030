//! Fuzz targets for every format that anoseg reads, and a plain mutator for them.
//!
//! A [`Target`] takes any bytes. What it must not do is panic, run for long, or allocate more than
//! its limit; the driver (`src/main.rs`) checks this on stable Rust, and the targets in `fuzz/` hand
//! the same functions to libFuzzer.

mod mutate;
mod seeds;
pub mod target;

pub use mutate::Mutator;
pub use seeds::seeds;
pub use target::Target;
