//! The ground truth of a test image, and what speaks against it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{TestImage, display_name};
use crate::decode::{self, Decoded, ImageError, Limits};
use crate::plane::{Image, Mask};

/// A mask that marks more of its image than this is implausible.
const MOST: f64 = 0.5;

/// A mask that marks more than this marks its background.
const NEARLY_ALL: f64 = 0.9;

/// A mask that marks more of its image's border than this, and more than half of the image, is
/// taken for inverted.
const BORDER: f64 = 0.95;

/// Values below half of full scale, as a share of all marked pixels, from which on edges are said
/// to be smooth.
const SMOOTH: f64 = 0.02;

/// Masks of classes use few values, smooth edges many.
const FEW_VALUES: usize = 8;

/// The ground truth of an image.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Truth {
    /// The mask; `None` where there is none that can be used.
    pub mask: Option<Mask>,
    /// What speaks against the masks.
    pub findings: Vec<MaskFinding>,
}

/// Something that speaks against a mask.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MaskFinding {
    /// The image.
    pub image: PathBuf,
    /// The mask.
    pub mask: PathBuf,
    /// What it is.
    pub fault: MaskFault,
}

/// What is implausible about a mask.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MaskFault {
    /// The mask cannot be read.
    Unreadable(String),
    /// The mask has another size than its image.
    Size {
        /// Width and height of the image.
        image: (usize, usize),
        /// Width and height of the mask.
        mask: (usize, usize),
        /// Whether the sizes would fit if both or neither were turned by their Exif tags.
        turned: Option<Turned>,
    },
    /// The mask marks no pixel.
    MarksNothing {
        /// A likely reason.
        hint: Option<String>,
    },
    /// The mask marks this share of its image and most of the border: its background.
    MarksBackground {
        /// Marked share of the image, 0..=1.
        share: f64,
        /// A likely reason.
        hint: Option<String>,
    },
    /// The mask marks this share of its image, more than half.
    MarksMost {
        /// Marked share of the image, 0..=1.
        share: f64,
    },
    /// Many of the marked pixels have small values, of which each counts as anomalous.
    SmoothEdges {
        /// Share of the marked pixels whose value is below half of full scale, 0..=1.
        share: f64,
    },
    /// Image and mask are turned by their Exif tags in different ways, and the sizes do not tell
    /// whether they fit.
    Turned(Turned),
    /// Where pixels are opaque and where they are transparent differs, while the colours mark nothing
    /// or everything: the shape of the defect is in the alpha channel, which is not read.
    AlphaAlone,
}

/// Which of image and mask is turned by its Exif tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turned {
    /// The image alone.
    Image,
    /// The mask alone.
    Mask,
    /// Both, in different directions.
    Apart,
}

impl MaskFinding {
    /// Whether the image is left out of the figures of pixels, because the mask would falsify them.
    pub fn excludes(&self) -> bool {
        !matches!(
            self.fault,
            MaskFault::MarksMost { .. } | MaskFault::SmoothEdges { .. } | MaskFault::Turned(_)
        )
    }
}

impl fmt::Display for MaskFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mask, image) = (display_name(&self.mask), display_name(&self.image));
        match &self.fault {
            MaskFault::Unreadable(why) => write!(f, "{why}")?,
            MaskFault::Size { image: (w, h), mask: (mask_w, mask_h), turned } => {
                write!(f, "mask {mask} is {mask_w} x {mask_h} pixels but its image {image} is {w} x {h}")?;
                match turned {
                    Some(Turned::Image) => {
                        f.write_str(
                            "; the image is turned by its Exif tag, the mask is not: turn the mask as well",
                        )?;
                    }
                    Some(Turned::Mask) => {
                        f.write_str(
                            "; the mask is turned by its Exif tag, the image is not: take the tag out",
                        )?;
                    }
                    Some(Turned::Apart) => {
                        f.write_str(
                            "; their Exif tags turn them in different directions: save both without the tag",
                        )?;
                    }
                    None => f.write_str("; draw the mask on the image itself")?,
                }
            }
            MaskFault::AlphaAlone => write!(
                f,
                "mask {mask} has its shape in the alpha channel alone, which is not read; save that channel as a grey \
                 image, with the defect in white (ImageMagick: magick mask.png -alpha extract mask.png)"
            )?,
            MaskFault::MarksNothing { hint } => {
                write!(f, "mask {mask} marks nothing, though its image shows a defect")?;
                hint.iter().try_for_each(|hint| write!(f, "; {hint}"))?;
            }
            MaskFault::MarksBackground { share, hint } => {
                write!(f, "mask {mask} marks {} of its image", percent(*share))?;
                match hint {
                    Some(hint) => write!(f, "; {hint}")?,
                    None => f.write_str(" with the border; it looks inverted")?,
                }
            }
            MaskFault::MarksMost { share } => {
                return write!(
                    f,
                    "mask {mask} marks {} of its image; check whether it is inverted",
                    percent(*share)
                );
            }
            MaskFault::SmoothEdges { share } => {
                return write!(
                    f,
                    "mask {mask} has smooth edges: every value above 0 counts as anomalous, and {} of its marked \
                     pixels are below half of full scale; save masks with two values",
                    percent(*share)
                );
            }
            MaskFault::Turned(turned) => {
                let (why, remedy) = match turned {
                    Turned::Image => (
                        "the image is turned by its Exif tag, the mask is not",
                        "if the mask was drawn on the stored pixels, turn it as well",
                    ),
                    Turned::Mask => (
                        "the mask is turned by its Exif tag, the image is not",
                        "if it was drawn on the image as stored, take the tag out",
                    ),
                    Turned::Apart => (
                        "the Exif tags of image and mask turn them in different directions",
                        "check that the tag of the mask is right",
                    ),
                };
                return write!(f, "mask {mask} may lie elsewhere: {why}; {remedy}");
            }
        }
        f.write_str(". The image counts for whole-image figures only")
    }
}

