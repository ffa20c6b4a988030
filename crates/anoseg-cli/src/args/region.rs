//! The options that say where on the image defects count.

use std::path::{Path, PathBuf};

use anoseg::{Drawing, Geometry, Limits, RegionOfInterest, SettingError, TrainingImages};
use clap::Args;

use crate::console;

/// Where on the image defects count. At prediction and calibration it narrows the region of the model.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Region of interest")]
pub(crate) struct RegionOptions {
    /// Only defects inside count: a rectangle LEFT,TOP,WIDTH,HEIGHT in pixels of the training images, a
    /// JSON file of polygons, or a mask image (not 0 = inside). A region that the model has is narrowed by
    /// it, never widened.
    #[arg(long, value_name = "REGION", allow_hyphen_values = true)]
    pub(crate) roi: Option<PathBuf>,
    /// Defects inside do not count; in the same forms, and may be given several times.
    #[arg(long, value_name = "REGION", allow_hyphen_values = true)]
    pub(crate) ignore: Vec<PathBuf>,
}

impl RegionOptions {
    /// The options that were given, with their values.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let roi = self.roi.iter().map(|path| ("--roi", &**path));
        roi.chain(self.ignore.iter().map(|path| ("--ignore", &**path)))
    }

    /// Fails where a region was given for images that are aligned by the part. `mend` says, for the
    /// option, what to do about it.
    pub(crate) fn require_none(&self, mend: impl Fn(&str) -> String) -> Result<(), SettingError> {
        let Some((option, _)) = self.given().next() else { return Ok(()) };
        let allowed = format!("a region is fixed on the image, and {}", mend(option));
        self.refusal(allowed).map_or(Ok(()), Err)
    }

    /// The size of the images that a model was trained on.
    pub(crate) fn one_size(trained: Option<&TrainingImages>) -> Result<(usize, usize), String> {
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

    /// An error of the first option that was given; None if none was.
    pub(crate) fn refusal(&self, allowed: String) -> Option<SettingError> {
        self.given().next().map(|(option, value)| SettingError::new(option, value, allowed))
    }

    /// The options and values in words, such as `--roi part.json, --ignore 0,0,9,9`.
    pub(crate) fn as_given(&self) -> String {
        let words: Vec<String> =
            self.given().map(|(option, value)| format!("{option} {}", value.display())).collect();
        words.join(", ")
    }

    /// The region; None where no option was given. `size` gives width and height of the training images,
    /// or says why there is no such size.
    pub(crate) fn region(
        &self,
        limits: &Limits,
        size: impl Fn() -> Result<(usize, usize), String>,
    ) -> Result<Option<RegionOfInterest>, SettingError> {
        let mut region: Option<RegionOfInterest> = None;
        for (option, value) in self.given() {
            let refused = |allowed: String| SettingError::new(option, value, allowed);
            let drawing = read(value, limits).map_err(refused)?;
            let size = if drawing.is_unsized() {
                size().map_err(|why| {
                    refused(format!(
                        "{why}: give a JSON file with \"width\" and \"height\" of the image it was drawn on"
                    ))
                })?
            } else {
                (0, 0)
            };
            let beyond = drawing.beyond(size);
            let area = drawing.on(size);
            let drawn_on = area.size();
            let one = if option == "--roi" {
                RegionOfInterest::inside(area)
            } else {
                RegionOfInterest::ignoring(area)
            };
            one.validate().map_err(|error| refused(error.allowed))?;
            if beyond >= TOLD_BEYOND {
                console::warning(&clipped((option, value), beyond, drawn_on));
            }
            region = Some(match region {
                Some(others) => others.intersection(one),
                None => one,
            });
            let all = region.as_ref();
            if all.is_some_and(|region| region.share() == 0.0) {
                return Err(refused(
                    "nothing of the image is left: no pixel is inside and not ignored".into(),
                ));
            }
            all.map_or(Ok(()), RegionOfInterest::validate).map_err(|error| refused(error.allowed))?;
        }
        Ok(region)
    }

    /// The same for a model that has this region already, or none. Fails where the two have no pixel in
    /// common.
    pub(crate) fn narrowing(
        &self,
        limits: &Limits,
        trained: Option<&TrainingImages>,
        own: Option<&RegionOfInterest>,
    ) -> Result<Option<RegionOfInterest>, SettingError> {
        let region = self.region(limits, || Self::one_size(trained))?;
        let both =
            region.clone().map(|region| own.map_or(region.clone(), |own| own.clone().intersection(region)));
        if let (Some(both), Some((option, value))) = (both, self.given().next()) {
            let refused = |allowed: String| SettingError::new(option, value, allowed);
            both.validate().map_err(|error| refused(error.allowed))?;
            // The training images have one shape, or none that a region could be compared with.
            if let (Ok(size), Some(region)) = (Self::one_size(trained), &region)
                && let Some((width, height)) =
                    region.sizes().find(|drawn_on| !Geometry::have_same_shape(*drawn_on, size))
            {
                return Err(refused(format!(
                    "it was drawn on an image of {width} x {height} pixels; the training images have another \
                     shape, {} x {}",
                    size.0, size.1
                )));
            }
            if both.share() == 0.0 {
                return Err(refused("it has no pixel in common with the region of the model".into()));
            }
        }
        Ok(region)
    }
}

/// A region is told to be clipped from so many pixels beyond the border on. Tools for labelling write less.
const TOLD_BEYOND: f32 = 1.0;

/// That a region reaches beyond its image.
fn clipped((option, value): (&str, &Path), beyond: f32, (width, height): (usize, usize)) -> String {
    let pixels = if beyond < 1.05 { "1 pixel".to_owned() } else { format!("{beyond:.0} pixels") };
    format!(
        "{option} {} reaches {pixels} beyond the image of {width} x {height} pixels; what lies within the image \
         is taken",
        value.display()
    )
}

/// A rectangle, a file of polygons or a mask.
fn read(value: &Path, limits: &Limits) -> Result<Drawing, String> {
    if let Some(rectangle) = value.to_str().and_then(Drawing::rectangle) {
        let text = value.to_string_lossy();
        let sides = text.split(',').skip(2).filter_map(|side| side.trim().parse::<f32>().ok());
        if sides.into_iter().any(|side| side <= 0.0) {
            return Err("WIDTH and HEIGHT of LEFT,TOP,WIDTH,HEIGHT must be above 0".to_owned());
        }
        return Ok(rectangle);
    }
    if !value.exists() {
        return Err("neither a rectangle LEFT,TOP,WIDTH,HEIGHT nor a file that exists".to_owned());
    }
    Drawing::read(value, limits)
}
