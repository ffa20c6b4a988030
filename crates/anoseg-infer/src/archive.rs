//! Tensors and one JSON document in a safetensors file, protected by digests: model files and
//! checkpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use anoseg_image::{read as files, write};
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::parameters::ParameterData;
use crate::{Error, ModelFault, Result};

/// Files larger than this are refused before they are read.
const MAX_BYTES: u64 = 4 << 30;

/// Bytes of the header's length, which a file begins with.
const LENGTH_BYTES: usize = 8;

/// Longest header that the parser takes.
const MAX_HEADER: u64 = 100_000_000;

/// Key of the document in the file's metadata. One key only: the format keeps no order among
/// several, and the same model must give the same bytes.
const KEY: &str = "anoseg";

/// The document as stored: what it is, which version wrote it, the digests, and the body.
#[derive(Serialize, Deserialize)]
struct Envelope {
    kind: String,
    format: u32,
    /// BLAKE3 of all tensors' names, shapes and bytes, in the order of their names.
    tensors_blake3: String,
    /// BLAKE3 of kind, format and the body's JSON text.
    body_blake3: String,
    /// The body as JSON text, so that its digest does not depend on a parser's formatting.
    body: String,
}

/// The part of the envelope that every version has.
#[derive(Deserialize)]
struct Version {
    kind: String,
    format: u32,
}

/// The contents of a file.
#[derive(Clone, Debug)]
pub struct Archive<T> {
    /// The JSON document.
    pub body: T,
    /// The version that the file was written in.
    pub format: u32,
    /// The tensors by name.
    pub tensors: BTreeMap<String, ParameterData>,
}

