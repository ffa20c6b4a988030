//! Names of the kinds of anomalies.

use std::fmt;

/// The kind of one synthetic anomaly. Its text names all properties, as in "polygon, texture,
/// feathered".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// CutPaste's patch: a rectangle of a hard-augmented copy, pasted as it is (Li et al. 2021).
    Patch,
    /// CutPaste's scar: a long thin rectangle, pasted as it is (Li et al. 2021).
    Scar,
    /// An anomaly of [`Family::Natural`](crate::Family::Natural): any shape, filling and blending.
    Natural {
        /// The shape.
        shape: Shape,
        /// The filling.
        source: Source,
        /// The blending.
        blend: Blend,
    },
}

/// The shape of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// A rotated rectangle.
    Rectangle,
    /// A rotated ellipse, or a few small spots.
    Ellipse,
    /// A polygon with corners, or a rounded blob.
    Polygon,
    /// A thin line: scratch, hair or branching crack.
    Line,
    /// Smooth noise above a threshold: ragged patches.
    Noise,
}

/// The filling of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A patch from another position of another training image, rotated and resized.
    OtherImage,
    /// A patch of a hard-augmented copy of a training image.
    HardAugmented,
    /// Cells of the same image, shuffled.
    Shuffled,
    /// A procedural texture: fractal noise, stripes, speckle or a gradient.
    Texture,
    /// One colour.
    FlatColour,
    /// The image itself with another brightness, contrast or colour.
    Tone,
    /// Light and shade of a dent or bump.
    Relief,
    /// The image itself, blurred.
    Blur,
    /// The image itself, distorted.
    Warp,
    /// The background or the surroundings, as if a piece were missing.
    Missing,
}

/// The blending of an anomaly into the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blend {
    /// Opaque with a sharp edge.
    Hard,
    /// Opaque with a soft edge.
    Feathered,
    /// Transparent with a sharp edge.
    Transparent,
    /// Transparent with a soft edge.
    FeatheredTransparent,
    /// Blended in the gradient domain (Pérez et al. 2003).
    Poisson,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rectangle => "rectangle",
            Self::Ellipse => "ellipse",
            Self::Polygon => "polygon",
            Self::Line => "line",
            Self::Noise => "noise",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherImage => "other image",
            Self::HardAugmented => "hard-augmented copy",
            Self::Shuffled => "shuffled",
            Self::Texture => "texture",
            Self::FlatColour => "flat colour",
            Self::Tone => "tone",
            Self::Relief => "relief",
            Self::Blur => "blur",
            Self::Warp => "warp",
            Self::Missing => "missing",
        })
    }
}

impl fmt::Display for Blend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hard => "hard",
            Self::Feathered => "feathered",
            Self::Transparent => "transparent",
            Self::FeatheredTransparent => "feathered and transparent",
            Self::Poisson => "Poisson",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patch => f.write_str("CutPaste patch"),
            Self::Scar => f.write_str("CutPaste scar"),
            Self::Natural { shape, source, blend } => write!(f, "{shape}, {source}, {blend}"),
        }
    }
}
