//! Anomaly overlays, contact sheets, plots and the HTML report.
//!
//! - [`overlay()`], [`heat_overlay`], [`contours`]: the image with its anomaly map and outlines
//!   drawn over it, at the image's own size.
//! - [`contact_sheet`]: many images in one.
//! - [`plot`]: inline SVG plots that need no script and follow the page's light or dark colours.
//! - [`Report`] and [`render`]: one HTML file that needs no network, no fonts and no files beside
//!   it.
//! - [`assemble`]: from a model and its test run to the report.
//!
//! The report is rendered from a plain view model, so that rendering computes no metric and reads
//! no file.

pub mod assemble;
mod fit;
pub mod format;
mod html;
mod model;
pub mod plot;
mod sheet;
mod shown;
mod summary;
mod thumbnail;

pub use anoseg_image::draw::{
    GROUND_TRUTH_COLOUR, OverlayRows, PREDICTION_COLOUR, REGION_COLOUR, colour_map, contours, draw_outline,
    draw_overlay, draw_region, heat_overlay, heatmap, outline_thickness, outlined, overlay,
};
pub use anoseg_infer::Decision;
pub use anoseg_metrics::GOOD;
pub use html::{GALLERY_LIMIT, index, render};
pub use model::{Comparison, Curve, Mistake, Report, ReportImage, Thresholds, TrainingPoint};
pub use sheet::contact_sheet;
pub use summary::plain_summary;
pub use thumbnail::Thumbnail;
