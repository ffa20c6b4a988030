//! Whether part and image are held still in the training images, and how they are aligned where not.

mod movement;

use std::path::{Path, PathBuf};

use anoseg_image::{Limits, decode};
use anoseg_infer::{Alignment, LearnedPatch, NoPatch, Pose, Rectangle, ReducedImage, SettingError};

use crate::Result;
use crate::in_parallel::{Probed, probe_all, read_all};
pub use movement::{AlignedBy, Movement};

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

/// The images that poses are measured on.
struct Sample {
    paths: Vec<PathBuf>,
    images: Vec<ReducedImage>,
}

/// How images can be aligned, and the poses of a sample.
struct Measured {
    alignment: Alignment,
    /// Of the images in which the part or the patch was found.
    found: Vec<Pose>,
    movement: Movement,
}

/// Learns from these images how they are aligned: by the part that stands out from a plain background, by
/// the reference patch that is `given` in pixels of the first image, or by one that is found; None where
/// they are not. Files that cannot be read are left out.
///
/// # Errors
/// The given patch does not lie in the first image, or is not located reliably.
pub(crate) fn learn(
    root: &Path,
    files: &[Probed],
    limits: &Limits,
    given: Option<[usize; 4]>,
) -> Result<(Option<Alignment>, Movement)> {
    let sample = Sample::of(files, MOST_IMAGES, limits).named_from(root);
    let measured = match given {
        Some(given) => sample.by_given_patch(given)?,
        None => match sample.measured() {
            Ok(measured) => measured,
            Err(nothing) => return Ok((None, nothing)),
        },
    };
    let Measured { alignment, movement, .. } = measured;
    if let Movement::Aligned { pixels, degrees, by, .. } = &movement
        && *degrees <= STILL_DEGREES
        && *pixels <= STILL_SHARE * longest_side(&alignment)
    {
        return Ok((None, Movement::Still { pixels: *pixels, degrees: *degrees, by: by.clone() }));
    }
    Ok((Some(alignment), movement))
}

/// How the part or the image moves, where it does so in most of these images: they are to be aligned.
/// Measured on a few images, which takes a second or two.
pub(crate) fn advised(paths: &[PathBuf], limits: &Limits) -> Option<Movement> {
    let count = paths.len().min(MEASURED);
    let chosen: Vec<PathBuf> = (0..count).map(|i| paths[i * paths.len() / count].clone()).collect();
    let sample = Sample::of(&probe_all(&chosen, limits), MEASURED, limits);
    if sample.images.len() < FEWEST_MEASURED {
        return None;
    }
    let Measured { alignment, found, movement } = sample.measured().ok()?;
    let [far, turned] = [FAR_SHARE * longest_side(&alignment), FAR_DEGREES];
    let moved = deviations(&found).into_iter().filter(|[pixels, degrees]| *pixels > far || *degrees > turned);
    (2 * moved.count() >= sample.images.len()).then_some(movement)
}

impl Sample {
    /// At most so many of these images, evenly spread and with the first.
    fn of(files: &[Probed], most: usize, limits: &Limits) -> Self {
        let count = files.len().min(most);
        let chosen: Vec<Probed> = (0..count).map(|i| files[i * files.len() / count].clone()).collect();
        let read = |path: &Path| Some((path.to_owned(), ReducedImage::of(&decode::load(path, limits).ok()?)));
        let (paths, images) = read_all(&chosen, read).into_iter().flatten().unzip();
        Self { paths, images }
    }

    /// The same with paths from this folder on.
    fn named_from(mut self, root: &Path) -> Self {
        let from_root = |path: &mut PathBuf| {
            if let Ok(name) = path.strip_prefix(root) {
                *path = name.to_owned();
            }
        };
        self.paths.iter_mut().for_each(from_root);
        self
    }

