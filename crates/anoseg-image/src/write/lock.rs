//! One writer at a time in a folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::WriteError;
use crate::text::is_unseen;

/// The name of the lock's file.
const NAME: &str = ".anoseg.lock";

/// The lock's file says who holds it, within this many bytes.
const MOST_BYTES: u64 = 200;

/// Keeps a folder for one writer, until it is dropped. Its file is removed then; the system releases
/// the lock of a process that is killed.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// None only while it is dropped.
    file: Option<File>,
}

/// Why a folder cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderInUse {
    /// Another process holds the lock.
    #[error("{} is in use by {holder}", folder.display())]
    By {
        /// The folder.
        folder: PathBuf,
        /// Who holds the lock: "process 1234 (predict)".
        holder: String,
    },
    /// The lock cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl FolderLock {
    /// Locks a folder that exists. `purpose` is shown to those who are refused. On a file system
    /// without locks the folder counts as locked, though it keeps nobody out.
    ///
    /// # Errors
    /// Another process holds the lock, or its file cannot be written.
    pub fn acquire(folder: &Path, purpose: &str) -> Result<Self, FolderInUse> {
        let path = folder.join(NAME);
        let failed = |source| WriteError { path: path.clone(), source };
        // Through a link a file of somebody else would be written.
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            let what = "not a regular file: move it away";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, what)).into());
        }
        loop {
            let options = File::options().read(true).write(true).create(true).truncate(false).clone();
            let mut file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    return Err(FolderInUse::By { folder: folder.to_owned(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
                    return Err(failed(error).into());
                }
                // The holder before removed the file between its opening and its locking.
                _ if !is_file_of(&file, &path) => continue,
                _ => {}
            }
            // Text for those who are refused; without it the lock still holds, on a full disk too.
            _ = file.set_len(0).and_then(|()| write!(file, "process {} ({purpose})", std::process::id()));
            return Ok(Self { path, file: Some(file) });
        }
    }
}

impl FolderLock {
    /// Whether the lock's file is still where others look for it: the folder may have been removed or
    /// replaced.
    pub fn is_in_place(&self) -> bool {
        self.file.as_ref().is_some_and(|file| is_file_of(file, &self.path))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // In another folder of the same name the file is somebody else's.
        let in_place = self.is_in_place();
        if cfg!(windows) {
            self.file = None;
        }
        // Removed before it is unlocked, so that nobody's else file is removed. What remains after a
        // failure is no harm: it is locked again by the next writer.
        if in_place {
            _ = fs::remove_file(&self.path);
        }
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    _ = file.take(MOST_BYTES).read_to_string(&mut text);
    let text: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    if text.is_empty() { "another process".to_owned() } else { text }
}

/// Whether `path` still leads to the open file. Where the system does not tell, it is taken to do so.
#[cfg(unix)]
pub fn is_file_of(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, named) = (file.metadata().map(identity), fs::metadata(path).map(identity));
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

/// Whether `path` still leads to the open file. Where the system does not tell, it is taken to do so.
#[cfg(not(unix))]
pub fn is_file_of(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_lock_of_a_folder_that_was_replaced_stays() {
        let root = tempfile::tempdir().unwrap();
        let (folder, aside) = (root.path().join("out"), root.path().join("aside"));
        fs::create_dir(&folder).unwrap();
        let old = FolderLock::acquire(&folder, "a").unwrap();
        assert!(old.is_in_place());
        fs::rename(&folder, &aside).unwrap();
        fs::create_dir(&folder).unwrap();
        assert!(!old.is_in_place());
        let new = FolderLock::acquire(&folder, "b").unwrap();
        drop(old);
        assert!(new.is_in_place());
    }

    #[test]
    fn a_folder_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path(), "predict").unwrap();
        let refused = FolderLock::acquire(folder.path(), "predict").unwrap_err();
        let holder = format!("process {} (predict)", std::process::id());
        assert!(refused.to_string().contains(&holder), "{refused}");
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the lock's file stayed");
        drop(FolderLock::acquire(folder.path(), "eval").unwrap());
    }

    #[test]
    fn the_lock_of_a_killed_process_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "process 4294967295 (predict)").unwrap();
        FolderLock::acquire(folder.path(), "predict").unwrap();
    }
}
