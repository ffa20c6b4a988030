//! Errors of recipes and training images.

/// Why training pairs cannot be synthesized.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SynthError {
    /// A value of the recipe is outside its range.
    #[error("synthesis recipe: `{field}` is {value}; it must be {expected}")]
    Recipe {
        /// The field's path in the recipe, such as `base.scale`.
        field: &'static str,
        /// The value that was given.
        value: String,
        /// The allowed range.
        expected: &'static str,
    },
    /// There are no training images.
    #[error("synthesis needs at least one image of a good part")]
    NoImages,
    /// The images are not all of one size.
    #[error(
        "training images must all have one size: image {index} is {width} x {height}, \
         the first is {first_width} x {first_height}; resize them to the network's input first"
    )]
    SizeMismatch {
        /// Index of the image that differs.
        index: usize,
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// Width of the first image in pixels.
        first_width: usize,
        /// Height of the first image in pixels.
        first_height: usize,
    },
    /// The images are too small for an anomaly.
    #[error(
        "training images are {width} x {height} pixels; synthesis needs at least {smallest} pixels a side"
    )]
    TooSmall {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// The shortest side that is allowed, in pixels.
        smallest: usize,
    },
}
