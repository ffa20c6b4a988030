//! Whether the part is held still in the training images, and how it is found where it is not.

use std::fmt;
use std::path::{Path, PathBuf};

use anoseg_image::{Limits, decode};
use anoseg_infer::{Alignment, Pose, ReducedImage};

use crate::in_parallel::{Probed, probe_all, read_all};

/// Most images that the pose is learned from, evenly spread over the set. Each takes 0.6 MB.
const MOST_IMAGES: usize = 300;

/// Parts are held still while they turn by at most so many degrees.
const STILL_DEGREES: f32 = 1.0;

/// And move by at most this share of the frame's longer side.
const STILL_SHARE: f32 = 0.01;

/// Aligning is advised where the part deviates by more than so many degrees in half of the images,
const FAR_DEGREES: f32 = 4.0;

/// or by more than this share of the frame's longer side.
const FAR_SHARE: f32 = 0.04;

/// Images that the advice comes from, evenly spread over the set.
const MEASURED: usize = 24;

/// Of fewer images no advice is given.
const FEWEST_MEASURED: usize = 8;

/// A part is cut by the image's border where a larger share of it lies beyond.
const CUT: f32 = 0.05;

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
        /// Images in which the part lies partly beyond the border. What is missing is repeated from the
        /// border and learned as good.
        cut: usize,
        /// Images that were looked at.
        of: usize,
    },
}

impl Movement {
    /// How far the part turns and moves, as a sentence without its full stop; None unless it does.
    pub fn extent(&self) -> Option<String> {
        let Self::Aligned { pixels, degrees, .. } = self else { return None };
        let degrees = if *degrees < 9.95 { format!("{degrees:.1}") } else { format!("{degrees:.0}") };
        Some(format!("the part turns by up to {degrees} degrees and moves by up to {pixels:.0} pixels"))
    }
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
            Self::Aligned { missed, cut, of, .. } => {
                write!(f, "{}: aligned", self.extent().unwrap_or_default())?;
                if *missed > 0 {
                    write!(f, "; it was not found in {missed} of {of} images")?;
                }
                if *cut > 0 {
                    write!(f, "; in {cut} of {of} images it lies partly beyond the border")?;
                }
                Ok(())
            }
        }
    }
}

/// Learns from these images how the part is found, where it moves. Files that cannot be read have no
/// say.
pub(crate) fn learn(files: &[Probed], limits: &Limits) -> (Option<Alignment>, Movement) {
    let count = files.len().min(MOST_IMAGES);
    let chosen: Vec<Probed> = (0..count).map(|i| files[i * files.len() / count].clone()).collect();
    let images = reduced(&chosen, limits);
    let of = images.len();
    let Some(learned) = Alignment::learn(&images) else { return (None, Movement::NoPart { found: 0, of }) };
    let found: Vec<&Pose> = learned.poses.iter().filter(|pose| pose.is_found()).collect();
    let missed = of - found.len();
    if (found.len() as f32) < FOUND * of as f32 {
        return (None, Movement::NoPart { found: found.len(), of });
    }
    let [pixels, degrees] = spread(&found);
    if degrees <= STILL_DEGREES && pixels <= STILL_SHARE * longest_side(&learned.alignment) {
        return (None, Movement::Still { pixels, degrees });
    }
    let sized = images.iter().zip(&learned.poses).filter(|(_, pose)| pose.is_found());
    let beyond =
        |(image, pose): &(&ReducedImage, &Pose)| learned.alignment.share_beyond(pose, image.image_size());
    let cut = sized.filter(|pair| beyond(pair) > CUT).count();
    (Some(learned.alignment), Movement::Aligned { pixels, degrees, missed, cut, of })
}

/// How the part moves in these images, where it does so in most of them: they are to be aligned. Measured
/// on a few images, which takes a second or less.
pub(crate) fn advised(paths: &[PathBuf], limits: &Limits) -> Option<Movement> {
    let count = paths.len().min(MEASURED);
    let chosen = (0..count).map(|i| paths[i * paths.len() / count].clone());
    let images = reduced(&probe_all(&chosen.collect::<Vec<_>>(), limits), limits);
    let learned = Alignment::learn(&images).filter(|_| images.len() >= FEWEST_MEASURED)?;
    let found: Vec<&Pose> = learned.poses.iter().filter(|pose| pose.is_found()).collect();
    let of = images.len();
    let [far, turned] = [FAR_SHARE * longest_side(&learned.alignment), FAR_DEGREES];
    let moved = deviations(&found).into_iter().filter(|[pixels, degrees]| *pixels > far || *degrees > turned);
    if (found.len() as f32) < FOUND * of as f32 || 2 * moved.count() < of {
        return None;
    }
    let [pixels, degrees] = spread(&found);
    Some(Movement::Aligned { pixels, degrees, missed: of - found.len(), cut: 0, of })
}

fn reduced(files: &[Probed], limits: &Limits) -> Vec<ReducedImage> {
    let read = |path: &Path| Some(ReducedImage::of(&decode::load(path, limits).ok()?));
    read_all(files, read).into_iter().flatten().collect()
}

fn longest_side(alignment: &Alignment) -> f32 {
    alignment.frame().into_iter().max().unwrap_or(1) as f32
}

/// The largest of the [`deviations`], each by itself.
fn spread(poses: &[&Pose]) -> [f32; 2] {
    deviations(poses)
        .into_iter()
        .fold([0.0, 0.0], |[pixels, degrees], one| [pixels.max(one[0]), degrees.max(one[1])])
}

/// Of each pose the distance of its centre to the median one, in pixels of the frame, and the angle to the
/// pose that has the least sum of angles to the others, in degrees.
fn deviations(poses: &[&Pose]) -> Vec<[f32; 2]> {
    let median = |i: usize| {
        let mut values: Vec<f32> = poses.iter().map(|pose| pose.centre[i] / pose.scale).collect();
        values.sort_unstable_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let [x, y] = [median(0), median(1)];
    let distance = |pose: &Pose| (pose.centre[0] / pose.scale - x).hypot(pose.centre[1] / pose.scale - y);
    let turned = |a: &Pose, b: &Pose| a.turned_from(b).to_degrees().abs();
    let sum = |pose: &&&Pose| poses.iter().map(|other| turned(pose, other)).sum::<f32>();
    let Some(usual) = poses.iter().min_by(|a, b| sum(a).total_cmp(&sum(b))) else { return Vec::new() };
    poses.iter().map(|pose| [distance(pose), turned(pose, usual)]).collect()
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
        let told = Movement::Aligned { pixels: 80.4, degrees: 173.2, missed: 1, cut: 2, of: 60 }.to_string();
        let expected = "the part turns by up to 173 degrees and moves by up to 80 pixels: aligned; it was not found in 1 \
                        of 60 images; in 2 of 60 images it lies partly beyond the border";
        assert_eq!(told, expected);
        let told = Movement::Still { pixels: 1.24, degrees: 0.41 }.to_string();
        assert_eq!(told, "the part is held still within 1.2 pixels and 0.4 degrees");
    }
}
