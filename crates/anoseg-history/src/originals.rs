//! Image files that feedback was given on, named by their content.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::write;

use crate::{Error, Result};

/// The folder of the originals in that of the history.
#[derive(Clone, Debug)]
pub(crate) struct Originals {
    folder: PathBuf,
}

impl Originals {
    pub(crate) fn of(history: &Path) -> Self {
        Self { folder: history.join("originals") }
    }

    /// The name of a content: its BLAKE3, 64 hexadecimal digits.
    pub(crate) fn digest(content: &[u8]) -> String {
        blake3::hash(content).to_hex().to_string()
    }

    /// The file of a digest, in one of 256 folders.
    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(digest.get(..2).unwrap_or("xx")).join(digest)
    }

    /// Writes a content, unless it is there.
    pub(crate) fn put(&self, digest: &str, content: &[u8]) -> Result<()> {
        let path = self.path(digest);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == content.len() as u64) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        Ok(write::atomic(&path, |file| file.write_all(content))?)
    }

    /// Removes the file of a digest. That it cannot be removed, or is gone, is no error: the next opening
    /// tries again.
    pub(crate) fn remove(&self, digest: &str) {
        _ = fs::remove_file(self.path(digest));
    }

    /// Removes the files that a kill left without a verdict. Files of other names stay.
    pub(crate) fn sweep(&self, known: &HashSet<String>) {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        for folder in entries(&self.folder) {
            for file in entries(&folder.path()) {
                let name = file.file_name().to_string_lossy().into_owned();
                let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
                if is_digest && !known.contains(&name) {
                    _ = fs::remove_file(file.path());
                }
            }
        }
    }
}
