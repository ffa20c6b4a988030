//! Image files of a batch: masks, maps and overlays.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anoseg_image::write;
use anoseg_infer::Result;

use super::{Inspected, Sink};

/// Writes images of each result into a folder, named after the file that was inspected.
///
/// ```
/// use anoseg::batch::ImageFiles;
///
/// let sink = ImageFiles::new("verdicts").mask().map();
/// assert!(!sink.is_empty() && ImageFiles::new("verdicts").is_empty());
/// ```
#[derive(Debug)]
pub struct ImageFiles {
    folder: PathBuf,
    mask: bool,
    map: bool,
    #[cfg(feature = "train")]
    overlay: Option<f32>,
    /// Names already written, so that equal stems from several folders do not overwrite each other.
    names: HashSet<String>,
}

impl ImageFiles {
    /// Writes nothing yet; the folder must exist when a result comes.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            mask: false,
            map: false,
            #[cfg(feature = "train")]
            overlay: None,
            names: HashSet::new(),
        }
    }

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

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        #[cfg(feature = "train")]
        let overlay = self.overlay.is_some();
        #[cfg(not(feature = "train"))]
        let overlay = false;
        !(self.mask || self.map || overlay)
    }

    fn unique_name(&mut self, path: &Path) -> String {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut candidates = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
        let name = candidates.find(|name| !self.names.contains(name)).unwrap_or(stem);
        self.names.insert(name.clone());
        name
    }
}

impl Sink for ImageFiles {
    fn take(&mut self, inspected: &Inspected) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let name = self.unique_name(&inspected.path);
        let target = |suffix: &str| self.folder.join(format!("{name}{suffix}"));
        let result = &inspected.inspection;
        #[cfg(feature = "train")]
        if let Some(pixel_threshold) = self.overlay {
            let drawn = anoseg_report::overlay(&inspected.image, &result.map, &result.mask, pixel_threshold);
            write::write_png(&target("_overlay.png"), &drawn)?;
        }
        if self.mask {
            write::write_mask_png(&target("_mask.png"), &result.mask)?;
        }
        if self.map {
            write::write_tiff_f32(&target("_map.tiff"), &result.map)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_stems_get_names_of_their_own() {
        let mut files = ImageFiles::new("out");
        let names =
            ["a/x.png", "b/x.png", "b/x-2.png", "c/x.jpg"].map(|path| files.unique_name(path.as_ref()));
        assert_eq!(names, ["x", "x-2", "x-2-2", "x-3"]);
    }
}
