//! What a training was called with besides its settings, so that it can be resumed by the same images.

use std::path::{Path, PathBuf};

use anoseg_image::dataset::Layout;
use anoseg_image::{Limits, read, write};
use serde::{Deserialize, Serialize};

use super::{MOST_CONFIG_BYTES, RunDir, remove_file};
use crate::{Error, Result};

/// The name of the file.
pub(super) const ORIGIN: &str = "data.toml";

/// Where the images of a training come from, and how they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The folder; absolute in a run directory.
    pub folder: PathBuf,
    /// The layout, if one was chosen.
    pub layout: Option<Layout>,
    /// The file of the pretrained encoder, if one was chosen; absolute in a run directory.
    pub encoder: Option<PathBuf>,
    /// Limits on each image.
    pub limits: Limits,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    folder: PathBuf,
    layout: Option<String>,
    encoder: Option<PathBuf>,
    #[serde(default)]
    limits: Limits,
}

impl RunDir {
    /// What the training here was called with. None where an earlier version began it, or the file
    /// cannot be read.
    pub fn origin(&self) -> Option<Origin> {
        parse(&read::regular_text(&self.origin_path(), MOST_CONFIG_BYTES).ok()?)
    }

    /// The file of the origin.
    pub(super) fn origin_path(&self) -> PathBuf {
        self.path().join(ORIGIN)
    }

    /// Notes what the training was called with. An origin that TOML has no form for, such as a path
    /// that is no text, is left out.
    pub(crate) fn write_origin(&self, origin: &Origin) -> Result<()> {
        let path = self.origin_path();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let document = Document {
            folder: absolute(&origin.folder),
            layout: origin.layout.map(|layout| layout.to_string()),
            encoder: origin.encoder.as_deref().map(absolute),
            limits: origin.limits,
        };
        let Ok(text) = toml::to_string(&document) else { return remove_file(&path) };
        read::refuse_special(&path).map_err(|error| Error::io(&path, error))?;
        write::atomic(&path, |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }
}

fn parse(text: &str) -> Option<Origin> {
    let Document { folder, layout, encoder, limits } = toml::from_str(text).ok()?;
    let layout = layout.map(|name| name.parse()).transpose().ok()?;
    Some(Origin { folder, layout, encoder, limits })
}

/// Whether a file with this content is that of an origin.
pub(super) fn is_origin(content: &[u8]) -> bool {
    std::str::from_utf8(content).is_ok_and(|text| parse(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path());
        assert_eq!(run.origin(), None);
        let origin = Origin {
            folder: folder.path().join("my parts"),
            layout: Some(Layout::Sorted),
            encoder: Some(folder.path().join("e.pth")),
            limits: Limits { max_side: 100, ..Limits::default() },
        };
        run.write_origin(&origin).unwrap();
        assert_eq!(run.origin(), Some(origin.clone()));
        let plain = Origin { layout: None, encoder: None, limits: Limits::default(), ..origin };
        run.write_origin(&plain).unwrap();
        assert_eq!(run.origin(), Some(plain));
        run.write_origin(&Origin { folder: "here".into(), ..Origin::default() }).unwrap();
        assert!(run.origin().unwrap().folder.is_absolute());
        assert!(!is_origin(b"folder = 1") && !is_origin(b"name = \"mine\"") && !is_origin(b""));
    }
}
