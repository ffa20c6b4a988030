//! Tensors of a safetensors file of another program, read one by one.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anoseg_image::floats::half;
use anoseg_image::read;
use anoseg_infer::parameters::ParameterData;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::unfit;
use crate::{Error, Result};

/// Bytes of the header's length, which a file begins with.
const LENGTH_BYTES: usize = 8;

/// Longest header that is read. A network of hundreds of layers has some ten thousand bytes.
const MAX_HEADER: u64 = 16 << 20;

/// Larger files are refused.
const MAX_BYTES: u64 = 4 << 30;

/// Key of our own files in their metadata.
const OWN_KEY: &str = "anoseg";

/// A file whose header was read and checked.
#[derive(Debug)]
pub(super) struct TensorFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Where the tensors begin.
    start: u64,
}

impl TensorFile {
    /// Opens a file; None if it does not begin like one of safetensors.
    ///
    /// # Errors
    /// It cannot be read, its header is damaged, or it is not as long as its header says.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let io = |error| Error::io(path, error);
        let mut file = read::open_regular(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut start = Vec::new();
        (&mut file).take(LENGTH_BYTES as u64 + 1).read_to_end(&mut start).map_err(io)?;
        // The length of the header, then the header, which is JSON.
        let Some((length, b"{")) =
            start.split_first_chunk().map(|(bytes, rest)| (u64::from_le_bytes(*bytes), rest))
        else {
            return Ok(None);
        };
        if size > MAX_BYTES {
            return Err(unfit(path, format!("{size} bytes are too many (at most {MAX_BYTES})")));
        }
        if length > MAX_HEADER.min(size) {
            return Err(unfit(
                path,
                format!("a safetensors file with a header of {length} bytes, or cut short"),
            ));
        }
        (&mut file).take(length.saturating_sub(1)).read_to_end(&mut start).map_err(io)?;
        let damaged = |error: &dyn std::fmt::Display| unfit(path, format!("damaged or cut short ({error})"));
        match SafeTensors::read_metadata(&start) {
            // The tensors follow.
            Ok(_) | Err(SafeTensorError::MetadataIncompleteBuffer) => {}
            Err(error) => return Err(damaged(&error)),
        }
        let metadata: Metadata =
            serde_json::from_slice(&start[LENGTH_BYTES..]).map_err(|error| damaged(&error))?;
        let start = start.len() as u64;
        if start.checked_add(metadata.data_len() as u64) != Some(size) {
            return Err(damaged(&"its length is not what its header says"));
        }
        Ok(Some(Self { path: path.to_owned(), file, metadata, start }))
    }

    /// Whether this program wrote it.
    pub(super) fn is_ours(&self) -> bool {
        self.metadata.metadata().as_ref().is_some_and(|entries| entries.contains_key(OWN_KEY))
    }

    /// BLAKE3 of the whole file.
    pub(super) fn blake3(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut file = &self.file;
        let hashed = file.seek(SeekFrom::Start(0)).and_then(|_| hasher.update_reader(file).map(|_| ()));
        hashed.map_err(|error| Error::io(&self.path, error))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// The tensor of this name, which must have this shape, as 32-bit numbers.
    ///
    /// # Errors
    /// It is missing, or has another shape or type, or cannot be read.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<ParameterData, String> {
        let info = self.metadata.info(name).ok_or_else(|| format!("the tensor {name} is missing"))?;
        if info.shape != shape {
            return Err(format!("the tensor {name} has shape {:?}, wanted is {shape:?}", info.shape));
        }
        let convert: fn(&[u8]) -> f32 = match info.dtype {
            Dtype::F32 => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Dtype::F64 => |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32,
            Dtype::F16 => |b| half(u16::from_le_bytes([b[0], b[1]])),
            Dtype::BF16 => |b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16),
            other => {
                return Err(format!("the tensor {name} holds {other:?}, wanted are F32, F16, BF16 or F64"));
            }
        };
        // The header was checked: the tensor has as many bytes as its shape and type take.
        let (first, end) = info.data_offsets;
        let mut bytes = vec![0; end - first];
        let mut file = &self.file;
        let read =
            file.seek(SeekFrom::Start(self.start + first as u64)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| format!("the tensor {name} cannot be read: {error}"))?;
        let values = bytes.chunks_exact(info.dtype.bitsize() / 8).map(convert).collect();
        Ok(ParameterData { shape: shape.to_vec(), values })
    }
}
