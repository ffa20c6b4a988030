//! The drawings of a call, as the region that they narrow a model's to.

use super::{Area, Drawing, RegionOfInterest};
use crate::{Extent, Geometry, Preprocess, SettingError, TrainingImages};

/// A region is told to be clipped from so many pixels beyond the border on. Tools for labelling write less.
const TOLD_BEYOND: f32 = 1.0;

/// Regions of fewer pixels of the network are told to be small: `fast` scores an image by the hundred
/// highest of them.
const SMALL_REGION: usize = 100;

/// A drawing, and what errors call it.
#[derive(Clone, Debug, PartialEq)]
struct Drawn {
    name: String,
    value: String,
    drawing: Drawing,
    ignored: bool,
}

/// The drawings of a call: where defects count, and where they do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawings(Vec<Drawn>);

/// A region of interest, with remarks for whoever drew it; usually none.
#[derive(Clone, Debug, PartialEq)]
pub struct Narrowing {
    /// Where defects count.
    pub region: RegionOfInterest,
    /// What is doubtful about the drawings.
    pub remarks: Vec<String>,
}

impl Drawings {
    /// Only defects in this drawing count. Errors name it `name`, such as an option, with the value that was given.
    pub fn inside(&mut self, name: &str, value: &str, drawing: Drawing) {
        self.add(name, value, drawing, false);
    }

    /// Defects in this drawing do not count; otherwise as [`Drawings::inside`].
    pub fn ignore(&mut self, name: &str, value: &str, drawing: Drawing) {
        self.add(name, value, drawing, true);
    }

    fn add(&mut self, name: &str, value: &str, drawing: Drawing, ignored: bool) {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.0.push(Drawn { name, value, drawing, ignored });
    }

    /// Whether nothing was drawn.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many drawings there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Most pixels of an image that a drawing says it was drawn on; 0 where none says so. Checking a drawing may
    /// take a byte and some nanoseconds for each.
    pub fn most_pixels(&self) -> usize {
        let sizes = self.0.iter().filter_map(|drawn| match &drawn.drawing {
            Drawing::Sized(area) => Some(area.size()),
            Drawing::Unsized(_) => None,
        });
        sizes.map(|(width, height)| width.saturating_mul(height)).max().unwrap_or(0)
    }

    /// The region that all of them give; None where nothing was drawn. `size` gives width and height of the
    /// training images, or says why there is no such size.
    ///
    /// # Errors
    /// A drawing does not fit its image, or nothing of the image is left.
    pub fn region(
        &self,
        size: impl Fn() -> Result<(usize, usize), String>,
    ) -> Result<Option<Narrowing>, SettingError> {
        let (mut region, mut remarks) = (None::<RegionOfInterest>, Vec::new());
        let mut parts = Vec::new();
        for drawn in &self.0 {
            let (area, remark) = drawn.area(&size)?;
            remarks.extend(remark);
            let one =
                if drawn.ignored { RegionOfInterest::ignoring(area) } else { RegionOfInterest::inside(area) };
            one.validate().map_err(|error| drawn.refused(error.allowed))?;
            parts.push((drawn, one.clone()));
            let all = joined(region, one);
            all.require_few().map_err(|error| drawn.refused(error.allowed))?;
            region = Some(all);
        }
        if region.as_ref().is_some_and(|region| region.share() == 0.0)
            && let Some(drawn) = first_without_rest(parts)
        {
            let allowed = "nothing of the image is left: no pixel is inside and not ignored";
            return Err(drawn.refused(allowed.to_owned()));
        }
        Ok(region.map(|region| Narrowing { region, remarks }))
    }

