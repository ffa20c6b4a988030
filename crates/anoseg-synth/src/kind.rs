//! The words for what was drawn.

use std::fmt;

/// What one synthetic anomaly is; shown beside it on contact sheets, as in "polygon, texture, feathered".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// CutPaste's patch: a rectangle of a hard-augmented copy, pasted as it is (Li et al. 2021).
    Patch,
    /// CutPaste's scar: a long thin rectangle, pasted as it is (Li et al. 2021).
    Scar,
    /// An anomaly of the newer family: any shape, filled from any source, blended in.
    Natural {
        /// Its outline.
        shape: Shape,
        /// What fills it.
        source: Source,
        /// How it joins the image.
        blend: Blend,
    },
}

/// The outline of an anomaly.
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

/// What fills an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A patch of another training image, taken elsewhere, turned and resized.
    OtherImage,
    /// A patch of a hard-augmented copy of a training image.
    HardAugmented,
    /// The own image, its cells shuffled.
    Shuffled,
    /// A procedural texture: fractal noise, stripes, speckle or a gradient.
    Texture,
    /// One colour.
    FlatColour,
    /// A change of brightness, contrast or colour of what is there.
    Tone,
    /// Light and shade of a dent or bump.
    Relief,
    /// What is there, out of focus.
    Blur,
    /// What is there, twisted or pulled.
    Warp,
    /// What surrounds it: a part or a print that is missing.
    Missing,
}

/// How an anomaly joins the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blend {
    /// Opaque with a sharp edge.
    Hard,
    /// Opaque with a soft edge.
    Feathered,
    /// See-through with a sharp edge.
    Transparent,
    /// See-through with a soft edge.
    FeatheredTransparent,
    /// Its gradients continue from the image's values at the edge (Pérez et al. 2003).
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
