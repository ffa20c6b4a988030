//! The recipe: all settings of the synthesis of training pairs.

use serde::{Deserialize, Serialize};

use crate::variation::Variation;

/// Which family of anomalies is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Hard augmentation and CutPaste, as in AnoSeg (Song et al. 2021).
    Paper,
    /// Irregular shapes at many scales, blended into the image and labelled where pixels changed.
    /// It combines ideas of DRAEM, NSA, MemSeg and DeSTSeg.
    #[default]
    Natural,
}

/// The settings of the synthesis. All shares and probabilities are in 0..=1; all weights are
/// relative to each other.
///
/// The default is [`Recipe::natural`]; fields that are missing in a configuration take its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Which family of anomalies is drawn.
    pub family: Family,
    /// Share of pairs without any anomaly.
    pub clean_share: f32,
    /// Fewest and most anomalies of an anomalous pair, 1..=50.
    pub anomalies: [u32; 2],
    /// Relative frequency of each shape.
    pub shapes: ShapeWeights,
    /// Relative frequency of each filling.
    pub sources: SourceWeights,
    /// How anomalies are blended into the image.
    pub blends: BlendShares,
    /// Sizes of anomalies.
    pub size: SizeRange,
    /// A pixel is labelled when the mean absolute change around it (3 x 3 pixels, three channels,
    /// values in 0..=1) is above this, 0..=0.5.
    pub label_threshold: f32,
    /// At least this share of an anomaly lies on the part, if the part can be segmented from a
    /// plain background. For pieces that are missing from the edge of the part, a fifth is enough.
    pub on_foreground: f32,
    /// Augmentation of every image, clean ones included.
    pub base: BaseAugmentation,
    /// Settings of [`Family::Paper`] only.
    pub paper: PaperRecipe,
}

/// Relative frequency of each [`Shape`](crate::Shape); none negative, not all zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShapeWeights {
    /// Rotated rectangles.
    pub rectangle: f32,
    /// Ellipses and spots.
    pub ellipse: f32,
    /// Polygons and blobs.
    pub polygon: f32,
    /// Scratches, hairs and cracks.
    pub line: f32,
    /// Thresholded smooth noise.
    pub noise: f32,
}

/// Relative frequency of each [`Source`](crate::Source); none negative, not all zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceWeights {
    /// Patch of another training image. Its key in configuration files is `other_picture`.
    #[serde(rename = "other_picture")]
    pub other_image: f32,
    /// Patch of a hard-augmented copy.
    pub hard_augmented: f32,
    /// Cells of the same image, shuffled.
    pub shuffled: f32,
    /// Procedural textures.
    pub texture: f32,
    /// One colour.
    pub flat_colour: f32,
    /// Another brightness, contrast or colour of the image itself.
    pub tone: f32,
    /// Light and shade of dents and bumps.
    pub relief: f32,
    /// The image itself, blurred.
    pub blur: f32,
    /// The image itself, distorted.
    pub warp: f32,
    /// The background or the surroundings.
    pub missing: f32,
}

/// How anomalies are blended into the image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlendShares {
    /// Share with a soft edge.
    pub feathered: f32,
    /// Share that is transparent.
    pub transparent: f32,
    /// Least and greatest opacity of those, 0.05..=1.
    pub opacity: [f32; 2],
    /// Share of the patches cut from images that are blended in the gradient domain (Poisson);
    /// these are neither feathered nor transparent.
    pub poisson: f32,
}

/// Sizes of anomalies; each length is drawn log-uniformly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SizeRange {
    /// Smallest length in pixels of an image whose shorter side is 256 pixels (it scales with the
    /// side), 1..=128.
    pub smallest_px: f32,
    /// Largest length of an ordinary anomaly as a share of the shorter side, 0.01..=1.
    pub largest_share: f32,
    /// Share of anomalies that are large and smooth: a whole region of another tone, colour or
    /// texture.
    pub large: f32,
    /// Smallest and largest length of those as a share of the shorter side, 0.05..=1.5.
    pub large_shares: [f32; 2],
}

/// Augmentation of every image, so that the network does not memorise the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaseAugmentation {
    /// Rotation up to this many degrees either way, 0..=180.
    pub rotation_degrees: f32,
    /// Scale up to this share either way, 0..=0.5.
    pub scale: f32,
    /// Shift up to this many pixels either way, at a shorter side of 256 pixels, 0..=128.
    pub shift_px: f32,
    /// Brightness offset either way, 0..=0.5.
    pub brightness: f32,
    /// Contrast up to this share either way, 0..=0.9.
    pub contrast: f32,
    /// Gamma between exp(-this) and exp(this), as the parabola closest to it near mid-grey,
    /// 0..=0.7.
    pub gamma: f32,
    /// The light varies over the image, smoothly, by up to this share either way, 0..=0.9. Not written where it is
    /// off, so that earlier versions can read the file.
    #[serde(skip_serializing_if = "Variation::is_off")]
    pub light: Variation,
    /// Red and blue change by up to this share either way, 0..=0.5; grey images stay grey. Not written where it
    /// is off.
    #[serde(skip_serializing_if = "Variation::is_off")]
    pub white_balance: Variation,
    /// Largest standard deviation of the noise added to the whole pair, 0..=0.2.
    pub noise: f32,
    /// Mirror left to right, half of the time.
    pub flip_horizontal: Flip,
    /// Mirror top to bottom, half of the time.
    pub flip_vertical: Flip,
    /// Rotate by a multiple of 90 degrees; of 180 degrees if the image is not square.
    pub quarter_turns: bool,
}

