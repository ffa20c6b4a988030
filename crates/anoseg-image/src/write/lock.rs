//! One writer at a time in a folder, and of a file.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::WriteError;
use crate::text::is_unseen;

/// The name of the lock's file.
const NAME: &str = ".anoseg.lock";

/// The lock's file says who holds it, within this many bytes.
const MOST_BYTES: u64 = 200;

/// Keeps a folder for one writer, until it is dropped. Its file is removed then; the system releases
/// the lock of a process that is killed.
#[derive(Debug)]
pub struct FolderLock(LockFile);

/// Keeps a file for one writer, until it is dropped, by a file `.NAME.lock` beside it. That is removed then; the
/// system releases the lock of a process that is killed.
#[derive(Debug)]
pub struct FileLock {
    /// None where what is written is no regular file, such as a device.
    _lock: Option<LockFile>,
}

/// Why a folder or a file cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderInUse {
    /// Another process holds the lock.
    #[error("{} is in use by {holder}", folder.display())]
    By {
        /// The folder or the file.
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
        LockFile::acquire(folder.join(NAME), folder, purpose).map(Self)
    }

    /// Who holds the lock of a folder; None if nobody does.
    pub fn holder(folder: &Path) -> Option<String> {
        LockFile::holder(&folder.join(NAME))
    }

    /// Whether the lock's file is still where others look for it: the folder may have been removed or
    /// replaced.
    pub fn is_in_place(&self) -> bool {
        self.0.is_in_place()
    }
}

impl FileLock {
    /// Locks a file, which need not exist, in a folder that exists. Otherwise as [`FolderLock::acquire`].
    ///
    /// # Errors
    /// Another process holds the lock, or its file cannot be written.
    pub fn acquire(file: &Path, purpose: &str) -> Result<Self, FolderInUse> {
        if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(Self { _lock: None });
        }
        let lock = LockFile::acquire(Self::path(file), file, purpose)?;
        Ok(Self { _lock: Some(lock) })
    }

    /// Who holds the lock of a file; None if nobody does.
    pub fn holder(file: &Path) -> Option<String> {
        LockFile::holder(&Self::path(file))
    }

    /// The lock's file. Of a link it is that of the file that it leads to.
    fn path(file: &Path) -> PathBuf {
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let mut name = OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(".lock");
        file.with_file_name(name)
    }
}

/// How often, and after how many milliseconds, a lock is tried that somebody holds: [`LockFile::holder`] holds it
/// for a moment.
const TRIES: u32 = 5;
const MILLISECONDS: u64 = 10;

/// A locked file that says who locked it.
#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    /// None only while it is dropped.
    file: Option<File>,
}

impl LockFile {
    /// Makes and locks the file at `path`, for `what`.
    fn acquire(path: PathBuf, what: &Path, purpose: &str) -> Result<Self, FolderInUse> {
        let failed = |source| WriteError { path: path.clone(), source };
        // Through a link a file of somebody else would be written.
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            let what = "not a regular file: move it away";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, what)).into());
        }
        let mut tries = 0;
        loop {
            let options = File::options().read(true).write(true).create(true).truncate(false).clone();
            let mut file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(MILLISECONDS));
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(FolderInUse::By { folder: what.to_owned(), holder: holder(&mut file) });
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

    /// Who holds the lock of the file at `path`, without making it.
    fn holder(path: &Path) -> Option<String> {
        // A pipe would be waited for.
        let metadata = fs::symlink_metadata(path).ok()?;
        let mut file = metadata.is_file().then(|| File::open(path))?.ok()?;
        let held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        held.then(|| holder(&mut file))
    }

    fn is_in_place(&self) -> bool {
        self.file.as_ref().is_some_and(|file| is_file_of(file, &self.path))
    }
}

impl Drop for LockFile {
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
    fn a_file_has_one_writer_at_a_time_and_others_beside_it_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("part.anoseg");
        assert_eq!(FileLock::holder(&file), None);
        let lock = FileLock::acquire(&file, "calibrate").unwrap();
        let refused = FileLock::acquire(&file, "train").unwrap_err().to_string();
        let holder = format!("process {} (calibrate)", std::process::id());
        assert!(refused.contains(&holder) && refused.contains("part.anoseg is in use"), "{refused}");
        assert_eq!(FileLock::holder(&file), Some(holder));
        drop(FileLock::acquire(&folder.path().join("other.anoseg"), "train").unwrap());
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the lock's file stayed");
        fs::write(folder.path().join(".part.anoseg.lock"), "process 4294967295 (train)").unwrap();
        assert_eq!(FileLock::holder(&file), None);
        FileLock::acquire(&file, "train").unwrap();
        // A device is not locked.
        #[cfg(unix)]
        {
            let device = Path::new("/dev/null");
            let both =
                [FileLock::acquire(device, "train").unwrap(), FileLock::acquire(device, "train").unwrap()];
            drop(both);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_and_its_file_have_one_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.anoseg"), folder.path().join("b.anoseg"));
        fs::write(&file, "model").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let _lock = FileLock::acquire(&link, "train").unwrap();
        assert!(FileLock::acquire(&file, "train").is_err());
    }

    #[test]
    fn the_lock_of_a_killed_process_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "process 4294967295 (predict)").unwrap();
        FolderLock::acquire(folder.path(), "predict").unwrap();
    }
}
