//! Overlays, masks and maps on their way from a shard's folder.

use std::fs::{self, File};
use std::io;
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
            let what = format!("a verdict names a file outside of the folder: {name:?}");
            return Err(MergeError::damaged(from, what));
        }
        match File::open(&source) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(MergeError::io(&source, error));
            }
            _ => {}
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
            return Err(MergeError::TwoImages { path: source });
        }
        let brought = if link { fs::hard_link(&source, &target) } else { copy(&source, &target) };
        brought.map_err(|error| match error.kind() {
            io::ErrorKind::CrossesDevices => MergeError::OtherDevice { path: source.clone() },
            _ => MergeError::io(if link { &source } else { &target }, error),
        })?;
    }
    Ok(())
}

/// Copies a file, which may be one that its owner may not write, and waits until the copy is on the disk.
fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let (mut source, mut target) = (File::open(source)?, File::create_new(target)?);
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}
