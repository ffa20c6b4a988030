//! Image files of a result: overlay, mask and map.

use std::path::Path;
use std::str::FromStr;

use anoseg_image::WriteError;
use anoseg_image::write::{self, ResultNames};
use anoseg_infer::RegionOfInterest;

use super::Inspected;
use super::verdict::FileNames;

/// How anomaly maps are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapFormat {
    /// TIFF of one 32-bit float per pixel.
    #[default]
    Tiff,
    /// 16-bit grey PNG: 0 to 1 as 0 to 65535, rounded.
    Png,
}

impl MapFormat {
    /// The ending of the files' names, which is the format's name too.
    fn ending(self) -> &'static str {
        match self {
            Self::Tiff => "tiff",
            Self::Png => "png",
        }
    }

    /// Whether a file's name says that it has this format.
    fn is_of(self, name: &str) -> bool {
        Path::new(name).extension().is_some_and(|ending| ending == self.ending())
    }
}

impl FromStr for MapFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = [Self::Tiff, Self::Png].into_iter().find(|format| format.ending() == name);
        found.ok_or_else(|| format!("no such format of maps: {name}; use tiff or png"))
    }
}

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
    map: Option<MapFormat>,
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
        self.map_as(MapFormat::Tiff)
    }

    /// Also writes the anomaly map in a format of choice, `<name>_map.tiff` or `<name>_map.png`.
    pub fn map_as(self, format: MapFormat) -> Self {
        Self { map: Some(format), ..self }
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

    /// The kinds of files that are wanted, by name.
    pub(super) fn kinds(self) -> Vec<String> {
        let map = self.map.map(|format| format!("map.{}", format.ending()));
        let kind = |wanted: bool, name: &str| wanted.then(|| name.to_owned());
        [kind(self.has_overlay(), "overlay"), kind(self.mask, "mask"), map].into_iter().flatten().collect()
    }

    /// Whether everything that is wanted is there.
    pub(super) fn are_in(self, names: &FileNames) -> bool {
        (names.overlay.is_some() || !self.has_overlay())
            && (names.mask.is_some() || !self.mask)
            && self.map.is_none_or(|format| names.map.as_deref().is_some_and(|name| format.is_of(name)))
    }

    /// A name for each file that is wanted; those that an earlier run used stay, but for a map of
    /// another format.
    pub(super) fn choose(self, stem: &str, former: FileNames, names: &mut ResultNames) -> FileNames {
        let mut name = |wanted: bool, former: Option<String>, suffix: &str, ending: &str| {
            former.or_else(|| wanted.then(|| names.file(stem, suffix, ending)))
        };
        let format = self.map.unwrap_or_default();
        let former_map = former.map.filter(|name| self.map.is_none_or(|format| format.is_of(name)));
        FileNames {
            overlay: name(self.has_overlay(), former.overlay, "_overlay", "png"),
            mask: name(self.mask, former.mask, "_mask", "png"),
            map: name(self.map.is_some(), former_map, "_map", format.ending()),
        }
    }

    /// Writes the files and takes the names of those that cannot be written out of `names`. The
    /// overlay is drawn row by row, so that a large one is never whole in memory; it shows `region`.
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
            let result = name.as_ref().map_or(Ok(()), |name| {
                write::make_folders(folder, name.as_ref())?;
                write(&folder.join(name))
            });
            if let Err(error) = result {
                errors.push(error);
                *name = None;
            }
        };
        let result = &inspected.inspection;
        if self.mask {
            attempt(&mut names.mask, &mut |path| write::write_result_mask(path, &result.mask));
        }
        if let Some(format) = self.map {
            let write_map = match format {
                MapFormat::Tiff => write::write_tiff_f32,
                MapFormat::Png => write::write_map_png16,
            };
            attempt(&mut names.map, &mut |path| write_map(path, &result.map));
        }
        #[cfg(feature = "train")]
        if let Some(pixel_threshold) = self.overlay {
            let image = &inspected.image;
            let size = (image.width(), image.height());
            let inside = region.map(|region| region.mask(size.0, size.1));
            attempt(&mut names.overlay, &mut |path| {
                let drawn = anoseg_report::OverlayRows::new(size, &result.map, &result.mask, pixel_threshold);
                let mut drawn = inside.iter().fold(drawn, anoseg_report::OverlayRows::with_region);
                write::write_result_rows(path, image, |y, row| drawn.draw(y, row))
            });
        }
        errors
    }
}
