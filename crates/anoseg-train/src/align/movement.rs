//! How much parts or images move, in words.

use std::fmt;
use std::path::PathBuf;

use anoseg_image::dataset::display_name;
use anoseg_infer::Rectangle;

/// Images that are named where a patch is not located in them.
const NAMED: usize = 3;

/// How much the part, or the image, moves from image to image, and what follows. `Display` gives a sentence
/// without its full stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Movement {
    /// In most images no part stands out from a plain background, or none that looks alike, and no
    /// reference patch is located reliably: nothing is aligned.
    NoPart {
        /// Images in which a part was found.
        found: usize,
        /// Images that were looked at.
        of: usize,
        /// Images in which no reference patch is located reliably.
        unlocated: Vec<PathBuf>,
    },
    /// The part, or the image, is held still: nothing is aligned.
    Still {
        /// The largest distance to the usual place, in pixels.
        pixels: f32,
        /// The largest angle to the usual one, in degrees.
        degrees: f32,
        /// What was measured.
        by: AlignedBy,
    },
    /// The part, or the image, moves: images are aligned.
    Aligned {
        /// The largest distance to the usual place, in pixels.
        pixels: f32,
        /// The largest angle to the usual one, in degrees.
        degrees: f32,
        /// Images in which the part or the patch was not found. They are taken as they are.
        missed: Vec<PathBuf>,
        /// Images in which the part or the patch lies partly beyond the border. What is missing is repeated
        /// from the border and learned as good.
        cut: usize,
        /// Images that were looked at.
        of: usize,
        /// What was measured.
        by: AlignedBy,
    },
}

/// What the pose of an image is measured by.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AlignedBy {
    /// A part that stands out from a plain background.
    Part,
    /// A reference patch.
    Patch {
        /// The image that it was taken from.
        image: PathBuf,
        /// The patch in that image.
        patch: Rectangle,
        /// It is searched at up to so many degrees to either side.
        degrees: f32,
        /// The share of the image that nearly all images show, and that is inspected, above 0 to 1.
        share: f32,
        /// Whether the user gave it. Otherwise no part stands out from a plain background.
        given: bool,
    },
}

impl Movement {
    /// How far the part turns and moves, as a sentence without its full stop; None unless it does.
    pub fn extent(&self) -> Option<String> {
        let Self::Aligned { pixels, degrees, by, .. } = self else { return None };
        let degrees = if *degrees < 9.95 { format!("{degrees:.1}") } else { format!("{degrees:.0}") };
        Some(match by {
            AlignedBy::Part => {
                format!("the part turns by up to {degrees} degrees and moves by up to {pixels:.0} pixels")
            }
            AlignedBy::Patch { .. } => {
                format!(
                    "the images are turned by up to {degrees} degrees and shifted by up to {pixels:.0} pixels"
                )
            }
        })
    }

    /// Whether it was measured by a reference patch, or nothing was found that it could be measured by.
    pub fn is_of_scene(&self) -> bool {
        match self {
            Self::NoPart { .. } => true,
            Self::Still { by, .. } | Self::Aligned { by, .. } => *by != AlignedBy::Part,
        }
    }
}

impl fmt::Display for Movement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPart { found, of, unlocated } => {
                write!(
                    f,
                    "a part that stands out from a plain background was found in {found} of {of} images, and no \
                     reference patch is located reliably: not in {}",
                    named(unlocated)
                )
            }
            Self::Still { pixels, degrees, by } => {
                let what =
                    if *by == AlignedBy::Part { "the part is held still" } else { "the images lie still" };
                write!(f, "{what} within {pixels:.1} pixels and {degrees:.1} degrees")
            }
            Self::Aligned { missed, cut, of, by, .. } => {
                write!(f, "{}: aligned by {by}", self.extent().unwrap_or_default())?;
                if !missed.is_empty() {
                    let (count, named) = (missed.len(), named(missed));
                    write!(
                        f,
                        "; it was not found in {count} of {of} images, which are taken as they are: {named}"
                    )?;
                }
                if *cut > 0 {
                    write!(f, "; in {cut} of {of} images it lies partly beyond the border")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for AlignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Patch { image, patch, degrees, share, given } = self else {
            return f.write_str("the part, which stands out from its background");
        };
        let Rectangle { left, top, width, height } = patch;
        write!(f, "a reference patch, {left},{top},{width},{height} of {}", display_name(image))?;
        write!(f, ", searched within {degrees:.0} degrees to either side")?;
        write!(f, ", in the {:.0} % of the image that nearly all images show", 100.0 * share)?;
        if !given {
            f.write_str(" (no part stands out from a plain background)")?;
        }
        Ok(())
    }
}

/// Some of the images by their names.
pub(super) fn named(images: &[PathBuf]) -> String {
    let names: Vec<String> = images.iter().take(NAMED).map(|path| display_name(path)).collect();
    match images.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        1 => format!("{} and another", names.join(", ")),
        more => format!("{} and {more} others", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_movement_is_told() {
        let by = AlignedBy::Part;
        let told = Movement::Aligned {
            pixels: 80.4,
            degrees: 173.2,
            missed: vec!["7.png".into()],
            cut: 2,
            of: 60,
            by,
        }
        .to_string();
        let expected = "the part turns by up to 173 degrees and moves by up to 80 pixels: aligned by the part, \
                        which stands out from its background; it was not found in 1 of 60 images, which are taken as they are: 7.png; in 2 of 60 images \
                        it lies partly beyond the border";
        assert_eq!(told, expected);
        let told = Movement::Still { pixels: 1.24, degrees: 0.41, by: AlignedBy::Part }.to_string();
        assert_eq!(told, "the part is held still within 1.2 pixels and 0.4 degrees");
        let patch = Rectangle { left: 20, top: 30, width: 90, height: 80 };
        let by =
            AlignedBy::Patch { image: "a/0.png".into(), patch, degrees: 15.0, share: 0.81, given: false };
        let told = Movement::Aligned { pixels: 9.0, degrees: 3.0, missed: Vec::new(), cut: 0, of: 9, by }
            .to_string();
        let expected = "the images are turned by up to 3.0 degrees and shifted by up to 9 pixels: aligned by a \
                        reference patch, 20,30,90,80 of a/0.png, searched within 15 degrees to either side, in the \
                        81 % of the image that nearly all images show (no part stands out from a plain background)";
        assert_eq!(told, expected);
        let unlocated = (0..5).map(|i| PathBuf::from(format!("{i}.png"))).collect();
        let told = Movement::NoPart { found: 1, of: 9, unlocated }.to_string();
        assert!(told.ends_with("reliably: not in 0.png, 1.png, 2.png and 2 others"), "{told}");
    }
}
