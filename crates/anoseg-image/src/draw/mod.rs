//! Anomaly maps and outlines drawn over images, at the image's own size.

mod colour;
mod layers;
mod outline;
mod overlay;

pub use colour::colour_map;
pub use layers::{heat_layer, outline_layer};
pub use outline::{
    GROUND_TRUTH_COLOUR, PREDICTION_COLOUR, REGION_COLOUR, contours, draw_outline, draw_region,
    outline_thickness, outlined,
};
pub use overlay::{OverlayRows, blended_colour, draw_overlay, heat_overlay, heatmap, overlay};
