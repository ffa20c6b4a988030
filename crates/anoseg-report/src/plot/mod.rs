//! Inline SVG plots for an HTML page.
//!
//! No script, no fixed colours: every stroke and fill has a CSS class, and the page's style sheet
//! gives it a custom property (`--good`, `--defect`, `--line`, ...), so that plots fit light pages,
//! dark pages and prints. All plots take any input: empty data gives a plot that says so, values
//! that are not finite are skipped.

mod axis;
mod curve;
mod frame;
mod histogram;
pub(crate) mod score_axis;
mod training;

pub(crate) use axis::Axis;
pub use curve::curve;
pub use histogram::{bin_counts, score_histogram};
pub use training::{spans_decades, training_curve};
