//! Image files of a result: overlay, mask and map.

use std::path::Path;

use anoseg_image::WriteError;
use anoseg_image::write::{self, ResultNames};
use anoseg_infer::RegionOfInterest;

use super::Inspected;
use super::verdict::FileNames;

/// Which image files are written for each image.
///
/// ```
/// use anoseg::batch::ImageFiles;
///
/// let files = ImageFiles::default().mask().map();
/// assert!(files != ImageFiles::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageFiles {
    mask: bool,
    map: bool,
    /// The pixel threshold.
    #[cfg(feature = "train")]
    overlay: Option<f32>,
}

impl ImageFiles {
    /// Also writes the mask of anomalous pixels, `<name>_mask.png`, 255 = anomalous.
    pub fn mask(self) -> Self {
        Self { mask: true, ..self }
    }

    /// Also writes the anomaly map, `<name>_map.tiff`, float32.
    pub fn map(self) -> Self {
        Self { map: true, ..self }
    }

    /// Also writes the image with its anomalous regions, `<name>_overlay.png`. Colours begin below
    /// `pixel_threshold`.
    #[cfg(feature = "train")]
    pub fn overlay(self, pixel_threshold: f32) -> Self {
        Self { overlay: Some(pixel_threshold), ..self }
    }

    fn has_overlay(self) -> bool {
        #[cfg(feature = "train")]
        return self.overlay.is_some();
        #[cfg(not(feature = "train"))]
        false
    }

    /// Whether everything that is wanted is there.
    pub(super) fn are_in(self, names: &FileNames) -> bool {
        (names.overlay.is_some() || !self.has_overlay())
            && (names.mask.is_some() || !self.mask)
            && (names.map.is_some() || !self.map)
    }

    /// A name for each file that is wanted; those that an earlier run used stay.
    pub(super) fn choose(self, stem: &str, former: FileNames, names: &mut ResultNames) -> FileNames {
        let mut name = |wanted: bool, former: Option<String>, suffix: &str, ending: &str| {
            former.or_else(|| wanted.then(|| names.file(stem, suffix, ending)))
        };
        FileNames {
            overlay: name(self.has_overlay(), former.overlay, "_overlay", "png"),
            mask: name(self.mask, former.mask, "_mask", "png"),
            map: name(self.map, former.map, "_map", "tiff"),
        }
    }

    /// Writes the files and takes the names of those that cannot be written out of `names`. The
    /// overlay is drawn onto the image itself, so that a large one is not held twice; it shows `region`.
    pub(super) fn write(
        self,
        folder: &Path,
        names: &mut FileNames,
        inspected: Inspected,
        region: Option<&RegionOfInterest>,
    ) -> Vec<WriteError> {
        #[cfg(not(feature = "train"))]
        let _ = region;
        let mut errors = Vec::new();
        let mut attempt = |name: &mut Option<String>,
                           write: &mut dyn FnMut(&Path) -> Result<(), WriteError>| {
            let result = name.as_ref().map_or(Ok(()), |name| write(&folder.join(name)));
            if let Err(error) = result {
                errors.push(error);
                *name = None;
            }
        };
        let result = &inspected.inspection;
        if self.mask {
            attempt(&mut names.mask, &mut |path| write::write_result_mask(path, &result.mask));
        }
        if self.map {
            attempt(&mut names.map, &mut |path| write::write_tiff_f32(path, &result.map));
        }
        #[cfg(feature = "train")]
        if let Some(pixel_threshold) = self.overlay {
            let mut image = inspected.image;
            if let Some(region) = region {
                let inside = region.mask(image.width(), image.height());
                anoseg_report::draw_region(&mut image, &inside);
            }
            anoseg_report::draw_overlay(&mut image, &result.map, &result.mask, pixel_threshold);
            attempt(&mut names.overlay, &mut |path| write::write_result_png(path, &image));
        }
        errors
    }
}
