//! Images, masks and dataset layouts for anomaly segmentation.

mod plane;

pub use plane::{AnomalyMap, Image, Mask, Plane};
