//! Atomic writing of files, and the formats of images, masks and anomaly maps.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use tiff::encoder::{TiffEncoder, colortype::Gray32Float};

use crate::decode::{ImageError, Limits};
use crate::plane::{AnomalyMap, Image, Mask};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; {}", path.display(), advice(source))]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl WriteError {
    /// The file that could not be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the operating system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// A remedy for a writing error.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: free some space or write elsewhere",
        io::ErrorKind::QuotaExceeded => "the quota is used up: free some space or write elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only: write elsewhere",
        io::ErrorKind::PermissionDenied => "make the folder writable for this user or write elsewhere",
        io::ErrorKind::NotFound => "make its folder first",
        io::ErrorKind::IsADirectory => "it is a folder: choose another name",
        io::ErrorKind::NotADirectory => "a part of the path is a file: choose another folder",
        io::ErrorKind::InvalidFilename => "choose a shorter or simpler name",
        _ => "check the disk",
    }
}

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
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
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
                Ok(file) => return Ok(Self { file, path: Some(path) }),
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

/// Writes an image as 8-bit RGB PNG.
///
/// # Errors
/// As for [`atomic`].
///
/// # Panics
/// As [`encode_png`].
pub fn write_png(path: &Path, image: &Image) -> Result<(), WriteError> {
    atomic(path, |file| file.write_all(&encode_png(image)))
}

/// Writes a mask as 8-bit grey PNG: 255 anomalous, 0 normal.
///
/// # Errors
/// As for [`atomic`].
///
/// # Panics
/// If the mask has no pixels.
pub fn write_mask_png(path: &Path, mask: &Mask) -> Result<(), WriteError> {
    let grey: Vec<u8> = mask.as_slice().iter().map(|&anomalous| if anomalous { 255 } else { 0 }).collect();
    let bytes = png_bytes(&grey, mask.width(), mask.height(), ExtendedColorType::L8);
    atomic(path, |file| file.write_all(&bytes))
}

/// The image as the bytes of an 8-bit RGB PNG.
///
/// # Panics
/// If the image has no pixels; every image that [`decode`](crate::decode) reads has some.
pub fn encode_png(image: &Image) -> Vec<u8> {
    png_bytes(&image.to_rgb8(), image.width(), image.height(), ExtendedColorType::Rgb8)
}

fn png_bytes(samples: &[u8], width: usize, height: usize, colour: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(samples, side(width), side(height), colour)
        .expect("an image with pixels can be written to memory");
    bytes
}

/// The image as the bytes of a JPEG of `quality` 1..=100 (others are clamped).
///
/// # Panics
/// If the image has no pixels or a side above [`LONGEST_SIDE`](crate::decode::LONGEST_SIDE); no
/// image that [`decode`](crate::decode) reads is so.
pub fn encode_jpeg(image: &Image, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
        .write_image(&image.to_rgb8(), side(image.width()), side(image.height()), ExtendedColorType::Rgb8)
        .expect("an image with pixels and sides of at most 65535 can be written to memory");
    bytes
}

/// Writes an anomaly map as a TIFF of one 32-bit float per pixel, uncompressed.
///
/// # Errors
/// As for [`atomic`].
///
/// # Panics
/// If the map has no pixels.
pub fn write_tiff_f32(path: &Path, map: &AnomalyMap) -> Result<(), WriteError> {
    let mut bytes = Cursor::new(Vec::new());
    TiffEncoder::new(&mut bytes)
        .and_then(|mut encoder| {
            encoder.write_image::<Gray32Float>(side(map.width()), side(map.height()), map.as_slice())
        })
        .expect("a map with pixels can be written to memory");
    atomic(path, |file| file.write_all(bytes.get_ref()))
}

/// Reads an anomaly map from a TIFF of one 32-bit float per pixel, values as they are.
///
/// # Errors
/// When the file cannot be read, is no such TIFF, holds values that are not finite, or exceeds the
/// default [`Limits`].
pub fn read_tiff_f32(path: &Path) -> Result<AnomalyMap, ImageError> {
    crate::decode::load_float(path, &Limits { min_side: 1, ..Limits::default() })
}

fn side(pixels: usize) -> u32 {
    u32::try_from(pixels).expect("a side has at most u32::MAX pixels")
}