impl MaskFault {
    /// Which of image and mask is turned, where that explains the fault.
    fn turned(&self) -> Option<Turned> {
        match self {
            Self::Size { turned, .. } => *turned,
            Self::Turned(turned) => Some(*turned),
            _ => None,
        }
    }
}

/// A share in per cent; never 100 % of what is less than all, nor 0 % of something.
fn percent(share: f64) -> String {
    let rounded = (100.0 * share).round();
    match share {
        _ if share < 1.0 && rounded >= 100.0 => "more than 99 %".into(),
        _ if share > 0.0 && rounded <= 0.0 => "less than 1 %".into(),
        _ => format!("{rounded:.0} %"),
    }
}

/// Sums up what speaks against masks: one line for each kind of fault, with the first mask in full
/// and the number of the others. Masks that are turned in other ways than each other are kinds of
/// their own, because their remedies differ.
pub fn summarise_masks(findings: &[MaskFinding]) -> Vec<String> {
    let mut kinds: Vec<Vec<&MaskFinding>> = Vec::new();
    for finding in findings {
        let same = |kind: &&mut Vec<&MaskFinding>| {
            let (one, other) = (&kind[0].fault, &finding.fault);
            std::mem::discriminant(one) == std::mem::discriminant(other) && one.turned() == other.turned()
        };
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(finding),
            None => kinds.push(vec![finding]),
        }
    }
    let line = |kind: Vec<&MaskFinding>| {
        let others: Vec<&Path> = kind[1..].iter().map(|finding| finding.mask.as_path()).collect();
        match others.len() {
            0 => kind[0].to_string(),
            more => format!("{} ({more} more like it: {})", kind[0], super::left_out::named(&others)),
        }
    };
    kinds.into_iter().map(line).collect()
}

/// Reads the masks of a test image and looks for what makes them implausible. A mask that would
/// falsify the figures of pixels is not used.
pub fn read_truth(test: &TestImage, image: &Decoded, limits: &Limits) -> Truth {
    let mut truth = Truth::default();
    let mut usable = true;
    for path in test.masks() {
        let finding = |fault| MaskFinding { image: test.path.clone(), mask: path.to_path_buf(), fault };
        match read(path, image, limits) {
            Ok((mask, faults)) => {
                truth.findings.extend(faults.into_iter().map(finding));
                truth.mask = Some(match truth.mask.take() {
                    None => mask,
                    Some(all) => join(all, &mask),
                });
            }
            Err(fault) => {
                usable = false;
                truth.findings.push(finding(fault));
            }
        }
    }
    if !usable || truth.findings.iter().any(MaskFinding::excludes) {
        truth.mask = None;
    }
    truth
}

/// A pixel is anomalous if either mask marks it.
pub(super) fn join(mut all: Mask, one: &Mask) -> Mask {
    all.as_mut_slice().iter_mut().zip(one.as_slice()).for_each(|(all, &one)| *all |= one);
    all
}

