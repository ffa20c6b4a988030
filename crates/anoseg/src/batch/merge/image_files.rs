//! Overlays, masks and maps on their way from a shard's folder.

use std::fs::{self, File};
use std::path::{Component, Path};

use anoseg_image::write;

use super::MergeError;
use crate::batch::ResultsError;
use crate::batch::run::exists;
use crate::batch::verdict::FileNames;

/// Copies the files of a verdict from one folder of results into another, or links them.
pub(super) fn bring(from: &Path, to: &Path, files: &FileNames, link: bool) -> Result<(), MergeError> {
    for name in files.iter() {
        let source = from.join(name);
        // The name comes from a file that anybody may have written.
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(MergeError::damaged(&source, "a verdict names a file outside of its folder"));
        }
        if !write::is_result(&source) {
            return Err(MergeError::damaged(
                &source,
                "a verdict names this file, which is gone or no result",
            ));
        }
        write::make_folders(to, name.as_ref()).map_err(ResultsError::from)?;
        let target = to.join(name);
        if exists(&target) {
            return Err(MergeError::damaged(&source, "the verdicts of two images name this file"));
        }
        let brought = if link {
            fs::hard_link(&source, &target)
        } else {
            fs::copy(&source, &target).and_then(|_| File::options().append(true).open(&target)?.sync_all())
        };
        brought.map_err(|error| MergeError::io(if link { &source } else { &target }, error))?;
    }
    Ok(())
}
