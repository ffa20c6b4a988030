//! Reading whole files that are no images: models, settings, checkpoints, logs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The bytes of a regular file of at most `most` bytes. A pipe or a device in its place could block
/// for ever or fill the memory, so it is not opened.
///
/// # Errors
/// The file cannot be read; it is a folder ([`io::ErrorKind::IsADirectory`]), a pipe or a device
/// ([`io::ErrorKind::InvalidInput`]) or larger ([`io::ErrorKind::FileTooLarge`]).
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("settings.toml");
/// std::fs::write(&path, "seed = 1")?;
/// assert_eq!(anoseg_image::read::regular(&path, 100)?, b"seed = 1");
/// assert!(anoseg_image::read::regular(&path, 3).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    let too_large = || {
        let what = format!("the file is larger than {most} bytes, too large for what it should be");
        io::Error::new(io::ErrorKind::FileTooLarge, what)
    };
    if length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    // It may grow while it is read, and some files do not tell their length.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

/// As [`regular`], as text.
///
/// # Errors
/// As [`regular`], or the file is not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn regular_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(regular(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not text (UTF-8)"))
}

/// Opens a regular file for reading.
///
/// # Errors
/// As [`regular`], apart from the size.
pub fn open_regular(path: &Path) -> io::Result<File> {
    refuse_special(path)?;
    File::open(path)
}

/// Fails if there is something at `path` that is not a regular file; nothing at all is fine.
///
/// # Errors
/// It is a folder, a pipe or a device.
pub fn refuse_special(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let what = "not a regular file, but a pipe or a device";
            Err(io::Error::new(io::ErrorKind::InvalidInput, what))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Such files once blocked the program for ever, or filled the memory.
    #[cfg(target_os = "linux")]
    #[test]
    fn pipes_devices_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let kind = |path: &Path| regular(path, 10).unwrap_err().kind();
        assert_eq!(kind(&pipe), io::ErrorKind::InvalidInput);
        assert_eq!(kind(Path::new("/dev/zero")), io::ErrorKind::InvalidInput);
        assert_eq!(kind(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.path().join("none")), io::ErrorKind::NotFound);
    }

    #[test]
    fn files_are_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"\xff12").unwrap();
        assert_eq!(regular(&path, 3).unwrap(), b"\xff12");
        assert_eq!(regular(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(regular_text(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
