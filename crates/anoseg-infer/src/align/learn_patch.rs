//! From good images to an [`Alignment`] by a reference patch.

use rayon::prelude::*;

use super::learn::median;
use super::locate::Place;
use super::patch::{self, Area, Patch};
use super::template::{LONGEST, Level, Template};
use super::{Alignment, Pose, ReducedImage};

/// Images that patches are taken from, evenly spread over the set.
const REFERENCES: usize = 3;

/// Patches of each that are tried.
const TRIED: usize = 3;

/// Images that each is tried in.
const TRIED_IN: usize = 8;

/// A patch that is located in none of so many images is not tried in others.
const GIVEN_UP_AFTER: usize = 3;

/// The patch must be located reliably in this share of the images.
const LOCATED: f32 = 0.8;

/// Degrees to either side that a patch is searched at, unless the training images turn by more.
const DEGREES: f32 = 15.0;

/// The range is so many times what the training images turn by.
const RANGE_OF_TURNED: f32 = 1.25;

/// The frame lies wholly within this share of the images. What few show only cannot be compared, and where
/// the border is repeated in its place, good images have high scores.
const SHARED: f32 = 0.95;

/// The frame is tried smaller by up to so many hundredths of each side of the image.
const MOST_CUT: usize = 50;

/// A patch is found from this share of the usual correlation on.
const LEAST_OF_USUAL: f32 = 0.6;

/// A rectangle of an image, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names tell it")]
pub struct Rectangle {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// What good images tell of the pose, measured by a reference patch.
#[derive(Clone, Debug)]
pub struct LearnedPatch {
    /// How the patch is found. The frame is the area that nearly all images show, in the middle of the
    /// median one.
    pub alignment: Alignment,
    /// The pose in each image; not [found](Pose::is_found) where it was not.
    pub poses: Vec<Pose>,
    /// The number of the image that the patch was taken from.
    pub reference: usize,
    /// The patch in that image.
    pub patch: Rectangle,
    /// The frame's share of the image, above 0 and at most 1.
    pub share: f32,
    /// The patch is searched at up to so many degrees to either side.
    pub degrees: f32,
}

/// Why images cannot be aligned by a reference patch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoPatch {
    /// The rectangle does not lie in the first image, which has this width and height.
    Outside([usize; 2]),
    /// The rectangle, or the image, has a side of fewer pixels than these.
    TooSmall(usize),
    /// In the images of these numbers no place agrees with the patch clearly better than others.
    NotLocated(Vec<usize>),
}

impl Alignment {
    /// Learns how images are aligned by a reference patch: `given` in the pixels of the first image, or
    /// the area with much structure that is located most reliably in all images.
    ///
    /// # Errors
    /// The patch cannot be located reliably in four fifths of the images, or `given` is no area of the
    /// first one.
    pub fn learn_patch(images: &[ReducedImage], given: Option<Rectangle>) -> Result<LearnedPatch, NoPatch> {
        let (mut alignment, reference, patch) = match given {
            Some(rectangle) => {
                let first = images.first().ok_or(NoPatch::NotLocated(Vec::new()))?;
                (Self::of_rectangle(first, rectangle)?, 0, rectangle)
            }
            None => most_reliable(images)?,
        };
        let located = alignment.locate_all(images);
        let found = reliable(&located)?;
        let usual = median_pose(&found);
        let turned = found.iter().map(|pose| pose.turned_from(&usual).to_degrees().abs()).fold(0.0, f32::max);
        let degrees = (RANGE_OF_TURNED * turned).clamp(DEGREES, patch::MOST_DEGREES).ceil();
        let poses: Vec<Option<Pose>> = located
            .iter()
            .map(|place| place.filter(|place| place.margin() > 0.0))
            .map(|place| place.map(|place| alignment.moved_to(place.pose, &usual)))
            .collect();
        alignment.move_to(&usual);
        alignment.frame = alignment.shared(images, &poses);
        alignment.patch = alignment.patch.map(|patch| Patch { degrees, ..patch });
        alignment.template = alignment.averaged(images, &poses);
        let located = alignment.locate_all(images);
        reliable(&located)?;
        alignment.least_quality = least_quality(&located);
        alignment.validate().map_err(|_| NoPatch::NotLocated((0..images.len()).collect()))?;
        let poses = images.par_iter().map(|image| alignment.find_reduced(image)).collect();
        let pixels = |[width, height]: [usize; 2]| width as f32 * height as f32;
        let share = pixels(alignment.frame) / pixels(alignment.image);
        Ok(LearnedPatch { alignment, poses, reference, patch, share, degrees })
    }