    /// By the part where one stands out in most images, otherwise by a reference patch.
    fn measured(&self) -> std::result::Result<Measured, Movement> {
        let part = Alignment::learn(&self.images);
        let found = part.as_ref().map_or(0, |part| part.poses.iter().filter(|pose| pose.is_found()).count());
        let of = self.images.len();
        if let Some(part) = part.filter(|_| found as f32 >= FOUND * of as f32) {
            return Ok(self.with(part.alignment, &part.poses, AlignedBy::Part));
        }
        match Alignment::learn_patch(&self.images, None) {
            Ok(learned) => Ok(self.by_patch(learned, false)),
            Err(refused) => Err(Movement::NoPart { found, of, unlocated: self.unlocated(&refused) }),
        }
    }

    fn by_given_patch(&self, given: [usize; 4]) -> std::result::Result<Measured, SettingError> {
        let [left, top, width, height] = given;
        let patch = Rectangle { left, top, width, height };
        let learned = Alignment::learn_patch(&self.images, Some(patch)).map_err(|refused| {
            let allowed = match &refused {
                NoPatch::Outside([width, height]) => {
                    format!("must lie in the first training image, which has {width} x {height} pixels")
                }
                NoPatch::TooSmall(least) => format!("each side must have at least {least} pixels"),
                _ => format!(
                    "must be an area that all good images show once: it is not located reliably in {}",
                    movement::named(&self.unlocated(&refused))
                ),
            };
            let text = given.map(|number| number.to_string()).join(",");
            SettingError::new("input.align_patch", text, allowed)
        })?;
        Ok(self.by_patch(learned, true))
    }

    fn by_patch(&self, learned: LearnedPatch, given: bool) -> Measured {
        let LearnedPatch { alignment, poses, reference, patch, share, degrees } = learned;
        let image = self.paths[reference].clone();
        self.with(alignment, &poses, AlignedBy::Patch { image, patch, degrees, share, given })
    }

    /// The images in which no patch is located.
    fn unlocated(&self, refused: &NoPatch) -> Vec<PathBuf> {
        match refused {
            NoPatch::NotLocated(numbers) => numbers.iter().map(|&i| self.paths[i].clone()).collect(),
            _ => self.paths.clone(),
        }
    }

    /// How far these poses spread, and how many images have none or show the part in part.
    fn with(&self, alignment: Alignment, poses: &[Pose], by: AlignedBy) -> Measured {
        let sized = || self.images.iter().zip(poses).filter(|(_, pose)| pose.is_found());
        let found: Vec<Pose> = sized().map(|(_, pose)| *pose).collect();
        let [pixels, degrees] = spread(&found);
        let cut =
            sized().filter(|(image, pose)| alignment.share_beyond(pose, image.image_size()) > CUT).count();
        let of = poses.len();
        let missed = self.paths.iter().zip(poses).filter(|(_, pose)| !pose.is_found());
        let missed = missed.map(|(path, _)| path.clone()).collect();
        Measured { alignment, found, movement: Movement::Aligned { pixels, degrees, missed, cut, of, by } }
    }
}

fn longest_side(alignment: &Alignment) -> f32 {
    alignment.frame().into_iter().max().unwrap_or(1) as f32
}

/// The largest of the [`deviations`], each by itself.
fn spread(poses: &[Pose]) -> [f32; 2] {
    deviations(poses)
        .into_iter()
        .fold([0.0, 0.0], |[pixels, degrees], one| [pixels.max(one[0]), degrees.max(one[1])])
}

/// Of each pose the distance of its centre to the median one, in pixels of the frame, and the angle to the
/// pose that has the least sum of angles to the others, in degrees.
fn deviations(poses: &[Pose]) -> Vec<[f32; 2]> {
    let median = |i: usize| {
        let mut values: Vec<f32> = poses.iter().map(|pose| pose.centre[i] / pose.scale).collect();
        values.sort_unstable_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let [x, y] = [median(0), median(1)];
    let distance = |pose: &Pose| (pose.centre[0] / pose.scale - x).hypot(pose.centre[1] / pose.scale - y);
    let turned = |a: &Pose, b: &Pose| a.turned_from(b).to_degrees().abs();
    let sum = |pose: &&Pose| poses.iter().map(|other| turned(pose, other)).sum::<f32>();
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
        let [pixels, degrees] = spread(&poses);
        assert!((pixels - 8.0).abs() < 1e-4 && (degrees - 8.0).abs() < 1e-3, "{pixels}, {degrees}");
    }
}
