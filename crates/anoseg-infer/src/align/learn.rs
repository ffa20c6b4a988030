//! From good images to an [`Alignment`].

use rayon::prelude::*;

use super::foreground::{Foreground, foreground};
use super::search::Candidate;
use super::template::{Level, Template};
use super::{Alignment, Pose, ReducedImage, difference};

/// Without a part in at least this share of the images there is nothing to align by.
const FEWEST: f32 = 0.5;

/// A single part has at least this share of all pixels that stand out from the background. Marks of a print
/// have less each.
const LEAST_OF_ALL: f32 = 0.5;

/// Room around the part, as a share of its longer side.
const MARGIN: f32 = 0.08;

/// The template has an edge around the part of this share of its longer side.
const EDGE: f32 = 0.03;

/// A frame along the part's longest axis must be smaller than an upright one by this factor.
const SMALLER: f32 = 0.8;

/// Parts are found from this share of the usual correlation on.
const LEAST_OF_USUAL: f32 = 0.6;

/// Poses that turn by less, in radians, have a mean angle.
const HAS_MEAN: f32 = 0.6;

/// What good images tell of the part's pose.
#[derive(Clone, Debug)]
pub struct Learned {
    /// How the part is found.
    pub alignment: Alignment,
    /// The pose in each image; not [found](Pose::is_found) where it was not.
    pub poses: Vec<Pose>,
}

impl Alignment {
    /// Learns how the part is found, and finds it in these images. The reference is the image whose part
    /// has the median area, averaged with all others in its pose.
    ///
    /// None where in most images no part stands out from a plain background.
    pub fn learn(images: &[ReducedImage]) -> Option<Learned> {
        let found: Vec<Option<Foreground>> = images.par_iter().map(foreground).collect();
        if (found.iter().flatten().count() as f32) < FEWEST * images.len() as f32 {
            return None;
        }
        if median(found.iter().flatten().map(|found| found.of_all))? < LEAST_OF_ALL {
            return None;
        }
        let reference = reference(&found)?;
        let mut alignment = Self::of(&images[reference], found[reference].as_ref()?)?;
        let first = alignment.search_all(images);
        let least = LEAST_OF_USUAL * usual_quality(&first)?;
        let poses = first.iter().map(|found| found.map(|found| found.pose));
        let poses = poses.map(|pose| pose.filter(|pose| pose.quality >= least));
        alignment.template = alignment.averaged(images, &poses.collect::<Vec<_>>());
        if !alignment.template.is_sound() {
            return None;
        }
        let found = alignment.search_all(images);
        alignment.least_quality = (LEAST_OF_USUAL * usual_quality(&found)?).clamp(0.05, 1.0);
        alignment.settle_rest(&found.iter().flatten().map(|found| found.pose).collect::<Vec<_>>());
        let poses = images.par_iter().map(|image| alignment.find_reduced(image)).collect();
        alignment.validate().ok()?;
        Some(Learned { alignment, poses })
    }

    fn search_all(&self, images: &[ReducedImage]) -> Vec<Option<Candidate>> {
        images.par_iter().map(|image| self.search(image)).collect()
    }

    /// From a single image.
    fn of(image: &ReducedImage, found: &Foreground) -> Option<Self> {
        let [across, down] = image.scale();
        let (upright, along) = (Extent::of(found, 0.0), Extent::of(found, found.axis));
        let extent = if along.area() < SMALLER * upright.area() { along } else { upright };
        let pixels = 2.0 / (across + down);
        let margin = MARGIN * extent.size[0].max(extent.size[1]);
        let frame = extent.size.map(|side| ((side + 2.0 * margin) * pixels).round().max(8.0) as usize);
        let centre = [extent.centre[0] / across, extent.centre[1] / down];
        let rest = Pose { centre, angle: extent.angle, scale: 1.0, quality: 0.0 };
        let from_centre = [found.centre[0] / across - centre[0], found.centre[1] / down - centre[1]];
        let (sin, cos) = rest.angle.sin_cos();
        let centroid =
            [cos * from_centre[0] + sin * from_centre[1], cos * from_centre[1] - sin * from_centre[0]];
        let size = frame.map(|side| ((side as f32 / pixels).round() as usize).max(1));
        let mut alignment = Self {
            image: image.image,
            frame,
            rest,
            centroid,
            area: found.area as f32 / (across * down),
            least_quality: 1.0,
            template: Template { size, pixels: Vec::new() },
            patch: None,
        };
        let edge = (EDGE * size[0].max(size[1]) as f32).max(1.5);
        let near = nearby(found, edge);
        let level = Level::of(image);
        let values = alignment.places(&rest).map(|[x, y]| {
            let (column, row) = ((x * across).floor(), (y * down).floor());
            let inside = column >= 0.0 && row >= 0.0;
            let index = (column as usize, row as usize);
            let shown = inside && index.0 < image.width && index.1 < image.height;
            (shown && near[index.1 * image.width + index.0]).then(|| level.value(x, y)).flatten()
        });
        let values: Vec<Option<f32>> = values.collect();
        alignment.template = Template::of(size, &values);
        alignment.template.is_sound().then_some(alignment)
    }