/// One mask, and what speaks against it; an error where it cannot be used at all.
fn read(path: &Path, image: &Decoded, limits: &Limits) -> Result<(Mask, Vec<MaskFault>), MaskFault> {
    let unreadable = |error: ImageError| MaskFault::Unreadable(error.to_string());
    let bytes = decode::read_file(path, limits).map_err(unreadable)?;
    let values = Decoded::from_bytes(&bytes, path, limits).map_err(unreadable)?;
    let size = (image.image.width(), image.image.height());
    let mask_size = (values.image.width(), values.image.height());
    let turned = turned(image, &values);
    if size != mask_size {
        let swapped = size == (mask_size.1, mask_size.0);
        return Err(MaskFault::Size { image: size, mask: mask_size, turned: turned.filter(|_| swapped) });
    }
    let mask = decode::load_mask_bytes(&bytes, path, limits).map_err(unreadable)?;
    let mut faults: Vec<MaskFault> = of_marks(&mask, &values, &bytes).into_iter().collect();
    // Stored sizes that differ show that the mask was drawn on the upright image.
    if let Some(turned) = turned.filter(|_| image.stored_size == values.stored_size) {
        faults.push(MaskFault::Turned(turned));
    }
    Ok((mask, faults))
}

fn turned(image: &Decoded, mask: &Decoded) -> Option<Turned> {
    match (image.turned, mask.turned) {
        (true, false) => Some(Turned::Image),
        (false, true) => Some(Turned::Mask),
        _ => (image.orientation != mask.orientation).then_some(Turned::Apart),
    }
}

/// What the marked pixels say against the mask; the worst of it.
fn of_marks(mask: &Mask, values: &Decoded, bytes: &[u8]) -> Option<MaskFault> {
    let share = mask.count() as f64 / mask.as_slice().len().max(1) as f64;
    let values = match values {
        // Drawing programs leave the colours below transparent pixels as they please. Which of opaque and
        // transparent means the defect is for the user to say.
        Decoded { alpha_varies: true, .. } if share == 0.0 || share == 1.0 => {
            return Some(MaskFault::AlphaAlone);
        }
        Decoded { image, .. } => image,
    };
    if share == 0.0 {
        return Some(MaskFault::MarksNothing { hint: why_nothing(values, bytes) });
    }
    if share > NEARLY_ALL || (share > MOST && border_share(mask) > BORDER) {
        return Some(MaskFault::MarksBackground { share, hint: why_all(values, bytes) });
    }
    if share > MOST {
        return Some(MaskFault::MarksMost { share });
    }
    smooth_share(mask, values).map(|share| MaskFault::SmoothEdges { share })
}

/// Marked share of the pixels at the border.
fn border_share(mask: &Mask) -> f64 {
    let (w, h) = (mask.width(), mask.height());
    let rows = (0..w).flat_map(|x| [(x, 0), (x, h - 1)]);
    let columns = (0..h).flat_map(|y| [(0, y), (w - 1, y)]);
    let (mut marked, mut all) = (0usize, 0usize);
    for (x, y) in rows.chain(columns) {
        marked += usize::from(mask.get(x, y));
        all += 1;
    }
    marked as f64 / all.max(1) as f64
}

/// The largest colour value of each pixel.
fn brightest(values: &Image) -> impl Iterator<Item = f32> {
    let [red, green, blue] = [0, 1, 2].map(|c| values.plane(c));
    red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| r.max(g).max(b))
}

/// Share of the marked pixels below half of full scale, where they look like smooth edges.
fn smooth_share(mask: &Mask, values: &Image) -> Option<f64> {
    let mut low = std::collections::BTreeSet::new();
    let (mut below, mut above) = (0usize, 0usize);
    for (value, _) in brightest(values).zip(mask.as_slice()).filter(|(_, marked)| **marked) {
        if value >= 0.5 {
            above += 1;
        } else {
            below += 1;
            if low.len() <= FEW_VALUES {
                low.insert(value.to_bits());
            }
        }
    }
    let share = below as f64 / (below + above).max(1) as f64;
    (above > 0 && low.len() > FEW_VALUES && share > SMOOTH).then_some(share)
}

fn why_nothing(values: &Image, bytes: &[u8]) -> Option<String> {
    let most = brightest(values).fold(0.0f32, f32::max);
    if most > 0.0 {
        let most = (most * 255.0).round();
        return Some(format!(
            "its largest value is {most} of 255, and in a JPEG only values from half of full scale count: save 0 and \
             255, in a PNG"
        ));
    }
    is_palette(bytes).then(|| "all colours of its palette are black: save it with grey values".into())
}

fn why_all(values: &Image, bytes: &[u8]) -> Option<String> {
    if is_palette(bytes) {
        return Some("the first colour of its palette is not black: save it with grey values".into());
    }
    let least = brightest(values).fold(f32::INFINITY, f32::min);
    let shown = (least * 255.0).round();
    (least > 0.0 && shown < 128.0)
        .then(|| format!("its smallest value is {shown} of 255, and every value above 0 counts as anomalous"))
}

/// Whether the file is a PNG whose pixels are numbers of colours (PNG specification, 11.2.2).
fn is_palette(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG") && bytes.get(25) == Some(&3)
}