/// Whether images are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Not at all.
    Never,
    /// Half of them.
    Always,
    /// Half of them, if mirrored images resemble the others as much as those resemble each other;
    /// else none.
    Auto,
}

impl Flip {
    /// Replaces [`Flip::Auto`] by the decision for the given images.
    pub(crate) fn decided(self, allowed: bool) -> Self {
        match self {
            Self::Auto if allowed => Self::Always,
            Self::Auto => Self::Never,
            fixed => fixed,
        }
    }
}

/// Settings of [`Family::Paper`]. Ranges that the paper does not give are those of CutPaste.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaperRecipe {
    /// Whether patches are cut from a hard-augmented copy (the paper's first technique) or from the
    /// image itself.
    pub hard_augmentation: bool,
    /// Strength of the colour jitter: factors of brightness, contrast and saturation within 1 +-
    /// this, 0..=1.
    pub jitter: f32,
    /// Largest hue rotation of the colour jitter as a share of the full circle, 0..=0.5.
    pub hue: f32,
    /// Share of scars; the rest are patches.
    pub scar_share: f32,
    /// Smallest and largest area of a patch as a share of the image, 0.001..=0.5; drawn
    /// log-uniformly.
    pub patch_area: [f32; 2],
    /// Smallest and largest ratio of a patch's width to its height, 0.1..=10.
    pub patch_aspect: [f32; 2],
    /// Patches are pasted rotated by up to this many degrees either way, 0..=180.
    pub patch_rotation_degrees: f32,
    /// Smallest and largest width of a scar in pixels at a shorter side of 256 pixels, 1..=128.
    pub scar_width_px: [f32; 2],
    /// Smallest and largest length of a scar in pixels at a shorter side of 256 pixels, 1..=256.
    pub scar_length_px: [f32; 2],
    /// Scars are pasted rotated by up to this many degrees either way, 0..=180.
    pub scar_rotation_degrees: f32,
}

impl Recipe {
    /// The recipe of [`Family::Natural`].
    pub fn natural() -> Self {
        Self {
            family: Family::Natural,
            clean_share: 0.3,
            anomalies: [1, 3],
            shapes: ShapeWeights::default(),
            sources: SourceWeights::default(),
            blends: BlendShares::default(),
            size: SizeRange::default(),
            label_threshold: 6.0 / 255.0,
            on_foreground: 0.5,
            base: BaseAugmentation::default(),
            paper: PaperRecipe::default(),
        }
    }

    /// The recipe of [`Family::Paper`]: CutPaste from a hard-augmented copy. Nearly every image
    /// gets an anomaly: with half of the images clean, training can end at an empty map, which has
    /// a small mean absolute error. The patches have very different sizes, so that small defects
    /// are learned and anomalous pixels are not rare.
    pub fn paper() -> Self {
        Self {
            family: Family::Paper,
            clean_share: 0.1,
            anomalies: [2, 6],
            paper: PaperRecipe {
                jitter: 0.7,
                hue: 0.3,
                scar_share: 0.1,
                patch_area: [0.003, 0.15],
                patch_rotation_degrees: 180.0,
                ..PaperRecipe::default()
            },
            ..Self::natural()
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self::natural()
    }
}

impl Default for ShapeWeights {
    fn default() -> Self {
        Self { rectangle: 0.10, ellipse: 0.15, polygon: 0.25, line: 0.25, noise: 0.25 }
    }
}

impl Default for SourceWeights {
    fn default() -> Self {
        Self {
            other_image: 0.18,
            hard_augmented: 0.14,
            shuffled: 0.06,
            texture: 0.14,
            flat_colour: 0.11,
            tone: 0.13,
            relief: 0.06,
            blur: 0.05,
            warp: 0.06,
            missing: 0.07,
        }
    }
}

impl Default for BlendShares {
    fn default() -> Self {
        Self { feathered: 0.8, transparent: 0.5, opacity: [0.3, 1.0], poisson: 0.25 }
    }
}

impl Default for SizeRange {
    fn default() -> Self {
        Self { smallest_px: 4.0, largest_share: 0.35, large: 0.12, large_shares: [0.3, 0.9] }
    }
}

impl BaseAugmentation {
    /// No augmentation.
    pub fn none() -> Self {
        Self {
            rotation_degrees: 0.0,
            scale: 0.0,
            shift_px: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            gamma: 0.0,
            light: Variation::OFF,
            white_balance: Variation::OFF,
            noise: 0.0,
            flip_horizontal: Flip::Never,
            flip_vertical: Flip::Never,
            quarter_turns: false,
        }
    }
}

impl Default for BaseAugmentation {
    fn default() -> Self {
        Self {
            rotation_degrees: 4.0,
            scale: 0.03,
            shift_px: 4.0,
            brightness: 0.03,
            contrast: 0.06,
            gamma: 0.05,
            noise: 0.01,
            flip_horizontal: Flip::Auto,
            flip_vertical: Flip::Auto,
            ..Self::none()
        }
    }
}

impl Default for PaperRecipe {
    fn default() -> Self {
        Self {
            hard_augmentation: true,
            jitter: 0.4,
            hue: 0.1,
            scar_share: 0.5,
            patch_area: [0.02, 0.15],
            patch_aspect: [0.3, 3.3],
            patch_rotation_degrees: 45.0,
            scar_width_px: [2.0, 16.0],
            scar_length_px: [10.0, 25.0],
            scar_rotation_degrees: 45.0,
        }
    }
}
