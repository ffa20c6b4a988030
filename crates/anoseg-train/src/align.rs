//! Whether the part is held still in the training images, and how it is found where it is not.

use std::fmt;

use anoseg_image::{Limits, decode};
use anoseg_infer::{Alignment, Pose, ReducedImage};

use crate::in_parallel::{Probed, read_all};

/// Most images that the pose is learned from, evenly spread over the set. Each takes 0.6 MB.
const MOST_IMAGES: usize = 300;

/// Parts are held still while they turn by at most so many degrees.
const STILL_DEGREES: f32 = 1.0;

/// And move by at most this share of the frame's longer side.
const STILL_SHARE: f32 = 0.01;

/// The part must be found in this share of the images.
const FOUND: f32 = 0.8;

/// How much the part moves from image to image, and what follows. `Display` gives a sentence without
/// its full stop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Movement {
    /// In most images no part stands out from a plain background, or none that looks alike: nothing is
    /// aligned.
    NoPart {
        /// Images in which one was found.
        found: usize,
        /// Images that were looked at.
        of: usize,
    },
    /// The part is held still: nothing is aligned.
    Still {
        /// The largest distance to the usual place, in pixels.
        pixels: f32,
        /// The largest angle to the usual one, in degrees.
        degrees: f32,
    },
    /// The part moves: images are aligned.
    Aligned {
        /// The largest distance to the usual place, in pixels.
        pixels: f32,
        /// The largest angle to the usual one, in degrees.
        degrees: f32,
        /// Images in which the part was not found. They are taken as they are.
        missed: usize,
        /// Images that were looked at.
        of: usize,
    },
}

impl fmt::Display for Movement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPart { found, of } => {
                write!(
                    f,
                    "a part that stands out from a plain background was found in {found} of {of} images"
                )
            }
            Self::Still { pixels, degrees } => {
                write!(f, "the part is held still within {pixels:.1} pixels and {degrees:.1} degrees")
            }
            Self::Aligned { pixels, degrees, missed, of } => {
                let degrees = if *degrees < 9.95 { format!("{degrees:.1}") } else { format!("{degrees:.0}") };
                write!(
                    f,
                    "the part turns by up to {degrees} degrees and moves by up to {pixels:.0} pixels: aligned"
                )?;
                match missed {
                    0 => Ok(()),
                    missed => write!(f, "; it was not found in {missed} of {of} images"),
                }
            }
        }
    }
}

/// Learns from these images how the part is found, where it moves. Files that cannot be read have no
/// say.
pub(crate) fn learn(files: &[Probed], limits: &Limits) -> (Option<Alignment>, Movement) {
    let count = files.len().min(MOST_IMAGES);
    let chosen: Vec<Probed> = (0..count).map(|i| files[i * files.len() / count].clone()).collect();
    let read = |path: &std::path::Path| Some(ReducedImage::of(&decode::load(path, limits).ok()?));
    let images: Vec<ReducedImage> = read_all(&chosen, read).into_iter().flatten().collect();
    let of = images.len();
    let Some(learned) = Alignment::learn(&images) else { return (None, Movement::NoPart { found: 0, of }) };
    let found: Vec<&Pose> = learned.poses.iter().filter(|pose| pose.is_found()).collect();
    let missed = of - found.len();
    if (found.len() as f32) < FOUND * of as f32 {
        return (None, Movement::NoPart { found: found.len(), of });
    }
    let [pixels, degrees] = spread(&found);
    let longest = learned.alignment.frame().into_iter().max().unwrap_or(1) as f32;
    if degrees <= STILL_DEGREES && pixels <= STILL_SHARE * longest {
        return (None, Movement::Still { pixels, degrees });
    }
    (Some(learned.alignment), Movement::Aligned { pixels, degrees, missed, of })
}

/// The largest distance of the centres to their median, in pixels of the frame, and the largest angle to
/// the pose that has the least sum of angles to the others, in degrees.
fn spread(poses: &[&Pose]) -> [f32; 2] {
    let median = |i: usize| {
        let mut values: Vec<f32> = poses.iter().map(|pose| pose.centre[i] / pose.scale).collect();
        values.sort_unstable_by(f32::total_cmp);
        values[values.len() / 2]
    };
    let [x, y] = [median(0), median(1)];
    let distance = |pose: &&Pose| (pose.centre[0] / pose.scale - x).hypot(pose.centre[1] / pose.scale - y);
    let turned = |a: &Pose, b: &Pose| a.turned_from(b).to_degrees().abs();
    let sum = |pose: &&&Pose| poses.iter().map(|other| turned(pose, other)).sum::<f32>();
    let usual = poses.iter().min_by(|a, b| sum(a).total_cmp(&sum(b)));
    let degrees = usual.map_or(0.0, |usual| poses.iter().map(|pose| turned(pose, usual)).fold(0.0, f32::max));
    [poses.iter().map(distance).fold(0.0, f32::max), degrees]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(x: f32, degrees: f32) -> Pose {
        Pose { centre: [x, 50.0], angle: degrees.to_radians(), scale: 1.0, quality: 1.0 }
    }

    #[test]
    fn the_spread_is_that_from_the_middle() {
        let poses = [pose(10.0, 178.0), pose(12.0, -179.0), pose(20.0, 170.0)];
        let [pixels, degrees] = spread(&poses.iter().collect::<Vec<_>>());
        assert!((pixels - 8.0).abs() < 1e-4 && (degrees - 8.0).abs() < 1e-3, "{pixels}, {degrees}");
    }

    #[test]
    fn the_movement_is_told() {
        let told = Movement::Aligned { pixels: 80.4, degrees: 173.2, missed: 1, of: 60 }.to_string();
        let expected = "the part turns by up to 173 degrees and moves by up to 80 pixels: aligned; it was not found in 1 \
                        of 60 images";
        assert_eq!(told, expected);
        let told = Movement::Still { pixels: 1.24, degrees: 0.41 }.to_string();
        assert_eq!(told, "the part is held still within 1.2 pixels and 0.4 degrees");
    }
}
