//! A folder that gets its name when it is whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anoseg_image::write::{first_free, folder_of};

use super::MergeError;

/// A hidden folder beside the target, removed unless it is renamed to the target.
pub(super) struct Staging {
    /// None once it has its name.
    path: Option<PathBuf>,
}

impl Staging {
    pub(super) fn create(target: &Path) -> Result<Self, MergeError> {
        let Some(name) = target.file_name() else {
            return Err(MergeError::Exists { path: target.to_owned() });
        };
        let parent = folder_of(target);
        fs::create_dir_all(parent).map_err(|error| MergeError::io(parent, error))?;
        let name = name.to_string_lossy();
        let path = first_free(|number| parent.join(format!(".{name}.merging-{number}")));
        fs::create_dir(&path).map_err(|error| MergeError::io(&path, error))?;
        Ok(Self { path: Some(path) })
    }

    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives the folder its name.
    pub(super) fn finish(mut self, target: &Path) -> Result<(), MergeError> {
        if crate::batch::run::exists(target) {
            return Err(MergeError::Exists { path: target.to_owned() });
        }
        fs::rename(self.path(), target).map_err(|error| MergeError::io(target, error))?;
        self.path = None;
        // Some systems cannot sync a folder; the folder is there in any case.
        _ = File::open(folder_of(target)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            _ = fs::remove_dir_all(path);
        }
    }
}