    fn locate_all(&self, images: &[ReducedImage]) -> Vec<Option<Place>> {
        images.par_iter().map(|image| self.locate(image, self.patch.as_ref()?)).collect()
    }

    /// From an area of a single image. The frame is the whole image.
    fn of_rectangle(image: &ReducedImage, rectangle: Rectangle) -> Result<Self, NoPatch> {
        let Rectangle { left, top, width, height } = rectangle;
        let fits = |first: usize, side: usize, all: usize| {
            side > 0 && first.checked_add(side).is_some_and(|end| end <= all)
        };
        if !fits(left, width, image.image[0]) || !fits(top, height, image.image[1]) {
            return Err(NoPatch::Outside(image.image));
        }
        let scale = image.scale();
        let [across, down] = image.image.map(|side| side as f32);
        let size = [0, 1].map(|i| ([width, height][i] as f32 * scale[i]).round() as usize);
        if size.iter().any(|side| *side < patch::FEWEST) {
            return Err(NoPatch::TooSmall((patch::FEWEST as f32 / scale[0].min(scale[1])).ceil() as usize));
        }
        let size = size.map(|side| side.min(LONGEST));
        let rest = Pose { centre: [across / 2.0, down / 2.0], scale: 1.0, ..Pose::default() };
        let middle = [left as f32 + width as f32 / 2.0, top as f32 + height as f32 / 2.0];
        let mut alignment = Self {
            image: image.image,
            frame: image.image,
            rest,
            centroid: [middle[0] - rest.centre[0], middle[1] - rest.centre[1]],
            area: (width * height) as f32,
            least_quality: 1.0,
            template: Template { size, pixels: Vec::new() },
            patch: Some(Patch { size: [width, height], degrees: patch::MOST_DEGREES }),
        };
        let level = Level::of(image);
        let values: Vec<Option<f32>> = alignment.places(&rest).map(|[x, y]| level.value(x, y)).collect();
        alignment.template = Template::of(size, &values);
        if alignment.template.is_sound() { Ok(alignment) } else { Err(NoPatch::NotLocated(vec![0])) }
    }

    /// The largest frame that lies wholly within nearly all images of these poses.
    fn shared(&self, images: &[ReducedImage], poses: &[Option<Pose>]) -> [usize; 2] {
        let found = || images.iter().zip(poses).filter_map(|(image, pose)| Some((image.image, (*pose)?)));
        let most = (found().count() as f32 * (1.0 - SHARED)) as usize;
        let cut = |i: usize, hundredths: usize| (self.image[i] * (100 - hundredths) / 100).max(1);
        let is_shared = |frame: [usize; 2]| {
            let half = frame.map(|side| side as f32 / 2.0);
            let is_cut = |([width, height], pose): &([usize; 2], Pose)| {
                let corners = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]];
                let mut places =
                    corners.into_iter().map(|[x, y]| pose.place(pose.turn(), [x * half[0], y * half[1]]));
                places.any(|[x, y]| x < 0.0 || y < 0.0 || x > *width as f32 || y > *height as f32)
            };
            found().filter(is_cut).count() <= most
        };
        let frames = (0..=MOST_CUT).filter_map(|across| {
            let frames = (0..=MOST_CUT).map(|down| [cut(0, across), cut(1, down)]);
            frames.into_iter().find(|frame| is_shared(*frame))
        });
        let largest = frames.max_by_key(|[width, height]| width * height);
        largest.unwrap_or([cut(0, MOST_CUT), cut(1, MOST_CUT)])
    }

    /// Moves the frame so that it covers an image in which it had this pose.
    fn move_to(&mut self, usual: &Pose) {
        let patch = usual.place(usual.turn(), self.centroid);
        self.centroid = [0, 1].map(|i| patch[i] - self.rest.centre[i]);
    }

    /// A pose after [`Alignment::move_to`].
    fn moved_to(&self, pose: Pose, usual: &Pose) -> Pose {
        // Where the middle of the image lies in the former frame.
        let (sin, cos) = usual.angle.sin_cos();
        let [dx, dy] = [0, 1].map(|i| self.rest.centre[i] - usual.centre[i]);
        let centre = pose.place(pose.turn(), [cos * dx + sin * dy, cos * dy - sin * dx]);
        Pose { centre, angle: pose.angle - usual.angle, ..pose }.normalized()
    }
}

