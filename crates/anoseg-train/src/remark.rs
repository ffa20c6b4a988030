//! Remarks on a set of good images, in words.

use std::fmt;
use std::path::PathBuf;

use anoseg_image::dataset::display_name;
use anoseg_image::text::count;

use crate::scale::FarValues;

/// Files named in a remark.
const NAMED: usize = 3;

/// What becomes of an image of another shape than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeEffect {
    /// It is stretched to the shape of the network's input.
    Stretched,
    /// It keeps its shape and fills a part of the network's input.
    Padded,
    /// The part is looked for at the scale of images of one shape.
    Misjudged,
}

/// A remark on a set of good images, for the user. `Display` gives a sentence without its full
/// stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// Images that are the same as an earlier one. Each is given with that one.
    Copies {
        /// The copy, and the image that it is a copy of.
        copies: Vec<(PathBuf, PathBuf)>,
        /// Images in the set.
        of: usize,
    },
    /// Images that are nearly the same as an earlier one. Each is given with that one.
    NearCopies {
        /// The copy, and the image that it is a copy of.
        copies: Vec<(PathBuf, PathBuf)>,
        /// Images in the set.
        of: usize,
    },
    /// Images of one value.
    OneValue {
        /// The images.
        images: Vec<PathBuf>,
    },
    /// Images that are nearly black.
    NearlyBlack {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images much darker, brighter, of another colour or of another contrast than the others.
    FarFromTheOthers {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images of another shape than most.
    OtherShape {
        /// What becomes of them.
        effect: ShapeEffect,
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Images of many shapes, with none that most have.
    ManyShapes {
        /// What becomes of them.
        effect: ShapeEffect,
        /// Images in the set.
        of: usize,
    },
    /// Images far smaller or larger than most.
    OtherSize {
        /// The images.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Grey images among colour ones, or the other way round.
    GreyWithColour {
        /// Whether those named are grey.
        grey: bool,
        /// The fewer.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// Values that lie far beyond all others, which the value scale does not hold.
    FarValues {
        /// How many, and an example.
        values: FarValues,
    },
    /// Files with further images, such as pages or frames, of which only the first is used.
    FurtherImages {
        /// The files.
        images: Vec<PathBuf>,
        /// Images in the set.
        of: usize,
    },
    /// All images together use a small part of the value scale only.
    LowContrast {
        /// Darkest and brightest value at the network's size, as shares of the scale.
        range: [f32; 2],
    },
    /// Files with samples of several types.
    SampleTypes {
        /// How many of 8 bits, of more bits, and of floats.
        counts: [usize; 3],
    },
}

impl Remark {
    /// Whether it only tells how the set is, and not that an image may be wrong.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Self::ManyShapes { .. }
                | Self::NearCopies { .. }
                | Self::FarValues { .. }
                | Self::FurtherImages { .. }
                | Self::LowContrast { .. }
        )
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies { copies, of } => {
                let (first, named) = (first_of(copies), copy_names(copies));
                let are = of_images(copies.len(), *of, "is a copy", "are copies");
                write!(f, "{are} of another: {named} (the same as {first}); give different images")
            }
            Self::NearCopies { copies, of } => {
                let (first, named) = (first_of(copies), copy_names(copies));
                let are = of_images(copies.len(), *of, "is", "are");
                write!(
                    f,
                    "{are} nearly the same as another: {named} (as {first}); if one was stored twice, give images of \
                     different parts"
                )
            }
            Self::OneValue { images } => {
                write!(f, "images of a single value, as a covered lens gives: {}", names(images))
            }
            Self::NearlyBlack { images, of } => {
                let are = of_images(images.len(), *of, "is", "are");
                write!(f, "{are} nearly black: {}", names(images))
            }
            Self::FarFromTheOthers { images, of } => write!(
                f,
                "{} much darker, brighter or of another colour or contrast than the others: {}; if they show the \
                 same part under the same light, look for the reason, otherwise train on each kind by itself",
                of_images(images.len(), *of, "is", "are"),
                names(images)
            ),
            Self::OtherShape { effect, images, of } => {
                let (one, many) = match effect {
                    ShapeEffect::Stretched => {
                        ("and is stretched differently", "and are stretched differently")
                    }
                    ShapeEffect::Padded => {
                        ("and has a margin at the network", "and have a margin at the network")
                    }
                    ShapeEffect::Misjudged => (
                        "which aligning needs: its part may be missed",
                        "which aligning needs: parts may be missed",
                    ),
                };
                let one = format!("has another shape than the others, {one}");
                let many = format!("have another shape than the others, {many}");
                write!(f, "{}: {}", of_images(images.len(), *of, &one, &many), names(images))
            }
            Self::ManyShapes { effect, of } => {
                let what = match effect {
                    ShapeEffect::Stretched => {
                        "each is resampled to the same square, so that the same part looks different in each"
                    }
                    ShapeEffect::Padded => "each has another margin at the network",
                    ShapeEffect::Misjudged => "aligning needs images of one shape, and parts may be missed",
                };
                write!(f, "the {of} images have many shapes; {what}")
            }
            Self::OtherSize { images, of } => {
                let are = of_images(images.len(), *of, "is", "are");
                write!(f, "{are} far smaller or larger than the others: {}", names(images))
            }
            Self::GreyWithColour { grey, images, of } => {
                let kind = if *grey { "grey, the others in colour" } else { "in colour, the others grey" };
                write!(f, "{} {kind}: {}", of_images(images.len(), *of, "is", "are"), names(images))
            }
            Self::FarValues { values: FarValues { count, example } } => write!(
                f,
                "{count} values lie far beyond all others, such as {example}: they do not count for the value \
                 scale and are clipped to it"
            ),
            Self::FurtherImages { images, of } => {
                let one = "is the first of several in its file";
                let many = "are the first of several in their files";
                let are = of_images(images.len(), *of, one, many);
                write!(f, "{are}, such as pages or frames; only the first is used: {}", names(images))
            }
            Self::LowContrast { range: [least, most] } => write!(
                f,
                "all images lie between {:.1} % and {:.1} % of the value scale: faint defects may not be told; \
                 a longer exposure or a wider range of values helps",
                100.0 * least,
                100.0 * most
            ),
            Self::SampleTypes { counts: [bytes, words, floats] } => {
                let kinds = [(bytes, "8 bits"), (words, "16 bits"), (floats, "floats")];
                let kinds = kinds.into_iter().filter(|(count, _)| **count > 0);
                let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{count} of {kind}")).collect();
                write!(
                    f,
                    "the images have different types of values ({}), each read on a scale of its own",
                    kinds.join(", ")
                )
            }
        }
    }
}

/// `1 of 24 images is`, `2 of 24 images are`.
fn of_images(number: usize, of: usize, one: &str, many: &str) -> String {
    count(number, &format!("of {of} images {one}"), &format!("of {of} images {many}"))
}

fn copy_names(copies: &[(PathBuf, PathBuf)]) -> String {
    let named: Vec<PathBuf> = copies.iter().map(|(copy, _)| copy.clone()).collect();
    names(&named)
}

fn first_of(copies: &[(PathBuf, PathBuf)]) -> String {
    copies.first().map(|(_, first)| display_name(first)).unwrap_or_default()
}

/// The first few files, and how many more there are.
pub(crate) fn names(images: &[PathBuf]) -> String {
    let first: Vec<String> = images.iter().take(NAMED).map(|path| display_name(path)).collect();
    let more = images.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}