    /// The places in an image of this pose that the template's pixels lie at, row by row.
    pub(super) fn places(&self, pose: &Pose) -> impl Iterator<Item = [f32; 2]> {
        let ([width, height], pose) = (self.template.size, *pose);
        let ([across, down], middle) = match &self.patch {
            Some(patch) => (patch.size, self.centroid),
            None => (self.frame, [0.0, 0.0]),
        };
        let step = [across as f32 / width as f32, down as f32 / height as f32];
        let at = move |x: usize, y: usize| {
            let from_middle = [
                (x as f32 + 0.5) * step[0] - across as f32 / 2.0 + middle[0],
                (y as f32 + 0.5) * step[1] - down as f32 / 2.0 + middle[1],
            ];
            pose.place(pose.turn(), from_middle)
        };
        (0..height).flat_map(move |y| (0..width).map(move |x| at(x, y)))
    }

    /// The template averaged over the images in these poses, each at the same mean and contrast.
    pub(super) fn averaged(&self, images: &[ReducedImage], poses: &[Option<Pose>]) -> Template {
        let pixels = &self.template.pixels;
        let (mut sums, mut counts) = (vec![0.0f64; pixels.len()], vec![0u32; pixels.len()]);
        for (image, pose) in images.iter().zip(poses) {
            let Some(pose) = pose else { continue };
            let level = Level::of(image);
            let places = self.places(pose).zip(pixels);
            let values: Vec<Option<f32>> =
                places.map(|([x, y], &pixel)| if pixel > 0 { level.value(x, y) } else { None }).collect();
            let n = values.iter().flatten().count().max(1) as f64;
            let mean = values.iter().flatten().map(|&v| f64::from(v)).sum::<f64>() / n;
            let square = |&v: &f32| (f64::from(v) - mean).powi(2);
            let deviation = (values.iter().flatten().map(square).sum::<f64>() / n).sqrt();
            for (i, value) in values.into_iter().enumerate() {
                if let Some(value) = value.filter(|_| deviation > 0.0) {
                    sums[i] += (f64::from(value) - mean) / deviation;
                    counts[i] += 1;
                }
            }
        }
        let means = sums.iter().zip(&counts);
        let means: Vec<Option<f32>> =
            means.map(|(sum, &count)| (count > 0).then(|| (sum / f64::from(count)) as f32)).collect();
        Template::of(self.template.size, &means)
    }

    /// Puts the pose of rest in the middle of the poses; its angle only where they have a mean.
    fn settle_rest(&mut self, poses: &[Pose]) {
        let found: Vec<&Pose> = poses.iter().filter(|pose| pose.quality >= self.least_quality).collect();
        for i in 0..2 {
            let at = median(found.iter().map(|pose| pose.centre[i] / pose.scale));
            self.rest.centre[i] = at.unwrap_or(self.rest.centre[i]);
        }
        let turned: Vec<f32> = found.iter().map(|pose| difference(pose.angle, self.rest.angle)).collect();
        if turned.iter().all(|turned| turned.abs() < HAS_MEAN) {
            self.rest.angle += median(turned.into_iter()).unwrap_or(0.0);
        }
    }
}

/// The median quality; None where it is too low to tell anything.
fn usual_quality(found: &[Option<Candidate>]) -> Option<f32> {
    median(found.iter().flatten().map(|found| found.pose.quality)).filter(|&quality| quality > 0.1)
}

pub(super) fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The image whose part has the median area, of those in which it lies wholly within the image.
fn reference(found: &[Option<Foreground>]) -> Option<usize> {
    let numbered = || found.iter().enumerate().filter_map(|(i, found)| Some((i, found.as_ref()?)));
    let mut chosen: Vec<(usize, usize)> =
        numbered().filter(|(_, found)| !found.touches).map(|(i, found)| (found.area, i)).collect();
    if chosen.is_empty() {
        chosen = numbered().map(|(i, found)| (found.area, i)).collect();
    }
    chosen.sort_unstable();
    chosen.get(chosen.len() / 2).map(|&(_, i)| i)
}

/// The smallest rectangle of one direction around a part, in pixels of the reduced image.
struct Extent {
    angle: f32,
    centre: [f32; 2],
    size: [f32; 2],
}

impl Extent {
    fn of(found: &Foreground, angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (mut least, mut most) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        let (width, mask) = (found.mask.width(), found.mask.as_slice());
        for i in (0..mask.len()).filter(|&i| mask[i]) {
            let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            let turned = [cos * x + sin * y, cos * y - sin * x];
            least = [0, 1].map(|i| least[i].min(turned[i]));
            most = [0, 1].map(|i| most[i].max(turned[i]));
        }
        let [u, v] = [0, 1].map(|i| (least[i] + most[i]) / 2.0);
        let size = [0, 1].map(|i| most[i] - least[i] + 1.0);
        Self { angle, centre: [cos * u - sin * v, sin * u + cos * v], size }
    }

    fn area(&self) -> f32 {
        self.size[0] * self.size[1]
    }
}

/// Pixels at most `distance` from the part, across and down.
fn nearby(found: &Foreground, distance: f32) -> Vec<bool> {
    let (width, height) = (found.mask.width(), found.mask.height());
    let reach = distance.round() as usize;
    let spread = |mask: &[bool], at: &dyn Fn(usize, usize) -> usize, lines: usize, len: usize| {
        let mut wide = vec![false; mask.len()];
        for line in 0..lines {
            for i in (0..len).filter(|&i| mask[at(line, i)]) {
                (i.saturating_sub(reach)..(i + reach + 1).min(len)).for_each(|i| wide[at(line, i)] = true);
            }
        }
        wide
    };
    let across = spread(found.mask.as_slice(), &|y, x| y * width + x, height, width);
    spread(&across, &|x, y| y * width + x, width, height)
}
