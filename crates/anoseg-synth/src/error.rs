//! What can be wrong with a recipe or with the pictures.

/// Why no training pairs can be made.
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
        /// The range that is allowed.
        expected: &'static str,
    },
    /// There is nothing to draw on.
    #[error("synthesis needs at least one picture of a good part; none was given")]
    NoImages,
    /// The pictures are not all of one size.
    #[error(
        "training pictures must all have one size: picture {index} is {width} x {height}, \
         the first is {first_width} x {first_height}; resize them to the network's input first"
    )]
    SizeMismatch {
        /// Which picture differs.
        index: usize,
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// Width of the first picture in pixels.
        first_width: usize,
        /// Height of the first picture in pixels.
        first_height: usize,
    },
    /// The pictures are too small to hold an anomaly.
    #[error("training pictures are {width} x {height}; synthesis needs at least 16 x 16 pixels")]
    TooSmall {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
}