/// Of several areas of several images the one that is located most reliably in the others.
fn most_reliable(images: &[ReducedImage]) -> Result<(Alignment, usize, Rectangle), NoPatch> {
    let spread = |most: usize| {
        let count = images.len().min(most);
        (0..count).map(move |i| i * images.len() / count)
    };
    let areas: Vec<(usize, Area)> = spread(REFERENCES)
        .flat_map(|i| patch::distinctive(&images[i], TRIED).into_iter().map(move |area| (i, area)))
        .collect();
    let tried = areas.par_iter().filter_map(|&(reference, area)| {
        let rectangle = rectangle_of(&images[reference], area);
        let alignment = Alignment::of_rectangle(&images[reference], rectangle).ok()?;
        let mut margins: Vec<f32> = Vec::new();
        // One more, because the reference itself tells nothing.
        for i in spread(TRIED_IN + 1).filter(|i| *i != reference) {
            let place = alignment.locate(&images[i], alignment.patch.as_ref()?);
            margins.push(place.map_or(-1.0, |place| place.margin()));
            if margins.len() == GIVEN_UP_AFTER && margins.iter().all(|margin| *margin <= 0.0) {
                break;
            }
        }
        let located = margins.iter().filter(|margin| **margin > 0.0).count();
        Some(((located, median(margins.into_iter())?), (alignment, reference, rectangle)))
    });
    let tried: Vec<_> = tried.collect();
    let best = tried.into_iter().max_by(|((a, x), _), ((b, y), _)| a.cmp(b).then(x.total_cmp(y)));
    let best = best.filter(|((located, _), _)| *located > 0).map(|(_, chosen)| chosen);
    best.ok_or_else(|| NoPatch::NotLocated((0..images.len()).collect()))
}

/// The area in the pixels of the image.
fn rectangle_of(image: &ReducedImage, area: Area) -> Rectangle {
    let scale = image.scale();
    let [left, top] = [area.left as f32 / scale[0], area.top as f32 / scale[1]].map(|at| at.round() as usize);
    let side = |i: usize, first: usize| {
        let side = (area.size[i] as f32 / scale[i]).round() as usize;
        side.min(image.image[i].saturating_sub(first))
    };
    Rectangle { left, top, width: side(0, left), height: side(1, top) }
}

/// The poses of the images in which the patch was located reliably.
fn reliable(located: &[Option<Place>]) -> Result<Vec<Pose>, NoPatch> {
    let is_reliable = |place: &Option<Place>| place.is_some_and(|place| place.margin() > 0.0);
    let missed: Vec<usize> = (0..located.len()).filter(|&i| !is_reliable(&located[i])).collect();
    let count = located.len() - missed.len();
    if count == 0 || (count as f32) < LOCATED * located.len() as f32 {
        return Err(NoPatch::NotLocated(missed));
    }
    Ok(located.iter().filter(|place| is_reliable(place)).flatten().map(|place| place.pose).collect())
}

/// The median of each of the coordinates.
fn median_pose(poses: &[Pose]) -> Pose {
    let of = |value: &dyn Fn(&Pose) -> f32| median(poses.iter().map(value)).unwrap_or_default();
    let centre = [of(&|pose| pose.centre[0] / pose.scale), of(&|pose| pose.centre[1] / pose.scale)];
    Pose { centre, angle: of(&|pose| pose.angle), scale: 1.0, quality: 0.0 }
}

/// Below this correlation a patch is not found: a share of the usual one, and above what the best place
/// elsewhere usually has.
fn least_quality(located: &[Option<Place>]) -> f32 {
    let of = |value: fn(&Place) -> f32| median(located.iter().flatten().map(value)).unwrap_or(1.0);
    let (usual, elsewhere) = (of(|place| place.pose.quality), of(|place| place.elsewhere));
    (LEAST_OF_USUAL * usual).max((usual + elsewhere) / 2.0).clamp(0.05, 1.0)
}
