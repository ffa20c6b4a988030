//! The options that say where on the image defects count.

use std::path::{Path, PathBuf};

use anoseg::{Drawing, Drawings, Limits, Narrowing, RegionOfInterest, SettingError};
use clap::Args;

use crate::console;

/// The option of the region in which defects count.
const ROI: &str = "--roi";

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
        let roi = self.roi.iter().map(|path| (ROI, &**path));
        roi.chain(self.ignore.iter().map(|path| ("--ignore", &**path)))
    }

    /// Fails where a region was given for images that are aligned by the part. `mend` says, for the
    /// option, what to do about it.
    pub(crate) fn require_none(&self, mend: impl Fn(&str) -> String) -> Result<(), SettingError> {
        let Some((option, value)) = self.given().next() else { return Ok(()) };
        let allowed = format!("a region is fixed on the image, and {}", mend(option));
        Err(SettingError::new(option, value, allowed))
    }

    /// The options and values in words, such as `--roi part.json, --ignore 0,0,9,9`.
    pub(crate) fn as_given(&self) -> String {
        let words: Vec<String> =
            self.given().map(|(option, value)| format!("{option} {}", value.display())).collect();
        words.join(", ")
    }

    /// What was drawn.
    pub(crate) fn drawings(&self, limits: &Limits) -> Result<Drawings, SettingError> {
        let mut drawings = Drawings::default();
        for (option, value) in self.given() {
            let drawing = read(value, limits).map_err(|what| SettingError::new(option, value, what))?;
            let shown = value.to_string_lossy();
            match option {
                ROI => drawings.inside(option, &shown, drawing),
                _ => drawings.ignore(option, &shown, drawing),
            }
        }
        Ok(drawings)
    }

    /// The region; None where no option was given. `size` gives width and height of the training images,
    /// or says why there is no such size.
    pub(crate) fn region(
        &self,
        limits: &Limits,
        size: impl Fn() -> Result<(usize, usize), String>,
    ) -> Result<Option<RegionOfInterest>, SettingError> {
        let region = self.drawings(limits)?.region(size)?;
        Ok(region.map(|Narrowing { region, remarks }| {
            remarks.iter().for_each(|remark| console::warning(remark));
            region
        }))
    }
}

/// A rectangle, a file of polygons or a mask.
fn read(value: &Path, limits: &Limits) -> Result<Drawing, String> {
    if let Some(rectangle) = value.to_str().map(Drawing::rectangle_of).transpose()?.flatten() {
        return Ok(rectangle);
    }
    if !value.exists() {
        return Err("neither a rectangle LEFT,TOP,WIDTH,HEIGHT nor a file that exists".to_owned());
    }
    Drawing::read(value, limits)
}
