//! Files that are whole or not there.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{WriteError, folder_of};

/// Writes a file atomically: to a temporary file in the same folder, synced to the disk, then
/// renamed.
///
/// After a crash the path holds the old file or the new file, complete. A new file gets the
/// permissions that the umask leaves of read and write for all; an existing file keeps its
/// permissions. A symbolic link is followed. A path that is not a regular file, such as
/// `/dev/stdout`, is written to directly.
///
/// # Errors
/// When the folder is missing or cannot be written, the disk is full, or `contents` fails. No
/// temporary file remains then.
pub fn atomic(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    replace(path, contents).map_err(|source| WriteError { path: path.to_path_buf(), source })
}

fn replace(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => return write_through(path, contents),
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let target = if old.is_some() { fs::canonicalize(path)? } else { path.to_path_buf() };
    let folder = folder_of(&target);
    remove_leftovers_once(folder);
    let mut temporary = Temporary::create(folder)?;
    let mut buffered = BufWriter::new(&mut temporary.file);
    contents(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    if let Some(permissions) = old {
        temporary.file.set_permissions(permissions)?;
    }
    temporary.file.sync_all()?;
    temporary.persist(&target)?;
    sync_folder(folder)
}

/// A file that is removed again unless it is renamed to its target.
struct Temporary {
    file: File,
    /// None once it has its final name.
    path: Option<PathBuf>,
}

impl Temporary {
    /// A new file in `folder`, with the permissions that the umask leaves of read and write for all.
    fn create(folder: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            // A process on another machine that shares the folder may have the same number.
            let moment = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |time| time.subsec_nanos());
            let path = folder.join(format!(".{}-{number}-{moment}.tmp", std::process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // Tells other processes that the file is being written. Not every file system
                    // has locks; without them the age decides.
                    _ = file.try_lock();
                    return Ok(Self { file, path: Some(path) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn persist(mut self, target: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, target)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // The error that led here is the one to report.
            _ = fs::remove_file(path);
        }
    }
}

/// Temporary files of killed processes are removed when they are this old, whoever wrote them.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes what killed processes left half written in `folder`, once per process and folder.
fn remove_leftovers_once(folder: &Path) {
    static DONE: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if done.get_or_insert_default().insert(folder.to_path_buf()) {
        remove_leftovers(folder);
    }
}

/// Errors are ignored: the files are in nobody's way, and the write that follows reports what is
/// wrong with the folder.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some(process) = entry.file_name().to_str().and_then(owner)
            && is_leftover(&entry.path(), process)
        {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// The process that a temporary file is named after; None for files that [`Temporary`] did not
/// make.
fn owner(name: &str) -> Option<u32> {
    let numbers = name.strip_prefix('.')?.strip_suffix(".tmp")?;
    let parts: Vec<u32> = numbers.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if let [process, _, _] = parts[..] { Some(process) } else { None }
}

/// Whether nobody writes the file any more. A folder may be shared: its writer may run on another
/// machine, or in a container with process numbers of its own, and then holds the file's lock.
fn is_leftover(path: &Path, process: u32) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
    if !metadata.is_file() || process == std::process::id() {
        return false;
    }
    let alive = cfg!(not(target_os = "linux")) || Path::new("/proc").join(process.to_string()).exists();
    let unlocked = || File::open(path).is_ok_and(|file| file.try_lock().is_ok());
    age.is_some_and(|age| age > LEFTOVER_AGE) || (!alive && unlocked())
}

fn write_through(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::options().write(true).open(path)?);
    contents(&mut file)?;
    file.flush()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot sync folders, and a folder may be writable but not
        // readable. The file itself is complete in both cases.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They once stayed for ever.
    #[test]
    fn what_killed_processes_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // No process has the number 4294967295; process 1 always runs.
        let (dead, alive, old) = (".4294967295-0-5.tmp", ".1-0-5.tmp", ".1-3-77.tmp");
        let written_elsewhere = ".4294967295-1-5.tmp";
        let foreign = [".4294967295-0.tmp", "4294967295-0-5.tmp", ".a-0-5.tmp", ".1-2-3-4.tmp", "x.tmp"];
        for name in [dead, alive, old, written_elsewhere].iter().chain(&foreign) {
            fs::write(path(name), "half").unwrap();
        }
        File::options().write(true).open(path(old)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let writer = File::open(path(written_elsewhere)).unwrap();
        writer.lock().unwrap();
        atomic(&path("result"), |file| file.write_all(b"whole")).unwrap();
        assert!(!path(dead).exists() && !path(old).exists());
        for name in [alive, written_elsewhere, "result"].iter().chain(&foreign) {
            assert!(path(name).exists(), "{name}");
        }
    }
}