/// Writes `body` and `tensors` as a file of this `kind` and `format` version, atomically.
///
/// # Errors
/// The file cannot be written.
pub fn save<T: Serialize>(
    path: &Path,
    kind: &str,
    format: u32,
    body: &T,
    tensors: &BTreeMap<String, ParameterData>,
) -> Result<()> {
    let bug = |error: String| Error::Bug(format!("{kind} does not serialise: {error}"));
    let body = serde_json::to_string(body).map_err(|error| bug(error.to_string()))?;
    let bytes: BTreeMap<&str, Vec<u8>> =
        tensors.iter().map(|(name, data)| (name.as_str(), to_bytes(&data.values))).collect();
    let envelope = Envelope {
        kind: kind.to_owned(),
        format,
        tensors_blake3: tensors_digest(
            tensors.iter().map(|(name, data)| (name, &data.shape[..], &bytes[name.as_str()][..])),
        ),
        body_blake3: body_digest(kind, format, &body),
        body,
    };
    let metadata = serde_json::to_string(&envelope).map_err(|error| bug(error.to_string()))?;
    let views = tensors
        .iter()
        .map(|(name, data)| {
            Ok((name, TensorView::new(Dtype::F32, data.shape.clone(), &bytes[name.as_str()])?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| bug(error.to_string()))?;
    let file = safetensors::serialize(views, Some([(KEY.to_owned(), metadata)].into_iter().collect()))
        .map_err(|error| bug(error.to_string()))?;
    write::atomic(path, |target| target.write_all(&file))?;
    Ok(())
}

/// BLAKE3 of `body` and `tensors`, which does not depend on how a file stores them.
///
/// # Errors
/// The body does not serialise.
pub fn digest<T: Serialize>(
    kind: &str,
    format: u32,
    body: &T,
    tensors: &BTreeMap<String, ParameterData>,
) -> Result<String> {
    let body = serde_json::to_string(body).map_err(|error| Error::Bug(error.to_string()))?;
    let bytes: Vec<Vec<u8>> = tensors.values().map(|data| to_bytes(&data.values)).collect();
    let parts = tensors.iter().zip(&bytes).map(|((name, data), bytes)| (name, &data.shape[..], &bytes[..]));
    Ok(digest_of([tensors_digest(parts).as_bytes(), body_digest(kind, format, &body).as_bytes()]))
}

/// Reads a file of this `kind` in `format` version or older.
///
/// # Errors
/// The file is missing, not of this kind, newer, damaged, or holds values that are not finite.
pub fn load<T: DeserializeOwned>(path: &Path, kind: &str, format: u32) -> Result<Archive<T>> {
    parse(&read(path, kind)?, kind, format).map_err(|fault| Error::model(path, fault))
}

/// The bytes of a file of at most 4 GiB. One that is no archive of ours, or of another length than its
/// header says, is refused before more than the header is read.
pub(crate) fn read(path: &Path, kind: &str) -> Result<Vec<u8>> {
    let start = start(path).map_err(|source| unreadable(path, kind, source))?;
    if let Some((start, size)) = start {
        check_start(&start, size, kind).map_err(|fault| Error::model(path, fault))?;
    }
    files::regular(path, MAX_BYTES).map_err(|source| unreadable(path, kind, source))
}

/// The header of a file with its length before it, as far as the file has them, and the size of the file;
/// None where the size alone forbids to read it.
fn start(path: &Path) -> io::Result<Option<(Vec<u8>, u64)>> {
    let mut file = files::open_regular(path)?;
    let size = file.metadata()?.len();
    if size > MAX_BYTES {
        return Ok(None);
    }
    let mut start = Vec::new();
    (&mut file).take(LENGTH_BYTES as u64).read_to_end(&mut start)?;
    let length = start.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    if length <= MAX_HEADER {
        file.take(length).read_to_end(&mut start)?;
    }
    Ok(Some((start, size)))
}

/// Checks what comes before the tensors of a file of `size` bytes.
fn check_start(start: &[u8], size: u64, kind: &str) -> Result<(), ModelFault> {
    let no_archive = |error: &dyn fmt::Display| ModelFault::NotAnArchive {
        kind: kind.to_owned(),
        what: error.to_string(),
    };
    match SafeTensors::read_metadata(start) {
        // The tensors follow.
        Ok(_) | Err(SafeTensorError::MetadataIncompleteBuffer) => {}
        Err(error) => return Err(no_archive(&error)),
    }
    let header: Metadata =
        serde_json::from_slice(&start[LENGTH_BYTES..]).map_err(|error| no_archive(&error))?;
    if (start.len() + header.data_len()) as u64 != size {
        return Err(no_archive(&SafeTensorError::MetadataIncompleteBuffer));
    }
    let is_ours = header.metadata().as_ref().is_some_and(|entries| entries.contains_key(KEY));
    if is_ours { Ok(()) } else { Err(ModelFault::Foreign { kind: kind.to_owned() }) }
}

fn unreadable(path: &Path, kind: &str, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::IsADirectory => {
            let what = "it is a folder".to_owned();
            Error::model(path, ModelFault::NotAnArchive { kind: kind.to_owned(), what })
        }
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Error::model(path, ModelFault::NotAnArchive { kind: kind.to_owned(), what: source.to_string() })
        }
        _ => Error::io(path, source),
    }
}

/// As [`load`], from the bytes of a file.
///
/// # Errors
/// As [`load`].
pub fn parse<T: DeserializeOwned>(file: &[u8], kind: &str, format: u32) -> Result<Archive<T>, ModelFault> {
    let damaged = |what: &str| ModelFault::Damaged(what.to_owned());
    let kind_name = || kind.to_owned();
    let (_, header) = SafeTensors::read_metadata(file)
        .map_err(|error| ModelFault::NotAnArchive { kind: kind_name(), what: error.to_string() })?;
    let metadata = header.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let metadata = metadata.ok_or_else(|| ModelFault::Foreign { kind: kind_name() })?;
    let version: Version =
        serde_json::from_str(metadata).map_err(|_| damaged("its description is unreadable"))?;
    if version.kind != kind {
        return Err(ModelFault::OtherKind { kind: kind_name(), found: version.kind });
    }
    if version.format == 0 {
        return Err(damaged("its format is 0, which no version wrote"));
    }
    if version.format > format {
        return Err(ModelFault::Newer { found: version.format, known: format });
    }
    let envelope: Envelope =
        serde_json::from_str(metadata).map_err(|_| damaged("its description is unreadable"))?;
    if body_digest(kind, envelope.format, &envelope.body) != envelope.body_blake3 {
        return Err(damaged("the description's digest does not match"));
    }
    let safetensors = SafeTensors::deserialize(file).map_err(|error| damaged(&error.to_string()))?;
    let views: BTreeMap<String, TensorView<'_>> = safetensors.tensors().into_iter().collect();
    if tensors_digest(views.iter().map(|(name, view)| (name, view.shape(), view.data())))
        != envelope.tensors_blake3
    {
        return Err(damaged("the tensors' digest does not match"));
    }
    let tensors = views
        .into_iter()
        .map(|(name, view)| tensor(&name, &view).map(|data| (name, data)))
        .collect::<Result<_, _>>()?;
    let body = serde_json::from_str(&envelope.body).map_err(|error| damaged(&error.to_string()))?;
    Ok(Archive { body, format: envelope.format, tensors })
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<ParameterData, ModelFault> {
    if view.dtype() != Dtype::F32 {
        return Err(ModelFault::Damaged(format!("tensor {name} holds {:?}, not F32", view.dtype())));
    }
    let values: Vec<f32> =
        view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ModelFault::Damaged(format!("tensor {name} has values that are not finite")));
    }
    Ok(ParameterData { shape: view.shape().to_vec(), values })
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn tensors_digest<'a>(tensors: impl Iterator<Item = (&'a String, &'a [usize], &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, shape, bytes) in tensors {
        hasher.update(format!("{name} {shape:?}\n").as_bytes()).update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

fn body_digest(kind: &str, format: u32, body: &str) -> String {
    digest_of([kind.as_bytes(), &format.to_le_bytes(), body.as_bytes()])
}

fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> (std::path::PathBuf, Vec<u8>) {
        let path = folder.join("sample.anoseg");
        let data = ParameterData { shape: vec![2, 3], values: vec![1.0, -2.5, 0.0, 3e-9, 7.0, 1e9] };
        let tensors = BTreeMap::from([("a.weight".to_owned(), data.clone()), ("b".to_owned(), data)]);
        save(&path, "model", 3, &vec![1.5_f64, 2.0], &tensors).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    }

    #[test]
    fn what_was_saved_is_loaded_and_the_bytes_are_reproducible() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = sample(folder.path());
        let archive: Archive<Vec<f64>> = load(&path, "model", 3).unwrap();
        assert_eq!(archive.body, [1.5, 2.0]);
        assert_eq!(archive.tensors["a.weight"].shape, [2, 3]);
        assert_eq!(sample(folder.path()).1, bytes);
    }

    #[test]
    fn any_flipped_bit_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let (_, bytes) = sample(folder.path());
        for position in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[position] ^= 1 << (position % 8);
            let read = parse::<Vec<f64>>(&flipped, "model", 3);
            // Padding of the header is the only part without a meaning.
            if let Ok(archive) = read {
                assert_eq!(archive.tensors.len(), 2, "a flip at {position} went unnoticed");
                assert!(bytes[position] == b' ', "a flip at {position} went unnoticed");
            }
        }
    }

    #[test]
    fn any_truncation_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let (_, bytes) = sample(folder.path());
        for length in 0..bytes.len() {
            assert!(parse::<Vec<f64>>(&bytes[..length], "model", 3).is_err(), "cut to {length}");
        }
    }

    /// The error of a file of this format.
    fn archive_of_format(folder: &Path, format: u32) -> Error {
        let path = folder.join("format.anoseg");
        save(&path, "model", format, &vec![1.0_f64], &BTreeMap::new()).unwrap();
        load::<Vec<f64>>(&path, "model", 3).unwrap_err()
    }

    #[test]
    fn newer_files_and_other_kinds_have_their_own_errors() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = sample(folder.path());
        let newer = load::<Vec<f64>>(&path, "model", 2).err().unwrap().to_string();
        assert!(newer.contains("newer anoseg"), "{newer}");
        let unknown = archive_of_format(folder.path(), 0).to_string();
        assert!(unknown.contains("format is 0"), "{unknown}");
        let other = load::<Vec<f64>>(&path, "checkpoint", 3).err().unwrap().to_string();
        assert!(other.contains("this is a model"), "{other}");
    }
}
