//! Errors in the input of a metric.

/// Input that no metric can be computed from. All variants are faults of the input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// `scores` and `positive` are not one to one.
    #[error("{scores} scores but {labels} labels: give one label per score")]
    LengthMismatch {
        /// How many scores were given.
        scores: usize,
        /// How many labels were given.
        labels: usize,
    },
    /// A score is NaN or infinite.
    #[error("score {index} is {value}: scores must be finite to be ranked; check the model that made it")]
    ScoreNotFinite {
        /// Position of the score; for evaluated images, the position of the image.
        index: usize,
        /// The score.
        value: f32,
    },
    /// An anomaly map holds NaN or an infinite value.
    #[error(
        "the anomaly map of image {image} is {value} at x = {x}, y = {y}: values must be finite to be ranked; \
         check the model that made it"
    )]
    MapNotFinite {
        /// Position of the image, in the order given.
        image: usize,
        /// Column of the first such pixel.
        x: usize,
        /// Row of the first such pixel.
        y: usize,
        /// The value there.
        value: f32,
    },
    /// A ground-truth mask is not of the size of its anomaly map.
    #[error(
        "the ground truth of image {image} is {} x {} pixels but its anomaly map is {} x {}: \
         resample the map to the mask's size (masks are never resampled)",
        mask.0, mask.1, map.0, map.1
    )]
    MaskSize {
        /// Position of the image, in the order given.
        image: usize,
        /// Width and height of the mask.
        mask: (usize, usize),
        /// Width and height of the anomaly map.
        map: (usize, usize),
    },
    /// An image labelled defect-free has ground truth with anomalous pixels.
    #[error(
        "image {image} is labelled \"good\" but its ground truth has anomalous pixels: \
         move it to a defect folder or remove the mask"
    )]
    DefectOnGood {
        /// Position of the image, in the order given.
        image: usize,
    },
    /// A decision threshold is NaN.
    #[error("the {which} threshold is NaN: calibrate the model again")]
    ThresholdNan {
        /// `"image"` or `"pixel"`.
        which: &'static str,
    },
    /// The false-positive-rate limit of AUPRO is not in `0 < limit <= 1`.
    #[error("the false-positive-rate limit {limit} is outside 0 < limit <= 1")]
    FprLimit {
        /// The limit given.
        limit: f64,
    },
}
