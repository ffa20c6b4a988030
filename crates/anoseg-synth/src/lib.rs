//! Synthetic anomalies on images of good parts, and generated parts for the demo ([`demo`]).
//!
//! Training data holds good parts only, so its defects are synthetic: [`Synthesizer::pair`] takes
//! an image of a good part, augments it slightly, draws anomalies on it and labels the pixels that
//! they changed. A [`Recipe`] holds all settings.
//!
//! ```
//! use std::sync::Arc;
//! use anoseg_image::Image;
//! use anoseg_synth::{Recipe, Synthesizer};
//!
//! let good = Arc::new(vec![Image::filled(64, 64, [0.5, 0.6, 0.7])]);
//! let synthesizer = Synthesizer::new(good, Recipe::default(), 7)?;
//! let pair = synthesizer.pair(0, 0);
//! assert_eq!((pair.label.width(), pair.label.height()), (64, 64));
//! # Ok::<(), anoseg_synth::SynthError>(())
//! ```

pub mod demo;

mod base;
mod blend;
mod connected;
mod draw;
mod error;
mod filter;
mod foreground;
mod frame;
mod hard;
mod kind;
mod label;
mod light;
mod membrane;
mod natural;
mod noise;
mod paper;
mod recipe;
mod shape;
mod source;
mod symmetry;
mod synthesizer;
mod validate;
mod variation;
mod window;

pub use error::SynthError;
pub use kind::{Blend, Kind, Shape, Source};
pub use light::relit;
pub use recipe::{
    BaseAugmentation, BlendShares, Family, Flip, PaperRecipe, Recipe, ShapeWeights, SizeRange, SourceWeights,
};
pub use synthesizer::{Pair, SMALLEST_SIDE, Synthesizer};
pub use variation::Variation;