    /// The region of a model of these parts, narrowed by the drawings; None where nothing was drawn.
    pub(crate) fn narrowing(
        &self,
        preprocess: &Preprocess,
        trained: Option<&TrainingImages>,
    ) -> Result<Option<Narrowing>, SettingError> {
        let Some(first) = self.0.first() else { return Ok(None) };
        if preprocess.alignment.is_some() {
            let name = &first.name;
            let allowed = format!(
                "a region is fixed on the image, and the model follows the part: leave out {name}, or train without an \
                 alignment"
            );
            return Err(first.refused(allowed));
        }
        let size = one_size(trained);
        let Some(Narrowing { region, mut remarks }) = self.region(|| size.clone())? else { return Ok(None) };
        // The training images have one shape, or none that a region could be compared with.
        let trained_on = size.unwrap_or((0, 0));
        let other_shape = |drawn_on: &(usize, usize)| {
            trained_on != (0, 0) && !Geometry::have_same_shape(*drawn_on, trained_on)
        };
        let (width, height) = trained_on;
        if let Some((wide, high)) = region.sizes().find(other_shape) {
            return Err(first.refused(format!(
                "it was drawn on an image of {wide} x {high} pixels; the training images have another shape, {width} x \
                 {height}"
            )));
        }
        let (width, height) = if trained_on == (0, 0) { region.drawn_on() } else { trained_on };
        let both = joined(preprocess.region.clone(), region);
        both.require_few().map_err(|error| first.refused(error.allowed))?;
        if preprocess.region.is_some() && both.share() == 0.0 {
            return Err(first.refused("it has no pixel in common with the region of the model".into()));
        }
        let plane = preprocess.geometry.plane(width, height);
        let pixels = both.mask(plane.width, plane.height).count();
        if pixels == 0 {
            let Extent { width, height } = plane;
            return Err(first.refused(format!(
                "what is left of the image is smaller than a pixel of the network, which takes an image as {width} x \
                 {height} pixels"
            )));
        }
        remarks.extend(small_region(pixels, plane));
        Ok(Some(Narrowing { region: both, remarks }))
    }
}

impl Drawn {
    fn refused(&self, allowed: String) -> SettingError {
        SettingError::new(&self.name, &self.value, allowed)
    }

    /// The area, and that it was clipped.
    fn area(
        &self,
        size: impl Fn() -> Result<(usize, usize), String>,
    ) -> Result<(Area, Option<String>), SettingError> {
        let size = if self.drawing.is_unsized() {
            size().map_err(|why| {
                self.refused(format!(
                    "{why}: give polygons as JSON with \"width\" and \"height\" of the image that they were drawn on"
                ))
            })?
        } else {
            (0, 0)
        };
        let beyond = self.drawing.beyond(size);
        let area = self.drawing.clone().on(size);
        let (width, height) = area.size();
        let remark = (beyond >= TOLD_BEYOND).then(|| {
            let pixels = if beyond < 1.05 { "1 pixel".to_owned() } else { format!("{beyond:.0} pixels") };
            format!(
                "{} {} reaches {pixels} beyond the image of {width} x {height} pixels; what lies within the image is \
                 taken",
                self.name, self.value
            )
        });
        Ok((area, remark))
    }
}

/// The pixels that are in both.
fn joined(region: Option<RegionOfInterest>, other: RegionOfInterest) -> RegionOfInterest {
    match region {
        Some(region) => region.intersection(other),
        None => other,
    }
}

/// The first drawing that leaves nothing of those before it. It is looked for only where nothing is left, because
/// counting pixels takes milliseconds.
fn first_without_rest(parts: Vec<(&Drawn, RegionOfInterest)>) -> Option<&Drawn> {
    let mut region = None;
    parts.into_iter().find_map(|(drawn, one)| {
        let all = joined(region.take(), one);
        let is_empty = all.share() == 0.0;
        region = Some(all);
        is_empty.then_some(drawn)
    })
}

/// The size of the images that a model was trained on, or why there is none.
fn one_size(trained: Option<&TrainingImages>) -> Result<(usize, usize), String> {
    match trained {
        Some(TrainingImages { widths: [width, wide], heights: [height, high], .. })
            if width == wide && height == high =>
        {
            Ok((*width, *height))
        }
        Some(_) => Err("the training images have several sizes".to_owned()),
        None => Err("the model does not tell the size of its training images".to_owned()),
    }
}

/// A remark on a region of so few pixels of the network, where an image has this size at its scale.
pub fn small_region(pixels: usize, plane: Extent) -> Option<String> {
    let count = anoseg_image::text::count(pixels, "pixel", "pixels");
    let Extent { width, height } = plane;
    (pixels < SMALL_REGION).then(|| {
        format!(
            "the region of interest has {count} of the network, which takes an image as {width} x {height} pixels: \
             a defect in it hardly stands out; a larger region, or a model of a finer scale, tells more"
        )
    })
}
