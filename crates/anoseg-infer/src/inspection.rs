//! The results for one image.

use anoseg_image::{AnomalyMap, Mask, Region};

use crate::{Decision, InspectionWarning};

/// Score and anomaly map of an image, before any threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// How anomalous each pixel is, 0..=1, at the image's own resolution.
    pub map: AnomalyMap,
}

/// The decision on an image, with the values it is based on.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Accept, review or reject.
    pub decision: Decision,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// Connected regions above the pixel threshold that the region filter keeps, the highest peak
    /// first. An image to reject or review without such a region has one: the strongest place of its
    /// map, whose peak may lie below the pixel threshold; not where [`DecisionRule::Regions`](crate::DecisionRule)
    /// decided.
    pub regions: Vec<Region>,
    /// The pixels of those regions, at the image's own resolution.
    pub mask: Mask,
    /// How anomalous each pixel is, 0..=1, at the image's own resolution.
    pub map: AnomalyMap,
    /// What makes the result doubtful; usually nothing.
    pub warnings: Vec<InspectionWarning>,
}
